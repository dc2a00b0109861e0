"""When a plan has paid back against each baseline.

With cumulative cash ``C[m] = sum of what is paid up to the end of month m``, the value left of
owned nodes not counted, the payback month is::

    the first m such that C_plan[j] <= C_baseline[j] for every j >= m

up to the last payment of either, also after the horizon. It is counted from the month of the first
purchase order: the month of the order is month 1. Where the plan is never above the baseline from
a month before that on, as with nodes that it sells first, there is nothing to pay back and the
months are 0. The price of requests that are not served is no cash and moves no month; what it
comes to is told beside. The discounted one takes discounted cash
(Horngren et al., Cost Accounting, capital budgeting: payback and discounted payback).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from planner.plan.finance_rows import CASH, OWN, UNSERVED, Payback

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planner.plan.document import Plan
    from planner.plan.finance_rows import CashFlow

_MONTHS_PER_YEAR = 12
_OWNED = "owned"
_ROUNDING = 1e-9
"""Share of the money moved that is arithmetic, not a difference."""


SAME = "pays the same in every month as the plan"


class _Moment(NamedTuple):
    """Month of a payback, or the cash that is still missing after the last payment."""

    month: int | None
    missing_usd: float


def paybacks(plan: Plan) -> tuple[Payback, ...]:
    """Return a row for every baseline; none when the plan takes nothing on for a term.

    Parameters
    ----------
    plan
        A plan with its baselines and the cash of both by month.
    """
    ordered = order_month(plan)
    if ordered is None:
        return ()
    unserved_usd: dict[str, float] = defaultdict(float)
    for flow in plan.cash_flows:
        if flow.kind == UNSERVED:
            unserved_usd[flow.plan] += flow.usd
    rows = []
    for baseline in plan.baselines:
        if baseline.cost_usd is None:
            row = Payback(baseline.name, ordered, None, None, None, None, baseline.why_not)
        else:
            row = _payback(plan.cash_flows, baseline.name, ordered)
        lost_usd = unserved_usd[baseline.name]
        rows.append(replace(row, unserved_usd=unserved_usd[OWN], baseline_unserved_usd=lost_usd))
    return tuple(rows)


def order_month(plan: Plan) -> str | None:
    """Return the month of the first purchase order, of a reservation where nothing is bought.

    Parameters
    ----------
    plan
        The plan; nodes that are there already, or kept from an earlier plan, were ordered before.
    """
    new = [c for c in plan.commitments if not c.is_existing and c.nodes > c.nodes_kept]
    bought = [c for c in new if c.tenure == _OWNED] or new
    return min((c.order_month for c in bought), default=None)


def _payback(flows: Iterable[CashFlow], baseline: str, ordered: str) -> Payback:
    nominal: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    discounted: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for flow in flows:
        if flow.kind == CASH:
            nominal[flow.plan][_index(flow.month)] += flow.usd
            discounted[flow.plan][_index(flow.month)] += flow.discounted_usd
    if not _differ(nominal[OWN], nominal[baseline]):
        return Payback(baseline, ordered, None, None, None, None, SAME)
    plain = _moment(nominal[OWN], nominal[baseline])
    later = _moment(discounted[OWN], discounted[baseline])
    why_not = None
    if plain.month is None:
        why_not = f"never: all paid, its cash is {plain.missing_usd:,.0f} USD above the baseline's"
    elif later.month is None:
        why_not = (
            f"not when discounted: all paid, {later.missing_usd:,.0f} USD above the baseline's"
        )
    return Payback(
        baseline,
        ordered,
        _counted(plain.month, ordered),
        _name(plain.month),
        _counted(later.month, ordered),
        _name(later.month),
        why_not,
    )


def _differ(own: Mapping[int, float], other: Mapping[int, float]) -> bool:
    tolerance = _ROUNDING * (_moved(own) + _moved(other))
    return any(abs(own.get(m, 0.0) - other.get(m, 0.0)) > tolerance for m in (*own, *other))


def _moment(own: Mapping[int, float], other: Mapping[int, float]) -> _Moment:
    months = range(min((*own, *other), default=0), max((*own, *other), default=-1) + 1)
    tolerance = _ROUNDING * (_moved(own) + _moved(other))
    ahead, paid_back = 0.0, None
    for month in months:
        ahead += own.get(month, 0.0) - other.get(month, 0.0)
        if ahead > tolerance:
            paid_back = None
        elif paid_back is None:
            paid_back = month
    return _Moment(paid_back, ahead)


def _moved(paid: Mapping[int, float]) -> float:
    """Return all money that moves, either way."""
    return sum(abs(usd) for usd in paid.values())


def _counted(month: int | None, ordered: str) -> int | None:
    return None if month is None else max(month - _index(ordered) + 1, 0)


def _index(month: str) -> int:
    year, number = (int(part) for part in month.split("-"))
    return year * _MONTHS_PER_YEAR + number - 1


def _name(month: int | None) -> str | None:
    if month is None:
        return None
    return f"{month // _MONTHS_PER_YEAR:04d}-{month % _MONTHS_PER_YEAR + 1:02d}"
