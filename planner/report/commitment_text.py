"""What each commitment carries, what it may lose, and when it must be ordered, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.plan.finance_rows import delay_months
from planner.plan.records import is_within_gap
from planner.plan.time_budget import LATE, longer
from planner.report.between import Difference
from planner.report.tables import NUMBER, Column, money, percent, write_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from planner.plan.document import Plan
    from planner.plan.finance_rows import CommitmentLoss, OrderDate

_ALL = "all of them"


def write_figures(out: TextIO, plan: Plan) -> None:
    """Write what every commitment carries and what could make it wrong; nothing without any."""
    if not plan.commitment_figures:
        return
    columns = [
        Column("order by", NUMBER),
        Column("taken on", whole=True),
        Column("of requests", NUMBER),
        Column("hours used", NUMBER),
        Column("at work", NUMBER, gives_way=1),
        Column("needed", NUMBER),
        Column("break-even hours", NUMBER),
        Column("price fall", NUMBER),
        Column("last node", NUMBER),
        Column("alternative by the hour", gives_way=2),
    ]
    there = {(c.offer_id, c.start_period) for c in plan.commitments if c.is_existing}
    rows = [
        [
            "there" if (row.offer_id, row.start_period) in there else row.order_by,
            row.offer_id if row.sold_month is None else f"{row.offer_id}, sold {row.sold_month}",
            percent(row.coverage),
            percent(row.used_share),
            percent(row.utilization),
            percent(row.needed_share),
            percent(row.break_even_used_share),
            percent(row.alternative_price_fall),
            percent(row.last_node_price_fall),
            row.alternative_offer_id or "none on offer",
        ]
        for row in plan.commitment_figures
    ]
    title = (
        "What commitments carry. Without one, the share of its hours that is needed would be "
        "rented: that costs as much at the break-even share, or when the rent falls so far; "
        "without its last node, when it falls as under last node"
    )
    write_table(out, columns, rows, title)


def write_unit_figures(out: TextIO, plan: Plan) -> None:
    """Write what provisioned units carry and what could make them wrong; nothing without any."""
    if not plan.provisioned:
        return
    columns = [
        Column("decide by", NUMBER),
        Column("units", whole=True),
        Column("of requests", NUMBER),
        Column("at work", NUMBER),
        Column("needed", NUMBER),
        Column("break-even work", NUMBER),
        Column("by use USD", NUMBER, gives_way=1),
        Column("price fall", NUMBER),
        Column("alternative by use", gives_way=2),
    ]
    rows = [
        [
            "there" if row.is_existing else row.order_by,
            f"{row.units} x {row.units_id}",
            percent(row.coverage),
            percent(row.utilization),
            percent(row.needed_share),
            percent(row.break_even_utilization),
            money(row.alternative_usd),
            percent(row.alternative_price_fall),
            row.alternative_offer_id or "none on offer",
        ]
        for row in plan.provisioned
    ]
    title = (
        "What units carry. Without them, the share of their work that is needed would be paid by "
        "use: that costs as much at the break-even work, or when token prices fall so far"
    )
    write_table(out, columns, rows, title)


def write_losses(out: TextIO, plan: Plan) -> None:
    """Write what commitments lose with less demand; nothing when not asked."""
    if not plan.commitment_losses:
        if plan.options.get("commitments") and not plan.order_calendar:
            out.write("\nNothing is taken on for a term: nothing to lose by, nothing to order\n")
        return
    factors = sorted({row.demand_factor for row in plan.commitment_losses}, reverse=True)
    losses = {(r.offer_id, r.start_period, r.demand_factor): r for r in plan.commitment_losses}
    columns = [
        Column("taken on", whole=True),
        Column("from period", NUMBER),
        *(Column(f"demand {factor - 1:+.0%}", NUMBER) for factor in factors),
        Column("note", gives_way=1),
    ]
    rows = []
    for offer_id, start in dict.fromkeys((r.offer_id, r.start_period)
                                         for r in plan.commitment_losses):  # fmt: skip
        here = [losses[offer_id, start, factor] for factor in factors]
        notes = dict.fromkeys(r.why_not for r in here if r.why_not)
        period = "" if start is None else str(start)
        cells = [str(_lost(plan, row)) for row in here]
        rows.append([offer_id or _ALL, period, *cells, "; ".join(notes)])
    title = (
        "What is lost with less demand (USD discounted, negative: still a gain): each against "
        "not having it, all against the best plan for that demand"
    )
    write_table(out, columns, rows, title)
    _write_late(out, (row.why_not for row in plan.commitment_losses))
    _write_limits(out, plan, [_lost(plan, row) for row in plan.commitment_losses])


def write_calendar(out: TextIO, plan: Plan) -> None:
    """Write what to order and sell when, and what a delay costs; nothing when not asked."""
    if not plan.order_calendar:
        return
    columns = [
        Column("order by", NUMBER),
        Column("order"),
        Column("cost of the delay USD", NUMBER),
        Column("note", gives_way=2),
    ]
    rows = [
        [
            row.order_by,
            "; ".join(row.orders),
            str(_delayed(plan, row)),
            row.why_not or "",
        ]
        for row in plan.order_calendar
    ]
    delay = delay_months(int(plan.problem["horizon"]["months_per_period"]))
    title = (
        "Order calendar (USD discounted, more than the plan; a delay of "
        f"{counted(delay, 'month')}, whole periods of at least a quarter)"
    )
    write_table(out, columns, rows, title)
    _write_late(out, (row.why_not for row in plan.order_calendar))
    _write_limits(out, plan, [_delayed(plan, row) for row in plan.order_calendar])


def _lost(plan: Plan, row: CommitmentLoss) -> Difference:
    is_proven = _is_proven(plan, row.held_usd, row.held_bound_usd) and _is_proven(
        plan, row.without_usd, row.without_bound_usd
    )
    return Difference(row.loss_usd, row.loss_low_usd, row.loss_high_usd, is_proven)


def _delayed(plan: Plan, row: OrderDate) -> Difference:
    is_proven = _is_proven(plan, plan.cost_usd, plan.bound_usd) and _is_proven(
        plan, row.delayed_usd, row.delayed_bound_usd
    )
    return Difference(row.delay_usd, row.delay_low_usd, row.delay_high_usd, is_proven)


def _is_proven(plan: Plan, cost_usd: float | None, bound_usd: float | None) -> bool:
    if cost_usd is None or bound_usd is None:
        return False
    return is_within_gap(cost_usd, bound_usd, float(plan.options["gap"]))


def _write_limits(out: TextIO, plan: Plan, differences: Sequence[Difference]) -> None:
    """Write what limits beside or in place of figures mean, and how to bring them together."""
    between = [d for d in differences if d.is_between]
    if not between:
        return
    ways = []
    if any(not d.is_proven for d in between):
        ways.append(f"--time-limit {longer(float(plan.options['time_limit_s'])):g}")
    if any(d.is_proven for d in between):
        ways.append("a smaller --gap")
    out.write(
        "a to b: the difference of the best plans lies between a and b; to know it closer, rerun "
        f"with {' and '.join(ways)}\n"
    )


def _write_late(out: TextIO, reasons: Iterable[str | None]) -> None:
    """Write once why figures are missing: the column of notes gives way on a terminal."""
    sentence = next((reason for reason in reasons if reason and reason.startswith(LATE)), None)
    if sentence is not None:
        out.write(f"-: {sentence}\n")
