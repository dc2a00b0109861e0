"""Verdicts on claims as the Markdown table of docs/claims.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.claims.text import range_text, shown

if TYPE_CHECKING:
    from planner.claims.records import AssessedClaim
    from planner.claims.run import Assessment

HEADINGS = ("", "claimed", "found", "range", "of what", "verdict", "plans replayed")


def claims_markdown(found: Assessment) -> str:
    """Return a line for every claim, below two of headings."""
    rows = [
        (
            f"{item.claim.id}: {item.claim.text}",
            item.claim.claimed,
            shown(item.finding.found),
            range_text(item.finding.range),
            item.claim.unit,
            f"`{item.finding.verdict}`",
            replayed_text(item),
        )
        for item in found.claims
    ]
    lines = [HEADINGS, ("---",) * len(HEADINGS), *rows]
    return "".join(_line(row) for row in lines)


def replayed_text(item: AssessedClaim) -> str:
    """Return whether promises are kept, and what of them is not known where that decides."""
    known = item.replayed in {None, "kept", "missed"}
    return ": ".join((item.replayed or "-", *(() if known else item.unknown[:1])))


def _line(row: tuple[str, ...]) -> str:
    cells = " | ".join(cell.replace("|", "\\|") for cell in row)
    return f"| {cells.lstrip()} |\n"
