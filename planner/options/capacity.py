"""What one replica of each candidate carries of each workload, from the performance model.

Engines may be set in several ways (the tokens of a step, the memory of cached prefixes). Each
setting is asked for all options (:mod:`planner.options.pool_model`), and every option gets the one
with which it carries most.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.options.levels import pool_levels
from planner.options.model_run import REPLICAS, samples_for
from planner.options.pool_model import PoolModel
from planner.options.prefix import prefix_levels
from planner.options.records import Capacity, Option, Rejection
from planner.problem.deferral import is_deferred

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand
    from planner.options.candidates import Way
    from planner.options.pool_model import Setting
    from planner.problem.schema import Policy, Problem, Workload

_BUSY = 0.97
"""Utilization of batch replicas: their highest stable rate is known to 3 % against simulations,
and what is planned beyond it ends after its window."""
_NO_GAIN = 1e-3


@dataclass(frozen=True, slots=True)
class ModelledOptions:
    """Options, capacities, and the reasons against the rest."""

    options: tuple[Option, ...]
    capacities: tuple[Capacity, ...]
    rejections: tuple[Rejection, ...]


def modelled_capacities(
    problem: Problem,
    catalog: Catalog,
    demand: Demand,
    usable: Mapping[str, Sequence[Way]],
) -> ModelledOptions:
    """Return options and capacities of every pool, and why the others carry nothing.

    Parameters
    ----------
    problem
        The problem, for its pools and policy.
    catalog
        Facts the performance model needs.
    demand
        Lengths of the workloads.
    usable
        Replicas and units each workload may use (quality, context, residency), by workload.
    """
    pools: dict[str, list[Workload]] = defaultdict(list)
    for workload in problem.workloads:
        pools[workload.pool_name].append(workload)
    options: dict[str, Option] = {}
    capacities: list[Capacity] = []
    rejections: list[Rejection] = []
    budgets = sorted({b for cs in usable.values() for c in cs for b in c.chunk_budgets})
    for members in pools.values():
        tried = []
        levels = prefix_levels(members, demand)
        runs = len(budgets) * len(levels) * sum(len(usable[w.name]) for w in members)
        runs *= len(pool_levels(members, demand).distinct)
        # Settings are compared by what the most replicas carry.
        compared = REPLICAS[-1:] if len(budgets) * len(levels) > 1 else REPLICAS
        for level in levels:
            model = PoolModel(
                problem, catalog, level, budgets, samples_for(runs), replicas=compared
            )
            model.policy = pool_policy(problem, members)
            model.add_pool(members, demand, usable)
            tried.append(model)
        settings = [model.settings[budget] for budget in budgets for model in tried]
        best = _best(settings, demand)
        for model in tried:
            model.complete(best)
        for found in settings:
            options |= {key: o for key, o in found.options.items() if best.get(key) is found}
            capacities += (c for c in found.capacities if best.get(c.option_id) is found)
            rejections += (r for r in found.rejections if best.get(r.subject) is found)
        rejections += _nearest(r for s in settings for r in s.rejections if r.subject not in best)
    return ModelledOptions(tuple(options.values()), tuple(capacities), tuple(rejections))


def pool_policy(problem: Problem, members: Sequence[Workload]) -> Policy:
    """Return the policy of a pool: where everything waits, replicas may be busy nearly always."""
    if all(is_deferred(w.name) for w in members):
        return problem.policy.model_copy(update={"max_utilization": _BUSY})
    return problem.policy


def _best(tried: Sequence[Setting], demand: Demand) -> dict[str, Setting]:
    """Return for every option the engine setting with which it carries most.

    That is the one that serves most workloads of the pool, in most periods, and then needs the
    fewest replicas for all of them; of equal ones that with the earliest first tokens.
    """
    best: dict[str, tuple[_Worth, Setting]] = {}
    for setting in tried:
        served: dict[str, list[Capacity]] = defaultdict(list)
        for capacity in setting.capacities:
            served[capacity.option_id].append(capacity)
        for option_id, rows in served.items():
            worth = _Worth(
                periods=sum(map(_periods_served, rows)),
                replicas=sum(_load(c, demand) for c in rows),
                ttft_s=sum(c.points[-1].ttft_p99_s or 0.0 for c in rows),
            )
            known = best.get(option_id)
            if known is None or worth.beats(known[0]):
                best[option_id] = (worth, setting)
    return {option_id: setting for option_id, (_, setting) in best.items()}


@dataclass(frozen=True, slots=True)
class _Worth:
    """What an engine setting is worth to an option."""

    periods: int
    replicas: float
    ttft_s: float

    def beats(self, other: _Worth) -> bool:
        """Say whether it is better; a gain below the tolerance of the rates is none."""
        if self.periods != other.periods:
            return self.periods > other.periods
        if abs(self.replicas - other.replicas) > _NO_GAIN * other.replicas:
            return self.replicas < other.replicas
        return self.ttft_s < other.ttft_s


def _periods_served(capacity: Capacity) -> int:
    """Return the periods in which an option serves, 1 where all are alike."""
    return sum(map(bool, capacity.by_period)) if capacity.by_period else 1


def _load(capacity: Capacity, demand: Demand) -> float:
    """Return the replicas that carry the mean rates of a workload, summed over its periods."""
    mean_rps = demand.of(capacity.workload).mean_rps
    if not capacity.by_period:
        return float(mean_rps.mean()) / capacity.points[-1].planned_rps
    return sum(
        float(rates.mean()) / points[-1].planned_rps
        for rates, points in zip(mean_rps, capacity.by_period, strict=True)
        if points
    )


def _nearest(rejections: Iterable[Rejection]) -> Iterator[Rejection]:
    """Yield for every workload and option the rejection that misses by least."""
    nearest: dict[tuple[str, str], Rejection] = {}
    for rejection in rejections:
        known = nearest.setdefault((rejection.workload, rejection.subject), rejection)
        if (rejection.shortfall or math.inf) < (known.shortfall or math.inf):
            nearest[rejection.workload, rejection.subject] = rejection
    yield from nearest.values()
