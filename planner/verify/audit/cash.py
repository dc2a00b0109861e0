"""Cash by month and paybacks, computed again from the tables and the problem.

The cash of a baseline cannot be: its plan is not in the file. It is held against its cost.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import accumulate
from typing import TYPE_CHECKING

from planner.units import MONTHS_PER_YEAR
from planner.verify.audit.dated import dated_payments
from planner.verify.audit.expected import differs
from planner.verify.audit.moves import moves_due
from planner.verify.audit.provisioned import units_by_month
from planner.verify.audit.spend import spend_by_month
from planner.verify.audit.terms import discount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, ApiRow, Plan
    from planner.plan.finance_rows import Payback
    from planner.problem.schema import Problem

_MONTHS = int(MONTHS_PER_YEAR)
_OWN, _CASH, _BACK, _UNSERVED = "plan", "cash", "terminal_value", "unserved"
_PROVISIONED = "provisioned"
_BY_USE = frozenset({"on_demand", "spot", "api", "rebate", "software"})
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_COUNTED = 1e-9
"""Share of all money below which two sums of it are equal."""

_Amounts = tuple[float, float]
_Paid = tuple[int, str, float, float]
"""Month from the start of the horizon, kind, USD, discount factor."""


def cash_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every month of cash and every payback that the tables contradict."""
    months = [r.month for r in plan.cash_flows] + [c.order_month for c in plan.commitments]
    strange = sorted({m for m in months if not _MONTH.fullmatch(m)})
    if strange:
        yield f"cash by month: {strange[0]} is no month"
        return
    due = _due(plan, problem, catalog)
    got: dict[tuple[str, str], _Amounts] = {}
    for row in plan.cash_flows:
        if row.plan == _OWN:
            if (row.month, row.kind) in got:
                yield f"{row.kind} of {row.month} stands twice"
            got[row.month, row.kind] = (row.usd, row.discounted_usd)
    for key in sorted(due.keys() | got.keys()):
        have, want = got.get(key, (0.0, 0.0)), due.get(key, (0.0, 0.0))
        for column, name in enumerate(("USD", "USD discounted")):
            if differs(have[column], want[column]):
                yield (
                    f"{key[1]} of {key[0]}: {have[column]:.6f} {name}, the tables give "
                    f"{want[column]:.6f}"
                )
    yield from _baselines(plan)
    yield from _paybacks(plan)


