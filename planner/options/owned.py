"""Servers that are bought: one build for every period in which they can start to serve.

A server ordered its lead time before serves from the start of a period to the end of its life. One
node costs, nominal::

    capex          price x (1 + network share), at the start of the order period, at the earliest
                   at the start of the horizon: the row of the catalogue in force on that day,
                   times what is expected of it by then (:mod:`planner.options.periods`)
    maintenance    support share x price, per year
    colocation     IT power x price of a kW-month
    energy         serving power x PUE x lowest price of a kWh x hours
    staff          people per server x their cost, where the problem does not state its own
    terminal_value - min(straight line, resale curve) of the price at the end of the horizon

The straight line falls from the price at delivery to the residual share at the end of life; the
resale curve is exponential through the share that is left after 36 months, where the catalogue
states one.

Staff, USD per month, nominal, with figures of the site: ``staff_fte[per-8-gpu-server] x
accelerators / 8 x staff_usd_per_fte_year / 12`` for every server in every month of its service.
Where the problem states people of owned nodes, servers cost none by themselves: those people, and
those that are needed whatever the number of servers, are in :mod:`planner.options.staff`.

The network is not sold. Where electricity has a price for every hour, what hours cost
beyond the lowest one is paid by use (:mod:`planner.options.electricity`). A figure that costs
money and is not known rejects the server and names the row to add; an unknown residual share
counts as 0.

Serving power is IT power less what the boards do not draw of theirs, ``boards x TDP x
(1 - load share)``: the load share is measured on boards, and hosts, storage and network draw
about the same at any load. Boards whose TDP is not known take all of the IT power with them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.electricity import DEFAULT_SITE
from planner.catalog.schema.figures import ELECTRICITY, SERVER_PRICE
from planner.catalog.server_prices import server_price_at, server_prices
from planner.options.builds import (
    CAPEX,
    TERMINAL_VALUE,
    Build,
    Payment,
    hours_present,
    monthly_payments,
    served_until,
)
from planner.options.electricity import prices_by_block
from planner.options.periods import price_trend, trend_notes
from planner.options.records import NodeOffer, Rejection
from planner.problem.price_paths import priced_server
from planner.units import HOURS_PER_MONTH, MONTHS_PER_YEAR

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Figure
    from planner.demand.records import TimeGrid
    from planner.problem.schema import Problem

OWNED = "owned"
WEEKS_PER_MONTH = 365.0 / 7.0 / 12.0
_RESALE_MONTHS = 36.0
_STAFF_CASE_ACCELERATORS = 8
_STAFF_CASE = "per-8-gpu-server"
_W_PER_KW = 1_000.0
_NEEDED_OF_SERVER = (
    "it_power_w",
    "life_months",
    "support_fraction_per_year",
    "lead_time_weeks",
)
_WAGE, _FTE = "staff_usd_per_fte_year", "staff_fte"
_NEEDED_OF_SITE = (
    ("pue", ""),
    ("colocation_usd_per_kw_month", ""),
)


@dataclass(frozen=True, slots=True)
class SiteCosts:
    """What a site charges.

    Parameters
    ----------
    usd_per_kwh, pue, colocation_usd_per_kw_month
        Energy, at the lowest price of the day, and space.
    staff_fte_per_accelerator, staff_usd_per_fte_year
        People by accelerator of a server, full-time equivalents, 0 where the problem states the
        people of owned nodes; and what a person costs.
    """

    usd_per_kwh: float
    pue: float
    colocation_usd_per_kw_month: float
    staff_fte_per_accelerator: float
    staff_usd_per_fte_year: float


def owned_nodes(
    problem: Problem, catalog: Catalog, grid: TimeGrid
) -> tuple[list[NodeOffer], list[Rejection]]:
    """Return the servers a plan may buy, and why not the others.

    Parameters
    ----------
    problem
        The problem, for its supply.
    catalog
        Facts about servers and sites.
    grid
        Periods.
    """
    if OWNED not in problem.supply.tenures:
        return [], []
    costs = site_costs(problem, catalog)
    chosen = problem.supply.servers
    names = sorted({s.id for s in catalog.servers if not chosen or s.id in chosen})
    nodes, rejected = [], []
    for name in names:
        parts = [s for s in catalog.servers if s.id == name and s.quantity == "accelerators"]
        missing = _missing(name, catalog) if parts else [("servers", name, "accelerators", "")]
        if isinstance(costs, list):
            missing += costs
        if missing or isinstance(costs, list):
            detail = "not known: " + "; ".join(_row_to_add(*row) for row in missing)
            rejected.append(Rejection("offer", f"{OWNED}:{name}", "", "no_price", detail))
            continue
        node = _node(problem, catalog, grid, parts[0], costs)
        first = server_prices(catalog, name)[0][0]
        if node.builds:
            nodes.append(node)
        elif first > grid.period_start[0]:
            detail = (
                f"its first price is of {first}, and no order from then on serves within the "
                "horizon; add an earlier row to servers.csv"
            )
            rejected.append(Rejection("offer", node.offer_id, "", "no_price", detail))
    return nodes, rejected


def site_costs(problem: Problem, catalog: Catalog) -> SiteCosts | list[tuple[str, str, str, str]]:
    """Return what the site of a problem charges, or the rows that are missing."""
    found: dict[tuple[str, str], float] = {}
    missing = []
    prices = prices_by_block(problem, catalog)
    if prices:
        found[ELECTRICITY, ""] = min(prices)
    else:
        missing.append(("sites", problem.supply.site, ELECTRICITY, ""))
    for quantity, case in _NEEDED_OF_SITE:
        row = site_figure(problem, catalog, quantity, case)
        if row is None or row.value is None:
            missing.append(("sites", problem.supply.site, quantity, case))
        else:
            found[quantity, case] = row.value
    wage, fte = usd_per_fte_year(problem, catalog), staff_fte_per_accelerator(problem, catalog)
    stated = problem.supply.staff.owned
    if wage is None:
        missing.append(("sites", problem.supply.site, _WAGE, ""))
    if fte is None and (stated is None or stated.fte_per_node is None):
        missing.append(("sites", problem.supply.site, _FTE, _STAFF_CASE))
    if missing:
        return missing
    return SiteCosts(
        usd_per_kwh=found[ELECTRICITY, ""],
        pue=found["pue", ""],
        colocation_usd_per_kw_month=found["colocation_usd_per_kw_month", ""],
        staff_fte_per_accelerator=0.0 if stated is not None else fte or 0.0,
        staff_usd_per_fte_year=wage or 0.0,
    )


def usd_per_fte_year(problem: Problem, catalog: Catalog) -> float | None:
    """Return what a person costs, as stated or at the site; ``None`` when it is not known."""
    if problem.supply.staff.usd_per_fte_year is not None:
        return problem.supply.staff.usd_per_fte_year
    row = site_figure(problem, catalog, _WAGE)
    return None if row is None else row.value


def staff_fte_per_accelerator(problem: Problem, catalog: Catalog) -> float | None:
    """Return the people of the site by accelerator of owned nodes, ``None`` if not known."""
    row = site_figure(problem, catalog, _FTE, _STAFF_CASE)
    if row is None or row.value is None:
        return None
    return row.value / _STAFF_CASE_ACCELERATORS


def site_figure(
    problem: Problem, catalog: Catalog, quantity: str, case: str = ""
) -> Figure | None:
    """Return a figure of the problem's site; what it does not state comes from the default."""
    own = catalog.figure("sites", problem.supply.site, quantity, case)
    return own or catalog.figure("sites", DEFAULT_SITE, quantity, case)


