"""A commitment against the rent of the hours in which it is needed, computed again from tables.

Both in discounted money of the plan: the payments of the term as the tables and the problem give
them, and the price list of the offer by the hour, period by period.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from planner.units import HOURS_PER_MONTH
from planner.verify.audit.clock import block_hours, blocks, period_start
from planner.verify.audit.expected import differs, in_force
from planner.verify.audit.people import node_people_usd_per_hour
from planner.verify.audit.price_path import nodes_sold, price_growth
from planner.verify.audit.prices import share_paid
from planner.verify.audit.resale import why_not_sold
from planner.verify.audit.terms import discount, existing_months, existing_of, terms_of, there

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.catalog.load import Catalog
    from planner.plan.document import Commitment, Plan
    from planner.plan.finance_rows import CommitmentFigures
    from planner.problem.schema import Problem
    from planner.verify.audit.terms import Terms

_ON_DEMAND, _OWNED = "on_demand", "owned"
_MIDDLE = 0.5
_ROUNDING = 1e-9
_MONTHS = 12


class Facts(NamedTuple):
    """A plan with what it was made from, and what stands in every block by hardware.

    Parameters
    ----------
    plan, problem, catalog
        The plan and its sources.
    held, there
        Accelerators that replicas hold, and that are taken on, by hardware, period and block.
    """

    plan: Plan
    problem: Problem
    catalog: Catalog
    held: Mapping[tuple[str, int, int], float]
    there: Mapping[tuple[str, int, int], float]


class _Rent(NamedTuple):
    """Discounted rent and people of the hours in which some accelerators are needed."""

    rent_usd: float
    people_usd: float

    @property
    def usd(self) -> float:
        return self.rent_usd + self.people_usd

    def fall(self, counted_usd: float) -> float | None:
        """Return the fall of the rent at which it costs as much, ``None`` without rent."""
        if not self.rent_usd:
            return None
        return 1.0 - max(counted_usd - self.people_usd, 0.0) / self.rent_usd


def instead_violations(
    row: CommitmentFigures, commitment: Commitment, terms: Terms, facts: Facts
) -> Iterator[str]:
    """Yield a sentence for every figure of a commitment and of its rent that does not follow.

    Parameters
    ----------
    row
        The figures.
    commitment, terms
        The commitment, and what the tables say about it.
    facts
        The plan and its sources.
    """
    size = commitment.accelerators_per_node
    usd = terms.price_usd_per_hour / size
    usd += node_people_usd_per_hour(commitment.tenure, size, facts.problem, facts.catalog) / size
    usd += _dear_hours_usd(commitment, terms, facts)
    if differs(row.usd_per_accelerator_hour, usd):
        yield f"{row.usd_per_accelerator_hour} USD per accelerator-hour, the tables give {usd}"
    periods, counted_usd = _counted(commitment, terms, facts)
    if differs(row.counted_discounted_usd, counted_usd):
        yield f"{row.counted_discounted_usd} USD counted, the tables give {counted_usd}"
    places = [
        (period, block)
        for period in periods
        for block in blocks(facts.problem)
        if there(commitment, facts.problem, block)
    ]
    hours = sum(block_hours(facts.problem, block) for _, block in places)
    needed = _needed(commitment, commitment.accelerators, places, facts)
    used = sum(block_hours(facts.problem, block) * n for (_, block), n in needed.items())
    share = used / hours / commitment.accelerators if hours else 0.0
    if differs(row.needed_share, share):
        yield f"needed share {row.needed_share}, the tables give {share}"
    yield from _alternative(row, commitment, (counted_usd, share), places, facts, terms)


def _alternative(  # noqa: PLR0917
    row: CommitmentFigures,
    commitment: Commitment,
    own: tuple[float, float],
    places: list[tuple[int, int]],
    facts: Facts,
    terms: Terms,
) -> Iterator[str]:
    offer_id, other = row.alternative_offer_id, row.alternative_usd_per_accelerator_hour
    derived = (row.break_even_used_share, row.alternative_price_fall, row.last_node_price_fall)
    if None in {offer_id, other, row.alternative_discounted_usd}:
        figures = (offer_id, other, row.alternative_discounted_usd, *derived)
        if any(figure is not None for figure in figures):
            yield "figures of an alternative without one"
        return
    served = range(row.start_period, row.start_period + terms.served_periods)
    listed = _list_prices(str(offer_id), commitment.hardware, served, facts)
    due = None
    if listed is not None:
        prices, size = listed
        each = node_people_usd_per_hour(_ON_DEMAND, size, facts.problem, facts.catalog)
        due = (sum(prices.values()) / len(prices) + each) / size
    if listed is None or due is None or differs(other or 0.0, due):
        yield f"alternative {offer_id} at {other} USD, the catalogue says {due}"
        return
    counted_usd, share = own
    whole, last = (
        _rent(_needed(commitment, count, places, facts), listed, facts)
        for count in (commitment.accelerators, commitment.accelerators_per_node)
    )
    for name, got, want in (
        ("USD of the alternative", row.alternative_discounted_usd, whole.usd),
        (
            "break-even used share",
            derived[0],
            share * counted_usd / whole.usd if whole.usd else None,
        ),
        ("price fall of the alternative", derived[1], whole.fall(counted_usd)),
        ("price fall for the last node", derived[2], last.fall(counted_usd / commitment.nodes)),
    ):
        if (got is None) != (want is None) or differs(got or 0.0, want or 0.0):
            yield f"{name} {got}, recomputed {want}"


def _counted(commitment: Commitment, terms: Terms, facts: Facts) -> tuple[range, float]:
    """Return the periods in which nodes could be done without, and the USD that this saves."""
    problem = facts.problem
    first, last = commitment.start_period, commitment.start_period + terms.served_periods
    usd = sum(later for _, later in terms.due.values())
    if commitment.is_existing:
        sold = _first_sale(commitment, problem)
        if sold is None:
            return range(first, last), 0.0
        sale = terms_of(replace(commitment, sold_month=sold), problem, facts.catalog)
        if sale is not None:
            first += sale.served_periods
            usd -= sum(later for _, later in sale.due.values())
    each = node_people_usd_per_hour(
        commitment.tenure, commitment.accelerators_per_node, problem, facts.catalog
    )
    hours = sum(block_hours(problem, b) for b in blocks(problem) if there(commitment, problem, b))
    usd += each * hours * sum(_middle(problem, period) for period in range(first, last))
    if commitment.tenure == _OWNED and not commitment.is_existing:
        usd += commitment.accelerators_per_node * sum(
            r.usd / r.accelerators * _middle(problem, r.period)
            for r in facts.plan.power_prices
            if r.hardware == commitment.hardware and first <= r.period < last
        )
    return range(first, last), commitment.nodes * usd


def _first_sale(commitment: Commitment, problem: Problem) -> str | None:
    """Return the first month in which nodes that were there may be sold."""
    stated = existing_of(commitment, problem)
    if stated is None:
        return None
    year, month = (int(part) for part in problem.horizon.start.split("-"))
    for period in range(problem.horizon.periods):
        sold = period * problem.horizon.months_per_period
        if not why_not_sold(stated, problem, sold, existing_months(stated, problem)):
            index = year * _MONTHS + month - 1 + sold
            return f"{index // _MONTHS:04d}-{index % _MONTHS + 1:02d}"
    return None


def _needed(
    commitment: Commitment, accelerators: int, places: list[tuple[int, int]], facts: Facts
) -> dict[tuple[int, int], float]:
    """Return how many of some accelerators replicas hold beyond all others that are there."""
    needed = {}
    for place in places:
        key = (commitment.hardware, *place)
        short = facts.held.get(key, 0.0) + accelerators - facts.there.get(key, 0.0)
        needed[place] = max(min(short, accelerators), 0.0)
    return needed


def _rent(
    needed: dict[tuple[int, int], float], listed: tuple[dict[int, float], int], facts: Facts
) -> _Rent:
    prices, size = listed
    each = node_people_usd_per_hour(_ON_DEMAND, size, facts.problem, facts.catalog)
    rent = people = 0.0
    for (period, block), accelerators in needed.items():
        node_hours = math.ceil(accelerators / size - _ROUNDING) * block_hours(facts.problem, block)
        later = node_hours * _middle(facts.problem, period)
        rent += later * prices[period]
        people += later * each
    return _Rent(rent, people)


def _middle(problem: Problem, period: int) -> float:
    return discount(problem, (period + _MIDDLE) * problem.horizon.months_per_period)


def _dear_hours_usd(commitment: Commitment, terms: Terms, facts: Facts) -> float:
    """Return what dear hours cost a bought accelerator, on average over all of its hours."""
    if commitment.tenure != _OWNED or commitment.is_existing or not terms.served_periods:
        return 0.0
    first = commitment.start_period
    served = range(first, first + terms.served_periods)
    hours = terms.served_periods * facts.problem.horizon.months_per_period * HOURS_PER_MONTH
    rows = (r for r in facts.plan.power_prices if r.hardware == commitment.hardware)
    return sum(r.usd / r.accelerators for r in rows if r.period in served) / hours


def _list_prices(
    offer_id: str, hardware: str, periods: range, facts: Facts
) -> tuple[dict[int, float], int] | None:
    """Return USD of a node-hour of an on-demand offer by period, and accelerators of a node."""
    problem, catalog = facts.problem, facts.catalog
    rows = [o for o in catalog.offers if o.offer_id == offer_id and o.tenure == _ON_DEMAND]
    prices: dict[int, float] = {}
    accelerators = 0
    for period in periods:
        day = period_start(problem, period)
        listed = in_force(rows, day)
        if listed is None:
            return None
        if (catalog.resolve_accelerator(listed.accelerator) or listed.accelerator) != hardware:
            return None
        months = period * problem.horizon.months_per_period
        place = (listed.provider, listed.instance, listed.region, listed.tenure)
        price = listed.price_usd_per_hour * share_paid(catalog, place, day)
        prices[period] = price * price_growth(problem, nodes_sold(listed, hardware), months)
        accelerators = listed.accelerators
    return (prices, accelerators) if prices else None
