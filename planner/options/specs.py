"""From catalogue rows to the numbers the performance model takes.

Units change here: the catalogue states milliseconds, microseconds and gigabytes, the model takes
SI. Parameters come from :mod:`planner.catalog.calibration`, those of the combination first. A
format that multiplies in 16 bits on a device which lacks its own type takes the parameters of
4-bit weights: those were measured on products of this kind. A combination goes by the name of the
format itself: its rows were fitted to exactly this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

from planner.catalog.calibration import combination_key, parameter
from planner.catalog.kept import kept_with_catalog
from planner.options.drafts import perf_draft
from planner.perf.arch import Architecture, SparseArchitecture
from planner.perf.attention import Indexer
from planner.perf.handover import HandoverParameters
from planner.perf.power import PowerParameters
from planner.perf.spec import Device, EngineSettings, NumberFormat, ReplicaSpec, StepParameters
from planner.perf.uncertainty import DRAFT_SPREAD
from planner.units import BYTES_PER_GB, MS_PER_S

if TYPE_CHECKING:
    from planner.catalog.calibration import Parameter
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Accelerator, Model
    from planner.options.candidates import Candidate

_US_PER_S = 1e6
_MODELLED, _CLASS_DEFAULT = "modelled", "class_default"
_WEIGHT_ONLY = "int4"
"""Format whose calibration stands for weights that are widened inside the product."""


@dataclass(frozen=True, slots=True)
class Coefficients:
    """How far a modelled coefficient is trusted.

    Parameters
    ----------
    throughput_factor
        Median of measured over modelled throughput.
    sigma_ln_time
        Standard deviation of the logarithm of measured over modelled time.
    origin
        How the spread is known: ``calibrated``, ``class_default``, ``two_point``, ...
    """

    throughput_factor: float
    sigma_ln_time: float
    origin: str


def coefficients(candidate: Candidate, catalog: Catalog) -> Coefficients:
    """Return how far the model is trusted for a candidate.

    No draft is part of any calibration, so that its spread comes on top and the coefficient counts
    as modelled, unless a class default is all there is.
    """
    factor = _parameter("throughput_factor", candidate, catalog)
    sigma = _parameter("sigma_ln_time", candidate, catalog)
    if candidate.draft is None:
        return Coefficients(factor.value, sigma.value, sigma.provenance)
    origin = sigma.provenance if sigma.provenance == _CLASS_DEFAULT else _MODELLED
    return Coefficients(factor.value, math.hypot(sigma.value, DRAFT_SPREAD), origin)


def power_parameters(candidate: Candidate, catalog: Catalog) -> PowerParameters:
    """Return the parameters of the power of one accelerator of a candidate."""
    return PowerParameters(
        idle=_parameter("power_idle", candidate, catalog).value,
        run=_parameter("power_run", candidate, catalog).value,
        memory=_parameter("power_memory", candidate, catalog).value,
        compute=_parameter("power_compute", candidate, catalog).value,
    )


def architecture(model: Model) -> Architecture:
    """Return the architecture of a catalogue model, sparse where it has an indexer."""
    whole = _whole_context(model)
    if model.index_heads is None or model.index_head_dim is None or model.index_tokens is None:
        return whole
    return SparseArchitecture(
        **{f.name: getattr(whole, f.name) for f in fields(whole)},
        index=Indexer(model.index_heads, model.index_head_dim, model.index_tokens),
    )


def _whole_context(model: Model) -> Architecture:
    """Return the architecture of a model whose queries attend to all that their layer keeps."""
    return Architecture(
        layers=model.layers,
        hidden=model.hidden,
        heads=model.heads,
        kv_heads=model.kv_heads,
        head_dim=model.head_dim,
        intermediate=model.intermediate,
        vocab=model.vocab,
        tied_embeddings=model.tied_embeddings,
        experts_routed=model.experts_routed,
        experts_active=model.experts_active,
        experts_shared=model.experts_shared,
        moe_intermediate=model.moe_intermediate,
        dense_first_layers=model.dense_first_layers,
        kv_lora_rank=model.kv_lora_rank,
        q_lora_rank=model.q_lora_rank,
        qk_rope_head_dim=model.qk_rope_head_dim,
        qk_nope_head_dim=model.qk_nope_head_dim,
        v_head_dim=model.v_head_dim,
        sliding_window=model.sliding_window,
        full_attention_fraction=model.full_attention_fraction,
        qk_norm=model.qk_norm,
    )


def replica_spec(
    candidate: Candidate, catalog: Catalog, chunk_tokens: int | None = None
) -> ReplicaSpec:
    """Return what the performance model needs to know of a candidate.

    Parameters
    ----------
    candidate
        The candidate.
    catalog
        Facts and parameters.
    chunk_tokens
        Token budget of one engine step, >= 1; by default that with which the engine ships.
    """
    quantization, engine = candidate.quantization, candidate.engine
    own, drafter = architecture(candidate.model), candidate.draft
    draft = None
    if drafter is not None:
        drafting = own if drafter.model is None else architecture(drafter.model)
        draft = perf_draft(drafter, drafting, quantization)
    return ReplicaSpec(
        architecture=own,
        device=_device(candidate.accelerator, candidate, catalog),
        number_format=NumberFormat(
            weight_bytes=quantization.weight_bytes,
            expert_weight_bytes=quantization.expert_weight_bytes,
            kv_bytes=quantization.kv_bytes,
        ),
        engine=EngineSettings(
            scheduler=engine.scheduler,
            chunk_tokens=chunk_tokens or engine.chunk_tokens,
            max_num_seqs=engine.max_num_seqs,
            memory_fraction=engine.memory_fraction,
            is_fraction_of_free=engine.memory_basis == "free",
        ),
        parameters=_parameters(catalog, _calibrated(candidate, catalog)),
        tensor_parallel=candidate.tensor_parallel,
        data_parallel=candidate.data_parallel,
        # Groups share the experts, which lie whole on all accelerators.
        expert_parallel=candidate.devices if candidate.data_parallel > 1 else 1,
        draft=draft,
    )


def handover_parameters(candidate: Candidate, catalog: Catalog) -> HandoverParameters:
    """Return what it takes to hand a request over between two instances of a candidate."""
    return HandoverParameters(
        link_share=_parameter("kv_link_share", candidate, catalog).value,
        fixed_s=_parameter("kv_handover_ms", candidate, catalog).value / MS_PER_S,
        recomputed=candidate.engine.first_token == "recomputed",
    )


def _device(device: Accelerator, candidate: Candidate, catalog: Catalog) -> Device:
    measured = catalog.interconnect(device.id, candidate.tensor_parallel)
    peak = device.peak_flops(candidate.compute)
    attention_peak = device.peak_16_bit_flops
    if peak is None or attention_peak is None:
        text = f"{candidate.option_id} has no rate; it must be rejected before"
        raise ValueError(text)
    link = device.link_gb_per_s
    return Device(
        memory_bytes=device.memory_bytes,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        peak_flops=peak,
        peak_attention_flops=attention_peak,
        link_bytes_per_s=None if link is None else link * BYTES_PER_GB,
        allreduce_bandwidth_bytes_per_s=(
            None if measured is None else measured.bus_bandwidth_gb_per_s * BYTES_PER_GB
        ),
        allreduce_latency_s=(
            None if measured is None else measured.allreduce_latency_us / _US_PER_S
        ),
    )


def _parameter(name: str, candidate: Candidate, catalog: Catalog) -> Parameter:
    return parameter(catalog, name, **_calibrated(candidate, catalog)._asdict())


class _Calibrated(NamedTuple):
    """What a parameter is for, as :func:`planner.catalog.calibration.parameter` takes it."""

    accelerator: str
    engine: str
    quantization: str
    combination: str


def _calibrated(candidate: Candidate, catalog: Catalog) -> _Calibrated:
    return _Calibrated(
        accelerator=candidate.accelerator.id,
        engine=candidate.engine.id,
        quantization=_calibrated_as(candidate, catalog),
        combination=combination_key(
            candidate.model.id,
            candidate.quantization.id,
            candidate.engine.id,
            candidate.accelerator.id,
        ),
    )


def _calibrated_as(candidate: Candidate, catalog: Catalog) -> str:
    """Return the format whose parameters apply: its own only where the device has its type."""
    quantization = candidate.quantization
    architecture = candidate.accelerator.architecture or ""
    support = catalog.support(candidate.engine.id, quantization.id, architecture)
    widened = support is not None and support.mode == "weight_only"
    native = candidate.compute == quantization.compute and not widened
    return quantization.id if native else _WEIGHT_ONLY


@kept_with_catalog
def _parameters(catalog: Catalog, calibrated: _Calibrated) -> StepParameters:
    def value(name: str, per: float = 1.0) -> float:
        return parameter(catalog, name, **calibrated._asdict()).value / per

    return StepParameters(
        e_c=value("e_c"),
        e_m=value("e_m"),
        p_overlap=value("p_overlap"),
        e_c_moe=value("e_c_moe"),
        e_m_moe=value("e_m_moe"),
        expert_cv=value("expert_cv"),
        e_kv=value("e_kv"),
        e_att=value("e_att"),
        a_ar_s=value("a_ar_us", _US_PER_S),
        e_net=value("e_net"),
        c_layer_s=value("c_layer_us", _US_PER_S),
        c_moe_s=value("c_moe_us", _US_PER_S),
        c_step_s=value("c_step_us", _US_PER_S),
        c_req_s=value("c_req_us", _US_PER_S),
        c_launch_s=value("c_launch_us", _US_PER_S),
        c_first_s=value("c_first_us", _US_PER_S),
        t_req_s=value("t_req_ms", MS_PER_S),
    )
