"""Break-even demand: the factor on all demand at which a plan and a baseline cost the same.

The plan keeps everything it has taken on, whatever the demand, and only its operation is solved
again; the baseline is solved again as a whole. With discounted costs ``D(x) = plan(x) -
baseline(x)`` at factor x, a change of sign is looked for by doubling or halving from 1, and
narrowed by interpolation inside the bracket, kept from its ends (safeguarded regula falsi, Press
et al., Numerical Recipes, 9.2), until it is 2 % wide. Costs jump with whole nodes, so there can be
more than one such factor; the one next to the demand asked for is found.

Both programs stop at a gap. So beside the estimate stand the factors at which the answer is
proven: `low` where the bound of the plan is above the cost of the baseline, `high` where the bound
of the baseline is above the cost of the plan.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.alternatives import NOT_IN_TIME, Answer, solve_again
from planner.demand.scale import scaled
from planner.finance.payback import SAME
from planner.options.held import hold
from planner.options.purchases import hold_purchases
from planner.plan.commitments import taken_on
from planner.plan.purchases import terms_beside_nodes
from planner.plan.time_budget import late

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.demand.records import Demand, TimeGrid
    from planner.milp import SolverSettings
    from planner.plan.finance_rows import Payback

SMALLEST_FACTOR, LARGEST_FACTOR = 1 / 32, 4.0
_WIDTH = 0.02
_MOST_SOLVES = 12
_EDGE = 0.15
"""Share of a bracket that a new factor keeps away from its ends, so that both ends move."""
_SAME_COST = 1e-6


@dataclass(frozen=True, slots=True)
class _Trial:
    """Costs and bounds of plan and baseline at one factor."""

    factor: float
    plan: Answer
    baseline: Answer

    @property
    def difference_usd(self) -> float:
        return (self.plan.cost_usd or 0.0) - (self.baseline.cost_usd or 0.0)


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where two plans cost the same; `why_not` when there is no such factor.

    Parameters
    ----------
    factor
        Estimate from the best plans found.
    low, high
        Factors at which the plan is proven to be dearer, and cheaper.
    why_not
        Why there is no estimate.
    """

    factor: float | None
    low: float | None
    high: float | None
    why_not: str | None


def with_break_evens(
    rows: tuple[Payback, ...],
    own: Answer,
    baselines: Mapping[str, Answer],
    demand: Demand,
    settings: SolverSettings,
) -> tuple[Payback, ...]:
    """Return the paybacks with the break-even demand of every baseline that was solved.

    Parameters
    ----------
    rows
        A payback for every baseline.
    own
        The plan as an answer of its program.
    baselines
        The baselines by name.
    demand
        The demand asked for.
    settings
        Gap of every solve; ``time_limit_s`` is the budget of all of them together. The strongest
        baseline comes first.
    """
    deadline_s = time.monotonic() + settings.time_limit_s
    held = with_held(own, demand.grid)
    found: dict[str, BreakEven] = {}
    solved = [r.baseline for r in rows if baselines[r.baseline].cost_usd is not None]
    for name in sorted(solved, key=lambda n: baselines[n].cost_usd or 0.0):
        search = _Search(held, baselines[name], demand, settings, deadline_s)
        found[name] = search.break_even()
    return tuple(_with(row, found.get(row.baseline)) for row in rows)


def with_held(own: Answer, grid: TimeGrid) -> Answer:
    """Return a plan's program with everything held that it takes on, and nothing else to take on.

    Parameters
    ----------
    own
        A plan with options and decisions.
    grid
        Its periods.
    """
    if own.options is None or own.decisions is None:
        msg = "nothing to hold: the answer has no decisions"
        raise ValueError(msg)
    periods = max((len(o.price_usd_per_hour) for o in own.options.offers), default=0)
    held = taken_on(own.options, own.decisions)
    beside = terms_beside_nodes(own.options, grid, own.decisions)
    options = hold_purchases(own.options, grid, beside)
    return replace(own, options=hold(options, held, free_from=periods))


def _with(row: Payback, found: BreakEven | None) -> Payback:
    if found is None:
        return replace(row, break_even_why_not=row.why_not)
    return replace(
        row,
        break_even_demand_factor=found.factor,
        break_even_low=found.low,
        break_even_high=found.high,
        break_even_why_not=found.why_not,
    )


