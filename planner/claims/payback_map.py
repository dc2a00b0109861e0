"""C9: when an owned server has paid back, over its price, what it replaces, and how full it is.

One owned fleet of 8 x H100 servers is planned for the work of `own_or_rent`; its cost lines give
the price and the running cost (people, maintenance, energy, colocation) of a server. Against a
node rented for R USD an hour, needed for a share u of the hours, the months until the purchase is
paid back are::

    months = price / (730 R u - running)        never, where the denominator is not above 0

A reservation is paid whether used or not, so u is 1 for it. The map has every price of a server in
the catalogue, every seller of the same node by its lowest newest price, and u of 0.4 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from planner.catalog.dates import parse_partial_date
from planner.claims.judge import break_evens, verdict_of
from planner.claims.records import (
    Band,
    Case,
    Chart,
    Claim,
    Detail,
    Finding,
    Plans,
    Range,
    Series,
    TornadoRow,
)
from planner.units import HOURS_PER_MONTH, MONTHS_PER_YEAR

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.plan.document import Plan

_UNIT = "months until a server has paid back"
_CLAIMED = Band(12.0, 18.0)
_CASE = Case("claims/own_or_rent", "owned")
_SERVER, _ACCELERATOR, _PER_NODE = "hgx-h100-8x", "h100-sxm-80gb", 8
_LIST_PRICE_USD = 833_806.0
"""Published list price of an 8 x H100 server (Lenovo Press LP2225, May 2025)."""
_SHARES = (0.4, 0.6, 0.8, 1.0)
_HIGH_VOLUME = 0.8
"""Share of the hours in which the node is needed at high volume."""
_NEVER_MONTHS = 120.0
"""Beyond the life of a server: drawn as this."""
_RUNNING = ("staff", "maintenance", "energy", "colocation")


@dataclass(frozen=True, slots=True)
class Server:
    """What one owned server costs: its price, and USD a month for people and for the rest."""

    price_usd: float
    staff_usd_per_month: float
    other_usd_per_month: float


def payback_months(server: Server, rent_usd_per_hour: float, share: float = 1.0) -> float | None:
    """Return the months until a server has paid back, ``None`` for never.

    Parameters
    ----------
    server
        What it costs.
    rent_usd_per_hour
        Of the node that it replaces.
    share
        Share of the hours in which that node would be rented, 0 to 1.
    """
    running = server.staff_usd_per_month + server.other_usd_per_month
    saved = rent_usd_per_hour * HOURS_PER_MONTH * share - running
    return server.price_usd / saved if saved > 0.0 else None


def server_of(plan: Plan) -> Server:
    """Return the cost of one server of a plan that owns all of its nodes."""
    nodes = sum(row.nodes for row in plan.commitments if row.tenure == "owned")
    first = dict.fromkeys(("capex", *_RUNNING), 0.0)
    for line in plan.cost_lines:
        if line.period == 0 and line.category in first:
            first[line.category] += line.usd
    per_month = {name: usd / nodes / MONTHS_PER_YEAR for name, usd in first.items()}
    others = sum(per_month[name] for name in _RUNNING if name != "staff")
    return Server(first["capex"] / nodes, per_month["staff"], others)


def rents(catalog: Catalog, tenures: tuple[str, ...]) -> dict[str, float]:
    """Return the lowest newest price of the same node by seller and tenure, USD an hour."""
    newest: dict[tuple[str, str, str, str], tuple[str, float]] = {}
    for offer in catalog.offers:
        if offer.accelerator != _ACCELERATOR or offer.accelerators != _PER_NODE:
            continue
        if offer.tenure not in tenures:
            continue
        key = (offer.provider, offer.tenure, offer.region, f"{offer.instance}:{offer.plan}")
        day = parse_partial_date(offer.valid_from).isoformat()
        if key not in newest or day > newest[key][0]:
            newest[key] = (day, offer.price_usd_per_hour)
    found: dict[str, float] = {}
    for (provider, tenure, _, _), (_, price) in newest.items():
        name = f"{provider} {tenure}"
        found[name] = min(price, found.get(name, price))
    return dict(sorted(found.items(), key=lambda item: item[1]))


def share_within(months: list[float | None], band: Band) -> float:
    """Return the share of payback times that a claim covers; one that never comes is outside."""
    return sum(m is not None and band.holds(m) for m in months) / len(months)


def _test(plans: Plans, catalog: Catalog) -> Finding:
    plan = plans.get(_CASE)
    by_hour = rents(catalog, ("on_demand",))
    if plan is None or not plan.commitments or not by_hour:
        return Finding(None, None, "not_decidable", ("no plan that owns, or no rent to compare",))
    server, reserved = server_of(plan), rents(catalog, ("reserved_1y", "reserved_3y"))
    prices = (*_server_prices(catalog), server.price_usd, _LIST_PRICE_USD)
    months = [
        payback_months(Server(price, server.staff_usd_per_month, server.other_usd_per_month), r, u)
        for price in prices
        for r, u in (
            *((rent, share) for rent in by_hour.values() for share in _SHARES),
            *((rent, 1.0) for rent in reserved.values()),
        )
    ]
    middle = median(by_hour.values())
    found = payback_months(server, middle, _HIGH_VOLUME)
    within, running = share_within(months, _CLAIMED), _running_usd_per_hour(server)
    known = [m for m in months if m is not None]
    seen = Range(min(known), max(known)) if known else None
    curve = tuple((rent, _drawn(payback_months(server, rent, _HIGH_VOLUME))) for rent in _steps())
    return Finding(
        found=found,
        range=seen,
        verdict="does_not_hold" if seen is None else verdict_of(_CLAIMED, seen),
        conditions=(
            f"at the median rent of {middle:.3g} USD an hour, in {_HIGH_VOLUME:.0%} of all hours",
            *(
                f"{edge:.0f} months at a rent of {rent:.3g} USD an hour for 8 x H100"
                for rent, edge in break_evens(_CLAIMED, curve)
            ),
            f"never at a rent below {running / _HIGH_VOLUME:.3g} USD an hour",
            "servers of 8 x H100 with the people, energy and room that finance_onprem assumes",
        ),
        details=(
            Detail("cells of the map inside 12-18 months", within, "share"),
            Detail("cells that never pay back", months.count(None) / len(months), "share"),
            Detail("price of a server", server.price_usd, "USD"),
            Detail("running cost of a server", running, "USD an hour"),
            *_against(server, by_hour, _HIGH_VOLUME),
            *_against(server, reserved, 1.0),
        ),
        tornado=_tornado(server, by_hour, prices),
        chart=Chart(
            "rent of 8 x H100, USD an hour",
            f"months, never drawn as {_NEVER_MONTHS:.0f}",
            (Series("months", curve),),
            _CLAIMED.edges,
        ),
    )


def _against(server: Server, sellers: dict[str, float], share: float) -> list[Detail]:
    return [
        Detail(
            f"against {name}", payback_months(server, rent, share), "months", f"{rent:.4g} USD/h"
        )
        for name, rent in sellers.items()
    ]


def _tornado(
    server: Server, by_hour: dict[str, float], prices: tuple[float, ...]
) -> tuple[TornadoRow, ...]:
    middle = median(by_hour.values())
    low, high = min(by_hour.values()), max(by_hour.values())

    def at(
        price: float = server.price_usd,
        staff: float = 1.0,
        rent: float = middle,
        share: float = _HIGH_VOLUME,
    ) -> float | None:
        own = Server(price, server.staff_usd_per_month * staff, server.other_usd_per_month)
        return payback_months(own, rent, share)

    rows = (
        TornadoRow("rent", f"{low:.3g} USD/h", at(rent=low), f"{high:.3g} USD/h", at(rent=high)),
        TornadoRow("hours needed", "40%", at(share=0.4), "100%", at(share=1.0)),
        TornadoRow(
            "price of a server",
            f"{min(prices):,.0f} USD",
            at(price=min(prices)),
            f"{max(prices):,.0f} USD",
            at(price=max(prices)),
        ),
        TornadoRow("people", "x0.5", at(staff=0.5), "x1.5", at(staff=1.5)),
    )
    # An end that never pays back moves most.
    return tuple(sorted(rows, key=lambda r: (r.low is not None and r.high is not None, -r.swing)))


def _server_prices(catalog: Catalog) -> list[float]:
    found = [r for r in catalog.servers if r.id == _SERVER and r.quantity == "capex_usd"]
    ends = [end for row in found for end in (row.low, row.high) if end is not None]
    return [*ends]


def _running_usd_per_hour(server: Server) -> float:
    return (server.staff_usd_per_month + server.other_usd_per_month) / HOURS_PER_MONTH


def _drawn(months: float | None) -> float:
    return _NEVER_MONTHS if months is None else min(months, _NEVER_MONTHS)


def _steps() -> tuple[float, ...]:
    return tuple(float(rent) for rent in range(20, 121, 5))


C9 = Claim(
    "C9",
    "On-premises pays back in 12-18 months at high volume",
    "12-18 months",
    _UNIT,
    (_CASE,),
    _test,
    base=(_CASE,),
)
