"""Price paths that move nothing: another one with a narrower name, or no offer, is in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.offers import CAPACITY_BLOCK
from planner.options.owned import OWNED
from planner.problem.price_paths import Priced, path_of, priced_server, priced_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.options.records import NodeOffer, OptionSet
    from planner.problem.schema import Problem


def idle_paths(problem: Problem, options: OptionSet) -> list[str]:
    """Return a sentence for every price path of a problem that no price on offer follows.

    Parameters
    ----------
    problem
        The problem.
    options
        What it may use.
    """
    paths = problem.supply.price_paths
    followed = {path.name for p in _on_offer(options) if (path := path_of(problem, p))}
    return [
        f"supply.price_paths.{path.name} moves no price: what it names is not on offer, serves "
        "nothing here, or follows an item with a narrower name; `planner options PROBLEM "
        "--rejected` says more"
        for path in paths
        if path.name not in followed
    ]


def _on_offer(options: OptionSet) -> Iterator[Priced]:
    yield from (_nodes(offer) for offer in options.offers if not offer.is_existing)
    for api in (*options.api, *options.api_unproven):
        yield priced_tokens(api.id, api.provider, api.model)
    for units in options.provisioned:
        yield priced_tokens(units.id, units.provider, units.model)


def _nodes(offer: NodeOffer) -> Priced:
    if offer.tenure == OWNED:
        return priced_server(offer.instance, offer.hardware, offer.region)
    identity = offer.offer_id
    if offer.tenure == CAPACITY_BLOCK:
        identity = identity.rpartition(":")[0]
    return Priced(
        offer.tenure,
        offer=identity,
        instance=offer.instance,
        hardware=offer.hardware,
        provider=offer.provider,
        region=offer.region,
    )
