"""Tested claims as values that JSON has."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.claims.records import AssessedClaim
    from planner.claims.run import Assessment


def claims_data(found: Assessment) -> list[dict[str, Any]]:
    """Return a row for each claim; shares are fractions, and unknown figures are null."""
    return [_row(item) for item in found.claims]


def _row(item: AssessedClaim) -> dict[str, Any]:
    claim, finding = item.claim, item.finding
    return {
        "id": claim.id,
        "claim": claim.text,
        "claimed": claim.claimed,
        "found": finding.found,
        "unit": claim.unit,
        "verdict": finding.verdict,
        "conditions": list(finding.conditions),
        "replayed": item.replayed,
        "range": None if finding.range is None else asdict(finding.range),
        "joint_range": None if finding.joint is None else asdict(finding.joint),
        "tornado": [{**asdict(row), "swing": row.swing} for row in finding.tornado],
        "details": [asdict(detail) for detail in finding.details],
        "chart": None if finding.chart is None else asdict(finding.chart),
        "without_plan": list(item.without_plan),
    }
