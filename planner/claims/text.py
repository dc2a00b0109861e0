"""Tested claims on a terminal: the verdicts, then for each claim what stands behind its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.report.tables import NUMBER, Column, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from planner.claims.records import AssessedClaim, CrossCheck, Effort, Range, TornadoRow
    from planner.claims.run import Assessment

CROSS_CHECKS = "Published facts that nothing was fitted to"
_MOST_INPUTS = 3
_VERDICTS = (
    Column("claim", whole=True),
    Column("what is claimed", gives_way=1),
    Column("claimed"),
    Column("found", NUMBER),
    Column("range", NUMBER),
    Column("unit", gives_way=2),
    Column("verdict", whole=True),
    Column("plans replayed"),
)


def write_claims(out: TextIO, found: Assessment) -> None:
    """Write tested claims.

    Parameters
    ----------
    out
        Stream to write to.
    found
        What was found.
    """
    rows = [
        [
            t.claim.id,
            t.claim.text,
            t.claim.claimed,
            shown(t.finding.found),
            range_text(t.finding.range),
            t.claim.unit,
            t.finding.verdict,
            t.replayed or "-",
        ]
        for t in found.claims
    ]
    write_table(out, _VERDICTS, rows, "The claims of inference economics, tested")
    for item in found.claims:
        _behind(out, item)
    if found.cross_checks:
        out.write("\n")
        write_cross_checks(out, found.cross_checks)
    out.write(f"\n{effort_text(found.effort)}\n")


def effort_text(effort: Effort) -> str:
    """Return what it took in a sentence; processor time is the same on a busy machine."""
    return (
        f"{counted(effort.runs, 'plan')}, {effort.solved} of them solved now and "
        f"{effort.outside_gap} stopped outside the gap: {effort.processor_seconds:,.0f} s of "
        "processor time"
    )


def write_cross_checks(out: TextIO, found: Sequence[CrossCheck]) -> None:
    """Write published figures beside the planner's own.

    Parameters
    ----------
    out
        Stream to write to.
    found
        A row for each.
    """
    columns = [
        Column("published"),
        Column("figure", NUMBER),
        Column("planned", NUMBER),
        Column("difference", NUMBER),
        Column("unit", gives_way=2),
        Column("likely reason", gives_way=1),
    ]
    rows = [cross_check_cells(c) for c in found]
    write_table(out, columns, rows, CROSS_CHECKS)


def cross_check_cells(check: CrossCheck) -> list[str]:
    """Return the cells of a published figure: fact, figure, own, difference, unit, reason."""
    figures = (shown(check.published), shown(check.found), f"{check.difference:+.0%}")
    return [check.fact, *figures, check.unit, check.reason]


def shown(figure: float | None) -> str:
    """Return a figure with three digits, ``-`` when there is none."""
    return "-" if figure is None else f"{figure:,.3g}"


def range_text(found: Range | None) -> str:
    """Return a range in three digits, ``-`` when there is none."""
    return "-" if found is None else f"{shown(found.low)} to {shown(found.high)}"


def _behind(out: TextIO, item: AssessedClaim) -> None:
    finding = item.finding
    out.write(f"\n{item.claim.id}: {finding.verdict}\n")
    out.write("".join(f"- {text}\n" for text in finding.conditions))
    for detail in finding.details:
        note = f" ({detail.note})" if detail.note else ""
        out.write(f"  {detail.label}: {shown(detail.value)} {detail.unit}{note}\n")
    for row in finding.tornado[:_MOST_INPUTS]:
        out.write(f"  {_swing(row)}\n")
    if finding.joint is not None:
        out.write(f"  all inputs together: {range_text(finding.joint)}\n")
    for reason in dict.fromkeys(text.partition(";")[0] for text in item.without_plan):
        out.write(f"  cases without a plan: {reason}\n")


def _swing(row: TornadoRow) -> str:
    return (
        f"{row.name}: {shown(row.low)} at {row.low_label}, {shown(row.high)} at {row.high_label}"
    )
