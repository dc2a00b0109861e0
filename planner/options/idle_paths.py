"""Price paths that move nothing: another one with a narrower name, or no offer, is in the way.

A path moves a price when something on offer follows it and is priced in a period in which its
factor differs from that of the kind (``price_change_per_year``): nodes by the hour and tokens in
every period, what is taken on for a term in the one of its order. Prices that the problem states
for itself, those of capacity blocks with ``usd_per_node_hour`` and of what is there already,
follow no path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.offers import CAPACITY_BLOCK
from planner.options.owned import OWNED
from planner.options.periods import price_trend
from planner.options.purchases import decided_in
from planner.problem.price_paths import Priced, path_of, priced_server, priced_tokens
from planner.problem.supply import months_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.demand.records import TimeGrid
    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet
    from planner.problem.price_paths import PricePath
    from planner.problem.schema import Problem

    Periods = frozenset[int]
    """Periods in which something is priced."""


def idle_paths(problem: Problem, options: OptionSet, grid: TimeGrid) -> list[str]:
    """Return a sentence for every price path of a problem that moves no price.

    Parameters
    ----------
    problem
        The problem.
    options
        What it may use.
    grid
        Periods.
    """
    paths = problem.supply.price_paths
    followers: dict[str, list[tuple[Priced, Periods]]] = {path.name: [] for path in paths}
    for priced, periods in _on_offer(problem, options, grid) if paths else ():
        path = path_of(problem, priced)
        if path is not None:
            followers[path.name].append((priced, periods))
    return [
        f"supply.price_paths.{path.name} moves no price: {why}"
        for path in paths
        if (why := _why_idle(path, followers[path.name], problem, grid))
    ]


def _why_idle(
    path: PricePath, followers: list[tuple[Priced, Periods]], problem: Problem, grid: TimeGrid
) -> str:
    """Return why a path moves nothing, empty where it does or says that prices stay."""
    if not followers:
        return (
            "what it names is not on offer, serves nothing here, has a price of the problem's "
            "own, or follows an item with a narrower name; `planner options PROBLEM --rejected` "
            "says more"
        )
    ends = problem.horizon.start, grid.months
    if path.steps and all(months_between(ends[0], s.since) >= ends[1] for s in path.steps):
        return "none of its steps falls into the horizon; what follows it stays at its first price"
    supply = problem.supply.model_copy(update={"price_paths": []})
    without = problem.model_copy(update={"supply": supply})
    stays = not path.change_per_year and all(s.factor == 1.0 for s in path.steps or ())
    for priced, periods in followers if not stays else ():
        trend, other = price_trend(problem, priced), price_trend(without, priced)
        if any(trend.at(period, grid) != other.at(period, grid) for period in periods):
            return ""
    return "" if stays else "what follows it is priced only in periods in which it changes nothing"


def _on_offer(
    problem: Problem, options: OptionSet, grid: TimeGrid
) -> Iterator[tuple[Priced, Periods]]:
    """Yield what is on offer at a price of a list, and when it is priced."""
    stated = {b.name for b in problem.supply.capacity_blocks if b.usd_per_node_hour is not None}
    always = frozenset(range(grid.periods))
    for offer in options.offers:
        if offer.is_existing or (_is_block(offer) and _of_block(offer)[1] in stated):
            continue
        yield _nodes(offer), _ordered(offer.builds, grid) if offer.is_committed else always
    for api in (*options.api, *options.api_unproven):
        if not api.units_id:
            yield priced_tokens(api.id, api.provider, api.model), always
    for units in options.provisioned:
        if periods := _ordered(units.builds, grid):
            yield priced_tokens(units.id, units.provider, units.model), periods


def _ordered(builds: Iterable[Build], grid: TimeGrid) -> Periods:
    """Return the periods in which the builds that are no decision of before are ordered."""
    return frozenset(decided_in(b, grid) for b in builds if b.fixed_nodes is None)


def _nodes(offer: NodeOffer) -> Priced:
    if offer.tenure == OWNED:
        return priced_server(offer.instance, offer.hardware, offer.region)
    return Priced(
        offer.tenure,
        offer=_of_block(offer)[0] if _is_block(offer) else offer.offer_id,
        instance=offer.instance,
        hardware=offer.hardware,
        provider=offer.provider,
        region=offer.region,
    )


def _is_block(offer: NodeOffer) -> bool:
    return offer.tenure == CAPACITY_BLOCK


def _of_block(offer: NodeOffer) -> tuple[str, str]:
    """Return the offer of the catalogue that a capacity block is of, and its own name."""
    identity, _, name = offer.offer_id.rpartition(":")
    return identity, name
