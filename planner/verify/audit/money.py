"""What the plan costs: tokens, sums, discounting, bound, gap and status."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.problem.supply import Budget, HorizonBudget
from planner.units import TOKENS_PER_MTOK
from planner.verify.audit.clock import block_seconds, period_start
from planner.verify.audit.expected import TOLERANCE, differs
from planner.verify.audit.lengths import mean_tokens, paid_level
from planner.verify.audit.price_path import price_growth, tokens_sold
from planner.verify.audit.prices import price_shares, share_paid
from planner.verify.audit.tiers import usd_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer
    from planner.plan.document import ApiRow, Plan
    from planner.problem.schema import Problem

_BOUND_TOLERANCE = 1e-9
_CAPEX = "capex"
_NO_CASH = {"resale", "terminal_value", "unserved"}
"""Categories that no budget counts: what comes back, and the price of what is not served."""
_PROVISIONED = "provisioned"
"""Mode of tokens that units pay for."""


def money_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every amount that does not follow from prices and quantities."""
    for row in plan.api:
        place = f"period {row.period} block {row.block} {row.provider} {row.model}"
        for text in (*_volume(row, problem, catalog), *_purchase(row, problem, catalog)):
            yield f"{place}: {text}"
    yield from _sums(plan)
    yield from _budgets(plan, problem)
    yield from _proof(plan)
    dates = [
        *(row.price_date for row in plan.fleet),
        *(row.price_date for row in plan.commitments),
        *(row.price_date for row in plan.api),
    ]
    oldest = plan.catalog.get("oldest_price_date")
    if oldest != min(dates, default=None):
        yield f"oldest price date {oldest}, the tables say {min(dates, default=None)}"


def _volume(row: ApiRow, problem: Problem, catalog: Catalog) -> Iterator[str]:
    workload = problem.workload(row.workload)
    tokens = mean_tokens(workload, catalog)
    if tokens is None:
        return
    factors = workload.token_factors.get(row.model)
    isl, osl = (factors.isl, factors.osl) if factors else (1.0, 1.0)
    isl_level, osl_level = paid_level(workload, row.period)
    requests = row.rate_rps * block_seconds(problem, row.block)
    for name, got, mean in (
        ("input", row.input_mtok, tokens[0] * isl * isl_level),
        ("output", row.output_mtok, tokens[1] * osl * osl_level),
    ):
        due = requests * mean / TOKENS_PER_MTOK
        if differs(got, due):
            yield f"{got:.6g} million {name} tokens, the mean rate needs {due:.6g}"


def _purchase(row: ApiRow, problem: Problem, catalog: Catalog) -> Iterator[str]:
    if row.mode == _PROVISIONED:
        return
    rows = [
        offer
        for offer in catalog.api_offers
        if (offer.provider, offer.model, offer.mode) == (row.provider, row.model, row.mode)
        and offer.offer_id == row.offer_id
    ]
    bought = usd_by_use(row, rows, problem, catalog)
    stated = (row.price_date, row.price_source)
    if not any(
        _lies(row.usd, span.least, span.most) and stated == (span.price_date, span.price_source)
        for span in bought
    ):
        found = [tuple(span) for span in bought]
        yield f"{row.usd:.6f} USD at prices of {row.price_date}, tokens x price gives {found}"


class Bought(NamedTuple):
    """Least and most USD of tokens at a price list, and where one of its rows comes from."""

    least: float
    most: float
    price_date: str
    price_source: str


