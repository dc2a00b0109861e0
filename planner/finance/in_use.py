"""Models that an earlier plan has in use when a horizon begins: nothing is paid for them again.

* What a model costs once was paid where the earlier plan used it in a period that began before; it
  is no cost of the new problem any more, while what it costs in every period stays. A model that
  the earlier plan would use only later is still to be paid for.
* The models that serve a workload in the last of these periods serve it before the first period of
  the new horizon: to go on with them is no switch, and to begin with another one is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.problem.supply import months_between

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from planner.options.records import OptionSet
    from planner.plan.reading import PlanFile, UseRow
    from planner.problem.schema import Problem


@dataclass(frozen=True, slots=True)
class InUse:
    """What is in use when a horizon begins.

    Parameters
    ----------
    served
        Workloads and the models that serve them before, where a switch has a price.
    paid_usd
        One-off costs that a problem states and that were paid before, by model.
    """

    served: frozenset[tuple[str, str]] = frozenset()
    paid_usd: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def when(cls, problem: Problem, plan: PlanFile) -> InUse:
        """Return what an earlier plan has in use when the horizon of a problem begins.

        Parameters
        ----------
        problem
            The problem, with the costs that it states itself.
        plan
            The earlier plan; what it says of a plan before it counts too.
        """
        months = months_between(plan.horizon.start, problem.horizon.start)
        if months < 0:
            return cls()
        length = plan.horizon.months_per_period
        begun = [row for row in plan.used if row.period * length < months]
        used = {row.model for row in begun} | plan.paid_models
        priced = problem.policy.switching_cost_usd_per_move > 0
        return cls(
            _serving(begun, plan, months) if priced else frozenset(),
            {c.model: c.usd for c in problem.one_off_costs if c.usd > 0 and c.model in used},
        )

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> InUse:
        """Return what :meth:`record` wrote, without costs: the problem of its plan has none."""
        return cls(frozenset((r["workload"], r["model"]) for r in record.get("served", ())))

    def record(self) -> dict[str, Any]:
        """Return what a plan file says of it; nothing where there is nothing."""
        found: dict[str, Any] = {}
        if self.served:
            found["served"] = [{"workload": w, "model": m} for w, m in sorted(self.served)]
        if self.paid_usd:
            found["paid"] = [{"model": m, "usd": usd} for m, usd in self.paid_usd.items()]
        return found

    def assignments(self, problem: Problem) -> list[str]:
        """Return the change of a problem by which nothing is paid twice; none where nothing is.

        Parameters
        ----------
        problem
            The problem, with the costs that it states itself.
        """
        if not self.paid_usd:
            return []
        costs = [
            cost.model_dump(exclude_unset=True)
            | ({"usd": 0.0} if cost.model in self.paid_usd else {})
            for cost in problem.one_off_costs
        ]
        return [f"one_off_costs={json.dumps(costs)}"]

    def held(self, options: OptionSet) -> OptionSet:
        """Return options that know what serves before the first period."""
        if not self.served:
            return options
        return replace(options, served_before=frozenset((w, m, 0) for w, m in self.served))

    def notes(self, file: str) -> tuple[str, ...]:
        """Return a sentence for every cost that is not counted.

        Parameters
        ----------
        file
            Name of the file of the earlier plan.
        """
        return tuple(
            f"one-off cost of {model} ({usd:,.0f} USD) is not counted: by {file} the model was in "
            "use before this horizon"
            for model, usd in self.paid_usd.items()
        )


def _serving(begun: list[UseRow], plan: PlanFile, months: int) -> frozenset[tuple[str, str]]:
    """Return workloads and models of the last period that began, with requests only.

    Where none did, what serves is what the plan itself found when it began.
    """
    if months == 0:
        return plan.served
    last = min(-(-months // plan.horizon.months_per_period), plan.horizon.periods) - 1
    return frozenset(
        (row.workload, row.model) for row in begun if row.period == last and row.rate_rps > 0
    )
