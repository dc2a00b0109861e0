"""Replicas on systems that are planned from their own measured figures.

A model in a number format can run where a speed of it is published. What else is missing is one
rejection that names every row to add: the number of chips, how many requests share the machine,
how fast it reads prompts, its memory, its price. Nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from planner.catalog.calibration import combination_key, parameter
from planner.catalog.systems import (
    ALONE,
    CHIPS,
    MEMORY,
    PREFILL,
    REQUESTS,
    TABLE,
    TOTAL,
    VENDOR_ENGINE,
    case_of,
    systems_of,
)
from planner.options.candidates import option_id
from planner.options.records import Rejection
from planner.options.specs import Coefficients, architecture
from planner.perf import arch as shape
from planner.perf.attention import state_bytes
from planner.perf.measured_system import MeasuredReplica
from planner.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Model, Quantization
    from planner.catalog.systems import System
    from planner.options.drafts import Drafter
    from planner.options.records import NodeOffer
    from planner.perf.arch import Architecture
    from planner.problem.schema import Candidates

UNCUT_TOKENS = 0
"""Token budget of an engine whose steps nobody sets."""
_SHOWN_MODELS = 4


@dataclass(frozen=True, slots=True)
class Part:
    """An engine or a system, which nothing but its id is known of here.

    Parameters
    ----------
    id
        Its id.
    """

    id: str


@dataclass(frozen=True, slots=True)
class SystemCandidate:
    """A replica on measured systems whose nodes can be rented.

    Parameters
    ----------
    model, quantization
        What it runs.
    accelerator
        The system.
    replica
        Its figures.
    """

    model: Model
    quantization: Quantization
    accelerator: Part
    replica: MeasuredReplica

    @property
    def option_id(self) -> str:
        """Identity of the option, as of other replicas; the degree counts systems."""
        parts = (self.model.id, self.quantization.id, self.engine.id, self.accelerator.id)
        return option_id(*parts, self.tensor_parallel)

    @property
    def engine(self) -> Part:
        """What the vendor ships with the system."""
        return Part(VENDOR_ENGINE)

    @property
    def draft(self) -> Drafter | None:
        """What drafts tokens: nothing that a vendor states."""
        return None

    @property
    def chunk_budgets(self) -> tuple[int, ...]:
        """No budget of a step, which nobody sets here."""
        return (UNCUT_TOKENS,)

    @property
    def tensor_parallel(self) -> int:
        """Systems of the replica, whatever way it is split over them."""
        return self.replica.systems

    @property
    def data_parallel(self) -> int:
        """Groups of attention: what a vendor does inside is not known."""
        return 1


def buildable_systems(
    chosen: Candidates, catalog: Catalog, nodes: Sequence[NodeOffer]
) -> tuple[list[SystemCandidate], list[Rejection], int]:
    """Return the replicas on systems, the rejected ones, and how many were considered.

    Parameters
    ----------
    chosen
        Candidates of the problem; engines, when stated, have to include ``vendor``.
    catalog
        Facts.
    nodes
        Nodes that can be rented.
    """
    models = [m for m in catalog.models if m.id in (chosen.models or [m.id])]
    formats = [q for q in catalog.quantizations if q.id in (chosen.quantizations or [q.id])]
    systems = [s for s in systems_of(catalog) if s.id in (chosen.hardware or [s.id])]
    pairs = list(product(models, formats))
    found: list[SystemCandidate] = []
    rejected: list[Rejection] = []
    for system in systems:
        if chosen.engines and VENDOR_ENGINE not in chosen.engines:
            detail = (
                f"{system.id} runs the engine of its vendor; add `{VENDOR_ENGINE}` to "
                "candidates.engines, or leave them out"
            )
            rejected.append(Rejection("option", system.id, "", "candidate", detail, len(pairs)))
            continue
        known: list[tuple[Model, Quantization]] = []
        unknown: list[tuple[Model, Quantization]] = []
        for model, quantization in pairs:
            runs = system.runs(model.id, quantization.id)
            (known if runs else unknown).append((model, quantization))
        rejected += _without_speed(system, unknown)
        shapes = {n.accelerators_per_node for n in nodes if n.hardware == system.id}
        for pair in known:
            way = _built(system, pair, catalog, shapes, chosen.tensor_parallel)
            if isinstance(way, SystemCandidate):
                found.append(way)
            else:
                rejected.append(way)
    return found, rejected, len(pairs) * len(systems)


def system_coefficients(
    model: str, quantization: str, system: str, catalog: Catalog
) -> Coefficients:
    """Return how far the figures of a system are trusted.

    Parameters
    ----------
    model, quantization, system
        What runs on what, by id.
    catalog
        Parameters.
    """
    factor, sigma = (
        parameter(
            catalog,
            name,
            engine=VENDOR_ENGINE,
            accelerator=system,
            quantization=quantization,
            combination=combination_key(model, quantization, VENDOR_ENGINE, system),
        )
        for name in ("throughput_factor", "sigma_ln_time")
    )
    return Coefficients(factor.value, sigma.value, sigma.provenance)


def _without_speed(system: System, pairs: Sequence[tuple[Model, Quantization]]) -> list[Rejection]:
    """Return one rejection of everything whose speed on a system nobody published."""
    if not pairs:
        return []
    models = list(dict.fromkeys(model.id for model, _ in pairs))
    listed = ", ".join(models[:_SHOWN_MODELS])
    others = f" and {len(models) - _SHOWN_MODELS} more" if len(models) > _SHOWN_MODELS else ""
    detail = (
        f"no speed of {listed}{others} on {system.id} is known in these formats; add a row "
        f"(id={system.id}, quantity={ALONE}, case=MODEL/FORMAT) to {TABLE}.csv of an overlay"
    )
    return [Rejection("option", system.id, "", "no_figure", detail, len(pairs))]


def _built(
    system: System,
    pair: tuple[Model, Quantization],
    catalog: Catalog,
    shapes: set[int],
    degrees: Sequence[int],
) -> SystemCandidate | Rejection:
    """Return the replica of a model in a format on a system, or all that stands against it."""
    model, quantization = pair
    replica = measured_replica(system, model, quantization, catalog)
    if isinstance(replica, str):
        identity = f"{model.id}/{quantization.id}/{VENDOR_ENGINE}/{system.id}"
        price = "" if shapes else f", and (accelerator={system.id}) to offers.csv"
        detail = f"not known of {system.id}: add {replica} to {TABLE}.csv{price} of an overlay"
        return Rejection("option", identity, "", "no_figure", detail)
    candidate = SystemCandidate(model, quantization, Part(system.id), replica)
    reason = _why_not(candidate, shapes, degrees)
    return candidate if reason is None else Rejection("option", candidate.option_id, "", *reason)


def _why_not(
    candidate: SystemCandidate, shapes: set[int], degrees: Sequence[int]
) -> tuple[str, str] | None:
    system, count = candidate.accelerator.id, candidate.tensor_parallel
    if not shapes:
        detail = (
            f"no usable price of {system} at the start of the horizon; add a row to offers.csv of "
            f"an overlay (accelerator={system})"
        )
        return "no_price", detail
    if degrees and count not in degrees:
        return "parallelism", f"{count} systems are not among candidates.tensor_parallel"
    if not any(shape % count == 0 for shape in shapes):
        listing = ", ".join(map(str, sorted(shapes)))
        return "no_node", f"no offered node of {system} ({listing} systems) divides by {count}"
    return None


def measured_replica(
    system: System, model: Model, quantization: Quantization, catalog: Catalog
) -> MeasuredReplica | str:
    """Return the figures of a replica, or the rows that are missing.

    Parameters
    ----------
    system, model, quantization
        What runs on what, and how.
    catalog
        Facts.
    """
    case = case_of(model.id, quantization.id)
    count, memory_bytes = system.systems(model.id, quantization.id), system.memory_bytes()
    alone, load, prefill = (
        system.value(ALONE, case),
        system.load(case),
        system.value(PREFILL, case),
    )
    if count is None or alone is None or load is None or prefill is None or memory_bytes is None:
        wanted = (
            (CHIPS, model.id, count),
            (f"{TOTAL} or {REQUESTS}", case, load),
            (PREFILL, case, prefill),
            (MEMORY, "", memory_bytes),
        )
        rows = [(name, of) for name, of, value in wanted if value is None]
        return ", ".join(
            f"(id={system.id}, quantity={name}{f', case={of}' if of else ''})" for name, of in rows
        )
    arch = architecture(model)
    token_bytes = shape.kv_bytes_per_token(arch, quantization.kv_bytes)
    return MeasuredReplica(
        alone_tokens_per_s=alone,
        total_tokens_per_s=load[0] * count,
        requests=load[1] * count,
        prefill_tokens_per_s=prefill * count,
        request_s=_request_s(system, quantization, catalog),
        memory_bytes=memory_bytes * count,
        weight_bytes=_weight_bytes(arch, quantization),
        token_bytes=token_bytes,
        state_tokens=state_bytes(arch) / token_bytes if token_bytes else 0.0,
        systems=count,
    )


def _request_s(system: System, quantization: Quantization, catalog: Catalog) -> float:
    """Return the time of a request around the machine, as of any other server."""
    found = parameter(
        catalog,
        "t_req_ms",
        accelerator=system.id,
        engine=VENDOR_ENGINE,
        quantization=quantization.id,
    )
    return found.value / MS_PER_S


def _weight_bytes(arch: Architecture, quantization: Quantization) -> float:
    experts = shape.routed_params(arch) * quantization.expert_weight_bytes
    return shape.dense_weight_bytes(arch, quantization.weight_bytes) + experts
