"""Reservations of nodes: one build for every period in which the term can start.

The price at the start of the period holds for the whole term, which is paid whether used or not::

    monthly = price x 730 h        upfront = share x monthly x months, at the start
    the rest evenly, month by month, also after the horizon

With ``commitment_tail: pro_rata`` only the months within the horizon are paid.

A commitment to spending names an instance too: it pays for so many nodes of it around the clock,
so the plan runs them around the clock. What it does not do is to promise that they can be had.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.options.builds import LEASE, Build, Payment, monthly_payments, served_until
from planner.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.schema import Offer
    from planner.demand.records import TimeGrid
    from planner.options.records import NodeOffer

TERM_MONTHS = {"reserved_1y": 12, "reserved_3y": 36}
"""Term of a tenure when its offer states none."""
SPEND_ONLY = "spend"
_NO_CAPACITY = (
    "commits to spending on these nodes day and night and reserves none: nobody promises that "
    "they can be had"
)


def why_not_reserved(offer: Offer, grid: TimeGrid) -> tuple[str, str] | None:
    """Return why nodes cannot be reserved by an offer, ``None`` when they can.

    Parameters
    ----------
    offer
        Offer of a reserved tenure.
    grid
        Periods that its term is compared with.
    """
    term = offer.term_months or TERM_MONTHS[offer.tenure]
    if term < grid.months_per_period:
        detail = f"its term of {counted(term, 'month')} is shorter than a period"
        return "tenure", detail
    return None


def with_reservations(
    node: NodeOffer, rows: Sequence[Offer | None], grid: TimeGrid, *, pro_rata: bool
) -> NodeOffer:
    """Return an offer of reserved nodes with its builds.

    Parameters
    ----------
    node
        The offer, with the price of every period.
    rows
        Rows of the catalogue behind these prices; ``None`` in a period without a price.
    grid
        Periods.
    pro_rata
        True to leave out the payments after the horizon.
    """
    builds = []
    for start, (row, price) in enumerate(zip(rows, node.price_usd_per_hour, strict=True)):
        if row is None or price is None:
            continue
        term = row.term_months or TERM_MONTHS[row.tenure]
        first = start * grid.months_per_period
        paid = min(term, grid.months - first) if pro_rata else term
        upfront_share = row.upfront_fraction or 0.0
        builds.append(
            Build(
                start=start,
                end=served_until(grid, start, term),
                order_month=first,
                term_months=term,
                payments=tuple(
                    lease_payments(
                        grid, price * HOURS_PER_MONTH, upfront_share, (first, first + paid)
                    )
                ),
                usd_per_node_hour=price,
                price_date=row.as_of,
                source=row.source,
                months_paid=paid,
            )
        )
    spends = any(row is not None and row.commits == SPEND_ONLY for row in rows)
    note = "; ".join(part for part in (node.note, _NO_CAPACITY if spends else "") if part)
    return replace(node, builds=tuple(builds), startup_h=0.0, min_billing_h=0.0, note=note)


def lease_payments(
    grid: TimeGrid, usd_per_month: float, upfront_share: float, months: tuple[int, int]
) -> Iterator[Payment]:
    """Yield what a term costs: a share at its start, the rest evenly.

    Parameters
    ----------
    grid
        Periods.
    usd_per_month
        Amount, nominal.
    upfront_share
        Share of the whole term that is paid at its start.
    months
        First and last moment of the term, the first at the start of a period.
    """
    first, last = months
    if upfront_share:
        usd = upfront_share * usd_per_month * (last - first)
        yield Payment(first // grid.months_per_period, LEASE, usd, grid.factor_at(first))
    yield from monthly_payments(grid, LEASE, (1.0 - upfront_share) * usd_per_month, months)