class _Search:
    """Looks for the change of sign between plan and baseline."""

    def __init__(
        self,
        plan: Answer,
        baseline: Answer,
        demand: Demand,
        settings: SolverSettings,
        deadline_s: float,
    ) -> None:
        self.plan, self.baseline, self.demand = plan, baseline, demand
        self.settings, self.deadline_s = settings, deadline_s
        self.trials: list[_Trial] = []
        self.failed = ""

    def break_even(self) -> BreakEven:
        first = _Trial(1.0, self.plan, self.baseline)
        if abs(first.difference_usd) <= _SAME_COST * (self.plan.cost_usd or 0.0):
            return BreakEven(None, None, None, SAME)
        self.trials.append(first)
        ends = self._bracket(first)
        if ends is None:
            return self._found(None)
        dearer, cheaper = ends
        while (
            abs(cheaper.factor - dearer.factor) > _WIDTH * cheaper.factor
            and len(self.trials) < _MOST_SOLVES
        ):
            trial = self._at(_between(dearer, cheaper))
            if trial is None:
                break
            dearer, cheaper = (trial, cheaper) if trial.difference_usd > 0 else (dearer, trial)
        return self._found(_crossing(dearer, cheaper))

    def _bracket(self, first: _Trial) -> tuple[_Trial, _Trial] | None:
        """Return neighbours at which the plan is dearer and cheaper, in this order."""
        step = 2.0 if first.difference_usd > 0 else 0.5
        last = first
        while SMALLEST_FACTOR < last.factor < LARGEST_FACTOR:
            trial = self._at(last.factor * step)
            if trial is None:
                return None
            if (trial.difference_usd > 0) != (first.difference_usd > 0):
                return (last, trial) if first.difference_usd > 0 else (trial, last)
            last = trial
        return None

    def _at(self, factor: float) -> _Trial | None:
        demand = scaled(self.demand, factor)
        answers = []
        for name, answer in (("the plan", self.plan), ("the baseline", self.baseline)):
            left_s = self.deadline_s - time.monotonic()
            if left_s <= 0:
                self.failed = self._late
                return None
            asked = replace(self.settings, time_limit_s=left_s, log=False)
            solved = solve_again(answer, demand, asked)
            if solved.cost_usd is None:
                out = solved.why_not == NOT_IN_TIME or time.monotonic() >= self.deadline_s
                self.failed = self._late if out else f"{name} cannot serve {factor:.0%} of demand"
                return None
            answers.append(solved)
        self.trials.append(_Trial(factor, *answers))
        return self.trials[-1]

    @property
    def _late(self) -> str:
        return late("the search for break-even demands", self.settings.time_limit_s)

    def _found(self, factor: float | None) -> BreakEven:
        dearer = [t.factor for t in self.trials if _above(t.plan, t.baseline)]
        cheaper = [t.factor for t in self.trials if _above(t.baseline, t.plan)]
        if factor is not None:
            dearer = [x for x in dearer if x <= factor]
            cheaper = [x for x in cheaper if x >= factor]
        why_not = None
        if factor is None:
            last = self.trials[-1]
            word = "dearer" if last.difference_usd > 0 else "cheaper"
            why_not = (
                self.failed or f"the plan is {word} at every demand to {last.factor:.0%} of it"
            )
        return BreakEven(factor, max(dearer, default=None), min(cheaper, default=None), why_not)


def _above(first: Answer, second: Answer) -> bool:
    """Say whether one plan is proven to cost more than another."""
    bound, cost = first.bound_usd, second.cost_usd
    return bound is not None and cost is not None and bound > cost


def _crossing(dearer: _Trial, cheaper: _Trial) -> float:
    share = dearer.difference_usd / (dearer.difference_usd - cheaper.difference_usd)
    return dearer.factor + share * (cheaper.factor - dearer.factor)


def _between(dearer: _Trial, cheaper: _Trial) -> float:
    """Return where the line between two trials is 0, not too close to either."""
    low, high = sorted((dearer.factor, cheaper.factor))
    edge = _EDGE * (high - low)
    return min(max(_crossing(dearer, cheaper), low + edge), high - edge)