def usd_by_use(
    row: ApiRow, rows: Sequence[ApiOffer], problem: Problem, catalog: Catalog
) -> list[Bought]:
    """Return what the tokens of a row cost by use, at every list that its model is on.

    Parameters
    ----------
    row
        Tokens of a workload in a block.
    rows
        Prices of one offer.
    problem, catalog
        For days, discounts and expected changes.
    """
    day = period_start(problem, row.period)
    months = row.period * problem.horizon.months_per_period
    workload = problem.workload(row.workload)
    bought: list[Bought] = []
    for reference in sorted({offer.model_ref for offer in rows}):
        same = [offer for offer in rows if offer.model_ref == reference]
        seller = same[0].provider
        sold = tokens_sold(same[0].offer_id, seller, same[0].model)
        parts = price_shares(same, day, problem, row.block)
        paid = share_paid(catalog, (seller, reference, "any", "api"), day)
        paid *= price_growth(problem, sold, months)
        mtok = (row.input_mtok, row.output_mtok)
        level = paid_level(workload, row.period)[0]
        spans = [(usd_range(hour, workload, catalog, mtok, level), share) for hour, share in parts]
        least, most = (paid * sum(span[k] * share for span, share in spans) for k in (0, 1))
        bought += [Bought(least, most, r.as_of, r.source) for hour, _ in parts for r in hour]
    return bought


def _lies(usd: float, low: float, high: float) -> bool:
    return low <= usd <= high or not differs(usd, low) or not differs(usd, high)


def _sums(plan: Plan) -> Iterator[str]:
    lines = sum(line.usd for line in plan.cost_lines)
    if plan.tco_usd is None or differs(lines, plan.tco_usd):
        yield f"cost lines add up to {lines:.6f} USD, tco_usd is {plan.tco_usd}"
    discounted = sum(line.discounted_usd for line in plan.cost_lines)
    if plan.cost_usd is None or differs(discounted, plan.cost_usd):
        yield f"discounted lines add up to {discounted:.6f} USD, cost_usd is {plan.cost_usd}"


def _budgets(plan: Plan, problem: Problem) -> Iterator[str]:
    spent: dict[tuple[str, int], float] = defaultdict(float)
    for line in plan.cost_lines:
        if line.category not in _NO_CASH and line.period < problem.horizon.periods:
            kind = _CAPEX if line.category == _CAPEX else "opex"
            spent["cash", line.period] += line.usd
            spent[kind, line.period] += line.usd
    stated = problem.limits.budget_usd_per_period
    budget = stated if isinstance(stated, Budget) else Budget(cash=stated)
    for kind in ("cash", _CAPEX, "opex"):
        value = getattr(budget, kind)
        for period in range(0 if value is None else problem.horizon.periods):
            allowed = value[period] if isinstance(value, list) else value
            if spent[kind, period] > allowed * (1 + TOLERANCE) + TOLERANCE:
                got = spent[kind, period]
                yield f"period {period}: {kind} of {got:.2f} USD, budget {allowed:.2f}"
    yield from _budgets_of_horizon(spent, problem)


def _budgets_of_horizon(spent: Mapping[tuple[str, int], float], problem: Problem) -> Iterator[str]:
    stated = problem.limits.budget_usd
    most = {"cash": stated}
    if isinstance(stated, HorizonBudget):
        most = {"cash": stated.cash, _CAPEX: stated.capex, "opex": stated.opex}
    for kind, usd in most.items():
        total = sum(spent.get((kind, t), 0.0) for t in range(problem.horizon.periods))
        if isinstance(usd, int | float) and total > usd * (1 + TOLERANCE) + TOLERANCE:
            yield f"{kind} of {total:.2f} USD over the horizon, budget {usd:.2f}"


def _proof(plan: Plan) -> Iterator[str]:
    cost, bound = plan.cost_usd, plan.bound_usd
    if cost is None:
        return
    if plan.status not in {"optimal", "feasible"}:
        yield f"status {plan.status} with a plan of {cost} USD"
    asked = float(plan.options["gap"])
    if bound is None:
        if plan.gap is not None or plan.status == "optimal":
            yield f"status {plan.status} and gap {plan.gap} without a bound"
        return
    if bound > cost + _BOUND_TOLERANCE * abs(cost):
        yield f"bound {bound} USD is above cost {cost} USD"
    gap = max(0.0, cost - bound) / max(abs(cost), 1.0)
    if plan.gap is None or abs(plan.gap - gap) > _BOUND_TOLERANCE:
        yield f"gap {plan.gap}, recomputed {gap}"
    if (plan.status == "optimal") != (gap <= asked + _BOUND_TOLERANCE):
        yield f"status {plan.status} with gap {gap} (asked {asked})"
