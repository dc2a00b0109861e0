"""When a plan pays back, and what each workload costs, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.report.tables import NUMBER, Column, money, number, percent, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from planner.plan.document import Plan
    from planner.plan.finance_rows import Payback

_PER_THOUSAND = 1_000


def write_paybacks(out: TextIO, plan: Plan) -> None:
    """Write the payback against every baseline; nothing when nothing was taken on."""
    if not plan.paybacks:
        return
    columns = [
        Column("baseline"),
        Column("months", NUMBER),
        Column("paid back"),
        Column("months discounted", NUMBER),
        Column("break-even demand", NUMBER),
        Column("note", gives_way=1),
    ]
    rows = [
        [
            row.baseline,
            _months(row.payback_months),
            row.payback_month or "-",
            _months(row.discounted_payback_months),
            _break_even(row),
            "; ".join(dict.fromkeys(n for n in _payback_notes(row) if n)),
        ]
        for row in plan.paybacks
    ]
    title = (
        f"Payback: months from the first order ({plan.paybacks[0].order_month}) until the plan "
        "has paid no more than the baseline, and from which share of the demand on it is cheaper"
    )
    write_table(out, columns, rows, title)


def write_workload_costs(out: TextIO, plan: Plan) -> None:
    """Write what every workload adds and what it would cost alone; nothing when not asked."""
    if not plan.workload_costs:
        return
    columns = [
        Column("workload", whole=True),
        Column("average USD", NUMBER),
        Column("incremental USD", NUMBER),
        Column("alone USD", NUMBER),
        Column("per 1,000 requests: average", NUMBER),
        Column("incremental", NUMBER),
        Column("alone", NUMBER),
        Column("note", gives_way=1),
    ]
    rows = [
        [
            row.workload,
            money(row.average_usd),
            money(row.incremental_usd),
            money(row.stand_alone_usd),
            _per_thousand(row.average_usd_per_request),
            _per_thousand(row.incremental_usd_per_request),
            _per_thousand(row.stand_alone_usd_per_request),
            row.why_not or "",
        ]
        for row in plan.workload_costs
    ]
    title = "What each workload costs: its share, what it adds, and what it would cost alone"
    write_table(out, columns, rows, f"{title} (nominal, whole horizon)")
    _write_limits(out, plan)


def _write_limits(out: TextIO, plan: Plan) -> None:
    """Write between which limits lies what workloads add and would cost alone, discounted."""
    columns = [
        Column("workload", whole=True),
        Column("incremental USD", NUMBER),
        Column("at least", NUMBER),
        Column("at most", NUMBER),
        Column("alone USD", NUMBER),
        Column("at least", NUMBER),
    ]
    rows = [
        [
            row.workload,
            money(row.incremental_discounted_usd),
            money(row.incremental_discounted_low_usd),
            money(row.incremental_discounted_high_usd),
            money(row.stand_alone_discounted_usd),
            money(row.stand_alone_discounted_low_usd),
        ]
        for row in plan.workload_costs
    ]
    title = (
        "The same discounted, which is what is minimised (at least, at most: with optimal plans, "
        "by the bounds of those that were found)"
    )
    write_table(out, columns, rows, title)


def _per_thousand(usd_per_request: float | None) -> str:
    return number(None if usd_per_request is None else usd_per_request * _PER_THOUSAND, 4)


def _payback_notes(row: Payback) -> Iterator[str | None]:
    yield row.why_not
    if row.payback_months == 0:
        yield "no more is paid from before the first order on: nothing to pay back"
    is_compared = row.why_not is None or row.why_not != row.break_even_why_not
    if is_compared and (row.unserved_usd or row.baseline_unserved_usd):
        own, other = money(row.unserved_usd), money(row.baseline_unserved_usd)
        yield (
            f"the baseline leaves requests unserved at a price of {other} USD, the plan {own}: no "
            "cash, so months leave it out, break-even demand does not"
        )
    yield row.break_even_why_not


def _months(months: int | None) -> str:
    return "-" if months is None else str(months)


def _break_even(row: Payback) -> str:
    low, high = percent(row.break_even_low), percent(row.break_even_high)
    if row.break_even_demand_factor is not None:
        return f"{percent(row.break_even_demand_factor)} ({low} to {high})"
    if row.break_even_low is None:
        return "-" if row.break_even_high is None else f"below {high}"
    return f"above {low}" if row.break_even_high is None else f"{low} to {high}"
