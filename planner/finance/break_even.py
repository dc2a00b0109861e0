"""Break-even demand: the factor on all demand at which a plan and a baseline cost the same.

The plan keeps everything it has taken on, whatever the demand, and only its operation is solved
again; the baseline is solved again as a whole. With discounted costs ``D(x) = plan(x) -
baseline(x)`` at factor x, a change of sign is looked for by doubling or halving from 1, and
narrowed by interpolation inside the bracket, kept from its ends (safeguarded regula falsi, Press
et al., Numerical Recipes, 9.2), until it is 2 % wide. Costs jump with whole nodes, so there can be
more than one such factor; the one next to the demand asked for is found.

Both programs stop at a gap. So beside the estimate stand the factors at which the answer is
proven: `low` where the bound of the plan is above the cost of the baseline, `high` where the bound
of the baseline is above the cost of the plan. Where the costs are the same within the gap over a
range of factors there is no such factor, and the range is told (:mod:`planner.finance.tied`).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.finance.payback import SAME
from planner.finance.tied import POINT, same_cost
from planner.finance.trials import LARGEST_FACTOR, SMALLEST_FACTOR, Trials, crossing
from planner.options.held import hold
from planner.options.purchases import hold_purchases
from planner.plan.commitments import taken_on
from planner.plan.purchases import terms_beside_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.alternatives import Answer
    from planner.demand.records import Demand, TimeGrid
    from planner.finance.trials import Trial
    from planner.milp import SolverSettings
    from planner.plan.finance_rows import Payback

_WIDTH = 0.02
_MOST_SOLVES = 12
_EDGE = 0.15
"""Share of a bracket that a new factor keeps away from its ends, so that both ends move."""


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where two plans cost the same; `why_not` when there is no such factor.

    Parameters
    ----------
    factor
        Estimate from the best plans found.
    low, high
        Factors at which the plan is proven to be dearer, and cheaper; with no estimate they are
        those beside the range in which the costs are the same.
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
    alike = {r.baseline for r in rows if r.why_not == SAME}
    for name in sorted(solved, key=lambda n: baselines[n].cost_usd or 0.0):
        if name in alike:
            found[name] = BreakEven(None, None, None, SAME)
            continue
        trials = Trials(held, baselines[name], demand, settings, deadline_s)
        found[name] = break_even(trials)
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


def break_even(trials: Trials) -> BreakEven:
    """Return the factor at which plan and baseline cost the same, or where they do so.

    Parameters
    ----------
    trials
        Both at the demand asked for; other demands are solved here.
    """
    factor = None if trials.ties() else _sign_change(trials)
    if not trials.ties() or _is_pinned(trials, factor):
        return _found(trials, factor, _why_not(trials))
    found, text = same_cost(trials)
    if found.factor is not None:
        return _found(trials, found.factor, text)
    return _found(trials, None, text, (found.first.factor, found.last.factor))


def _sign_change(trials: Trials) -> float | None:
    """Return where the difference of the best costs changes its sign, ``None`` where it does not.

    That of the demand asked for is not 0.
    """
    ends = _bracket(trials)
    if ends is None:
        return None
    dearer, cheaper = ends
    while (
        abs(cheaper.factor - dearer.factor) > _WIDTH * cheaper.factor
        and len(trials.all) < _MOST_SOLVES
    ):
        trial = trials.at(_between(dearer, cheaper))
        if trial is None:
            break
        dearer, cheaper = (trial, cheaper) if trial.difference_usd > 0 else (dearer, trial)
    return crossing(dearer, cheaper)


def _bracket(trials: Trials) -> tuple[Trial, Trial] | None:
    """Return neighbours at which the plan is dearer and cheaper, in this order."""
    first = last = trials.first
    step = 2.0 if first.difference_usd > 0 else 0.5
    while SMALLEST_FACTOR < last.factor < LARGEST_FACTOR:
        trial = trials.at(last.factor * step)
        if trial is None:
            return None
        if (trial.difference_usd > 0) != (first.difference_usd > 0):
            return (last, trial) if first.difference_usd > 0 else (trial, last)
        last = trial
    return None


def _is_pinned(trials: Trials, factor: float | None) -> bool:
    """Return whether the costs differ on both sides of a factor, and not far from it."""
    if factor is None:
        return False
    told = [t.factor for t in trials.all if not t.is_tie(trials.gap)]
    low = max((x for x in told if x <= factor), default=0.0)
    high = min((x for x in told if x >= factor), default=math.inf)
    return high <= POINT * low


def _why_not(trials: Trials) -> str:
    last = trials.all[-1]
    word = "dearer" if last.difference_usd > 0 else "cheaper"
    return trials.failed or f"the plan is {word} at every demand to {last.factor:.0%} of it"


def _found(
    trials: Trials,
    factor: float | None,
    why_not: str,
    same: tuple[float, float] | None = None,
) -> BreakEven:
    """Return a factor or why there is none, with what is proven on both sides of it.

    `same` are the ends of a range of factors with the same cost.
    """
    dearer = [t.factor for t in trials.all if t.is_dearer]
    cheaper = [t.factor for t in trials.all if t.is_cheaper]
    ends = (factor, factor) if factor is not None else same
    if ends is not None:
        dearer = [x for x in dearer if x <= ends[0]]
        cheaper = [x for x in cheaper if x >= ends[1]]
    return BreakEven(
        factor,
        max(dearer, default=None),
        min(cheaper, default=None),
        why_not if factor is None else None,
    )


def _between(dearer: Trial, cheaper: Trial) -> float:
    """Return where the line between two trials is 0, not too close to either."""
    low, high = sorted((dearer.factor, cheaper.factor))
    edge = _EDGE * (high - low)
    return min(max(crossing(dearer, cheaper), low + edge), high - edge)
