"""Capacity blocks: nodes that are reserved for a dated window.

A block is present in every hour of its window, and paid whole at its start, or as much of it as is
said, the rest evenly over its months::

    usd = price x 730 h x months of the window

Its price is the user's, or that of a capacity block of the catalogue in force on the first day of
the window, which moves as expected (:mod:`planner.options.periods`) until then.
Windows begin and end with periods, or end after the horizon; what lies beyond is paid too
(``commitment_tail: pro_rata`` cuts it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.dates import age_days
from planner.catalog.offers import CAPACITY_BLOCK, capacity_blocks_at
from planner.options.builds import Build, served_until
from planner.options.old_prices import PRICE_AGE, age_ratio
from planner.options.periods import price_trend
from planner.options.records import NodeOffer, Rejection
from planner.options.reserved import lease_payments
from planner.problem.price_paths import priced_offer
from planner.problem.supply import months_between
from planner.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Offer
    from planner.demand.records import TimeGrid
    from planner.problem.contracts import CapacityBlock
    from planner.problem.schema import Problem

_UNNAMED = "block"
"""Instance of a block with a price of the user's own that names none."""
_SOURCE = "the problem"


def capacity_blocks(
    problem: Problem, catalog: Catalog, grid: TimeGrid
) -> tuple[list[NodeOffer], list[Rejection]]:
    """Return the capacity blocks that may be reserved, and those whose price is too old.

    Parameters
    ----------
    problem
        Its supply section.
    catalog
        Prices of blocks without one of their own.
    grid
        Periods.
    """
    nodes, rejected = [], []
    allowed = problem.supply.providers
    for block in problem.supply.capacity_blocks:
        if allowed and block.provider not in allowed:
            detail = f"provider {block.provider} is not among supply.providers"
            rejected.append(Rejection("offer", block.name, "", "provider", detail))
            continue
        start = months_between(problem.horizon.start, block.since) // grid.months_per_period
        listed = None if block.usd_per_node_hour is not None else _row(block, catalog, grid, start)
        age = 0 if listed is None else age_days(listed.as_of, grid.period_start[0])
        if listed is not None and age > problem.supply.max_price_age_days:
            detail = (
                f"capacity block {block.name}: the price of {listed.as_of} is {age} days old at "
                "the start of the horizon, more than supply.max_price_age_days; give "
                "usd_per_node_hour, or add a newer row"
            )
            ratio = age_ratio(age, problem.supply.max_price_age_days)
            stale = Rejection("offer", listed.offer_id, "", PRICE_AGE, detail, shortfall=ratio)
            rejected.append(stale)
            continue
        nodes.append(_node(block, listed, problem, grid, start))
    return nodes, rejected


def blocks_left_out(problem: Problem) -> Iterator[str]:
    """Yield a sentence for every capacity block whose provider may not be used.

    Parameters
    ----------
    problem
        Its supply section.
    """
    allowed = problem.supply.providers
    for block in problem.supply.capacity_blocks:
        if allowed and block.provider not in allowed:
            yield (
                f"capacity block {block.name} is left out: its provider {block.provider} is not "
                "among supply.providers"
            )


def _row(block: CapacityBlock, catalog: Catalog, grid: TimeGrid, start: int) -> Offer:
    node = (block.provider, block.hardware, block.accelerators_per_node)
    day = grid.period_start[start]
    (listed,) = capacity_blocks_at(catalog, day, node, block.instance, block.region)
    return listed


def _node(
    block: CapacityBlock, listed: Offer | None, problem: Problem, grid: TimeGrid, start: int
) -> NodeOffer:
    price, note = block.usd_per_node_hour or 0.0, ""
    if listed is not None:
        trend = price_trend(problem, priced_offer(listed))
        price = listed.price_usd_per_hour * trend.by_period(grid)[start]
        note = "; ".join(part for part in (listed.notes, trend.note) if part)
    build = _build(block, listed, problem, grid, price)
    instance = listed.instance if listed is not None else block.instance or _UNNAMED
    region = block.region if listed is None else listed.region
    return NodeOffer(
        offer_id=f"{block.provider}:{instance}:{region}:{CAPACITY_BLOCK}:{block.name}",
        provider=block.provider,
        region=region,
        instance=instance,
        tenure=CAPACITY_BLOCK,
        hardware=block.hardware,
        accelerators_per_node=block.accelerators_per_node,
        price_usd_per_hour=tuple(price if build.serves(t) else None for t in range(grid.periods)),
        price_date=build.price_date,
        startup_h=0.0,
        min_billing_h=0.0,
        elastic_max_nodes=0,
        note=note,
        builds=(build,),
    )


def _build(
    block: CapacityBlock, listed: Offer | None, problem: Problem, grid: TimeGrid, price: float
) -> Build:
    first = months_between(problem.horizon.start, block.since)
    term = months_between(block.since, block.until)
    start = first // grid.months_per_period
    pro_rata = problem.finance.commitment_tail == "pro_rata"
    paid = min(term, grid.months - first) if pro_rata else term
    months = (first, first + paid)
    return Build(
        start=start,
        end=served_until(grid, start, term),
        order_month=first,
        term_months=term,
        payments=tuple(lease_payments(grid, price * HOURS_PER_MONTH, block.upfront_share, months)),
        usd_per_node_hour=price,
        price_date=problem.horizon.start if listed is None else listed.as_of,
        source=_SOURCE if listed is None else listed.source,
        most_nodes=block.max_nodes,
        min_nodes=block.min_nodes,
        months_paid=paid,
    )