def _due(plan: Plan, problem: Problem, catalog: Catalog) -> dict[tuple[str, str], _Amounts]:
    """Return what the tables say is paid by month and kind."""
    sums: dict[tuple[int, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for month, kind, usd, factor in (
        *_committed(plan, problem, catalog),
        *_by_use(plan, problem),
        *_provisioned(plan, problem),
        *_promised(plan, problem),
        *_models(plan, problem),
        *_moves(plan, problem),
        *(paid for row in plan.power_prices for paid in _evenly(problem, row.period, row.usd)),
    ):
        sums[month, kind][0] += usd
        sums[month, kind][1] += usd * factor
    return {(_month(problem, m), kind): (v[0], v[1]) for (m, kind), v in sums.items()}


def _committed(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[_Paid]:
    for row in plan.commitments:
        for payment in dated_payments(row, problem, catalog):
            kind = _BACK if payment.category == _BACK else _CASH
            yield payment.month, kind, row.nodes * payment.usd, payment.factor


def _by_use(plan: Plan, problem: Problem) -> Iterator[_Paid]:
    # People of bought servers stand on hardware, and are paid with it unless they are stated.
    apart = problem.supply.staff.owned is not None
    for line in plan.cost_lines:
        by_use = line.category in _BY_USE and line.tenure != _PROVISIONED
        with_nodes = line.hardware and line.tenure == "owned" and not apart
        if by_use or (line.category == "staff" and not with_nodes):
            yield from _evenly(problem, line.period, line.usd)
        elif line.category == _UNSERVED:
            for month, _, usd, factor in _evenly(problem, line.period, line.usd):
                yield month, _UNSERVED, usd, factor


def _provisioned(plan: Plan, problem: Problem) -> Iterator[_Paid]:
    for row in plan.provisioned:
        for month, usd, factor in units_by_month(row, problem):
            yield month, _CASH, row.units * usd, factor


def _promised(plan: Plan, problem: Problem) -> Iterator[_Paid]:
    for row in plan.spend_commitments:
        for month, usd, factor in spend_by_month(row, problem):
            yield month, _CASH, usd, factor


def _models(plan: Plan, problem: Problem) -> Iterator[_Paid]:
    for cost in problem.one_off_costs:
        every: list[Allocation | ApiRow] = [*plan.allocations, *plan.api]
        periods = sorted({r.period for r in every if r.model == cost.model})
        if periods:
            first = periods[0] * problem.horizon.months_per_period
            yield first, _CASH, cost.usd, discount(problem, first)
        for period in periods:
            yield from _evenly(problem, period, cost.usd_per_period)


def _moves(plan: Plan, problem: Problem) -> Iterator[_Paid]:
    usd = problem.policy.switching_cost_usd_per_move
    for period, _, _ in moves_due(plan, problem):
        first = period * problem.horizon.months_per_period
        yield first, _CASH, usd, discount(problem, first)


def _evenly(problem: Problem, period: int, usd: float) -> Iterator[_Paid]:
    length = problem.horizon.months_per_period
    middle = discount(problem, (period + 0.5) * length)
    for month in range(period * length, (period + 1) * length):
        yield month, _CASH, usd / length, middle


def _baselines(plan: Plan) -> Iterator[str]:
    paid: dict[str, float] = defaultdict(float)
    for row in plan.cash_flows:
        paid[row.plan] += row.discounted_usd
    known = {_OWN: plan.cost_usd} | {b.name: b.cost_usd for b in plan.baselines}
    for name in paid.keys() - known.keys():
        yield f"cash of {name}, which is no baseline"
    for name, cost in known.items():
        if cost is None and name in paid:
            yield f"cash of baseline {name}, which has no cost"
        elif cost is not None and differs(paid[name], cost):
            yield f"cash of {name} adds up to {paid[name]:.6f} USD discounted, its cost is {cost}"


def _paybacks(plan: Plan) -> Iterator[str]:
    new = [c for c in plan.commitments if not c.is_existing and c.nodes > c.nodes_kept]
    orders = [c.order_month for c in new if c.tenure == "owned"] or [c.order_month for c in new]
    names = [b.name for b in plan.baselines if orders]
    if names != [p.baseline for p in plan.paybacks]:
        yield "paybacks: needs one row for every baseline of a plan that takes something on"
        return
    for row in plan.paybacks:
        for text in (*_moments(row, plan, min(orders)), *_unserved(row, plan), *_break_even(row)):
            yield f"payback against {row.baseline}: {text}"


def _moments(row: Payback, plan: Plan, ordered: str) -> Iterator[str]:
    if row.order_month != ordered:
        yield f"first order {row.order_month}, the commitments say {ordered}"
    for name, column, months, month in (
        ("", 0, row.payback_months, row.payback_month),
        ("discounted ", 1, row.discounted_payback_months, row.discounted_payback_month),
    ):
        want = _paid_back(plan, row.baseline, column)
        if month != want:
            yield f"{name}month {month}, the cash says {want}"
        elif months != (None if want is None else max(_number(want) - _number(ordered) + 1, 0)):
            yield f"{name}{months} months from {ordered} to {month}"
    if None in (row.payback_month, row.discounted_payback_month) and not row.why_not:
        yield "never, without a reason"


def _unserved(row: Payback, plan: Plan) -> Iterator[str]:
    lost: dict[str, float] = defaultdict(float)
    for flow in plan.cash_flows:
        if flow.kind == _UNSERVED:
            lost[flow.plan] += flow.usd
    for whose, got, name in (
        ("the plan", row.unserved_usd, _OWN),
        ("the baseline", row.baseline_unserved_usd, row.baseline),
    ):
        if differs(got, lost[name]):
            yield f"{got} USD of unserved requests of {whose}, the months say {lost[name]}"


def _paid_back(plan: Plan, baseline: str, column: int) -> str | None:
    """Return the first month from which on the plan has paid no more, up to the last payment."""
    ahead: dict[int, _Amounts] = defaultdict(lambda: (0.0, 0.0))
    moved = [0.0, 0.0]
    for row in plan.cash_flows:
        if row.kind == _CASH and row.plan in {_OWN, baseline}:
            sign = 1 if row.plan == _OWN else -1
            usd, later = ahead[_number(row.month)]
            ahead[_number(row.month)] = (usd + sign * row.usd, later + sign * row.discounted_usd)
            moved[0] += abs(row.usd)
            moved[1] += abs(row.discounted_usd)
    is_paid = any(row.plan == baseline for row in plan.cash_flows)
    if not is_paid or all(abs(usd) <= _COUNTED * moved[0] for usd, _ in ahead.values()):
        return None
    months = range(min(ahead), max(ahead) + 1)
    sums = accumulate(ahead[m][column] if m in ahead else 0.0 for m in months)
    dear = [m for m, usd in zip(months, sums, strict=True) if usd > _COUNTED * moved[column]]
    first = max(dear, default=months[0] - 1) + 1
    return _text(first) if first in months else None


def _break_even(row: Payback) -> Iterator[str]:
    factor, low, high = row.break_even_demand_factor, row.break_even_low, row.break_even_high
    if (factor is None) == (row.break_even_why_not is None):
        yield "needs either a break-even demand or a reason"
    edges = [x for x in (low, factor, high) if x is not None]
    if edges != sorted(edges) or any(x <= 0 for x in edges):
        yield f"break-even demand {factor} is not between {low} and {high}"


def _number(month: str) -> int:
    year, number = (int(part) for part in month.split("-"))
    return year * _MONTHS + number - 1


def _text(number: int) -> str:
    return f"{number // _MONTHS:04d}-{number % _MONTHS + 1:02d}"


def _month(problem: Problem, months: int) -> str:
    return _text(_number(problem.horizon.start) + months)
