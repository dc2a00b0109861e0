"""Batches of replicas, systems or units, whose memory and rates are asked for together.

Memory is asked once for every side of a way: a replica has one, a unit two. A prefill instance
holds prompts until they are handed over, and the prefixes that are found again; a decode instance
holds whole requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from planner.options.candidates import Candidate
from planner.options.model_run import ModelRun
from planner.options.specs import replica_spec
from planner.options.system_run import SystemRun
from planner.options.systems import SystemCandidate
from planner.options.unit_run import UnitRun
from planner.options.units import Unit
from planner.perf.measured_system import measured_memory
from planner.perf.memory import memory_fit
from planner.units import BYTES_PER_GB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.catalog.load import Catalog
    from planner.options.candidates import Way
    from planner.perf.memory import MemoryFit
    from planner.perf.spec import ReplicaSpec
    from planner.perf.traffic import TrafficClass
    from planner.problem.schema import Policy


@dataclass(frozen=True, slots=True)
class Side:
    """Memory of the instances on one side of n ways.

    Parameters
    ----------
    label
        What they are, in front of a reason.
    memory
        How they use it.
    longest_tokens
        Tokens of the longest request that one has to hold.
    """

    label: str
    memory: MemoryFit
    longest_tokens: float


@dataclass(frozen=True, slots=True)
class BatchFit:
    """Memory of n ways for one class of requests."""

    sides: tuple[Side, ...]

    @property
    def fits(self) -> NDArray[np.bool_]:
        """Whether every side of a way fits, shape (n,)."""
        return np.asarray(np.all([side.memory.fits for side in self.sides], axis=0), dtype=bool)

    def why_not(self, way: int) -> tuple[str, float]:
        """Return why a way does not fit, and how far it misses as a ratio of 1 or more."""
        side = next(side for side in self.sides if not side.memory.fits[way])
        fit = side.memory
        weights, other = fit.weight_bytes_per_gpu[way], fit.other_bytes_per_gpu[way]
        needed, usable = weights + other, fit.usable_bytes_per_gpu[way]
        left_gb = max(usable - needed, 0.0) / BYTES_PER_GB
        detail = (
            f"{side.label}weights {weights / BYTES_PER_GB:.1f} GB and runtime "
            f"{other / BYTES_PER_GB:.1f} GB per accelerator leave "
            f"{left_gb:.1f} of {usable / BYTES_PER_GB:.1f} usable GB for the KV cache; "
            f"one request of {side.longest_tokens:.0f} tokens must fit"
        )
        return detail, max(float(needed / usable), 1.0)


class Batch(Protocol):
    """Ways of one kind."""

    def fits(self, load: TrafficClass, reserved_tokens: float) -> BatchFit:
        """Return the memory of all ways, of which prefixes take some tokens."""

    def run(self, rows: Sequence[int], fit: BatchFit, policy: Policy) -> ModelRun:
        """Return the performance model of some ways."""


def batch_of(ways: Sequence[tuple[Way, int]], catalog: Catalog) -> Batch:
    """Return the batch of `ways`, all of one kind, each with a token budget of a step."""
    specs: dict[tuple[str, int], ReplicaSpec] = {}

    def spec(candidate: Candidate, chunk_tokens: int) -> ReplicaSpec:
        key = (candidate.option_id, chunk_tokens)
        if key not in specs:
            specs[key] = replica_spec(candidate, catalog, chunk_tokens)
        return specs[key]

    units = [(way, tokens) for way, tokens in ways if isinstance(way, Unit)]
    if units:
        sides = [(spec(u.prefill, tokens), spec(u.decode, tokens)) for u, tokens in units]
        return _Units([unit for unit, _ in units], sides, catalog)
    systems = [way for way, _ in ways if isinstance(way, SystemCandidate)]
    if systems:
        return _Systems(systems, catalog)
    replicas = [(way, tokens) for way, tokens in ways if isinstance(way, Candidate)]
    return _Replicas([c for c, _ in replicas], [spec(*row) for row in replicas], catalog)


@dataclass(frozen=True, slots=True)
class _Replicas:
    candidates: list[Candidate]
    specs: list[ReplicaSpec]
    catalog: Catalog

    def fits(self, load: TrafficClass, reserved_tokens: float) -> BatchFit:
        return BatchFit((_side("", self.specs, _whole_tokens(load), reserved_tokens),))

    def run(self, rows: Sequence[int], fit: BatchFit, policy: Policy) -> ModelRun:
        return ModelRun(
            [self.candidates[i] for i in rows],
            [self.specs[i] for i in rows],
            fit.sides[0].memory.take(np.array(rows)),
            self.catalog,
            policy,
        )


@dataclass(frozen=True, slots=True)
class _Systems:
    systems: list[SystemCandidate]
    catalog: Catalog

    def fits(self, load: TrafficClass, reserved_tokens: float) -> BatchFit:
        longest = _whole_tokens(load)
        replicas = [system.replica for system in self.systems]
        memory = measured_memory(replicas, max_tokens_per_request=longest + reserved_tokens)
        return BatchFit((Side("", memory, longest),))

    def run(self, rows: Sequence[int], fit: BatchFit, policy: Policy) -> ModelRun:
        memory = fit.sides[0].memory.take(np.array(rows))
        return SystemRun([self.systems[i] for i in rows], memory, self.catalog, policy)


@dataclass(frozen=True, slots=True)
class _Units:
    units: list[Unit]
    specs: list[tuple[ReplicaSpec, ReplicaSpec]]
    catalog: Catalog

    def fits(self, load: TrafficClass, reserved_tokens: float) -> BatchFit:
        longest = float(load.isl_tokens.max())
        first, then = [p for p, _ in self.specs], [d for _, d in self.specs]
        return BatchFit(
            (
                _side("prefill instance: ", first, longest, reserved_tokens),
                _side("decode instance: ", then, _whole_tokens(load), 0.0),
            )
        )

    def run(self, rows: Sequence[int], fit: BatchFit, policy: Policy) -> ModelRun:
        first, then = (side.memory.take(np.array(rows)) for side in fit.sides)
        return UnitRun(
            [self.units[i] for i in rows],
            [self.specs[i] for i in rows],
            (first, then),
            self.catalog,
            policy,
        )


def _side(
    label: str, specs: Sequence[ReplicaSpec], longest_tokens: float, reserved_tokens: float
) -> Side:
    memory = memory_fit(
        specs, max_tokens_per_request=longest_tokens, reserved_kv_tokens=reserved_tokens
    )
    return Side(label, memory, longest_tokens)


def _whole_tokens(load: TrafficClass) -> float:
    return float((load.isl_tokens + load.osl_tokens).max())
