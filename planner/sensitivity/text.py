"""What a plan hangs on, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.report.tables import NUMBER, Column, money, number, write_table
from planner.report.text import write_binding

if TYPE_CHECKING:
    from typing import TextIO

    from planner.sensitivity.records import Sensitivity

_CHANGED = (
    Column("limit"),
    Column("changed"),
    Column("saves USD", NUMBER),
    Column("at least", NUMBER),
    Column("at most", NUMBER),
)
_RANGES = (
    Column("hardware", whole=True),
    Column("fewest", NUMBER),
    Column("most", NUMBER),
    Column("proven: none below", NUMBER, gives_way=1),
    Column("none above", NUMBER, gives_way=1),
)
_LOSERS = (
    Column("offer", whole=True),
    Column("USD/h", NUMBER),
    Column("wins at USD/h", NUMBER),
    Column("times its price", NUMBER),
    Column("proven", gives_way=1),
)
_AS_GOOD = Column("note")
_TWO_DIGITS_OF_A_PERCENT = 5e-5


def write_sensitivity(out: TextIO, found: Sensitivity) -> None:
    """Write what binds, what a little more of it saves, and what plans near the cost use.

    Parameters
    ----------
    out
        Stream to write to.
    found
        What was found.
    """
    plan = found.plan
    out.write(
        f"{plan.problem['name']}: {money(plan.cost_usd)} USD, {plan.status} "
        f"(bound {money(plan.bound_usd)} USD)\n"
    )
    write_binding(out, plan)
    if found.changed:
        rows = [
            [
                c.where,
                c.change,
                money(c.saves_usd),
                money(c.saves_least_usd),
                money(c.saves_most_usd),
            ]
            for c in found.changed
        ]
        title = "Solved again with a little more (at least, at most: by the bounds of both plans)"
        write_table(out, _CHANGED, rows, title)
    if found.ranges:
        rows = [
            [
                r.hardware,
                number(r.least),
                number(r.most),
                number(r.least_proven),
                number(r.most_proven),
            ]
            for r in found.ranges
        ]
        title = (
            f"Accelerators, mean over all hours, in plans at most {found.within:.0%} dearer "
            "(each end is a whole plan)"
        )
        write_table(out, _RANGES, rows, title)
    if found.losers:
        _write_losers(out, found)
    for remark in found.remarks:
        out.write(f"note: {remark}\n")


def _write_losers(out: TextIO, found: Sensitivity) -> None:
    """Write where offers would win; of those that tie already, that no price has to fall."""
    gap = found.plan.gap or 0.0
    within = f" within the gap of {gap:.2%}" if gap >= _TWO_DIGITS_OF_A_PERCENT else ""
    rows = [
        [x.offer_id, money(x.price_usd_per_hour, 2), "-", "-", "-", f"as good as the plan{within}"]
        if x.is_as_good
        else [
            x.offer_id,
            money(x.price_usd_per_hour, 2),
            money(x.wins_at_usd_per_hour, 2),
            number(x.factor, 3),
            "yes" if x.proven else "no",
            "",
        ]
        for x in found.losers
    ]
    columns = [*_LOSERS, _AS_GOOD]
    if not any(x.is_as_good for x in found.losers):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    title = "Offers left out, the cheapest of each kind and tenure, and where they would win"
    write_table(out, columns, rows, title)
