"""The performance model on the pools of a problem, with one size of the prefix cache.

Workloads of a pool share replicas, so the capacity for workload w is the highest rate of w alone
at which a probe request of every class that may run on the option still meets its own limits. A
class that does not fit an option's memory, or cannot meet its limits there even without load,
does not use it and is not probed there. Planned capacities hold with probability
``policy.confidence``; nominal ones are the median. All token budgets of a step are asked for
together: many small runs cost more than a large one. They are compared with as many replicas as
are asked for; fewer of them, nominal capacities and power are asked for last, with the budget that
is chosen for an option.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from planner.options.batch import batch_of
from planner.options.drafts import ONE_TOKEN, StepTokens, speculation_setting, step_tokens
from planner.options.engine_setting import EngineSetting
from planner.options.levels import Found, nearest_over_periods, over_periods, pool_levels
from planner.options.model_run import (
    REPLICAS,
    SAMPLES,
    ModelRun,
    length_factors,
    traffic_class,
)
from planner.options.power import power_draws
from planner.options.records import Capacity, CapacityPoint, Option, Rejection
from planner.problem.deferral import is_deferred
from planner.units import significant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand
    from planner.options.candidates import Way
    from planner.options.levels import PoolLevels
    from planner.options.prefix import PrefixLevel
    from planner.perf.search import RateResult
    from planner.perf.traffic import TrafficClass
    from planner.problem.schema import Problem, Workload

_BatchKey: TypeAlias = tuple[
    type[Any], tuple[str, ...], tuple[tuple[float, float], ...], tuple[StepTokens, ...]
]
"""Kind of a way, workloads that may use it, and their length factors and step tokens on it."""
_Tuned: TypeAlias = tuple["Way", int]
"""A way and the token budget of its steps."""
MEDIAN = 0.5
_NEGLIGIBLE_GAIN = 0.02
"""Gain of capacity, relative, below which more replicas sharing a queue are no own bracket."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """Capacities of one run, by row of the run, that are completed for options that are wanted.

    Of the others the capacity is known for as many replicas as the settings were compared with.
    """

    runner: ModelRun
    load: TrafficClass
    probes: tuple[TrafficClass, ...]
    at: Mapping[int, tuple[Found, int]]

    def complete(
        self, wanted: AbstractSet[tuple[str, int]], catalog: Catalog, *, is_whole: bool
    ) -> None:
        """Add brackets (unless they are known), nominal rates and power of the wanted options."""
        names = [way.option_id for way in self.runner.ways]
        rows = [row for row in self.at if (names[row], self.runner.budgets[row]) in wanted]
        if not rows:
            return
        known = {row: found.capacities[i] for row, (found, i) in self.at.items()}
        points = {row: known[row].points for row in rows}
        # In one run for both: many small ones cost more.
        first = [] if is_whole else [self.runner.policy.confidence]
        confidences = tuple(dict.fromkeys([*first, MEDIAN]))
        rates = self.runner.rates(
            np.tile(rows, len(confidences)),
            self.load,
            self.probes,
            np.repeat(confidences, len(rows)),
        )
        if not is_whole:
            points = {
                row: _points(rates, i, self.load) or points[row] for i, row in enumerate(rows)
            }
        median = len(rows) * (len(confidences) - 1)
        most_rps = {row: points[row][-1].planned_rps for row in rows}
        power = power_draws(self.runner, most_rps, self.load, catalog)
        for i, row in enumerate(rows):
            found, position = self.at[row]
            found.capacities[position] = replace(
                known[row],
                points=_with_nominal(points[row], rates, median + i),
                power=power.get(row),
            )


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What is found with one setting of the engines.

    Parameters
    ----------
    chunk_tokens
        Token budget of a step.
    options
        Options that carry something, by id.
    pools
        What is found for every pool, with each of its sets of lengths.
    """

    chunk_tokens: int
    options: dict[str, Option] = field(default_factory=dict)
    pools: list[tuple[list[Found], PoolLevels]] = field(default_factory=list)

    @property
    def capacities(self) -> list[Capacity]:
        """What the options of the pools carry."""
        return [c for found, levels in self.pools for c in over_periods(found, levels)]

    @property
    def rejections(self) -> list[Rejection]:
        """Why other options carry nothing."""
        return [r for found, levels in self.pools for r in nearest_over_periods(found, levels)]


