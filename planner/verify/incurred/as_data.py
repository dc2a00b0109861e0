"""The stable machine form of what a replay costs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.verify.incurred.records import Incurred, Money


def incurred_data(found: Incurred) -> dict[str, object]:
    """Return all amounts, undiscounted USD over the horizon: plan, replay, and its interval."""
    return {
        **_money(found.money),
        "workloads": [
            {
                "workload": item.workload,
                **_money(item.money),
                "requests": item.requests,
                "usd_per_request": item.usd_per_request,
                "parts": [
                    {"category": part.category, **_money(part.money)} for part in item.parts
                ],
            }
            for item in found.workloads
        ],
        "lines": [
            {
                "period": line.period,
                "category": line.category,
                "workload": line.workload,
                "hardware": line.hardware,
                "tenure": line.tenure,
                **_money(line.money),
            }
            for line in found.lines
        ],
        "spot": [asdict(item) for item in found.spot],
        "units": [asdict(item) for item in found.units],
        "notes": list(found.notes),
    }


def _money(money: Money) -> dict[str, float | None]:
    return asdict(money)
