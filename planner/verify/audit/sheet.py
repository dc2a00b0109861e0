"""Figures of commitments, their losses and the order calendar, computed again from the tables.

What needs another solve is held against itself: differences, bounds, and that no row is missing.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_MONTH
from planner.verify.audit.clock import block_hours, blocks, period_start
from planner.verify.audit.expected import differs
from planner.verify.audit.instead import Facts, instead_violations
from planner.verify.audit.places import Places
from planner.verify.audit.rent import Ledger
from planner.verify.audit.terms import terms_of, there

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Commitment, Plan
    from planner.plan.finance_rows import CommitmentFigures, CommitmentLoss, OrderDate
    from planner.problem.schema import Problem
    from planner.verify.audit.terms import Terms

_FACTORS = (0.8, 0.6)
_HOURS_PER_DAY = 24.0
_DAYS_PER_YEAR_OF_MONTHS = 365.0 / (12 * HOURS_PER_MONTH / _HOURS_PER_DAY)
_CENT = 0.005
_MONTHS, _QUARTER_MONTHS = 12, 3
_KEPT = 1e-6
"""Share of a promise that is the tolerance of a solver, not a new order."""

_Hours = dict[tuple[str, int, int], float]


def sheet_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every figure of a commitment that the tables contradict."""
    rows = {(r.offer_id, r.start_period, r.sold_month): r for r in plan.commitment_figures}
    if len(rows) != len(plan.commitment_figures) or list(rows) != [
        (c.offer_id, c.start_period, c.sold_month) for c in plan.commitments
    ]:
        yield "figures of commitments: needs one row for every commitment"
        return
    use = _Use(plan, problem)
    facts = Facts(plan, problem, catalog, Places(plan, problem), Ledger(plan, problem))
    for commitment in plan.commitments:
        terms = terms_of(commitment, problem, catalog)
        row = rows[commitment.offer_id, commitment.start_period, commitment.sold_month]
        if terms is not None:
            for text in (
                *_shares(row, commitment, use, terms),
                *_order_by(row, terms, problem),
                *instead_violations(row, commitment, terms, facts),
            ):
                place = f"figures of {commitment.offer_id} from period {commitment.start_period}"
                yield f"{place}: {text}"
    yield from _losses(plan, problem)
    yield from _calendar(plan, problem)


class _Use:
    """Accelerators held, at work and taken on, and requests, by hardware, period and block."""

    def __init__(self, plan: Plan, problem: Problem) -> None:
        self.problem = problem
        self.held: _Hours = defaultdict(float)
        self.at_work: _Hours = defaultdict(float)
        self.rate: _Hours = defaultdict(float)
        self.there: _Hours = defaultdict(float)
        self.asked: dict[tuple[int, int], float] = defaultdict(float)
        pools = {
            (a.pool, a.option_id, a.period, a.block): (a.hardware, a.accelerators)
            for a in plan.allocations
        }
        for (_, _, period, block), (hardware, accelerators) in pools.items():
            self.held[hardware, period, block] += accelerators
        for a in plan.allocations:
            share = a.rate_rps / a.capacity_rps / a.replicas
            self.at_work[a.hardware, a.period, a.block] += share * a.accelerators
            self.rate[a.hardware, a.period, a.block] += a.rate_rps
            self.asked[a.period, a.block] += a.rate_rps
        for item in plan.api:
            self.asked[item.period, item.block] += item.rate_rps
        taken_on = {c.offer_id for c in plan.commitments}
        for node in plan.fleet:
            if node.offer_id in taken_on:
                self.there[node.hardware, node.period, node.block] += node.accelerators


def _shares(
    row: CommitmentFigures, commitment: Commitment, use: _Use, terms: Terms
) -> Iterator[str]:
    served = range(row.start_period, row.start_period + terms.served_periods)
    # Hours in which nothing comes are paid like all others.
    every = [(period, block) for period in served for block in blocks(use.problem)]
    asked = sum(block_hours(use.problem, block) * use.asked[t, block] for t, block in every)
    used = work = carried = paid = 0.0
    for period, block in every:
        if not there(commitment, use.problem, block):
            continue
        key = (commitment.hardware, period, block)
        hours = block_hours(use.problem, block)
        paid += hours * commitment.accelerators
        if use.held[key]:
            busy = min(1.0, use.held[key] / use.there[key]) if use.there[key] else 0.0
            part = hours * commitment.accelerators * busy
            used += part
            work += use.at_work[key] * part / use.held[key]
            carried += use.rate[key] * part / use.held[key]
    for name, got, want in (
        ("coverage", row.coverage, carried / asked if asked else 0.0),
        ("used share", row.used_share, used / paid if paid else 0.0),
        ("utilization", row.utilization, work / paid if paid else 0.0),
    ):
        if differs(got, want):
            yield f"{name} {got}, the tables give {want}"


def _order_by(row: CommitmentFigures, terms: Terms, problem: Problem) -> Iterator[str]:
    first = row.start_period * problem.horizon.months_per_period
    days = (
        (first - terms.order_month) * HOURS_PER_MONTH / _HOURS_PER_DAY * _DAYS_PER_YEAR_OF_MONTHS
    )
    start = period_start(problem, row.start_period)
    want = (start - dt.timedelta(days=math.ceil(round(days, 6)))).isoformat()
    if row.order_by != want:
        yield f"order by {row.order_by}, start less lead time is {want}"


def _new(plan: Plan) -> list[Commitment]:
    return [c for c in plan.commitments if not c.is_existing and c.nodes > c.nodes_kept]


