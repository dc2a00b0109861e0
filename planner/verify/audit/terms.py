"""What nodes taken on for a term have to cost: every payment, from the tables and the problem.

Computed again here, month by month, from the rows of offers, servers and sites.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_MONTH, MONTHS_PER_YEAR
from planner.verify.audit.clock import is_there, paid_share, period_start
from planner.verify.audit.electricity import lowest_site_price
from planner.verify.audit.expected import in_force
from planner.verify.audit.price_path import nodes_sold, price_growth, server_listed, server_sold
from planner.verify.audit.prices import share_paid
from planner.verify.audit.resale import why_not_sold, worth_usd

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Offer
    from planner.plan.document import Commitment
    from planner.problem.contracts import CapacityBlock
    from planner.problem.schema import Problem
    from planner.problem.supply import ExistingNodes

_BLOCK, _RESALE, _BACK = "capacity_block", "resale", "terminal_value"
_YEARS_OF = {"reserved_1y": 1, "reserved_3y": 3}
_MONTHS = int(MONTHS_PER_YEAR)
_WEEKS_PER_YEAR = 365.0 / 7.0
_RESALE_MONTHS = 36.0
_PER_SERVER_OF_8 = "per-8-gpu-server"
_W_PER_KW = 1_000.0
_MID = 0.5

Due = dict[tuple[int, str], tuple[float, float]]
"""Nominal and discounted USD of one node by period and category."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the tables say about one commitment.

    Parameters
    ----------
    due
        Payments of one node.
    price_usd_per_hour
        Average cost of an hour of presence.
    months
        Months from its start to its end.
    order_month
        Month of the order, counted from the start of the horizon.
    served_periods
        Whole periods in which the nodes are there, within the horizon.
    price_date, price_source
        Provenance of the price.
    """

    due: Due
    price_usd_per_hour: float
    months: int
    order_month: float
    served_periods: int
    price_date: str
    price_source: str


def discount(problem: Problem, month: float) -> float:
    """Return the discount factor of money that moves so many months after the start."""
    return float((1 + problem.finance.discount_rate_per_year) ** (-month / MONTHS_PER_YEAR))


def terms_of(row: Commitment, problem: Problem, catalog: Catalog) -> Terms | None:
    """Return what the tables say about a commitment, ``None`` when they do not know it."""
    if row.is_existing:
        return _existing(row, problem)
    if row.tenure == "owned":
        return _owned(row, problem, catalog)
    if row.tenure == _BLOCK:
        return _block(row, problem, catalog)
    offers = [o for o in catalog.offers if o.offer_id == row.offer_id]
    listed = in_force(offers, period_start(problem, row.start_period))
    if listed is None or listed.tenure not in _YEARS_OF:
        return None
    return _reserved(row, listed, problem, catalog)


def existing_of(row: Commitment, problem: Problem) -> ExistingNodes | None:
    """Return the entry of the problem behind a commitment that is there already."""
    known = problem.supply.existing
    prefix, _, number = row.instance.partition("-")
    if prefix != "existing" or not number.isdigit() or int(number) >= len(known):
        return None
    return known[int(number)]


def existing_months(nodes: ExistingNodes, problem: Problem) -> tuple[int, int | None]:
    """Return the first month of the horizon with nodes that are there, and the first without."""
    first = max(months_to(problem, nodes.since), 0) if nodes.since else 0
    return first, None if nodes.until is None else months_to(problem, nodes.until)


def there(row: Commitment, problem: Problem, block: int) -> bool:
    """Return whether the nodes of a commitment are there in a block of the periods they serve."""
    stated = existing_of(row, problem) if row.is_existing else None
    return stated is None or is_there(stated, problem, block)


def block_of(row: Commitment, problem: Problem) -> CapacityBlock | None:
    """Return the entry of the problem behind a capacity block, ``None`` when there is none."""
    named = row.offer_id.rsplit(":", 1)[-1]
    return next((b for b in problem.supply.capacity_blocks if b.name == named), None)


def listed_block(block: CapacityBlock, problem: Problem, catalog: Catalog) -> Offer | None:
    """Return the row that prices a block which states no price, ``None`` without one."""
    known: dict[str, list[Offer]] = defaultdict(list)
    for o in catalog.offers:
        fits = (o.provider, o.accelerator, o.accelerators, o.tenure) == (
            block.provider, block.hardware, block.accelerators_per_node, _BLOCK
        )  # fmt: skip
        if fits and block.instance in {None, o.instance} and block.region in {"any", o.region}:
            known[o.offer_id].append(o)
    year, month = (int(part) for part in block.since.split("-"))
    rows = [row for offers in known.values() if (row := in_force(offers, date(year, month, 1)))]
    return rows[0] if len(rows) == 1 else None


def _block(row: Commitment, problem: Problem, catalog: Catalog) -> Terms | None:
    block = block_of(row, problem)
    if block is None:
        return None
    first, months = months_to(problem, block.since), _months_between(block.since, block.until)
    listed, price = None, block.usd_per_node_hour
    if price is None:
        listed = listed_block(block, problem, catalog)
        if listed is None:
            return None
        place = (listed.provider, listed.instance, listed.region, _BLOCK)
        price = listed.price_usd_per_hour
        price *= share_paid(catalog, place, period_start(problem, row.start_period))
        price *= price_growth(problem, nodes_sold(listed, block.hardware), first)
    return Terms(
        due=_in_part_at_once(problem, price, first, months, block.upfront_share),
        price_usd_per_hour=price,
        months=months,
        order_month=first,
        served_periods=_whole_periods(problem, row.start_period, months),
        price_date=problem.horizon.start if listed is None else listed.as_of,
        price_source="the problem" if listed is None else listed.source,
    )


def months_to(problem: Problem, month: str) -> int:
    """Return the months from the start of the horizon to a month."""
    return _months_between(problem.horizon.start, month)


def _months_between(first: str, second: str) -> int:
    begin, end = ([int(part) for part in month.split("-")] for month in (first, second))
    return (end[0] - begin[0]) * _MONTHS + end[1] - begin[1]


def _horizon_months(problem: Problem) -> int:
    return problem.horizon.periods * problem.horizon.months_per_period


def _whole_periods(problem: Problem, start_period: int, months: int) -> int:
    whole = months // problem.horizon.months_per_period
    return min(whole, problem.horizon.periods - start_period)


def _monthly(
    problem: Problem, amounts: dict[str, float], first: int, months: float
) -> defaultdict[tuple[int, str], tuple[float, float]]:
    """Return what is paid evenly from month `first` on: each period's part at its own middle."""
    length = problem.horizon.months_per_period
    due: defaultdict[tuple[int, str], tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    paid = 0.0
    while paid < months:
        begin = first + paid
        period = int(begin // length)
        part = min(months - paid, (period + 1) * length - begin)
        factor = discount(problem, begin + part * _MID)
        for category, usd_per_month in amounts.items():
            if usd_per_month:
                usd = usd_per_month * part
                due[period, category] = (usd, usd * factor)
        paid += part
    return due


def _reserved(row: Commitment, listed: Offer, problem: Problem, catalog: Catalog) -> Terms:
    length = problem.horizon.months_per_period
    first = row.start_period * length
    months = listed.term_months or _MONTHS * _YEARS_OF[listed.tenure]
    place = (listed.provider, listed.instance, listed.region, listed.tenure)
    price = listed.price_usd_per_hour
    price *= share_paid(catalog, place, period_start(problem, row.start_period))
    price *= price_growth(problem, nodes_sold(listed, row.hardware), first)
    price *= 1 - row.discount  # of the volume tier, which is checked by itself
    upfront = listed.upfront_fraction or 0.0
    return Terms(
        due=_in_part_at_once(problem, price, first, months, upfront),
        price_usd_per_hour=price,
        months=months,
        order_month=first,
        served_periods=_whole_periods(problem, row.start_period, months),
        price_date=listed.as_of,
        price_source=listed.source,
    )


def _in_part_at_once(
    problem: Problem, price: float, first: int, months: int, upfront: float
) -> Due:
    """Return what a term costs: a share at its start, the rest evenly."""
    if problem.finance.commitment_tail == "pro_rata":
        months = min(months, _horizon_months(problem) - first)
    monthly, period = price * HOURS_PER_MONTH, first // problem.horizon.months_per_period
    due = _monthly(problem, {"lease": monthly * (1 - upfront)}, first, months)
    if upfront:
        usd, known = upfront * monthly * months, due[period, "lease"]
        due[period, "lease"] = (known[0] + usd, known[1] + usd * discount(problem, first))
    return dict(due)


def _existing(row: Commitment, problem: Problem) -> Terms | None:
    stated = existing_of(row, problem)
    if stated is None:
        return None

    first, last = existing_months(stated, problem)
    end = _horizon_months(problem)
    months = (end if last is None else min(last, end)) - first
    back: Due = {}
    if row.sold_month is not None:
        sold = months_to(problem, row.sold_month)
        if why_not_sold(stated, problem, sold, (first, last)):
            return None
        months, usd = sold - first, -worth_usd(stated, problem, sold)
        back[sold // problem.horizon.months_per_period, _RESALE] = (
            usd,
            usd * discount(problem, sold),
        )
    elif last is None or last > end:
        left = -worth_usd(stated, problem, end)
        if left and problem.finance.terminal_value != "none":
            back[problem.horizon.periods - 1, _BACK] = (left, left * discount(problem, end))
    category = "maintenance" if stated.tenure == "owned" else "lease"
    per_month = stated.usd_per_node_hour * HOURS_PER_MONTH * paid_share(stated)
    start = first // problem.horizon.months_per_period
    day = range(problem.time_blocks)
    share_there = sum(is_there(stated, problem, block) for block in day) / len(day)
    return Terms(
        due=dict(_monthly(problem, {category: per_month}, first, months)) | back,
        price_usd_per_hour=stated.usd_per_node_hour * paid_share(stated) / share_there,
        months=months if last is None or row.sold_month is not None else last - first,
        order_month=0,
        served_periods=_whole_periods(problem, start, months),
        price_date=problem.horizon.start,
        price_source="the problem",
    )


def _owned(row: Commitment, problem: Problem, catalog: Catalog) -> Terms | None:
    def server(quantity: str) -> float | None:
        figure = catalog.figure("servers", row.instance, quantity)
        return None if figure is None else figure.value

    monthly = owned_usd_per_month(row, problem, catalog)
    life, lead_weeks = server("life_months"), server("lead_time_weeks")
    if monthly is None or life is None or lead_weeks is None:
        return None
    length = problem.horizon.months_per_period
    first, end = row.start_period * length, _horizon_months(problem)
    ordered = first - lead_weeks * MONTHS_PER_YEAR / _WEEKS_PER_YEAR
    order_period = max(math.floor(ordered / length), 0)
    listed = server_listed(row.instance, period_start(problem, order_period), catalog)
    if listed is None or listed.value is None:
        return None
    sold = server_sold(row.instance, row.hardware, problem.supply.site)
    price = listed.value * price_growth(problem, sold, order_period * length)
    served = _whole_periods(problem, row.start_period, int(life))
    amounts = monthly | {"maintenance": price * (server("support_fraction_per_year") or 0.0) / 12}
    due = _monthly(problem, amounts, first, served * length)
    capex = price * (1 + (server("network_capex_fraction") or 0.0))
    due[order_period, "capex"] = (capex, capex * discount(problem, order_period * length))
    left = price * _share_left(row, catalog, end - first, life)
    if left > 0 and problem.finance.terminal_value != "none":
        due[problem.horizon.periods - 1, _BACK] = (
            -left,
            -left * discount(problem, end),
        )
    return Terms(
        due=dict(due),
        price_usd_per_hour=sum(usd for usd, _ in due.values())
        / (served * length * HOURS_PER_MONTH),
        months=int(life),
        order_month=ordered,
        served_periods=served,
        price_date=listed.as_of,
        price_source=listed.source,
    )


def owned_usd_per_month(
    row: Commitment, problem: Problem, catalog: Catalog
) -> dict[str, float] | None:
    """Return colocation, energy and staff of one owned node by month, ``None`` if not known.

    People of owned nodes that the problem states are no part of what a node costs.
    """
    rent = site(problem, catalog, "colocation_usd_per_kw_month")
    kwh, pue = lowest_site_price(problem, catalog), site(problem, catalog, "pue")
    wage = person_usd_per_year(problem, catalog)
    is_apart = problem.supply.staff.owned is not None
    people = 0.0 if is_apart else site(problem, catalog, "staff_fte", _PER_SERVER_OF_8)
    power = catalog.figure("servers", row.instance, "it_power_w")
    if power is None or power.value is None:
        return None
    if rent is None or kwh is None or pue is None or wage is None or people is None:
        return None
    serving = serving_power_w(row.instance, row.hardware, row.accelerators_per_node, catalog)
    return {
        "colocation": power.value / _W_PER_KW * rent,
        "energy": serving / _W_PER_KW * pue * HOURS_PER_MONTH * kwh,
        "staff": people * row.accelerators_per_node / 8 * wage / MONTHS_PER_YEAR,
    }


def serving_power_w(instance: str, hardware: str, boards: int, catalog: Catalog) -> float:
    """Return what a bought node draws while it serves: only its boards draw less than rated."""
    rated = catalog.figure("servers", instance, "it_power_w")
    load = catalog.figure("servers", instance, "board_power_load_fraction")
    node_w = 0.0 if rated is None or rated.value is None else rated.value
    share = 1.0 if load is None or load.value is None else load.value
    board = catalog.accelerator(hardware)
    if board is None or board.tdp_w is None:
        return node_w * share
    return max(node_w - boards * board.tdp_w * (1.0 - share), node_w * share)


def site(problem: Problem, catalog: Catalog, quantity: str, case: str = "") -> float | None:
    """Return a figure of the problem's site, or else of the default one."""
    for name in (problem.supply.site, "default"):
        figure = catalog.figure("sites", name, quantity, case)
        if figure is not None:
            return figure.value
    return None


def person_usd_per_year(problem: Problem, catalog: Catalog) -> float | None:
    """Return what a person costs, as the problem or else its site states it."""
    stated = problem.supply.staff.usd_per_fte_year
    return site(problem, catalog, "staff_usd_per_fte_year") if stated is None else stated


def _share_left(row: Commitment, catalog: Catalog, age_months: float, life: float) -> float:
    def stated(quantity: str) -> float | None:
        figure = catalog.figure("servers", row.instance, quantity)
        return None if figure is None else figure.value

    if age_months >= life:
        return 0.0
    line = 1 - (1 - (stated("residual_fraction") or 0.0)) * age_months / life
    after_36 = stated("resale_fraction_36_months")
    return min(line, float(after_36 ** (age_months / _RESALE_MONTHS))) if after_36 else line
