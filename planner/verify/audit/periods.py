"""Cost by period in three views, and workload costs, held against tables and problem."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.verify.audit.clock import block_seconds
from planner.verify.audit.dated import paid_months
from planner.verify.audit.expected import differs, rates_due
from planner.verify.audit.provisioned import units_by_month
from planner.verify.audit.resale import most_brought_usd
from planner.verify.audit.spend import spend_by_month
from planner.verify.audit.terms import terms_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Plan
    from planner.plan.finance_rows import WorkloadCost
    from planner.problem.schema import Problem

_BACK, _UNSERVED = "terminal_value", "unserved"
_CENT = 0.005


def period_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every amount by period or workload that does not follow."""
    paid: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0, 0.0])
    for line in plan.cost_lines:
        column = {_BACK: 1, _UNSERVED: 4}.get(line.category, 0)
        paid[line.period][column] += line.usd
        paid[line.period][2] += line.discounted_usd
        paid[line.period][3] += line.usd
    for period, usd in (*_moved(plan, problem, catalog), *_units_moved(plan, problem)):
        paid[period][3] += usd
    periods = [row.period for row in plan.money_by_period]
    if periods != sorted(set(periods)):
        yield f"money by period: periods {periods} repeat or are out of order"
    stated = {
        r.period: (
            r.cash_usd,
            r.terminal_value_usd,
            r.discounted_usd,
            r.amortised_usd,
            r.unserved_usd,
        )
        for r in plan.money_by_period
    }
    names = ("cash", "terminal value", "discounted", "amortised", "unserved")
    for period in sorted(paid.keys() | stated.keys()):
        for name, got, want in zip(
            names, stated.get(period, (0.0,) * len(names)), paid[period], strict=True
        ):
            if _off(got, want):
                yield f"period {period}: {name} {got:.6f} USD, the tables give {want:.6f}"
    for row in plan.workload_costs:
        yield from (
            f"cost of {row.workload}: {text}" for text in _workload(row, plan, problem, catalog)
        )


def _moved(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[tuple[int, float]]:
    """Yield what a straight line adds to a period, and takes from the one it was paid in."""
    length = problem.horizon.months_per_period
    for row in plan.commitments:
        terms = terms_of(row, problem, catalog)
        if terms is None:
            continue
        first, last = paid_months(row, terms, problem)
        total = 0.0
        for (period, _), (usd, _) in terms.due.items():
            yield period, -row.nodes * usd
            total += row.nodes * usd
        if first == last:  # sold at once
            yield row.start_period, total
        for month in range(first, last):
            yield month // length, total / (last - first)


def _units_moved(plan: Plan, problem: Problem) -> Iterator[tuple[int, float]]:
    """Yield the same for provisioned units and promised spending, month by month."""
    length = problem.horizon.months_per_period
    for row in plan.provisioned:
        paid = [(month, row.units * usd) for month, usd, _ in units_by_month(row, problem)]
        each = sum(usd for _, usd in paid) / max(len(paid), 1)
        for month, usd in paid:
            yield month // length, each - usd
    for promise in plan.spend_commitments:
        due = [(month, usd) for month, usd, _ in spend_by_month(promise, problem)]
        months = {month for month, _ in due}
        for month, usd in due:
            yield month // length, -usd
        for month in months:
            yield month // length, sum(usd for _, usd in due) / len(months)


def _workload(row: WorkloadCost, plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    share = sum(line.usd for line in plan.cost_lines if line.workload == row.workload)
    if differs(row.average_usd, share):
        yield f"average of {row.average_usd:.6f} USD, its cost lines add up to {share:.6f}"
    due = rates_due(problem.workload(row.workload), problem, catalog)
    requests = sum(mean * block_seconds(problem, b) for (_, b), (mean, _) in due.items())
    for name, usd, each in (
        ("average", row.average_usd, row.average_usd_per_request),
        ("incremental", row.incremental_usd, row.incremental_usd_per_request),
        ("stand-alone", row.stand_alone_usd, row.stand_alone_usd_per_request),
    ):
        if (usd is None) != (each is None) or (
            usd is not None and each is not None and differs(each, usd / requests)
        ):
            yield f"{name} of {each} USD per request does not follow from {usd} USD"
    yield from _limits(row, plan, most_brought_usd(problem))


def _limits(row: WorkloadCost, plan: Plan, brought_usd: float) -> Iterator[str]:
    """Yield costs outside their limits; without a workload nodes may be sold instead."""
    figures = (row.incremental_discounted_usd, row.stand_alone_discounted_usd)
    if None in figures and row.why_not is None:
        yield "not solved, without a reason"
    middle, high = row.incremental_discounted_usd, row.incremental_discounted_high_usd
    low, due = row.incremental_discounted_low_usd, _least_incremental(row, plan)
    if (low is None) != (due is None) or (low is not None and due is not None and _off(low, due)):
        yield f"least incremental {low} USD discounted, the bound of the plan gives {due}"
    if high is not None and (middle is None or middle - high > _CENT):
        yield f"incremental {middle} USD discounted is outside its limit {high}"
    alone, least = row.stand_alone_discounted_usd, row.stand_alone_discounted_low_usd
    if alone is not None and least is not None and least > alone + _CENT:
        yield f"stand-alone {alone} USD discounted is below its bound {least}"
    most = None if plan.cost_usd is None else plan.cost_usd + brought_usd + _CENT
    if middle is not None and most is not None and middle > most:
        yield f"incremental {middle} USD discounted is more than the whole plan"


def _least_incremental(row: WorkloadCost, plan: Plan) -> float | None:
    """Return the bound of the plan less what the plan without the workload costs, discounted."""
    middle = row.incremental_discounted_usd
    if middle is None or plan.cost_usd is None or plan.bound_usd is None:
        return None
    return plan.bound_usd - (plan.cost_usd - middle)


def _off(got_usd: float, want_usd: float) -> bool:
    return abs(got_usd - want_usd) > _CENT and differs(got_usd, want_usd)