class PoolModel:
    """Runs the performance model on a pool with one size of the prefix cache."""

    def __init__(
        self,
        problem: Problem,
        catalog: Catalog,
        level: PrefixLevel,
        budgets: Sequence[int],
        samples: int = SAMPLES,
        *,
        replicas: Sequence[int] = REPLICAS,
    ) -> None:
        self.samples = samples
        self.replicas = tuple(replicas)
        self.policy = problem.policy
        self.workloads = {w.name: w for w in problem.workloads}
        self.catalog = catalog
        self.level = level
        self.settings = {budget: Setting(budget) for budget in budgets}
        self._planned: list[_Planned] = []

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
        found = [{budget: Found() for budget in self.settings} for _ in levels.distinct]
        for budget, setting in self.settings.items():
            setting.pools.append(([at_level[budget] for at_level in found], levels))
        by_id = {c.option_id: c for w in members for c in usable[w.name]}
        allowed = {w.name: {c.option_id for c in usable[w.name]} for w in members}
        batches: dict[_BatchKey, list[_Tuned]] = defaultdict(list)
        for budget, way in product(self.settings, by_id.values()):
            if budget not in way.chunk_budgets:
                continue
            names = tuple(w.name for w in members if way.option_id in allowed[w.name])
            scales = tuple(length_factors(w, way.model.id) for w in members)
            steps = tuple(step_tokens(w, way.draft) or ONE_TOKEN for w in members)
            batches[type(way), names, scales, steps].append((way, budget))
        for (_, names, factors, steps), ways in batches.items():
            used = [(w, s) for w, s in zip(members, steps, strict=True) if w.name in names]
            longest = {w.name: demand.of(w.name).longest_level for w in members}
            by_level = [
                [
                    traffic_class(
                        w,
                        demand,
                        ways[0][0].model.id,
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

    def complete(self, chosen: Mapping[str, Setting]) -> None:
        """Add what only a plan needs to know of options; with other settings nobody asks for it.

        Parameters
        ----------
        chosen
            Setting of every option that is asked for, by id; of other models too.
        """
        mine = self.settings
        wanted = {(key, s.chunk_tokens) for key, s in chosen.items() if s in mine.values()}
        for planned in self._planned:
            planned.complete(wanted, self.catalog, is_whole=self.replicas == REPLICAS)

    def _add_batch(
        self,
        ways: Sequence[_Tuned],
        longest: Sequence[TrafficClass],
        reserved_tokens: float,
        by_level: Sequence[Sequence[TrafficClass]],
        found: Sequence[Mapping[int, Found]],
    ) -> None:
        """Add ways of one kind, which have to fit the longest requests."""
        batch = batch_of(ways, self.catalog)
        fits = [batch.fits(load, reserved_tokens) for load in longest]
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, (way, budget) in enumerate(ways):
            for load, fit in zip(longest, fits, strict=True):
                if not fit.fits[i]:
                    detail, shortfall = fit.why_not(i)
                    subject = ("option", way.option_id, load.name, "memory")
                    for at_level in found:
                        at_level[budget].rejections.append(
                            Rejection(*subject, detail, shortfall=shortfall)
                        )
            groups[tuple(k for k, fit in enumerate(fits) if fit.fits[i])].append(i)
        for members, rows in groups.items():
            if members:
                runner = batch.run(rows, fits[members[0]], self.policy)
                runner.samples = self.samples
                runner.budgets = [ways[i][1] for i in rows]
                for classes, at_level in zip(by_level, found, strict=True):
                    self._add_fitting(runner, [classes[k] for k in members], at_level)

    def _add_fitting(
        self, runner: ModelRun, classes: Sequence[TrafficClass], found: Mapping[int, Found]
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
        found: Mapping[int, Found],
    ) -> None:
        planned = runner.rates(rows, load, probes, self.policy.confidence, self.replicas)
        at: dict[int, tuple[Found, int]] = {}
        for i, row in enumerate(rows.tolist()):
            way, points = runner.ways[row], _points(planned, i, load, self.replicas)
            own, budget = found[runner.budgets[row]], runner.budgets[row]
            if not points:
                limit = planned.limit_texts[int(planned.limit[i, -1])]
                detail = f"no rate keeps the limits, even with {REPLICAS[-1]} replicas: {limit}"
                own.rejections.append(
                    Rejection("option", way.option_id, load.name, "rate", detail)
                )
                continue
            self.settings[budget].options.setdefault(way.option_id, runner.option(row))
            at[row] = (own, len(own.capacities))
            own.capacities.append(
                Capacity(
                    load.name,
                    way.option_id,
                    points,
                    runner.coefficients[row].origin,
                    setting=self._setting(load, way, budget),
                    ttft_share_unloaded=_ttft_share(planned, i, load, probes),
                )
            )
        self._planned.append(_Planned(runner, load, tuple(probes), at))

    def _setting(self, load: TrafficClass, way: Way, budget: int) -> EngineSetting | None:
        """Return how the engine is set for a class, ``None`` when nothing about it is known."""
        level = self.level
        return EngineSetting(
            budget,
            level.reserved_tokens,
            level.hit_rate[load.name],
            speculation_setting(self.workloads[load.name], way.draft),
        )


def _usable_classes(
    runner: ModelRun, classes: Sequence[TrafficClass], found: Mapping[int, Found]
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
                found[runner.budgets[i]].rejections.append(miss)
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


def _points(
    planned: RateResult, i: int, load: TrafficClass, counts: Sequence[int] = REPLICAS
) -> tuple[CapacityPoint, ...]:
    """Return the brackets of one candidate: numbers of replicas that raise its capacity.

    Nominal rates are those planned until they are asked for.
    """
    points: list[CapacityPoint] = []
    for k, replicas in enumerate(counts):
        rate = significant(planned.rate_rps[i, k])
        known = points[-1].planned_rps if points else 0.0
        if rate <= known * (1 + _NEGLIGIBLE_GAIN):
            continue
        # How long a request waits that can is not what is promised.
        ttft_s = None if is_deferred(load.name) else significant(planned.ttft_p99_s[i, k])
        points.append(
            CapacityPoint(
                min_replicas=replicas,
                planned_rps=rate,
                nominal_rps=rate,
                ttft_p99_s=ttft_s,
                tpot_mean_s=significant(planned.tpot_mean_s[i, k]),
                limit=planned.limit_texts[int(planned.limit[i, k])],
            )
        )
    return tuple(points)


def _with_nominal(
    points: Sequence[CapacityPoint], nominal: RateResult, i: int
) -> tuple[CapacityPoint, ...]:
    """Return brackets with their nominal rates, which are never below those planned."""
    return tuple(
        replace(
            point,
            nominal_rps=max(
                significant(nominal.rate_rps[i, REPLICAS.index(point.min_replicas)]),
                point.planned_rps,
            ),
        )
        for point in points
    )
