"""From the row of a plan to an engine that can be simulated, or to the reason why it cannot.

Step times, memory and settings are those of the performance model for the row's model, format,
engine and hardware, slowed down by the factor that holds with the stated confidence: a plan
promises its latencies there, and not at the median.

Systems of vendors take their step times from measured points, as their plan does
(:mod:`planner.perf.measured_system`): prompts one after the other while decodes wait, and no
settings. What the replay adds there is the queueing, not the speed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.systems import VENDOR_ENGINE, System
from planner.options.candidates import Candidate
from planner.options.formats import how_it_runs
from planner.options.specs import coefficients, replica_spec
from planner.options.systems import measured_replica, system_coefficients
from planner.perf.measured_system import measured_limits, measured_memory, measured_steps
from planner.perf.memory import memory_fit
from planner.perf.one_step import OneStep
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from planner.perf.uncertainty import time_factor
from planner.units import MS_PER_S
from planner.verify.replay.replica import Engine

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation

_MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why something cannot be replayed, in words."""

    reason: str


_ABSENT = Unknown("its model, format, engine or hardware is not in the catalogue")
_ONE_PROMPT = 1
"""Budget of an engine that runs whole prompts, one in a step."""


def engine_of(
    row: Allocation, catalog: Catalog, *, confidence: float, prefix_tokens: float = 0.0
) -> Engine | Unknown:
    """Return how a replica of a row serves, or why it cannot be replayed.

    Parameters
    ----------
    row
        Row of a plan.
    catalog
        The catalogue that the plan was made from.
    confidence
        Probability with which the step times hold, 0.5 (the median) to below 1.
    prefix_tokens
        Tokens of its cache set aside for prefixes, >= 0.
    """
    reason = _why_not(row)
    if reason is not None:
        return Unknown(reason)
    if row.engine == VENDOR_ENGINE:
        return _system_engine(row, catalog, confidence)
    candidate = _candidate(row, catalog)
    if candidate is None:
        return _ABSENT
    spec = replica_spec(candidate, catalog, row.chunk_tokens)
    trust = coefficients(candidate, catalog)
    factor = time_factor(confidence, trust.sigma_ln_time, trust.throughput_factor)
    limits = engine_limits([spec])
    fit = memory_fit([spec], max_tokens_per_request=0.0, reserved_kv_tokens=prefix_tokens)
    return Engine(
        step=OneStep(step_model([spec]).scaled(factor)),
        is_chunked=bool(limits.is_chunked[0]),
        budget_tokens=int(limits.chunk_tokens[0]) // row.data_parallel,
        max_requests=int(limits.max_num_seqs[0]) // row.data_parallel,
        cache_tokens=float(fit.kv_capacity_tokens[0]) / row.data_parallel,
        request_s=float(limits.request_s[0]) * factor,
        state_tokens=float(limits.state_tokens[0]),
        round_trip_s=row.round_trip_ms / MS_PER_S,
        groups=row.data_parallel,
    )


def _why_not(row: Allocation) -> str | None:
    if row.coefficient_origin == _MEASURED:
        return "its capacity was measured as a whole, so there are no step times to replay"
    if row.draft:
        return f"steps that verify the drafts of {row.draft} are not simulated"
    if row.decode_instances is not None:
        return "replicas that compute prompts and decodes apart are not simulated"
    return None


def _system_engine(row: Allocation, catalog: Catalog, confidence: float) -> Engine | Unknown:
    """Return how a replica on measured systems serves, or why it cannot be replayed."""
    model, quantization = catalog.model(row.model), catalog.quantization(row.quantization)
    if model is None or quantization is None:
        return _ABSENT
    system = System(row.hardware, catalog)
    replica = measured_replica(system, model, quantization, catalog)
    if isinstance(replica, str):
        return Unknown(f"figures of {system.id} are not in the catalogue: {replica}")
    trust = system_coefficients(row.model, row.quantization, system.id, catalog)
    factor = time_factor(confidence, trust.sigma_ln_time, trust.throughput_factor)
    limits = measured_limits([replica])
    fit = measured_memory([replica], max_tokens_per_request=0.0)
    return Engine(
        step=OneStep(measured_steps([replica]).scaled(factor)),
        is_chunked=bool(limits.is_chunked[0]),
        budget_tokens=_ONE_PROMPT,
        max_requests=int(limits.max_num_seqs[0]),
        cache_tokens=float(fit.kv_capacity_tokens[0]),
        request_s=float(limits.request_s[0]) * factor,
        state_tokens=float(limits.state_tokens[0]),
        round_trip_s=row.round_trip_ms / MS_PER_S,
    )


def _candidate(row: Allocation, catalog: Catalog) -> Candidate | None:
    model, quantization = catalog.model(row.model), catalog.quantization(row.quantization)
    engine, device = catalog.engine(row.engine), catalog.accelerator(row.hardware)
    if model is None or quantization is None or engine is None or device is None:
        return None
    running = how_it_runs(engine, quantization, device, catalog)
    if isinstance(running, tuple):
        return None
    return Candidate(
        model,
        quantization,
        engine,
        device,
        row.tensor_parallel,
        running,
        data_parallel=row.data_parallel,
    )
