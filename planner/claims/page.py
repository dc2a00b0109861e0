"""Tested claims as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from planner.claims.svg import svg_of
from planner.claims.text import (
    CROSS_CHECKS,
    cross_check_cells,
    effort_text,
    range_text,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.claims.records import AssessedClaim, CrossCheck
    from planner.claims.run import Assessment

_TITLE = "The claims of inference economics, tested"
_MOST_INPUTS = 3
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;width:100%;margin:.5em 0 1em}
th,td{text-align:left;padding:.3em .6em;border-bottom:1px solid #ddd;vertical-align:top}
td.n,th.n{text-align:right;white-space:nowrap}
svg{width:100%;height:auto;font:12px system-ui,sans-serif}
svg text{fill:#444}svg text.name{fill:inherit}
.grid{stroke:#e5e5e5}.axis{stroke:#444}line.claimed{stroke:#c00;stroke-dasharray:6 4}
svg text.claimed{fill:#c00}
.holds{color:#2c7a4b}.holds_when{color:#8a6d00}.does_not_hold{color:#b00020}.not_decidable{color:#555}
@media (prefers-color-scheme:dark){body{background:#161616;color:#ddd}svg text{fill:#bbb}
th,td{border-color:#333}.grid{stroke:#333}.axis{stroke:#bbb}}
"""


def claims_page(found: Assessment) -> str:
    """Return the page of tested claims."""
    rows = [
        [
            f'<a href="#{item.claim.id}">{item.claim.id}</a>',
            escape(item.claim.text),
            escape(item.claim.claimed),
            shown(item.finding.found),
            range_text(item.finding.range),
            escape(item.claim.unit),
            _verdict(item),
            item.replayed or "-",
        ]
        for item in found.claims
    ]
    heads = (
        "",
        "what is claimed",
        "claimed",
        "found",
        "range",
        "unit",
        "verdict",
        "plans replayed",
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_TITLE}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>{_TITLE}</h1>\n"
        + _table(heads, rows, numbers=(3, 4))
        + f"<p>{escape(effort_text(found.effort))}</p>\n"
        + "".join(_section(item) for item in found.claims)
        + _cross_checks(found.cross_checks)
        + "</body></html>\n"
    )


def _section(item: AssessedClaim) -> str:
    claim, finding = item.claim, item.finding
    head = f'<h2 id="{claim.id}">{claim.id}: {_verdict(item)}</h2>\n<p>{escape(claim.text)}. '
    head += f"Claimed: {escape(claim.claimed)}. Found: {shown(finding.found)} "
    head += f"({range_text(finding.range)}), {escape(claim.unit)}.</p>\n"
    chart = "" if finding.chart is None else f"<figure>{svg_of(finding.chart)}</figure>\n"
    conditions = "".join(f"<li>{escape(text)}</li>" for text in finding.conditions)
    return (
        head
        + chart
        + (f"<h3>Conditions</h3><ul>{conditions}</ul>\n" if conditions else "")
        + _details(item)
        + _tornado(item)
    )


def _details(item: AssessedClaim) -> str:
    rows = [
        [escape(d.label), shown(d.value), escape(d.unit), escape(d.note)]
        for d in item.finding.details
    ]
    heads = ("beside it", "figure", "unit", "note")
    return _table(heads, rows, numbers=(1,)) if rows else ""


def _tornado(item: AssessedClaim) -> str:
    rows = [
        [escape(r.name), shown(r.low), escape(r.low_label), shown(r.high), escape(r.high_label)]
        for r in item.finding.tornado[:_MOST_INPUTS]
    ]
    if item.finding.joint is not None:
        joint = item.finding.joint
        rows.append(["all inputs together", shown(joint.low), "", shown(joint.high), ""])
    heads = ("input", "figure", "at", "figure", "at")
    return _table(heads, rows, numbers=(1, 3)) if rows else ""


def _cross_checks(found: Sequence[CrossCheck]) -> str:
    if not found:
        return ""
    rows = [[escape(cell) for cell in cross_check_cells(check)] for check in found]
    heads = ("published", "figure", "planned", "difference", "unit", "likely reason")
    return f"<h2>{CROSS_CHECKS}</h2>\n" + _table(heads, rows, numbers=(1, 2, 3))


def _verdict(item: AssessedClaim) -> str:
    verdict = item.finding.verdict
    return f'<span class="{verdict}">{verdict}</span>'


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()
) -> str:
    """Return a table of cells that are HTML already."""

    def cells(tag: str, row: Sequence[str]) -> str:
        marks = [' class="n"' if place in numbers else "" for place in range(len(row))]
        return "".join(f"<{tag}{m}>{c}</{tag}>" for m, c in zip(marks, row, strict=True))

    body = "".join(f"<tr>{cells('td', row)}</tr>\n" for row in rows)
    return f"<table><thead><tr>{cells('th', heads)}</tr></thead><tbody>{body}</tbody></table>\n"
