"""Volume discounts, computed again from the fleet and the tiers that the problem states."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.verify.audit.expected import differs
from planner.verify.audit.terms import discount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.plan.document import FleetRow, Plan
    from planner.problem.contracts import VolumeDiscount
    from planner.problem.schema import Problem

    Charge = tuple[tuple[int, str, str, str, str], float, float]
    Split = Callable[[FleetRow], dict[str, float]]

_REBATE = "rebate"
_MID_PERIOD = 0.5


def volume_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every rebate that the fleet and the tiers do not give."""
    due = {
        (volume.name, period): (volume.provider, spent, off)
        for volume, period, spent, off in _rebates(plan, problem)
    }
    got = [(row.name, row.period) for row in plan.volume_discounts]
    if sorted(got) != sorted(due):
        yield f"volume discounts of {sorted(got)}, the fleet gives {sorted(due)}"
        return
    for row in plan.volume_discounts:
        provider, spent, off = due[row.name, row.period]
        place = f"volume discount {row.name} of period {row.period}"
        if row.provider != provider:
            yield f"{place}: provider {row.provider}, expected {provider}"
        for name, figure, want in (
            ("spent", row.spent_usd, spent),
            ("taken off", row.rebate_usd, off),
        ):
            if differs(figure, want):
                yield f"{place}: {figure:.6f} USD {name}, the fleet gives {want:.6f}"


def volume_charges(plan: Plan, problem: Problem, split: Split) -> Iterator[Charge]:
    """Yield cost line, nominal and discounted USD of every rebate, negative."""
    for volume, period, spent, off in _rebates(plan, problem):
        parts: dict[str, float] = defaultdict(float)
        for row in _counted(volume, plan):
            if row.period == period:
                for workload, share in split(row).items():
                    parts[workload] += row.usd * share
        middle = (period + _MID_PERIOD) * problem.horizon.months_per_period
        for workload, part in parts.items():
            usd = -off * part / spent
            yield (period, _REBATE, workload, "", ""), usd, usd * discount(problem, middle)


def _rebates(plan: Plan, problem: Problem) -> Iterator[tuple[VolumeDiscount, int, float, float]]:
    """Yield discount, period, what counts and what is taken off, where that is something."""
    months = problem.horizon.months_per_period
    for volume in problem.supply.volume_discounts:
        spent: dict[int, float] = defaultdict(float)
        for row in _counted(volume, plan):
            spent[row.period] += row.usd
        for period, usd in spent.items():
            monthly, off, below = usd / months, 0.0, 0.0
            # The discount rises by the difference at every threshold.
            for tier in volume.tiers:
                above = max(monthly - tier.from_usd_per_month, 0.0)
                off += above * (tier.discount - below)
                below = tier.discount
            if off > 0:
                yield volume, period, usd, off * months


def _counted(volume: VolumeDiscount, plan: Plan) -> Iterator[FleetRow]:
    taken_on = {row.offer_id for row in plan.commitments}
    for row in plan.fleet:
        counts = row.provider == volume.provider and row.tenure in volume.tenures
        if counts and row.offer_id not in taken_on:
            yield row
