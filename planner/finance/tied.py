"""Where a plan and a baseline cost the same over a range of demands, and what is beside it.

Two costs that differ by less than the gap of their programs are the same cost, so a change of
sign among them says nothing. What can be said is from which to which factor they are the same,
and which one is cheaper beside that: the range is widened by doubling and halving until costs
differ, and its ends are narrowed by halving on a logarithmic scale.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from planner.finance.trials import LARGEST_FACTOR, SMALLEST_FACTOR, crossing

if TYPE_CHECKING:
    from planner.finance.trials import Trial, Trials

_MOST_MORE = 10
"""Solves beside those of the search for a change of sign."""
_END = 1.1
"""Ratio of the factors around an end of the range at which it is known well enough."""
POINT = 1.25
"""Ratio of the factors around a range up to which it is one factor rather than a range."""


class Range(NamedTuple):
    """Neighbouring trials with the same cost, and those beside them with another one."""

    below: Trial | None
    first: Trial
    last: Trial
    above: Trial | None

    @property
    def factor(self) -> float | None:
        """The break-even factor of a range that is as good as a point, ``None`` for another."""
        below, above = self.below, self.above
        if below is None or above is None or above.factor > POINT * below.factor:
            return None
        if below.difference_usd <= 0 or above.difference_usd >= 0:
            return None
        return crossing(below, above)


def same_cost(trials: Trials) -> tuple[Range, str]:
    """Return the range of factors with the same cost, and what is said of it.

    Parameters
    ----------
    trials
        What was solved, with a tie at least; more is solved here.
    """
    most = len(trials.all) + _MOST_MORE
    failed = []
    for step, edge in ((0.5, SMALLEST_FACTOR), (2.0, LARGEST_FACTOR)):
        while len(trials.all) < most:
            found = _range(trials)
            end, beside = (found.first, found.below) if step < 1 else (found.last, found.above)
            if beside is not None or (end.factor - edge) * (step - 1) >= 0:
                break
            if trials.at(end.factor * step) is None:
                failed.append(trials.failed)
                break
    while len(trials.all) < most:
        found = _range(trials)
        pairs = [(found.below, found.first), (found.last, found.above)]
        ends = [(a.factor, b.factor) for a, b in pairs if a is not None and b is not None]
        low, high = max(ends, key=lambda end: end[1] / end[0], default=(1.0, 1.0))
        if high <= _END * low or trials.at(math.sqrt(low * high)) is None:
            break
    found = _range(trials)
    return found, _said(found, trials.gap, failed)


def _range(trials: Trials) -> Range:
    """Return the ties around the one that is nearest to the demand asked for."""
    ordered = sorted(trials.all, key=lambda trial: trial.factor)
    tied = [trial.is_tie(trials.gap) for trial in ordered]
    ties = [k for k, is_tie in enumerate(tied) if is_tie]
    first = last = min(ties, key=lambda k: abs(math.log(ordered[k].factor)))
    while first > 0 and tied[first - 1]:
        first -= 1
    while last + 1 < len(ordered) and tied[last + 1]:
        last += 1
    return Range(
        ordered[first - 1] if first > 0 else None,
        ordered[first],
        ordered[last],
        ordered[last + 1] if last + 1 < len(ordered) else None,
    )


def _said(found: Range, gap: float, failed: list[str]) -> str:
    within = f" within the gap of {100 * gap:g}%" if gap else ""
    where = f"at {found.first.factor:.0%} of the demand"
    if found.last is not found.first:
        where = f"from {found.first.factor:.0%} to {found.last.factor:.0%} of the demand"
    beside = [
        f"is {'dearer' if trial.difference_usd > 0 else 'cheaper'} at {trial.factor:.0%}"
        for trial in (found.below, found.above)
        if trial is not None
    ]
    text = ", ".join([f"the plan costs the same{within} {where}", *beside])
    advice = ["a smaller --gap may tell them apart"] if gap else []
    return "; ".join([text, *dict.fromkeys(failed), *advice])