def _promises(plan: Plan, problem: Problem) -> Iterator[tuple[str, int, str, str]]:
    """Yield id, first period, first month and order of what is taken on beside nodes."""
    period_months = problem.horizon.months_per_period
    terms = {f"provisioned:{u.name}": u.term_months or 0 for u in problem.supply.provisioned}
    for units in plan.provisioned:
        new = units.units - units.units_kept
        if new and not units.is_existing and terms.get(units.units_id, 0) > period_months:
            order = f"{new} x {units.units_id}"
            yield units.units_id, units.start_period, units.start_month, order
    for spend in plan.spend_commitments:
        usd = spend.usd_per_hour - spend.usd_per_hour_kept
        if not spend.is_existing and usd > _KEPT * spend.usd_per_hour:
            order = f"{usd:.6g} USD/h of {spend.commitment_id}"
            yield spend.commitment_id, spend.start_period, spend.start_month, order


def _losses(plan: Plan, problem: Problem) -> Iterator[str]:
    new: list[tuple[str, int | None]] = [("", None)]
    new += [(c.offer_id, c.start_period) for c in _new(plan)]
    new += [(name, period) for name, period, _, _ in _promises(plan, problem)]
    due = {(*key, factor) for key in new for factor in _FACTORS if len(new) > 1}
    got = [(r.offer_id, r.start_period, r.demand_factor) for r in plan.commitment_losses]
    if got and (set(got) != due or len(got) != len(due)):
        yield "losses: needs one row for every commitment, for all, and every demand"
    for row in plan.commitment_losses:
        place = f"loss of {row.offer_id or 'all commitments'} at {row.demand_factor:g} of demand"
        known = row.held_usd is not None and row.without_usd is not None
        want = (row.held_usd or 0.0) - (row.without_usd or 0.0) if known else None
        yield from (f"{place}: {text}" for text in _difference(row.loss_usd, want, row.why_not))
        yield from (f"{place}: {text}" for text in _loss_limits(row))
        for cost, bound in (
            (row.held_usd, row.held_bound_usd),
            (row.without_usd, row.without_bound_usd),
        ):
            if cost is not None and bound is not None and bound > cost + _CENT:
                yield f"{place}: bound {bound} USD is above its cost {cost} USD"


def _loss_limits(row: CommitmentLoss) -> Iterator[str]:
    """Bounds on either side; nothing is cheaper than the best plan for a demand."""
    least = -math.inf if row.offer_id else 0.0
    low = _less(row.held_bound_usd, row.without_usd, least)
    high = _less(row.held_usd, row.without_bound_usd)
    yield from _limits((row.loss_low_usd, row.loss_high_usd), (low, high))


def _less(first: float | None, second: float | None, least: float = -math.inf) -> float | None:
    return None if first is None or second is None else max(first - second, least)


def _limits(
    got: tuple[float | None, float | None], wanted: tuple[float | None, float | None]
) -> Iterator[str]:
    for name, edge, want in zip(("low", "high"), got, wanted, strict=True):
        if (edge is None) != (want is None) or abs((edge or 0.0) - (want or 0.0)) > _CENT:
            yield f"{name} {edge} USD, recomputed {want}"


def _orders(plan: Plan, problem: Problem) -> dict[str, list[tuple[str, str]]]:
    """Return what is ordered or sold by month, each with the last day to do so."""
    figures = {(f.offer_id, f.start_period): f.order_by for f in plan.commitment_figures}
    due: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for c in _new(plan):
        day = figures[c.offer_id, c.start_period]
        due[c.order_month].append((f"{c.nodes - c.nodes_kept} x {c.offer_id}", day))
    for c in plan.commitments:
        if c.sold_month is not None:
            due[c.sold_month].append((f"sell {c.nodes} x {c.offer_id}", f"{c.sold_month}-01"))
    for _, _, month, order in _promises(plan, problem):
        due[month].append((order, f"{month}-01"))
    return due


def _calendar(plan: Plan, problem: Problem) -> Iterator[str]:
    due, rows = _orders(plan, problem), plan.order_calendar
    wanted = {month: {order for order, _ in orders} for month, orders in due.items()}
    if rows and {r.order_month: set(r.orders) for r in rows} != wanted:
        yield "order calendar: needs every order of the plan in its month"
        return
    for row in rows:
        if row.order_by != min(day for _, day in due[row.order_month]):
            yield f"orders of {row.order_month}: the commitments say another day"
        for text in (*_until(row, problem), *_delay(row, plan)):
            yield f"orders of {row.order_month}: {text}"


def _until(row: OrderDate, problem: Problem) -> Iterator[str]:
    """Nothing is ordered for a quarter, or the whole periods that cover it."""
    length = problem.horizon.months_per_period
    year, month = (int(part) for part in row.order_month.split("-"))
    index = year * _MONTHS + month - 1 + length * -(-_QUARTER_MONTHS // length)
    want = f"{index // _MONTHS:04d}-{index % _MONTHS + 1:02d}"
    if row.delayed_to_month != want:
        yield f"delayed to {row.delayed_to_month}, orders may be given again from {want} on"


def _delay(row: OrderDate, plan: Plan) -> Iterator[str]:
    cost, bound, own = row.delayed_usd, row.delayed_bound_usd, plan.cost_usd or 0.0
    yield from _difference(row.delay_usd, None if cost is None else cost - own, row.why_not)
    # A plan that may do less is never cheaper.
    limits = (_less(bound, own, 0.0), _less(cost, plan.bound_usd))
    yield from _limits((row.delay_low_usd, row.delay_high_usd), limits)


def _difference(got: float | None, want: float | None, why_not: str | None) -> Iterator[str]:
    if (got is None) != (want is None) or abs((got or 0.0) - (want or 0.0)) > _CENT:
        yield f"{got} USD, the difference is {want}"
    if (got is None) == (why_not is None):
        yield "needs either an amount or a reason"
