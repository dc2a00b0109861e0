"""Nodes that are there already, or on order: present until a month, paid whether used or not.

What is still paid for them is stated by the problem, and ends with the horizon: later payments are
the same whatever the plan decides.

Nodes that inference may have in given hours only (a reservation for training, say) are there in
the blocks that lie wholly in these hours, and cost ``price x hours`` of a day, whether they are
used or not: what they cost outside is borne by others. The price of an hour in which they serve is
that of all paid hours over those of these blocks.

Owned nodes that state a ``resale`` may be sold at the start of every period in which they are
there: what is still paid for them ends then, and they bring what is stated for that moment,
discounted from there. Each moment is a build of its own, beside that of nodes that stay. Those
that are there at the end of the horizon are worth what is stated for it, as bought servers are
(:mod:`planner.options.owned`); those that leave within it leave without value. Nodes that bring
nothing at some moment cannot be sold then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.catalog.carbon import highest_power_w
from planner.options.builds import (
    LEASE,
    RESALE,
    TERMINAL_VALUE,
    Build,
    Payment,
    monthly_payments,
    served_until,
)
from planner.options.records import NodeOffer
from planner.problem.supply import months_between
from planner.units import HOURS_PER_DAY, HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.demand.records import TimeGrid
    from planner.problem.schema import Problem
    from planner.problem.supply import ExistingNodes

RUNNING = "maintenance"
"""Category of what owned nodes still cost."""
_W_PER_KW = 1000.0


def existing_nodes(problem: Problem, grid: TimeGrid) -> list[NodeOffer]:
    """Return the nodes that a problem says are there.

    Parameters
    ----------
    problem
        The problem, for its supply.
    grid
        Periods.
    """
    keeps_value = problem.finance.terminal_value != "none"
    return [
        _node(nodes, position, grid, keeps_value=keeps_value)
        for position, nodes in enumerate(problem.supply.existing)
    ]


def with_power(nodes: Sequence[NodeOffer], catalog: Catalog) -> list[NodeOffer]:
    """Return nodes with the power that owned ones draw on the site, where it is known.

    Parameters
    ----------
    nodes
        Nodes that are there.
    catalog
        Facts about accelerators and servers: of a kind of accelerator the highest rating counts.
    """
    found = []
    for node in nodes:
        each_w = highest_power_w(catalog, node.hardware) if node.tenure == "owned" else None
        kw = None if each_w is None else each_w * node.accelerators_per_node / _W_PER_KW
        found.append(replace(node, power_kw=kw))
    return found


def _node(nodes: ExistingNodes, position: int, grid: TimeGrid, *, keeps_value: bool) -> NodeOffer:
    first = 0 if nodes.since is None else max(_months_to(nodes.since, grid), 0)
    months = (
        grid.months if nodes.until is None else min(_months_to(nodes.until, grid), grid.months)
    )
    start = first // grid.months_per_period
    category = RUNNING if nodes.tenure == "owned" else LEASE
    inside = nodes.blocks_inside(grid.blocks_per_day)
    present_h = HOURS_PER_DAY if inside is None else len(inside) * grid.block_h
    # What is paid in the hours, over those in which the nodes serve.
    price = nodes.usd_per_node_hour * nodes.hours_per_day / present_h
    per_month = nodes.usd_per_node_hour * HOURS_PER_MONTH * nodes.hours_per_day / HOURS_PER_DAY
    build = Build(
        start=start,
        end=served_until(grid, start, months - first),
        order_month=0.0,
        term_months=(months if nodes.until is None else _months_to(nodes.until, grid)) - first,
        payments=tuple(monthly_payments(grid, category, per_month, (first, months))),
        usd_per_node_hour=price,
        price_date=grid.period_start[0].isoformat()[:7],
        source="the problem",
        fixed_nodes=nodes.nodes,
        months_paid=months - first,
    )
    instance = f"existing-{position}"
    return NodeOffer(
        offer_id=f"{nodes.provider}:{instance}:{nodes.region}:{nodes.tenure}",
        provider=nodes.provider,
        region=nodes.region,
        instance=instance,
        tenure=nodes.tenure,
        hardware=nodes.hardware,
        accelerators_per_node=nodes.accelerators_per_node,
        price_usd_per_hour=tuple(price if build.serves(t) else None for t in range(grid.periods)),
        price_date=build.price_date,
        startup_h=0.0,
        min_billing_h=0.0,
        elastic_max_nodes=0,
        builds=tuple(_ways_to_part(nodes, build, grid, keeps_value=keeps_value)),
        hours=tuple((begin, end) for begin, end in nodes.hours or ()),
        blocks_of_day=inside,
        needs_people=nodes.needs_people,
    )


def _ways_to_part(
    nodes: ExistingNodes, kept: Build, grid: TimeGrid, *, keeps_value: bool
) -> Iterator[Build]:
    """Yield the build of nodes that stay, and one for every moment at which they may be sold."""
    resale, length = nodes.resale, grid.months_per_period
    if resale is None:
        yield kept
        return
    left = resale.usd_at(grid.periods, length)
    outlives = nodes.until is None or _months_to(nodes.until, grid) > grid.months
    if keeps_value and outlives and left > 0:
        value = Payment(grid.periods - 1, TERMINAL_VALUE, -left, grid.factor_at(grid.months))
        yield replace(kept, payments=(*kept.payments, value))
    else:
        yield kept
    first = kept.start * length
    for period in range(kept.start, grid.periods):
        month, brings = period * length, resale.usd_at(period, length)
        if month < first + kept.term_months and brings > 0:
            sale = Payment(period, RESALE, -brings, grid.factor_at(month))
            yield replace(
                kept,
                end=min(period, kept.end),
                term_months=month - first,
                payments=(*_paid_before(kept, month), sale),
                months_paid=month - first,
                sold_month=month,
            )


def _paid_before(kept: Build, month: int) -> Iterator[Payment]:
    """Return what is paid for nodes until the start of a period."""
    return (p for p in kept.payments if p.span is not None and p.span[1] <= month)


def _months_to(month: str, grid: TimeGrid) -> int:
    return months_between(grid.period_start[0].isoformat()[:7], month)
