"""Money of the program in US dollars, before any scaling.

What is rented by the hour or bought by the token falls evenly over its period and is discounted by
the factor of its middle::

    cost = sum_t discount[t] * (
               sum_b hours * price[o,t] * N[o,t,b]
             + days * sum_b startup_h[o] * price[o,t] * s[o,t,b]
             + sum_b hours * 3600 * usd_per_request[a,t,b] * f[a,t,b]
                     * mean[w,t,b] / planned[w,t,b])

with ``hours`` the hours that a block sums to over the period and ``days`` the days of the period.
Nodes are planned for the highest hour of a block, but tokens are paid by the mean rate: a planned
request/s of an API costs only its share mean / planned.

A node that starts in block b is paid `startup_h` in the block before, every day; the day wraps, so
block 0 follows the last block. Nodes that are there all day start once and pay nothing here.

Nodes that are taken on for long are paid by build: the discounted sum of its payments. So that a
single block knows what its nodes cost, that sum is spread over the blocks in which they serve::

    held[o,t,b] = min over builds that serve in t of  discounted[o,k] / (periods served x blocks)
    rest[o,k]   = discounted[o,k] - sum over t, b served of held[o,t,b]            >= 0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.plan.records import model_periods, staffed_periods
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.demand.records import Demand, TimeGrid
    from planner.milp.records import Limits
    from planner.options.records import NodeOffer, OptionSet
    from planner.options.supply_records import ApiOption
    from planner.plan.records import Decisions


def node_block_usd(grid: TimeGrid, offer: NodeOffer, period: int) -> float | None:
    """Return the discounted cost of one node in one block over a period, ``None`` without price.

    Parameters
    ----------
    grid
        Time grid.
    offer
        The node.
    period
        Position of the period.
    """
    if offer.is_committed:
        return held_block_usd(grid, offer, period)
    price = offer.price_usd_per_hour[period]
    if price is None:
        return None
    return grid.discount_factor[period] * grid.hours_per_block_in_period * price


def held_block_usd(grid: TimeGrid, offer: NodeOffer, period: int) -> float | None:
    """Return what a block of a period costs with the cheapest build, ``None`` without one.

    Parameters
    ----------
    grid
        Time grid.
    offer
        Nodes that are taken on for long.
    period
        Position of the period.
    """
    serving = [b for b in offer.builds if b.serves(period)]
    shares = (b.discounted_usd / ((b.end - b.start) * grid.blocks) for b in serving)
    return min(shares, default=None)


def build_rest_usd(grid: TimeGrid, offer: NodeOffer, position: int) -> float:
    """Return what a build costs beyond what its blocks are charged.

    Parameters
    ----------
    grid
        Time grid.
    offer
        Nodes that are taken on for long.
    position
        Position of the build.
    """
    build = offer.builds[position]
    held = (held_block_usd(grid, offer, t) or 0.0 for t in range(build.start, build.end))
    return build.discounted_usd - grid.blocks * sum(held)


def staff_usd(options: OptionSet, grid: TimeGrid, period: int) -> float:
    """Return the discounted cost of the people that any owned node needs in a period.

    Parameters
    ----------
    options
        The options.
    grid
        Time grid.
    period
        Position of the period.
    """
    usd = options.owned_staff_usd_per_month * grid.months_per_period
    return usd * grid.discount_factor[period]


def model_usd(options: OptionSet, grid: TimeGrid, decisions: Decisions) -> float:
    """Return the discounted cost of the models that decisions use, beyond serving them.

    Parameters
    ----------
    options
        The options.
    grid
        Time grid.
    decisions
        Whole decisions.
    """
    periods = model_periods(options, decisions)
    usd = 0.0
    for cost in options.model_costs:
        used = periods[cost.model]
        if used:
            usd += cost.usd * grid.factor_at(used[0] * grid.months_per_period)
            usd += cost.usd_per_period * sum(grid.discount_factor[t] for t in used)
    return usd


def start_usd(grid: TimeGrid, offer: NodeOffer, period: int) -> float:
    """Return the discounted cost of one start a day over a period; 0 without a price.

    Parameters
    ----------
    grid
        Time grid.
    offer
        The node.
    period
        Position of the period.
    """
    price = offer.price_usd_per_hour[period] or 0.0
    return grid.discount_factor[period] * grid.days_per_period * offer.startup_h * price


def api_usd_per_planned_rps(demand: Demand, api: ApiOption, period: int) -> NDArray[np.float64]:
    """Return the discounted cost of one planned request/s of an API over a period, by block.

    Parameters
    ----------
    demand
        Rates of the workload the API serves.
    api
        The API option.
    period
        Position of the period.

    Returns
    -------
    Shape (B,), USD per planned request/s; 0 in blocks without demand.
    """
    grid = demand.grid
    rates = demand.of(api.workload)
    planned_rps = rates.planned_rps[period]
    share = np.divide(
        rates.mean_rps[period], planned_rps, out=np.zeros(grid.blocks), where=planned_rps > 0
    )
    seconds = grid.hours_per_block_in_period * SECONDS_PER_HOUR
    usd = grid.discount_factor[period] * seconds * np.array(api.usd_per_request[period])
    return np.asarray(usd * share, dtype=np.float64)


def starts(nodes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the nodes started at the beginning of each block of a day that wraps.

    Parameters
    ----------
    nodes
        Nodes by block, shape (..., B).
    """
    added: NDArray[np.int64] = np.maximum(nodes - np.roll(nodes, 1, axis=-1), 0)
    return added


def decisions_usd(
    demand: Demand, options: OptionSet, limits: Limits, decisions: Decisions
) -> float:
    """Return the discounted cost of decisions by the objective of the program.

    Parameters
    ----------
    demand, options, limits
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    grid = demand.grid
    offers = {offer.offer_id: i for i, offer in enumerate(options.offers)}
    nodes = np.zeros((len(offers), grid.periods, grid.blocks), dtype=np.int64)
    for row in decisions.nodes:
        nodes[offers[row.offer_id], row.period, row.block] += row.nodes
    total = 0.0
    for built in decisions.builds:
        offer = options.offers[offers[built.offer_id]]
        total += built.nodes * offer.builds[built.build].discounted_usd
    total += model_usd(options, grid, decisions)
    total += sum(staff_usd(options, grid, t) for t in staffed_periods(options, decisions))
    for position, offer in enumerate(options.offers):
        if offer.is_committed:
            continue
        for t in range(grid.periods):
            total += (node_block_usd(grid, offer, t) or 0.0) * float(nodes[position, t].sum())
            if limits.scaling == "hourly":
                total += start_usd(grid, offer, t) * float(starts(nodes[position, t]).sum())
    usd = {
        (api.id, api.workload, t): api_usd_per_planned_rps(demand, api, t)
        for api in options.api
        for t in range(grid.periods)
    }
    for flow in decisions.api_flows:
        rate_usd = usd[flow.supply_id, flow.workload, flow.period][flow.block]
        total += float(rate_usd) * flow.planned_rps
    return total
