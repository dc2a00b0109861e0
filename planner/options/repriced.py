"""The same options at other prices: what is rented, reserved or bought as tokens costs a factor.

A reservation keeps the price of the period in which it starts for its whole term, so the factor of
that period multiplies every one of its payments. Owned nodes and nodes that are there keep theirs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.options.reserved import TERM_MONTHS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet
    from planner.options.supply_records import ApiOption

    Factors = Sequence[float]

BY_THE_HOUR = frozenset({"on_demand", "spot"})


def may_be_repriced(offer: NodeOffer) -> bool:
    """Return whether the price of an offer is one that moves from period to period."""
    return not offer.is_existing and offer.tenure in BY_THE_HOUR | TERM_MONTHS.keys()


def repriced(options: OptionSet, factors: Mapping[str, Factors]) -> OptionSet:
    """Return the options with prices multiplied by period.

    Parameters
    ----------
    options
        The options.
    factors
        Factors by offer of nodes or tokens, one for each period, > 0; others keep their prices.
    """
    return replace(
        options,
        offers=tuple(
            _nodes(o, factors[o.offer_id]) if o.offer_id in factors and may_be_repriced(o) else o
            for o in options.offers
        ),
        api=_tokens(options.api, factors),
        api_unproven=_tokens(options.api_unproven, factors),
    )


def _tokens(
    offers: tuple[ApiOption, ...], factors: Mapping[str, Factors]
) -> tuple[ApiOption, ...]:
    return tuple(
        replace(
            api,
            usd_per_request=tuple(
                tuple(factor * usd for usd in by_block)
                for factor, by_block in zip(factors[api.id], api.usd_per_request, strict=True)
            ),
        )
        if api.id in factors
        else api
        for api in offers
    )


def _nodes(offer: NodeOffer, factors: Factors) -> NodeOffer:
    if not offer.builds:
        pairs = zip(offer.price_usd_per_hour, factors, strict=True)
        prices = tuple(None if usd is None else factor * usd for usd, factor in pairs)
        return replace(offer, price_usd_per_hour=prices)
    builds = tuple(_build(build, factors[build.start]) for build in offer.builds)
    periods = range(len(offer.price_usd_per_hour))
    return replace(
        offer,
        builds=builds,
        price_usd_per_hour=tuple(
            min((b.usd_per_node_hour for b in builds if b.serves(t)), default=None)
            for t in periods
        ),
    )


def _build(build: Build, factor: float) -> Build:
    return replace(
        build,
        usd_per_node_hour=factor * build.usd_per_node_hour,
        payments=tuple(replace(p, usd=factor * p.usd) for p in build.payments),
    )