def _missing(name: str, catalog: Catalog) -> list[tuple[str, str, str, str]]:
    known = {
        quantity: row.value
        for quantity in _NEEDED_OF_SERVER
        if (row := catalog.figure("servers", name, quantity)) is not None
    }
    missing = [SERVER_PRICE] if not server_prices(catalog, name) else []
    missing += [quantity for quantity in _NEEDED_OF_SERVER if known.get(quantity) is None]
    return [("servers", name, quantity, "") for quantity in missing]


def _row_to_add(table: str, key: str, quantity: str, case: str) -> str:
    where = f"id={key}, quantity={quantity}" + (f", case={case}" if case else "")
    return f"{quantity} (add a row {where} to {table}.csv of an overlay)"


@dataclass(frozen=True, slots=True)
class _Server:
    """Figures of one server."""

    network_share: float
    support_share: float
    power_kw: float
    serving_kw: float
    life_months: int
    lead_months: float
    residual_share: float
    resale_log_per_month: float | None


def _server(catalog: Catalog, name: str) -> _Server:
    def value(quantity: str, default: float) -> float:
        row = catalog.figure("servers", name, quantity)
        return default if row is None or row.value is None else row.value

    power_w = value("it_power_w", 0.0)
    boards_w = _boards_w(catalog, name)
    boards_w = power_w if boards_w is None else min(boards_w, power_w)
    saved_w = boards_w * (1.0 - value("board_power_load_fraction", 1.0))
    left = value("resale_fraction_36_months", 0.0)
    resale = math.log(left) / _RESALE_MONTHS if left else None
    return _Server(
        network_share=value("network_capex_fraction", 0.0),
        support_share=value("support_fraction_per_year", 0.0),
        power_kw=power_w / _W_PER_KW,
        serving_kw=(power_w - saved_w) / _W_PER_KW,
        life_months=int(value("life_months", 0.0)),
        lead_months=value("lead_time_weeks", 0.0) / WEEKS_PER_MONTH,
        residual_share=value("residual_fraction", 0.0),
        resale_log_per_month=resale,
    )


