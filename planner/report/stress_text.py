"""How a plan degrades under stress, for people: one table, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.report.tables import NUMBER, Column, write_table

if TYPE_CHECKING:
    from typing import TextIO

    from planner.verify.replay.records import LimitFound
    from planner.verify.stress.records import Level, StressRow, StressTable

_COLUMNS = (
    Column("workload", whole=True),
    Column("stress"),
    Column("promised", NUMBER),
    Column("within limits", NUMBER),
    Column("after", NUMBER),
    Column("worst block", NUMBER, gives_way=1),
    Column("after", NUMBER, gives_way=1),
    Column("blocks missed", NUMBER),
    Column("nearest limit", gives_way=1),
    Column("ms", NUMBER, gives_way=1),
    Column("rate kept"),
)
_WHOLE = 0.99995
"""Shares from here on are shown as 100 %, and as the largest below it when they are not whole."""


def write_stress(out: TextIO, table: StressTable) -> None:
    """Write one row for every workload and stress, and what is not among them.

    Parameters
    ----------
    out
        Stream to write to.
    table
        What the stresses do.
    """
    if table.rows:
        _write_rows(out, table)
    for item in table.not_applied:
        who = f"{item.workload}: " if item.workload else ""
        stress = "every stress" if item.stress == "all" else item.stress.replace("_", " ")
        out.write(f"not stressed: {who}{stress}: {item.reason}\n")


def _write_rows(out: TextIO, table: StressTable) -> None:
    out.write(
        f"\nstress: {table.requests:,} requests more, with the same random numbers; share of all "
        "requests within their limits, and of those of the worst block, before and after:\n\n"
    )
    write_table(out, _COLUMNS, [_cells(row) for row in table.rows])
    out.write("\n")
    if any(row.after.piles_up for row in table.rows):
        out.write(
            "pile up: queues of those blocks grow as long as they last; what a block leaves "
            "behind is not carried into the next\n"
        )
    out.write(
        "stress is beyond what the plan assumes, and has no part in the verdict; `rate kept` says "
        "whether a loss that the plan promises to survive leaves its planned rate\n"
    )


def _cells(row: StressRow) -> list[str]:
    before, after = row.before, row.after
    promised = "-" if row.promised is None else f"{100 * row.promised:g}%"
    missed = f"{before.missed} -> {after.missed} of {after.blocks}"
    if after.piles_up:
        missed += ", pile up"
    kept = {None: "not promised", True: "yes", False: "NO"}[row.loss_kept]
    return [
        row.name,
        row.text,
        promised,
        _share(before.attainment),
        _share(after.attainment),
        _share(before.worst),
        _share(after.worst),
        missed,
        *_nearest(before, after),
        kept if "loss" in row.stress else "",
    ]


def _share(value: float | None) -> str:
    if value is None:
        return "-"
    return "100%" if value == 1.0 else f"{min(value, _WHOLE):.2%}"


def _nearest(before: Level, after: Level) -> list[str]:
    """Return the limit that suffers most, and its value before and after."""
    most = after.nearest
    if after.unserved:
        return [f"no replica in {counted(after.unserved, 'block')}", "endless"]
    if most is None:
        return ["none", ""]
    was = next(limit for limit in before.limits if limit.text == most.text)
    return [f"{most.text} {most.limit_ms:,.0f}", f"{_ms(was)} -> {_ms(most)}"]


def _ms(limit: LimitFound) -> str:
    if limit.value_ms is None:
        return "endless"
    return f"{limit.value_ms:,.0f}" if limit.value_ms >= 10 else f"{limit.value_ms:.2g}"  # noqa: PLR2004 - digits
