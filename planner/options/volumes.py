"""Volume discounts: what a contract takes off the part of a month's spending above a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.supply_records import VolumeDiscount

if TYPE_CHECKING:
    from planner.problem.schema import Problem

REBATE = "rebate"
"""Category of cost lines of volume discounts; their amounts are negative."""


def volume_discounts(problem: Problem) -> tuple[VolumeDiscount, ...]:
    """Return the volume discounts of a problem.

    Parameters
    ----------
    problem
        Its supply section.
    """
    return tuple(
        VolumeDiscount(
            name=stated.name,
            provider=stated.provider,
            tenures=tuple(stated.tenures),
            tiers=tuple((tier.from_usd_per_month, tier.discount) for tier in stated.tiers),
        )
        for stated in problem.supply.volume_discounts
    )
