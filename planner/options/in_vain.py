"""What a problem and its overlays state in vain, told before anything is solved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.idle import idle_price_notes
from planner.options.capacity_blocks import blocks_left_out
from planner.options.idle_discounts import idle_discounts
from planner.options.idle_quotas import idle_quotas
from planner.options.idle_rate_limits import idle_rate_limits
from planner.options.minimums import minimums_above_limits, minimums_without_effect
from planner.options.volumes import without_effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.demand.records import TimeGrid
    from planner.options.records import NodeOffer, OptionSet
    from planner.problem.schema import Problem


def in_vain(
    problem: Problem,
    catalog: Catalog,
    grid: TimeGrid,
    nodes: Sequence[NodeOffer],
    found: OptionSet,
) -> tuple[str, ...]:
    """Return a sentence for all prices, discounts, minimums, limits and blocks without effect.

    Parameters
    ----------
    problem
        The problem.
    catalog
        Its catalogue with all overlays.
    grid
        First day of every period.
    nodes
        Nodes that may be had, whether or not an option runs on them.
    found
        What is on offer, what is not with the reasons, and volume discounts.
    """
    return (
        *idle_price_notes(catalog, *grid.period_start),
        *idle_discounts(problem, catalog, grid, found),
        *without_effect(found.volumes, nodes, found.api),
        *minimums_without_effect(problem, nodes),
        *minimums_above_limits(problem, nodes),
        *idle_quotas(problem, catalog, nodes, found),
        *idle_rate_limits(problem, catalog, found),
        *blocks_left_out(problem),
    )
