"""What one committed node pays in which month, from the tables and the problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from planner.verify.audit.clock import period_start
from planner.verify.audit.expected import in_force
from planner.verify.audit.terms import block_of, discount, terms_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Commitment
    from planner.problem.schema import Problem
    from planner.verify.audit.terms import Terms

_AT_ONCE = frozenset({"capex", "resale"})
_BACK = "terminal_value"
_LEASE, _BLOCK = "lease", "capacity_block"


class Dated(NamedTuple):
    """Money for one node in one month, counted from the start of the horizon."""

    month: int
    category: str
    usd: float
    factor: float


def dated_payments(row: Commitment, problem: Problem, catalog: Catalog) -> Iterator[Dated]:
    """Yield every payment of one node of a commitment by month; nothing for unknown ones."""
    terms = terms_of(row, problem, catalog)
    if terms is None:
        return
    length = problem.horizon.months_per_period
    first, last = paid_months(row, terms, problem)
    upfront = _upfront_usd(row, terms, problem, catalog)
    if upfront:
        yield Dated(first, _LEASE, upfront, discount(problem, first))
    for (period, category), (usd, discounted) in terms.due.items():
        if category == _BACK:
            end = problem.horizon.periods * length
            yield Dated(end - 1, category, usd, discount(problem, end))
        elif category in _AT_ONCE:
            month = period * length
            yield Dated(month, category, usd, discount(problem, month))
        else:
            now = upfront if (period, category) == (row.start_period, _LEASE) else 0.0
            spread, later = usd - now, discounted - now * discount(problem, first)
            months = range(max(first, period * length), min(last, (period + 1) * length))
            for month in months if spread else ():
                yield Dated(month, category, spread / len(months), later / spread)


def usd_per_month(row: Commitment, problem: Problem, catalog: Catalog) -> float:
    """Return what one node of a commitment costs each month, beside what is paid at once."""
    terms = terms_of(row, problem, catalog)
    if terms is None:
        return 0.0
    upfront = _upfront_usd(row, terms, problem, catalog)
    running = sum(usd for (_, c), (usd, _) in terms.due.items() if c not in _AT_ONCE | {_BACK})
    first, last = paid_months(row, terms, problem)
    return (running - upfront) / (last - first) if last > first else 0.0


def paid_months(row: Commitment, terms: Terms, problem: Problem) -> tuple[int, int]:
    """Return the first month that a commitment is paid for, and the first without."""
    length = problem.horizon.months_per_period
    first = row.start_period * length
    last = first + terms.months
    if row.tenure == "owned" and not row.is_existing:
        last = first + terms.served_periods * length
    elif row.is_existing or problem.finance.commitment_tail == "pro_rata":
        last = min(last, problem.horizon.periods * length)
    return first, last


def _upfront_usd(row: Commitment, terms: Terms, problem: Problem, catalog: Catalog) -> float:
    if row.is_existing or row.tenure == "owned":
        return 0.0
    total = sum(usd for usd, _ in terms.due.values())
    block = block_of(row, problem)
    if row.tenure == _BLOCK and block is not None:
        return block.upfront_share * total
    offers = [o for o in catalog.offers if o.offer_id == row.offer_id]
    listed = in_force(offers, period_start(problem, row.start_period))
    share = 0.0 if listed is None else listed.upfront_fraction or 0.0
    return share * total
