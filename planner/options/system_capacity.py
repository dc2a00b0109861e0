"""What one replica on measured systems carries of each workload.

The same queueing, limits and confidence as for replicas of the performance model; only the step
times come from measured points. No prefix cache is counted, because no vendor states one, and
nothing is set: the engine is the vendor's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.catalog.calibration import combination_key, parameter
from planner.options.capacity import ModelledOptions, PoolModel
from planner.options.model_run import ModelRun, traffic_class
from planner.options.prefix import PrefixLevel
from planner.options.specs import Coefficients
from planner.perf.measured_system import measured_limits, measured_memory, measured_steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand
    from planner.options.candidates import Way
    from planner.options.records import EngineSetting
    from planner.options.systems import SystemCandidate
    from planner.perf.memory import MemoryFit
    from planner.perf.traffic import TrafficClass
    from planner.problem.schema import Policy, Problem, Workload

_UNCUT_TOKENS = 0
"""Token budget of an engine whose steps nobody sets."""


def system_capacities(
    problem: Problem,
    catalog: Catalog,
    demand: Demand,
    usable: Mapping[str, Sequence[SystemCandidate]],
) -> ModelledOptions:
    """Return options and capacities of every pool on systems, and why others carry nothing.

    Parameters
    ----------
    problem
        The problem, for its pools and policy.
    catalog
        Figures of the systems, and how far they are trusted.
    demand
        Lengths of the workloads.
    usable
        Replicas that each workload may use (quality, context, residency), by workload.
    """
    pools: dict[str, list[Workload]] = defaultdict(list)
    for workload in problem.workloads:
        pools[workload.pool_name].append(workload)
    none = PrefixLevel(0.0, {w.name: 0.0 for w in problem.workloads})
    model = _SystemModel(problem, catalog, none, _UNCUT_TOKENS)
    for members in pools.values():
        ways = {c.option_id: c for w in members for c in usable[w.name]}
        for candidate in ways.values():
            model.add_system(
                candidate,
                [
                    traffic_class(w, demand, candidate.model.id, 0.0)
                    for w in members
                    if any(c.option_id == candidate.option_id for c in usable[w.name])
                ],
            )
    return ModelledOptions(
        tuple(model.options.values()), tuple(model.capacities), tuple(model.rejections)
    )


class _SystemModel(PoolModel):
    """Runs replicas on systems, one at a time: there are few."""

    def add_system(self, candidate: SystemCandidate, classes: Sequence[TrafficClass]) -> None:
        """Add the capacities of one replica for the classes of a pool that may use it."""
        fits = {
            load.name: measured_memory(
                [candidate.replica],
                max_tokens_per_request=float((load.isl_tokens + load.osl_tokens).max()),
            )
            for load in classes
        }
        for load in classes:
            if not fits[load.name].fits[0]:
                self._reject_memory(candidate.option_id, fits[load.name], 0, load)
        fitting = [load for load in classes if fits[load.name].fits[0]]
        if fitting:
            run = _SystemRun(candidate, fits[fitting[0].name], self.catalog, self.policy)
            self._add_fitting(run, fitting)

    def _setting(self, load: TrafficClass, candidate: Way) -> EngineSetting | None:
        return None


class _SystemRun(ModelRun):
    """The measured points of a replica in the place of the performance model."""

    def __init__(
        self, candidate: SystemCandidate, fit: MemoryFit, catalog: Catalog, policy: Policy
    ) -> None:
        self.candidates: list[Way] = [candidate]
        self.fit = fit
        self.step = measured_steps([candidate.replica])
        self.engine = measured_limits([candidate.replica])
        self.coefficients = [_trust(candidate, catalog)]
        self.policy = policy


def _trust(candidate: SystemCandidate, catalog: Catalog) -> Coefficients:
    names = (candidate.engine.id, candidate.accelerator.id)
    combination = combination_key(candidate.model.id, candidate.quantization.id, *names)
    factor, sigma = (
        parameter(
            catalog,
            name,
            engine=names[0],
            accelerator=names[1],
            quantization=candidate.quantization.id,
            combination=combination,
        )
        for name in ("throughput_factor", "sigma_ln_time")
    )
    return Coefficients(factor.value, sigma.value, sigma.provenance)
