"""What is lost together: the nodes and tokens of one provider, or of one region.

Owned nodes belong to no provider: they are yours. The site they stand at is a region. Where an
offer names no region (``any``), it may stand in any region of its provider, so it is lost with
each of them; so are the tokens of that provider. Regions of the same name are one region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.options.owned import OWNED

if TYPE_CHECKING:
    from planner.milp.records import Limits
    from planner.options.records import NodeOffer, OptionSet

ANYWHERE = "any"


@dataclass(frozen=True, slots=True)
class Loss:
    """Everything that one provider or region takes with it.

    Parameters
    ----------
    name
        The provider or region.
    offers, apis
        Positions of what is lost in `OptionSet.offers` and `OptionSet.api`.
    """

    name: str
    offers: frozenset[int]
    apis: frozenset[int]


def losses(options: OptionSet, limits: Limits) -> tuple[Loss, ...]:
    """Return the losses that have to be survived; none without such a policy.

    Parameters
    ----------
    options
        Nodes and tokens on offer.
    limits
        The policy.
    """
    if limits.survive_loss_of == "provider":
        return _providers(options)
    return _regions(options) if limits.survive_loss_of == "region" else ()


def places(options: OptionSet, limits: Limits) -> tuple[frozenset[int], ...]:
    """Return the offers of every place that is lost as a whole, in the order of offers.

    A place is a provider (owned nodes are one of their own), or a region of a provider.

    Parameters
    ----------
    options
        Nodes on offer.
    limits
        The policy.
    """
    groups: dict[tuple[str, str], set[int]] = {}
    for o, offer in enumerate(options.offers):
        groups.setdefault(_place(offer, limits), set()).add(o)
    return tuple(frozenset(group) for group in groups.values())


def most_copies(options: OptionSet, limits: Limits) -> int:
    """Return how many times the replicas that carry a pool alone are worth having.

    Let L replicas of a column carry the whole pool, and T > m L be there. A replica at place a may
    go unless some loss without a leaves at most L of the others, so takes at least T - L of them.
    If none may go, losses D_1 ... D_m with no place in common each take T - L, and their common
    part holds at least T - m L > 0: a contradiction. Losses of providers have nothing in common,
    so m = 2. Losses of regions share only what providers that also name regions place nowhere;
    every further loss takes one of those out of the common part, so m = 2 + their number.

    Parameters
    ----------
    options
        Nodes on offer.
    limits
        The policy.
    """
    if limits.survive_loss_of is None:
        return 1
    if limits.survive_loss_of == "provider":
        return 2
    rented = [o for o in options.offers if o.tenure != OWNED]
    named = {o.provider for o in rented if o.region != ANYWHERE}
    unplaced = {o.provider for o in options.offers if o.region == ANYWHERE}
    return 2 + len(named & unplaced)


def place_label(options: OptionSet, limits: Limits, group: frozenset[int]) -> str:
    """Return the name of a place: provider, or provider and region.

    Parameters
    ----------
    options
        Nodes on offer.
    limits
        The policy.
    group
        Offers of the place.
    """
    return " ".join(part for part in _place(options.offers[min(group)], limits) if part)


def _place(offer: NodeOffer, limits: Limits) -> tuple[str, str]:
    if limits.survive_loss_of == "region":
        return offer.provider, offer.region
    return (OWNED if offer.tenure == OWNED else offer.provider), ""


def providers_of(options: OptionSet) -> list[str]:
    """Return the providers that rent out nodes, in the order of offers.

    Parameters
    ----------
    options
        Nodes on offer.
    """
    return list(dict.fromkeys(o.provider for o in options.offers if o.tenure != OWNED))


def _providers(options: OptionSet) -> tuple[Loss, ...]:
    names = [o.provider for o in options.offers if o.tenure != OWNED]
    names += [api.provider for api in options.api]
    return tuple(
        Loss(
            name,
            frozenset(
                i for i, o in enumerate(options.offers) if o.tenure != OWNED and o.provider == name
            ),
            frozenset(i for i, api in enumerate(options.api) if api.provider == name),
        )
        for name in dict.fromkeys(names)
    )


def _regions(options: OptionSet) -> tuple[Loss, ...]:
    cases = []
    for region in dict.fromkeys(o.region for o in options.offers if o.region != ANYWHERE):
        at_home = {i for i, o in enumerate(options.offers) if o.region == region}
        rented = {options.offers[i].provider for i in at_home if options.offers[i].tenure != OWNED}
        cases.append(_with_unplaced(region, options, at_home, rented))
    named = {o.provider for o in options.offers if o.region != ANYWHERE and o.tenure != OWNED}
    unplaced = [o.provider for o in options.offers if o.region == ANYWHERE]
    unplaced += [api.provider for api in options.api]
    cases += [
        _with_unplaced(f"{name} ({ANYWHERE})", options, set(), {name})
        for name in dict.fromkeys(unplaced)
        if name not in named
    ]
    return tuple(cases)


def _with_unplaced(name: str, options: OptionSet, offers: set[int], providers: set[str]) -> Loss:
    """Return a loss with all that some providers do not place in a region."""
    unplaced = {
        i for i, o in enumerate(options.offers) if o.region == ANYWHERE and o.provider in providers
    }
    tokens = {i for i, api in enumerate(options.api) if api.provider in providers}
    return Loss(name, frozenset(offers | unplaced), frozenset(tokens))