def _boards_w(catalog: Catalog, name: str) -> float | None:
    """Return what the accelerators of a server draw at most, ``None`` when it is not known."""
    total = 0.0
    for parts in catalog.servers:
        if parts.id == name and parts.quantity == "accelerators":
            board = catalog.accelerator(parts.case)
            if board is None or board.tdp_w is None:
                return None
            total += (parts.value or 0.0) * board.tdp_w
    return total


def assumed_power_w(catalog: Catalog, node: NodeOffer) -> float:
    """Return what each accelerator of a server is taken to draw all the time, watts.

    Parameters
    ----------
    catalog
        Facts about servers.
    node
        A server that may be bought.
    """
    server = _server(catalog, node.instance)
    return server.serving_kw * _W_PER_KW / node.accelerators_per_node


def _node(
    problem: Problem, catalog: Catalog, grid: TimeGrid, parts: Figure, costs: SiteCosts
) -> NodeOffer:
    name, count = parts.id, int(parts.value or 1)
    server = _server(catalog, name)
    trend = price_trend(problem, priced_server(name, parts.case, problem.supply.site))
    keeps_value = problem.finance.terminal_value != "none"
    fte = costs.staff_fte_per_accelerator * count
    staff = fte * costs.staff_usd_per_fte_year / MONTHS_PER_YEAR
    builds = []
    for start in range(grid.periods):
        end = served_until(grid, start, server.life_months)
        order_month = start * grid.months_per_period - server.lead_months
        listed = server_price_at(catalog, name, _order_day(grid, order_month))
        if end <= start or listed is None or listed.value is None:
            continue
        paid_usd = listed.value * trend.at(_order_period(grid, order_month), grid)
        payments = tuple(
            payment
            for payment in _payments(
                grid, server, costs, paid_usd, (start, end), staff_usd_per_month=staff
            )
            if keeps_value or payment.category != TERMINAL_VALUE
        )
        hours = hours_present(grid, start, end)
        builds.append(
            Build(
                start=start,
                end=end,
                order_month=order_month,
                term_months=server.life_months,
                payments=payments,
                usd_per_node_hour=sum(p.usd for p in payments) / hours,
                price_date=listed.as_of,
                source=listed.source,
            )
        )
    site = problem.supply.site
    days = [first for first, _ in server_prices(catalog, name)]
    return NodeOffer(
        offer_id=f"{OWNED}:{name}:{site}:{OWNED}",
        provider=OWNED,
        region=site,
        instance=name,
        tenure=OWNED,
        hardware=parts.case,
        accelerators_per_node=count,
        price_usd_per_hour=tuple(
            min((b.usd_per_node_hour for b in builds if b.serves(t)), default=None)
            for t in range(grid.periods)
        ),
        price_date=builds[0].price_date if builds else "",
        startup_h=0.0,
        min_billing_h=0.0,
        elastic_max_nodes=0,
        note="; ".join(trend_notes(trend, grid, days)),
        builds=tuple(builds),
        power_kw=server.power_kw,
    )


def _order_day(grid: TimeGrid, order_month: float) -> datetime.date:
    """Return the first day of the period of an order: its price counts, and it is paid then."""
    return grid.period_start[_order_period(grid, order_month)]


def _order_period(grid: TimeGrid, order_month: float) -> int:
    return max(math.floor(order_month / grid.months_per_period), 0)


def _payments(
    grid: TimeGrid,
    server: _Server,
    costs: SiteCosts,
    price_usd: float,
    span: tuple[int, int],
    *,
    staff_usd_per_month: float,
) -> Iterator[Payment]:
    start, end = span
    length = grid.months_per_period
    order = _order_period(grid, start * length - server.lead_months)
    capex = price_usd * (1.0 + server.network_share)
    yield Payment(order, CAPEX, capex, grid.factor_at(order * length))
    months = (float(start * length), float(end * length))
    kwh = server.serving_kw * costs.pue * HOURS_PER_MONTH
    for category, usd_per_month in (
        ("maintenance", server.support_share * price_usd / MONTHS_PER_YEAR),
        ("colocation", server.power_kw * costs.colocation_usd_per_kw_month),
        ("energy", kwh * costs.usd_per_kwh),
        ("staff", staff_usd_per_month),
    ):
        yield from monthly_payments(grid, category, usd_per_month, months)
    left = _value_share(server, grid.months - start * length)
    if left > 0:
        last = grid.periods - 1
        yield Payment(last, TERMINAL_VALUE, -left * price_usd, grid.factor_at(grid.months))


def _value_share(server: _Server, age_months: float) -> float:
    """Return the share of the price that a server is worth at an age, 0 after its life."""
    if age_months >= server.life_months:
        return 0.0
    line = 1.0 - (1.0 - server.residual_share) * age_months / server.life_months
    if server.resale_log_per_month is None:
        return line
    return min(line, math.exp(server.resale_log_per_month * age_months))
