"""What ``planner options`` says beside prices: people that hosting needs, and least orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.options.owned import OWNED
from planner.report.tables import money

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from planner.options.records import OptionSet

_FEW = 6
"""Orders shown in a line; --json has all."""
_WORDS = {"owned": "owned nodes", "rented": "rented nodes", "api": "tokens"}


def people_data(options: OptionSet) -> dict[str, Any]:
    """Return what people cost beside nodes and tokens, of the kinds of hosting that may occur.

    Parameters
    ----------
    options
        What a problem may use.

    Returns
    -------
    dict
        ``usd_per_month`` by kind of hosting, in every period with any of it; ``usd_per_node_hour``
        by offer of nodes; ``usd_per_offer_month`` of every offer of tokens in use. Of none of
        these there is anything in the prices of nodes and tokens.
    """
    staff = options.staff
    own = [o for o in options.offers if o.tenure == OWNED]
    counts = any(staff.counts(o) or not o.is_existing for o in own)
    fixed = {
        "owned": staff.owned_usd_per_month if counts else 0.0,
        "rented": staff.rented_usd_per_month if len(own) < len(options.offers) else 0.0,
        "api": staff.api_usd_per_month if options.api else 0.0,
    }
    return {
        "usd_per_month": {hosting: usd for hosting, usd in fixed.items() if usd},
        "usd_per_node_hour": {
            o.offer_id: o.staff_usd_per_hour for o in options.offers if o.staff_usd_per_hour
        },
        "usd_per_offer_month": staff.usd_per_offer_month if options.api else 0.0,
    }


def minimum_data(options: OptionSet) -> dict[str, int]:
    """Return the least nodes or units of an order, by offer; none where one may be ordered.

    Parameters
    ----------
    options
        What a problem may use.
    """
    nodes = {
        o.offer_id: max(build.min_nodes for build in o.builds)
        for o in options.offers
        if o.builds and not o.is_existing
    }
    units = {
        units.id: units.min_units
        for units in options.provisioned
        if any(build.fixed_nodes is None for build in units.builds)
    }
    return {name: least for name, least in (nodes | units).items() if least > 1}


def write_beside_prices(out: TextIO, people: dict[str, Any], minimums: dict[str, int]) -> None:
    """Write what comes on top of the prices of the tables, nothing where nothing does.

    Parameters
    ----------
    out
        Stream to write to.
    people, minimums
        As :func:`people_data` and :func:`minimum_data` return them.
    """
    if parts := [*_people(people)]:
        out.write(f"\npeople, in no price above: {'; '.join(parts)}\n")
    if minimums:
        shown = [f"{least:,} of {name}" for name, least in minimums.items()]
        more = f" and of {len(shown) - _FEW} more" if len(shown) > _FEW else ""
        out.write(f"\nleast of an order, or none: {', '.join(shown[:_FEW])}{more}\n")


def _people(people: dict[str, Any]) -> Iterator[str]:
    for hosting, usd in people["usd_per_month"].items():
        yield f"{money(usd)} USD per month with any {_WORDS[hosting]}"
    by_node = sorted(set(people["usd_per_node_hour"].values()))
    if by_node:
        ends = " to ".join(f"{usd:,.3g}" for usd in dict.fromkeys((by_node[0], by_node[-1])))
        yield f"{ends} USD for an hour of a node"
    if people["usd_per_offer_month"]:
        yield f"{money(people['usd_per_offer_month'])} USD per month for an offer of tokens in use"
