"""A plan and a baseline at other demands: what each costs, and whether that tells them apart."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.alternatives import NOT_IN_TIME, Answer, solve_again
from planner.demand.scale import scaled
from planner.plan.time_budget import late

if TYPE_CHECKING:
    from planner.demand.records import Demand
    from planner.milp import SolverSettings

SMALLEST_FACTOR, LARGEST_FACTOR = 1 / 32, 4.0
_SAME_COST = 1e-6
"""Share of a cost that is arithmetic, not a difference."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Costs and bounds of plan and baseline at one factor on all demand.

    Parameters
    ----------
    factor
        The factor, 1 for the demand asked for.
    plan, baseline
        What each costs there.
    """

    factor: float
    plan: Answer
    baseline: Answer

    @property
    def difference_usd(self) -> float:
        """What the plan costs more than the baseline, by the best of either that was found."""
        return (self.plan.cost_usd or 0.0) - (self.baseline.cost_usd or 0.0)

    @property
    def is_dearer(self) -> bool:
        """Whether the plan is proven to cost more."""
        return _above(self.plan, self.baseline)

    @property
    def is_cheaper(self) -> bool:
        """Whether the plan is proven to cost less."""
        return _above(self.baseline, self.plan)

    def is_tie(self, gap: float) -> bool:
        """Return whether costs differ by no more than a gap, and no proof tells them apart.

        Parameters
        ----------
        gap
            Relative gap to which both were solved.
        """
        most_usd = max(abs(self.plan.cost_usd or 0.0), abs(self.baseline.cost_usd or 0.0))
        is_close = abs(self.difference_usd) <= max(gap, _SAME_COST) * most_usd
        return is_close and not self.is_dearer and not self.is_cheaper


def _above(first: Answer, second: Answer) -> bool:
    bound, cost = first.bound_usd, second.cost_usd
    return bound is not None and cost is not None and bound > cost + _SAME_COST * abs(cost)


class Trials:
    """Solves a plan and a baseline again with other demands.

    Parameters
    ----------
    plan, baseline
        Their programs, solved at the demand asked for.
    demand
        The demand asked for.
    settings
        Gap of every solve; ``time_limit_s`` is named where time is short.
    deadline_s
        When the last one has to end, on the monotonic clock.
    """

    def __init__(
        self,
        plan: Answer,
        baseline: Answer,
        demand: Demand,
        settings: SolverSettings,
        deadline_s: float,
    ) -> None:
        self._demand, self._settings, self._deadline_s = demand, settings, deadline_s
        self.first = Trial(1.0, plan, baseline)
        self.gap = settings.gap
        self.all = [self.first]
        self.failed = ""
        """Why the last one that failed did."""

    def at(self, factor: float) -> Trial | None:
        """Return the costs at another factor, ``None`` where there are none."""
        demand = scaled(self._demand, factor)
        answers = []
        for name, answer in (("plan", self.first.plan), ("baseline", self.first.baseline)):
            left_s = self._deadline_s - time.monotonic()
            if left_s <= 0:
                self.failed = self._late
                return None
            asked = replace(self._settings, time_limit_s=left_s, log=False)
            solved = solve_again(answer, demand, asked)
            if solved.cost_usd is None:
                out = solved.why_not == NOT_IN_TIME or time.monotonic() >= self._deadline_s
                self.failed = (
                    self._late if out else f"the {name} cannot serve {factor:.0%} of demand"
                )
                return None
            answers.append(solved)
        self.all.append(Trial(factor, *answers))
        return self.all[-1]

    def ties(self) -> list[Trial]:
        """Return the trials in which plan and baseline cost the same."""
        return [trial for trial in self.all if trial.is_tie(self.gap)]

    @property
    def _late(self) -> str:
        return late("the search for break-even demands", self._settings.time_limit_s)


def crossing(dearer: Trial, cheaper: Trial) -> float:
    """Return the factor at which the line between two trials is 0.

    Parameters
    ----------
    dearer, cheaper
        Trials in which the plan costs more, and no more.
    """
    share = dearer.difference_usd / (dearer.difference_usd - cheaper.difference_usd)
    return dearer.factor + share * (cheaper.factor - dearer.factor)
