"""What one replica of each candidate carries of each workload, from the performance model.

Workloads of a pool share replicas, so the capacity for workload w is the highest rate of w alone
at which a probe request of every class that may run on the option still meets its own limits. A
class that does not fit an option's memory, or cannot meet its limits there even without load,
does not use it and is not probed there. Planned capacities hold with probability
``policy.confidence``; nominal ones are the median.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from planner.options.batch import batch_of
from planner.options.drafts import ONE_TOKEN, StepTokens, speculation_setting, step_tokens
from planner.options.levels import Found, nearest_over_periods, over_periods, pool_levels
from planner.options.model_run import (
    REPLICAS,
    SAMPLES,
    ModelRun,
    length_factors,
    samples_for,
    traffic_class,
)
from planner.options.power import power_draws
from planner.options.prefix import prefix_levels
from planner.options.records import Capacity, CapacityPoint, EngineSetting, Option, Rejection
from planner.problem.deferral import is_deferred

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand
    from planner.options.candidates import Way
    from planner.options.prefix import PrefixLevel
    from planner.perf.search import RateResult
    from planner.perf.traffic import TrafficClass
    from planner.problem.schema import Policy, Problem, Workload

_BatchKey: TypeAlias = tuple[
    type[Any], tuple[str, ...], tuple[tuple[float, float], ...], tuple[StepTokens, ...]
]
"""Kind of a way, workloads that may use it, and their length factors and step tokens on it."""
MEDIAN = 0.5
_BUSY = 1 - 1e-6
"""Utilization of batch replicas: at the highest stable rate itself waits have no end."""
_NO_GAIN = 1e-3
_NEGLIGIBLE_GAIN = 0.02
"""Gain of capacity, relative, below which more replicas sharing a queue are no own bracket."""


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
        settings = list(product(budgets, prefix_levels(members, demand)))
        runs = len(settings) * sum(len(usable[w.name]) for w in members)
        runs *= len(pool_levels(members, demand).distinct)
        for budget, level in settings:
            model = PoolModel(problem, catalog, level, budget, samples_for(runs))
            model.policy = pool_policy(problem, members)
            model.add_pool(members, demand, usable)
            tried.append(model)
        best = _best(tried, demand)
        for model in tried:
            options |= {key: o for key, o in model.options.items() if best.get(key) is model}
            capacities += (c for c in model.capacities if best.get(c.option_id) is model)
            rejections += (r for r in model.rejections if best.get(r.subject) is model)
        rejections += _nearest(r for m in tried for r in m.rejections if r.subject not in best)
    return ModelledOptions(tuple(options.values()), tuple(capacities), tuple(rejections))


def pool_policy(problem: Problem, members: Sequence[Workload]) -> Policy:
    """Return the policy of a pool: where everything waits, replicas may be busy all the time."""
    if all(is_deferred(w.name) for w in members):
        return problem.policy.model_copy(update={"max_utilization": _BUSY})
    return problem.policy


def _best(tried: Sequence[PoolModel], demand: Demand) -> dict[str, PoolModel]:
    """Return for every option the engine setting with which it carries most.

    That is the one that serves most workloads of the pool, in most periods, and then needs the
    fewest replicas for all of them; of equal ones the first.
    """
    best: dict[str, tuple[tuple[int, float], PoolModel]] = {}
    for model in tried:
        served: dict[str, list[Capacity]] = defaultdict(list)
        for capacity in model.capacities:
            served[capacity.option_id].append(capacity)
        for option_id, rows in served.items():
            worth = (sum(map(_periods_served, rows)), -sum(_load(c, demand) for c in rows))
            known = best.get(option_id)
            # A gain below the tolerance of the rates is none.
            if known is None or worth > (known[0][0], known[0][1] * (1 - _NO_GAIN)):
                best[option_id] = (worth, model)
    return {option_id: model for option_id, (_, model) in best.items()}


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


class PoolModel:
    """Runs the performance model on a pool with one setting of the engines."""

    def __init__(
        self,
        problem: Problem,
        catalog: Catalog,
        level: PrefixLevel,
        chunk_tokens: int,
        samples: int = SAMPLES,
    ) -> None:
        self.samples = samples
        self.policy = problem.policy
        self.workloads = {w.name: w for w in problem.workloads}
        self.catalog = catalog
        self.level = level
        self.chunk_tokens = chunk_tokens
        self.options: dict[str, Option] = {}
        self.capacities: list[Capacity] = []
        self.rejections: list[Rejection] = []

    def add_pool(
        self,
        members: Sequence[Workload],
        demand: Demand,
        usable: Mapping[str, Sequence[Way]],
    ) -> None:
        """Add the capacities of a pool, one batch for ways with the same classes.

        Memory has to hold the longest request of all periods.
        """
        levels = pool_levels(members, demand)
        found = [Found() for _ in levels.distinct]
        by_id = {c.option_id: c for w in members for c in usable[w.name]}
        allowed = {w.name: {c.option_id for c in usable[w.name]} for w in members}
        batches: dict[_BatchKey, list[Way]] = defaultdict(list)
        for way in by_id.values():
            if self.chunk_tokens not in way.chunk_budgets:
                continue
            names = tuple(w.name for w in members if way.option_id in allowed[w.name])
            scales = tuple(length_factors(w, way.model.id) for w in members)
            steps = tuple(step_tokens(w, way.draft) or ONE_TOKEN for w in members)
            batches[type(way), names, scales, steps].append(way)
        for (_, names, factors, steps), ways in batches.items():
            used = [(w, s) for w, s in zip(members, steps, strict=True) if w.name in names]
            longest = {w.name: demand.of(w.name).longest_level for w in members}
            by_level = [
                [
                    traffic_class(
                        w,
                        demand,
                        ways[0].model.id,
                        self.level.hit_rate[w.name],
                        s,
                        level=level[w.name],
                    )
                    for w, s in used
                ]
                for level in (longest, *levels.distinct)
            ]
            largest = max(isl for isl, _ in factors)
            reserved_tokens = self.level.reserved_tokens * largest
            self._add_batch(ways, by_level[0], reserved_tokens, by_level[1:], found)
        self.capacities += over_periods(found, levels)
        self.rejections += nearest_over_periods(found, levels)

    def _add_batch(
        self,
        ways: Sequence[Way],
        longest: Sequence[TrafficClass],
        reserved_tokens: float,
        by_level: Sequence[Sequence[TrafficClass]],
        found: Sequence[Found],
    ) -> None:
        """Add ways of one kind, which have to fit the longest requests."""
        batch = batch_of(ways, self.catalog, self.chunk_tokens)
        fits = [batch.fits(load, reserved_tokens) for load in longest]
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, way in enumerate(ways):
            for load, fit in zip(longest, fits, strict=True):
                if not fit.fits[i]:
                    detail, shortfall = fit.why_not(i)
                    subject = ("option", way.option_id, load.name, "memory")
                    for at_level in found:
                        at_level.rejections.append(
                            Rejection(*subject, detail, shortfall=shortfall)
                        )
            groups[tuple(k for k, fit in enumerate(fits) if fit.fits[i])].append(i)
        for members, rows in groups.items():
            if members:
                runner = batch.run(rows, fits[members[0]], self.policy)
                runner.samples = self.samples
                for classes, at_level in zip(by_level, found, strict=True):
                    self._add_fitting(runner, [classes[k] for k in members], at_level)

    def _add_fitting(
        self, runner: ModelRun, classes: Sequence[TrafficClass], found: Found
    ) -> None:
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for i, names in enumerate(_usable_classes(runner, classes, found)):
            groups[names].append(i)
        for names, rows in groups.items():
            probes = [c for c in classes if c.name in names]
            for load in probes:
                self._add_capacities(runner, np.array(rows), load, probes, found)

    def _add_capacities(
        self,
        runner: ModelRun,
        rows: NDArray[np.intp],
        load: TrafficClass,
        probes: Sequence[TrafficClass],
        found: Found,
    ) -> None:
        planned = runner.rates(rows, load, probes, self.policy.confidence)
        nominal = runner.rates(rows, load, probes, MEDIAN)
        points_of = {int(row): _points(planned, nominal, i) for i, row in enumerate(rows)}
        if is_deferred(load.name):  # how long such a request waits is not what is promised
            points_of = {
                row: tuple(replace(point, ttft_p99_s=None) for point in points)
                for row, points in points_of.items()
            }
        most_rps = {row: points[-1].planned_rps for row, points in points_of.items() if points}
        power = power_draws(runner, most_rps, load, self.catalog)
        for i, (row, points) in enumerate(points_of.items()):
            way = runner.ways[row]
            if not points:
                limit = planned.limit_texts[int(planned.limit[i, -1])]
                detail = f"no rate keeps the limits, even with {REPLICAS[-1]} replicas: {limit}"
                found.rejections.append(
                    Rejection("option", way.option_id, load.name, "rate", detail)
                )
                continue
            self.options.setdefault(way.option_id, runner.option(row))
            found.capacities.append(
                Capacity(
                    load.name,
                    way.option_id,
                    points,
                    runner.coefficients[row].origin,
                    setting=self._setting(load, way),
                    power=power.get(row),
                    ttft_share_unloaded=_ttft_share(planned, i, load, probes),
                )
            )

    def _setting(self, load: TrafficClass, way: Way) -> EngineSetting | None:
        """Return how the engine is set for a class, ``None`` when nothing about it is known."""
        level = self.level
        return EngineSetting(
            self.chunk_tokens,
            level.reserved_tokens,
            level.hit_rate[load.name],
            speculation_setting(self.workloads[load.name], way.draft),
        )


def _usable_classes(
    runner: ModelRun, classes: Sequence[TrafficClass], found: Found
) -> list[tuple[str, ...]]:
    """Return for each candidate the classes that meet their limits without load."""
    names: list[list[str]] = [[] for _ in runner.ways]
    for load in classes:
        missed = runner.missed_without_load(load)
        for i in range(len(runner.ways)):
            miss = missed[i]
            if miss is None:
                names[i].append(load.name)
            else:
                found.rejections.append(miss)
    return [tuple(n) for n in names]


def _ttft_share(
    planned: RateResult, i: int, load: TrafficClass, probes: Sequence[TrafficClass]
) -> float | None:
    """Return the largest share of the class's own TTFT limits that passes without load."""
    limits = [(probe.name, limit) for probe in probes for limit in probe.limits]
    shares = [
        float(planned.unloaded_s[i, k]) / limit.limit_s
        for k, (name, limit) in enumerate(limits)
        if name == load.name and limit.metric == "ttft"
    ]
    return max(shares, default=None)


def _points(planned: RateResult, nominal: RateResult, i: int) -> tuple[CapacityPoint, ...]:
    """Return the brackets of one candidate: numbers of replicas that raise its capacity."""
    points: list[CapacityPoint] = []
    for k, replicas in enumerate(REPLICAS):
        rate = float(planned.rate_rps[i, k])
        known = points[-1].planned_rps if points else 0.0
        if rate <= known * (1 + _NEGLIGIBLE_GAIN):
            continue
        points.append(
            CapacityPoint(
                min_replicas=replicas,
                planned_rps=rate,
                nominal_rps=max(float(nominal.rate_rps[i, k]), rate),
                ttft_p99_s=float(planned.ttft_p99_s[i, k]),
                tpot_mean_s=float(planned.tpot_mean_s[i, k]),
                limit=planned.limit_texts[int(planned.limit[i, k])],
            )
        )
    return tuple(points)
