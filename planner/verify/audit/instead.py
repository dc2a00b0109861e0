"""A commitment against the rent of the hours in which it is needed, computed again from tables.

Both in discounted money of the plan: the payments of the term as the tables and the problem give
them, and the price lists of the offers by the hour, period by period.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from planner.units import HOURS_PER_MONTH
from planner.verify.audit.clock import block_hours, blocks
from planner.verify.audit.expected import TOLERANCE, differs
from planner.verify.audit.listed import listed_offers
from planner.verify.audit.packing import allowed
from planner.verify.audit.people import node_people_usd_per_hour
from planner.verify.audit.rent import Paid, Renting
from planner.verify.audit.resale import why_not_sold
from planner.verify.audit.terms import discount, existing_months, existing_of, terms_of, there

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Commitment, Plan
    from planner.plan.finance_rows import CommitmentFigures
    from planner.problem.schema import Problem
    from planner.verify.audit.listed import Listed
    from planner.verify.audit.places import Places
    from planner.verify.audit.rent import Ledger
    from planner.verify.audit.terms import Terms

_OWNED = "owned"
_MIDDLE = 0.5
_MONTHS = 12


class Facts(NamedTuple):
    """A plan with what it was made from, and what stands in every block.

    Parameters
    ----------
    plan, problem, catalog
        The plan and its sources.
    places
        Nodes and replicas in every block.
    ledger
        What counts for quotas and volume discounts.
    """

    plan: Plan
    problem: Problem
    catalog: Catalog
    places: Places
    ledger: Ledger


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
    served = range(row.start_period, row.start_period + terms.served_periods)
    offers = listed_offers(commitment.hardware, served, facts.problem, facts.catalog)
    slots = [
        (period, block)
        for period in periods
        for block in blocks(facts.problem)
        if there(commitment, facts.problem, block)
    ]
    hours = sum(block_hours(facts.problem, block) for _, block in slots)
    needed, last = (
        {slot: facts.places.out_of(commitment, count, slot, offers) for slot in slots}
        for count in (commitment.accelerators, commitment.accelerators_per_node)
    )
    used = sum(
        block_hours(facts.problem, block) * n
        for (_, block), groups in needed.items()
        for _, n in groups
    )
    share = used / hours / commitment.accelerators if hours else 0.0
    if differs(row.needed_share, share):
        yield f"needed share {row.needed_share}, the tables give {share}"
    whole = _rent(needed, offers, commitment, commitment.accelerators, facts)
    yield from _named(row, whole, offers, facts)
    if None not in {row.alternative_offer_id, row.alternative_discounted_usd} and whole:
        yield from _figures(row, counted_usd, share, whole)
    one = _rent(last, offers, commitment, commitment.accelerators_per_node, facts)
    fall = None if one is None else _fall(one, counted_usd / commitment.nodes)
    yield from _compared("price fall for the last node", row.last_node_price_fall, fall)


def _named(
    row: CommitmentFigures, whole: Paid | None, offers: list[Listed], facts: Facts
) -> Iterator[str]:
    """Yield a sentence where offers are not those on the list, or at another price."""
    offer_id, other = row.alternative_offer_id, row.alternative_usd_per_accelerator_hour
    if None in {offer_id, other, row.alternative_discounted_usd}:
        derived = (row.break_even_used_share, row.alternative_price_fall)
        figures = (offer_id, other, row.alternative_discounted_usd, *derived)
        if any(figure is not None for figure in figures):
            yield "figures of an alternative without one"
        elif whole is not None and (whole.names or _may_hold_some(offers, row, facts)):
            yield f"no alternative, {' + '.join(sorted(whole.names)) or 'some offer'} is one"
        return
    named = str(offer_id).split(" + ")
    mine = [offer for offer in offers if offer.offer_id in named]
    means = [(sum(o.prices.values()) / len(o.prices) + o.people) / o.accelerators for o in mine]
    if len(mine) != len(named) or whole is None:
        yield f"alternative {offer_id} at {other} USD, the catalogue says None"
    elif not min(means) * (1 - TOLERANCE) <= (other or 0.0) <= max(means) * (1 + TOLERANCE):
        span = " to ".join(f"{mean:.6g}" for mean in sorted({min(means), max(means)}))
        yield f"alternative {offer_id} at {other} USD, the catalogue says {span}"
    elif whole.names and whole.names != set(named):
        yield f"alternative {offer_id}, {' + '.join(sorted(whole.names))} is cheapest"


def _may_hold_some(offers: list[Listed], row: CommitmentFigures, facts: Facts) -> bool:
    """Return whether some offer may hold a workload that runs on the hardware."""
    hardware = next(c.hardware for c in facts.plan.commitments if c.offer_id == row.offer_id)
    tenants = {(a.pool, False, math.inf) for a in facts.plan.allocations if a.hardware == hardware}
    return any(
        not tenants or any(allowed(tenant, offer, facts.problem) for tenant in tenants)
        for offer in offers
    )


def _figures(
    row: CommitmentFigures, counted_usd: float, share: float, whole: Paid
) -> Iterator[str]:
    even = share * counted_usd / whole.usd if whole.usd else None
    fall = _fall(whole, counted_usd)
    yield from _compared("USD of the alternative", row.alternative_discounted_usd, whole.usd)
    yield from _compared("break-even used share", row.break_even_used_share, even)
    yield from _compared("price fall of the alternative", row.alternative_price_fall, fall)


def _compared(name: str, got: float | None, want: float | None) -> Iterator[str]:
    if (got is None) != (want is None) or differs(got or 0.0, want or 0.0):
        yield f"{name} {got}, recomputed {want}"


def _fall(rent: Paid, counted_usd: float) -> float | None:
    """Return the fall of the rent at which it costs as much, ``None`` without rent."""
    if not rent.rent_usd:
        return None
    return 1.0 - max(counted_usd - rent.people_usd, 0.0) / rent.rent_usd


def _rent(
    needed: dict[tuple[int, int], list[tuple[frozenset[str], int]]],
    offers: list[Listed],
    commitment: Commitment,
    accelerators: int,
    facts: Facts,
) -> Paid | None:
    """Return the discounted rent of what is needed, ``None`` where it cannot be had."""
    if not offers:
        return None
    renting = Renting(facts.ledger, offers, commitment, accelerators)
    rent = people = 0.0
    names: frozenset[str] = frozenset()
    for period in sorted({t for t, _ in needed}):
        blocks_of = {b: groups for (t, b), groups in needed.items() if t == period and groups}
        paid = renting.at(period, blocks_of)
        if paid is None:
            return None
        later = _middle(facts.problem, period)
        rent += paid.rent_usd * later
        people += paid.people_usd * later
        names |= paid.names
    return Paid(rent, people, names)


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
