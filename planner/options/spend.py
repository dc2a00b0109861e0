"""Spend commitments: USD per hour that are promised to a provider, for lower rates on demand.

A covered node-hour is billed at a rate below its on-demand price, and takes that much of the
commitment of its hour::

    rate = on-demand price x (1 - discount), or a rate of the contract

What the commitment of an hour does not reach is paid at the on-demand price. A commitment of one
USD per hour costs 730 USD a month for its whole term, used or not; ``commitment_tail: pro_rata``
cuts off what is due after the horizon. Where the discount grows with what is promised, every tier
is a commitment of its own between its threshold and the next, and at most one of them is in use at
a time; what is promised already of a tier (``tiers_of``) counts in it while it runs. Figures are
the user's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.builds import LEASE, Build, monthly_payments, served_until
from planner.options.reserved import lease_payments
from planner.options.supply_records import SpendCommitment
from planner.problem.supply import months_between
from planner.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.demand.records import TimeGrid
    from planner.options.records import NodeOffer
    from planner.problem.contracts import SpendCommitment as Stated
    from planner.problem.schema import Problem

SPEND = "spend"
"""Prefix of the identity of spend commitments, and tenure of their cost lines."""
BELOW = 1.0 - 1e-5
"""Share of the next threshold up to which a tier goes: at the threshold the next one holds."""
_ON_DEMAND = "on_demand"
_SOURCE = "the problem"


def spend_of_problem(
    problem: Problem, grid: TimeGrid, offers: Sequence[NodeOffer]
) -> tuple[SpendCommitment, ...]:
    """Return the spend commitments that may be taken on, in the order in which they cover use.

    Those that list what they cover go first. Those that cover nothing are left out, unless they
    are promised already: then they are paid all the same.

    Parameters
    ----------
    problem
        Its supply section.
    grid
        Periods.
    offers
        Nodes on offer.
    """
    found = []
    in_order = sorted(problem.supply.spend_commitments, key=lambda s: not s.covers)
    for stated, table in (one for item in in_order for one in _by_tier(item)):
        rates = tuple(_rates(stated, offers))
        there = stated.committed_usd_per_hour
        if there is not None:
            found.append(_existing(stated, there, rates, problem, grid))
        elif rates:
            found.append(
                SpendCommitment(
                    id=f"{SPEND}:{stated.name}",
                    provider=stated.provider,
                    rates=rates,
                    min_usd_per_hour=stated.min_usd_per_hour,
                    max_usd_per_hour=stated.max_usd_per_hour,
                    builds=tuple(_builds(stated, problem, grid)),
                    table=table,
                    discount=stated.discount,
                    running_usd_per_hour=_running(stated, table, problem, grid),
                )
            )
    return tuple(found)


def idle_spend(problem: Problem, usable: Sequence[SpendCommitment]) -> list[str]:
    """Return a sentence for every spend commitment that nothing on offer comes under.

    Parameters
    ----------
    problem
        The problem, for what it offers to promise.
    usable
        Commitments that can be taken on, or are there already.
    """
    ids = {s.id for s in usable} | {f"{SPEND}:{s.table}" for s in usable}
    return [
        f"supply.spend_commitments: {stated.name} covers no on-demand node on offer for less"
        for stated in problem.supply.spend_commitments
        if f"{SPEND}:{stated.name}" not in ids
    ]


def _by_tier(stated: Stated) -> Iterator[tuple[Stated, str]]:
    """Yield a commitment with its own discount for every tier, and the table; or itself."""
    if stated.tiers is None:
        yield stated, ""
        return
    ends = [tier.from_usd_per_hour * BELOW for tier in stated.tiers[1:]]
    for tier, end in zip(stated.tiers, [*ends, stated.max_usd_per_hour], strict=True):
        changes = {
            "name": f"{stated.name}/{tier.from_usd_per_hour:.10g}",
            "discount": tier.discount,
            "min_usd_per_hour": tier.from_usd_per_hour,
            "max_usd_per_hour": end,
        }
        yield stated.model_copy(update=changes), stated.name


def _running(stated: Stated, table: str, problem: Problem, grid: TimeGrid) -> tuple[float, ...]:
    """Return what is promised already of a tier by period, empty for nothing."""
    usd = [0.0] * grid.periods
    for other in problem.supply.spend_commitments:
        if table and (other.tiers_of, other.discount) == (table, stated.discount):
            months = months_between(problem.horizon.start, other.until or "")
            for t in range(served_until(grid, 0, months)):
                usd[t] += other.committed_usd_per_hour or 0.0
    return tuple(usd) if any(usd) else ()


def _existing(
    stated: Stated,
    usd_per_hour: float,
    rates: tuple[tuple[str, tuple[float | None, ...]], ...],
    problem: Problem,
    grid: TimeGrid,
) -> SpendCommitment:
    """Return what is promised already; what is due after the horizon is the same in any plan."""
    months = months_between(problem.horizon.start, stated.until or "")
    due = stated.usd_per_month
    per_month = HOURS_PER_MONTH if due is None else due / usd_per_hour
    paid = min(months, grid.months)
    build = Build(
        start=0,
        end=served_until(grid, 0, months),
        order_month=0,
        term_months=months,
        payments=tuple(monthly_payments(grid, LEASE, per_month, (0, paid))),
        usd_per_node_hour=per_month / HOURS_PER_MONTH,
        price_date=problem.horizon.start,
        source=_SOURCE,
        months_paid=paid,
    )
    return SpendCommitment(
        id=f"{SPEND}:{stated.name}",
        provider=stated.provider,
        rates=rates,
        min_usd_per_hour=0.0,
        max_usd_per_hour=None,
        builds=(build,),
        held_usd_per_hour=(usd_per_hour,),
        is_existing=True,
        discount=stated.discount,
    )


def _rates(
    stated: Stated, offers: Sequence[NodeOffer]
) -> Iterator[tuple[str, tuple[float | None, ...]]]:
    for offer in offers:
        if offer.provider != stated.provider or offer.tenure != _ON_DEMAND:
            continue
        rates = tuple(_rate(stated, offer, price) for price in offer.price_usd_per_hour)
        if any(rate is not None for rate in rates):
            yield offer.offer_id, rates


def _rate(stated: Stated, offer: NodeOffer, price: float | None) -> float | None:
    """Return what a covered node-hour takes, ``None`` where it would not be less than the price.

    Parameters
    ----------
    stated
        The commitment.
    offer
        On-demand nodes of its provider.
    price
        Their price in a period.
    """
    if price is None:
        return None
    discount, usd = stated.discount, None
    for use in stated.covers:
        wanted = (use.hardware, use.instance, use.region)
        have = (offer.hardware, offer.instance, offer.region)
        if all(want in {None, got} for want, got in zip(wanted, have, strict=True)):
            discount, usd = use.discount or stated.discount, use.usd_per_node_hour
            break
    else:
        if stated.covers:
            return None
    rate = usd if usd is not None else price * (1.0 - (discount or 0.0))
    return rate if rate < price else None


def _builds(stated: Stated, problem: Problem, grid: TimeGrid) -> Iterator[Build]:
    for start in range(grid.periods):
        first, term = start * grid.months_per_period, stated.term_months or 0
        pro_rata = problem.finance.commitment_tail == "pro_rata"
        paid = min(term, grid.months - first) if pro_rata else term
        span = (first, first + paid)
        yield Build(
            start=start,
            end=served_until(grid, start, term),
            order_month=first,
            term_months=term,
            payments=tuple(lease_payments(grid, HOURS_PER_MONTH, stated.upfront_share, span)),
            usd_per_node_hour=1.0,
            price_date=problem.horizon.start,
            source=_SOURCE,
            months_paid=paid,
        )
