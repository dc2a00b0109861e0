"""What one replica on measured systems carries of each workload.

The same queueing, limits and confidence as for replicas of the performance model; only the step
times come from measured points. No prefix cache is counted, because no vendor states one, and
nothing is set: the engine is the vendor's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.capacity import ModelledOptions
from planner.options.pool_model import PoolModel
from planner.options.prefix import PrefixLevel
from planner.options.systems import UNCUT_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand
    from planner.options.candidates import Way
    from planner.options.engine_setting import EngineSetting
    from planner.options.systems import SystemCandidate
    from planner.perf.traffic import TrafficClass
    from planner.problem.schema import Problem, Workload


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
    model = _SystemModel(problem, catalog, none, [UNCUT_TOKENS])
    for members in pools.values():
        model.add_pool(members, demand, usable)
    found = model.settings[UNCUT_TOKENS]
    model.complete(dict.fromkeys(found.options, found))
    return ModelledOptions(
        tuple(found.options.values()), tuple(found.capacities), tuple(found.rejections)
    )


class _SystemModel(PoolModel):
    """A pool on systems, whose engines are not set."""

    def _setting(self, load: TrafficClass, way: Way, budget: int) -> EngineSetting | None:
        return None
