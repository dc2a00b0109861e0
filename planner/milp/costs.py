"""Money of the program in US dollars, before any scaling.

What is rented by the hour or bought by the token falls evenly over its period and is discounted by
the factor of its middle::

    cost = sum_t discount[t] * (
               sum_b hours * price[o,t] * N[o,t,b]
             + days * sum_b startup_h[o] * price[o,t] * s[o,t,b]
             + sum_b hours * 3600 * usd_per_request[a,t,b] * f[a,t,b]
                     * mean[w,t,b] / planned[w,t,b])

with ``hours`` the hours that block b sums to over the period and ``days`` the days of the period
that have it.
Nodes are planned for the highest hour of a block, but tokens are paid by the mean rate: a planned
request/s of an API costs only its share mean / planned.

A node that starts in block b is paid `startup_h` in the block before, every day; the day wraps, so
its first block follows its last one. Nodes that are there all day start once and pay nothing here.

What a spend commitment covers is not paid at the on-demand price; starts always are. What volume
discounts take off is taken off what is left. What electricity costs bought nodes in dear hours is
that of :mod:`planner.plan.power_prices`, and what people cost that of :mod:`planner.plan.staff`.

Nodes, provisioned units and spending that are taken on for long are paid by build: the discounted
sum of its payments. So that a single block knows what they cost, that sum is spread over the
blocks in which they serve::

    held[o,t,b] = share of b in the time of the period in which they are there
                  x min over builds that serve in t of  discounted[o,k] / periods served
    rest[o,k]   = discounted[o,k] - sum over t, b served of held[o,t,b]

The rest is 0 or more, but for nodes that are there and may be sold: their blocks bear what it
costs to keep them instead, the fall of their value included (:func:`held_period_usd`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.milp.unserved import unserved_usd
from planner.plan.moves import moves
from planner.plan.power_prices import power_price_rows
from planner.plan.records import model_periods, taken_beside_nodes
from planner.plan.spend import covered_use
from planner.plan.staff import people_by_period
from planner.plan.volumes import volume_rows
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.demand.records import Demand, TimeGrid
    from planner.milp.records import Limits
    from planner.options.builds import Build
    from planner.options.records import NodeOffer, Option, OptionSet
    from planner.options.supply_records import ApiOption, ProvisionedUnits, SpendCommitment
    from planner.plan.records import Decisions

    Taken = NodeOffer | ProvisionedUnits | SpendCommitment


def node_block_usd(grid: TimeGrid, offer: NodeOffer, period: int, block: int) -> float | None:
    """Return the discounted cost of one node in one block over a period, ``None`` without price.

    Parameters
    ----------
    grid
        Time grid.
    offer
        The node.
    period, block
        Positions of the period and the block.
    """
    if offer.is_committed:
        held = held_period_usd(offer, period)
        day = grid.blocks_per_day
        if held is None or not offer.is_there(block, day):
            return None
        return held * grid.share_of_period(block) * day / offer.present_blocks(day)
    price = offer.price_usd_per_hour[period]
    if price is None:
        return None
    return grid.discount_factor[period] * grid.hours_in_period(block) * price


def node_with_people_usd(
    grid: TimeGrid, offer: NodeOffer, period: int, block: int
) -> float | None:
    """Return the discounted cost of one node and the people that it needs, ``None`` without price.

    Parameters
    ----------
    grid, offer, period, block
        As in :func:`node_block_usd`.
    """
    usd = node_block_usd(grid, offer, period, block)
    return None if usd is None else usd + node_staff_usd(grid, offer, period, block)


def held_period_usd(offer: Taken, period: int) -> float | None:
    """Return what a period costs with the cheapest build, ``None`` without one.

    Parameters
    ----------
    offer
        Nodes, units or spending that are taken on for long.
    period
        Position of the period.
    """
    serving = [b for b in offer.builds if b.serves(period)]
    if any(build.sold_month is not None for build in offer.builds):
        return _keeping_usd(offer.builds, period) if serving else None
    return min((b.discounted_usd / (b.end - b.start) for b in serving), default=None)


def _keeping_usd(builds: tuple[Build, ...], period: int) -> float:
    """Return what it costs to keep nodes over a period in which they could have been sold.

    That is the difference of the cheapest ways to part with them at the next moment after the
    period and at the last one before it, by period between the two; never below 0.
    """
    cheapest: dict[int, float] = {builds[0].start: 0.0}
    for end in {build.end for build in builds}:
        cheapest[end] = min(b.discounted_usd for b in builds if b.end == end)
    before = max(end for end in cheapest if end <= period)
    after = min(end for end in cheapest if end > period)
    return max(cheapest[after] - cheapest[before], 0.0) / (after - before)


def build_rest_usd(offer: Taken, position: int) -> float:
    """Return what a build costs beyond what its blocks are charged.

    Parameters
    ----------
    offer
        Nodes, units or spending that are taken on for long.
    position
        Position of the build.
    """
    build = offer.builds[position]
    held = (held_period_usd(offer, t) or 0.0 for t in range(build.start, build.end))
    return build.discounted_usd - sum(held)


def node_staff_usd(grid: TimeGrid, offer: NodeOffer, period: int, block: int) -> float:
    """Return the discounted cost of the people that one node needs in one block over a period.

    Parameters
    ----------
    grid
        Time grid.
    offer
        The node.
    period, block
        Positions of the period and the block.
    """
    hours = grid.hours_in_period(block)
    return grid.discount_factor[period] * hours * offer.staff_usd_per_hour


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


def software_usd(grid: TimeGrid, option: Option, period: int, block: int) -> float:
    """Return the discounted cost of the licences of one replica in one block over a period.

    Parameters
    ----------
    grid
        Time grid.
    option
        The replica.
    period, block
        Positions of the period and the block.
    """
    hours = grid.hours_in_period(block)
    return grid.discount_factor[period] * hours * option.software_usd_per_hour


def start_usd(grid: TimeGrid, offer: NodeOffer, period: int, block: int) -> float:
    """Return the discounted cost of one start a day at a block; 0 without a price.

    Parameters
    ----------
    grid
        Time grid.
    offer
        The node.
    period, block
        Positions of the period and the block.
    """
    price = offer.price_usd_per_hour[period] or 0.0
    return grid.discount_factor[period] * grid.days_in_period(block) * offer.startup_h * price


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
    share = demand.of(api.workload).usage_shares(period)
    seconds = grid.period_h * SECONDS_PER_HOUR * grid.shares_of_period
    usd = grid.discount_factor[period] * seconds * np.array(api.usd_per_request[period])
    return np.asarray(usd * share, dtype=np.float64)


def starts(nodes: NDArray[np.int64], blocks_per_day: int) -> NDArray[np.int64]:
    """Return the nodes started at the beginning of each block of days that wrap.

    Parameters
    ----------
    nodes
        Nodes by block, shape (..., B).
    blocks_per_day
        Blocks of a day; B is a multiple of it.
    """
    added: NDArray[np.int64] = np.maximum(nodes - blocks_before(nodes, 1, blocks_per_day), 0)
    return added


def blocks_before(values: NDArray[np.int64], steps: int, blocks_per_day: int) -> NDArray[np.int64]:
    """Return what was there some blocks before each block of days that wrap.

    Parameters
    ----------
    values
        By block, shape (..., B).
    steps
        Blocks to look back.
    blocks_per_day
        Blocks of a day; B is a multiple of it.
    """
    by_day = values.reshape(*values.shape[:-1], -1, blocks_per_day)
    return np.roll(by_day, steps, axis=-1).reshape(values.shape)


def still_billed(
    started: NDArray[np.int64], window: int, blocks_per_day: int
) -> NDArray[np.int64]:
    """Return the nodes that started in the last blocks, each block itself included.

    Parameters
    ----------
    started
        Nodes started by block, shape (..., B).
    window
        Blocks that a started node is billed for, >= 1.
    blocks_per_day
        Blocks of a day; B is a multiple of it.
    """
    recent = (blocks_before(started, j, blocks_per_day) for j in range(window))
    return sum(recent, start=np.zeros_like(started))


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
    replaced = np.zeros_like(nodes)
    for row in decisions.nodes:
        nodes[offers[row.offer_id], row.period, row.block] += row.nodes
        replaced[offers[row.offer_id], row.period, row.block] += row.replaced
    total = 0.0
    for built in decisions.builds:
        offer = options.offers[offers[built.offer_id]]
        total += built.nodes * offer.builds[built.build].discounted_usd
    total += sum(n * build.discounted_usd for build, n in taken_beside_nodes(options, decisions))
    total -= _covered_usd(grid, options, decisions)
    total -= sum(
        row.rebate_usd * grid.discount_factor[row.period]
        for row in volume_rows(demand, options, decisions)
    )
    total += sum(
        row.usd * grid.discount_factor[row.period]
        for row in power_price_rows(demand, options, decisions)
    )
    total += model_usd(options, grid, decisions)
    total += sum(
        move.usd * grid.factor_at(move.period * grid.months_per_period)
        for move in moves(options, decisions)
    )
    option_of = {option.id: option for option in options.options}
    total += sum(
        row.replicas * software_usd(grid, option_of[row.option_id], row.period, row.block)
        for row in decisions.replicas
    )
    total += sum(
        usd * grid.discount_factor[t] for t, usd in people_by_period(options, grid, decisions)
    )
    for position, offer in enumerate(options.offers):
        if not offer.is_committed:
            total += _rented_usd(grid, offer, nodes[position], replaced[position], limits)
    usd = {
        (api.id, api.workload, t): api_usd_per_planned_rps(demand, api, t)
        for api in options.api
        for t in range(grid.periods)
    }
    for flow in decisions.api_flows:
        rate_usd = usd[flow.supply_id, flow.workload, flow.period][flow.block]
        total += float(rate_usd) * flow.planned_rps
    return total + unserved_usd(demand, limits, decisions)


def _covered_usd(grid: TimeGrid, options: OptionSet, decisions: Decisions) -> float:
    """Return the on-demand price of what spend commitments cover, discounted."""
    offers = {offer.offer_id: offer for offer in options.offers}
    return sum(
        cover.nodes
        * (node_block_usd(grid, offers[cover.offer_id], cover.period, cover.block) or 0)
        for cover in covered_use(options, decisions)
    )


def _rented_usd(
    grid: TimeGrid,
    offer: NodeOffer,
    nodes: NDArray[np.int64],
    replaced: NDArray[np.int64],
    limits: Limits,
) -> float:
    """Return the discounted cost of nodes rented by the hour, shape (T, B)."""
    started = starts(nodes, grid.blocks_per_day) + replaced
    if limits.scaling != "hourly":
        started = np.zeros_like(nodes)
    return sum(
        float(nodes[t, b]) * (node_block_usd(grid, offer, t, b) or 0.0)
        + float(started[t, b]) * start_usd(grid, offer, t, b)
        for t in range(grid.periods)
        for b in range(grid.blocks)
    )
