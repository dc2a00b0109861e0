"""What the supply of a problem states in vain, told before anything is solved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.capacity_blocks import blocks_left_out
from planner.options.minimums import minimums_above_limits, minimums_without_effect
from planner.options.volumes import without_effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.options.records import NodeOffer
    from planner.options.supply_records import ApiOption, VolumeDiscount
    from planner.problem.schema import Problem


def in_vain(
    problem: Problem,
    volumes: Sequence[VolumeDiscount],
    nodes: Sequence[NodeOffer],
    tokens: Sequence[ApiOption],
) -> tuple[str, ...]:
    """Return a sentence for every discount, minimum and block that changes no plan.

    Parameters
    ----------
    problem
        The problem.
    volumes
        Its volume discounts.
    nodes, tokens
        What is on offer.
    """
    return (
        *without_effect(volumes, nodes, tokens),
        *minimums_without_effect(problem, nodes),
        *minimums_above_limits(problem, nodes),
        *blocks_left_out(problem),
    )
