"""What each workload costs beside its average share: incremental, and alone.

Both need other plans, so the program is solved again on the problem without the workload, and on
the problem with nothing but it; capacities are modelled again too, because those of a pool depend
on who shares it. Incremental cost is what is avoided when the workload goes, stand-alone cost what
it would have to pay by itself. A charge between the two is neither a subsidy to the workload nor
one from it (Faulhaber, Cross-subsidization, American Economic Review 65(5), 1975); the average
need not lie between them.

With discounted cost C and proven bound L of the plan, and C' and L' without the workload, the
incremental discounted cost is ``C - C'``, and that of two optimal plans between ``L - C'`` and
``C - L'``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.alternatives import NOT_IN_TIME, Answer, solve_again
from planner.demand.build import build_demand
from planner.finance.idle import idle_cost
from planner.options.build import build_options
from planner.options.existing import existing_nodes
from planner.options.staff import hosting_staff, with_people
from planner.plan.cash import cash_flows
from planner.plan.finance_rows import WorkloadCost
from planner.plan.time_budget import late
from planner.problem.deferral import owner
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Collection

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand
    from planner.milp import Limits, SolverSettings
    from planner.plan.document import Plan
    from planner.problem.load import LoadedProblem


@dataclass(frozen=True, slots=True)
class _Solved:
    """The best plan of some workloads: nominal and discounted cost, bound, or why none."""

    usd: float | None = None
    discounted_usd: float | None = None
    bound_usd: float | None = None
    why_not: str | None = None


class WorkloadCosts:
    """Solves the problem with some of its workloads, within one time budget.

    Parameters
    ----------
    loaded, catalog, limits
        The problem.
    settings
        Gap of every solve; ``time_limit_s`` is the budget of all of them together.
    served_before
        What serves before periods, as of :class:`planner.options.records.OptionSet`.
    """

    def __init__(
        self,
        loaded: LoadedProblem,
        catalog: Catalog,
        limits: Limits,
        settings: SolverSettings,
        served_before: frozenset[tuple[str, str, int]] = frozenset(),
    ) -> None:
        self.loaded, self.catalog, self.limits = loaded, catalog, limits
        self.settings, self.served_before = settings, served_before
        self.deadline_s = time.monotonic() + settings.time_limit_s

    def rows(self, plan: Plan, demand: Demand) -> tuple[WorkloadCost, ...]:
        """Return average, incremental and stand-alone cost of every workload.

        Parameters
        ----------
        plan
            The plan of all workloads.
        demand
            Its demand.
        """
        names = [w.name for w in self.loaded.problem.workloads]
        whole = _Solved(plan.tco_usd, plan.cost_usd, plan.bound_usd)
        rows = []
        for name in names:
            others = [other for other in names if other != name]
            alone = self._solve([name]) if others else whole
            without = self._solve(others) if others else self._idle(demand)
            requests = _requests(demand, name)
            average = sum(line.usd for line in plan.cost_lines if line.workload == name)
            rows.append(_row(name, average, requests, whole=whole, without=without, alone=alone))
        return tuple(rows)

    def _solve(self, names: Collection[str]) -> _Solved:
        left_s = self.deadline_s - time.monotonic()
        late_one = _Solved(why_not=late("the costs of workloads", self.settings.time_limit_s))
        if left_s <= 0:
            return late_one
        whole = self.loaded.problem
        chosen = whole.model_copy(
            update={"workloads": [w for w in whole.workloads if w.name in names]}
        )
        loaded = replace(
            self.loaded,
            problem=chosen,
            measured=tuple(m for m in self.loaded.measured if m.workload in names),
        )
        demand = build_demand(loaded, self.catalog)
        options = replace(
            build_options(loaded, self.catalog, demand), served_before=self.served_before
        )
        left_s = max(self.deadline_s - time.monotonic(), 1.0)
        settings = replace(self.settings, time_limit_s=left_s, log=False)
        answer = solve_again(Answer(None, None, None, options, self.limits), demand, settings)
        if answer.decisions is None:
            in_time = answer.why_not != NOT_IN_TIME
            return _Solved(why_not=answer.why_not) if in_time else late_one
        usd = sum(f.usd for f in cash_flows("", demand, options, answer.decisions))
        return _Solved(usd, answer.cost_usd, answer.bound_usd)

    def _idle(self, demand: Demand) -> _Solved:
        """Return what is paid without any workload: nodes that are there, sold where that pays."""
        problem = self.loaded.problem
        there = with_people(existing_nodes(problem, demand.grid), problem, self.catalog)
        staff = hosting_staff(problem, self.catalog)
        usd, discounted = idle_cost(there, staff, demand.grid)
        return _Solved(usd, discounted, discounted)


def _requests(demand: Demand, workload: str) -> float:
    """Return the requests of a workload over the horizon, those that can wait included."""
    grid = demand.grid
    seconds = grid.period_h * SECONDS_PER_HOUR * grid.shares_of_period
    streams = [w for w in demand.workloads if owner(w.workload) == workload]
    return sum(float((rates.mean_rps @ seconds).sum()) for rates in streams)


def _row(
    name: str,
    average: float,
    requests: float,
    *,
    whole: _Solved,
    without: _Solved,
    alone: _Solved,
) -> WorkloadCost:
    incremental = _less(whole.usd, without.usd)
    return WorkloadCost(
        workload=name,
        average_usd=average,
        incremental_usd=incremental,
        stand_alone_usd=alone.usd,
        average_usd_per_request=average / requests,
        incremental_usd_per_request=None if incremental is None else incremental / requests,
        stand_alone_usd_per_request=None if alone.usd is None else alone.usd / requests,
        incremental_discounted_usd=_less(whole.discounted_usd, without.discounted_usd),
        incremental_discounted_low_usd=_less(whole.bound_usd, without.discounted_usd),
        incremental_discounted_high_usd=_less(whole.discounted_usd, without.bound_usd),
        stand_alone_discounted_usd=alone.discounted_usd,
        stand_alone_discounted_low_usd=alone.bound_usd,
        why_not=_reason(without, alone),
    )


def _less(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _reason(without: _Solved, alone: _Solved) -> str | None:
    reasons = [
        f"{what}: {solved.why_not}"
        for what, solved in (("without it", without), ("alone", alone))
        if solved.why_not
    ]
    return "; ".join(reasons) or None
