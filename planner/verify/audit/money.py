"""What the plan costs: prices, products, sums, bound and gap."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

from planner.catalog.dates import parse_partial_date
from planner.units import HOURS_PER_MONTH, MONTHS_PER_YEAR, SECONDS_PER_HOUR
from planner.verify.audit.service import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer, Offer
    from planner.plan.document import Plan
    from planner.problem.schema import Problem

_BOUND_TOLERANCE = 1e-9
_MONTHS = 12


def money_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every amount that does not follow from prices and quantities."""
    yield from _fleet(plan, problem, catalog)
    yield from _api(plan, problem, catalog)
    yield from _sums(plan)
    yield from _discounting(plan, problem)
    yield from _unit_costs(plan, problem)
    yield from _proof(plan)


def _differs(first: float, second: float) -> bool:
    return abs(first - second) > TOLERANCE * max(abs(first), abs(second), 1.0)


def _start(problem: Problem, period: int) -> date:
    year, month = (int(p) for p in problem.horizon.start.split("-"))
    months = month - 1 + period * problem.horizon.months_per_period
    return date(year + months // _MONTHS, months % _MONTHS + 1, 1)


def _newest(rows: list[Offer] | list[ApiOffer], day: date) -> Offer | ApiOffer | None:
    valid = [
        row
        for row in rows
        if parse_partial_date(row.valid_from) <= day
        and (row.valid_to is None or parse_partial_date(row.valid_to) > day)
    ]
    return max(valid, key=lambda row: parse_partial_date(row.valid_from), default=None)


def _block_hours(problem: Problem) -> float:
    return problem.horizon.months_per_period * HOURS_PER_MONTH / problem.time_blocks


def _fleet(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    offers: dict[str, list[Offer]] = defaultdict(list)
    for offer in catalog.offers:
        offers[offer.offer_id].append(offer)
    for row in plan.fleet:
        place = f"period {row.period} block {row.block} {row.offer_id}"
        listed = _newest(offers[row.offer_id], _start(problem, row.period))
        price = getattr(listed, "price_usd_per_hour", None)
        if price is None or _differs(row.price_usd_per_hour, price):
            yield f"{place}: price {row.price_usd_per_hour} USD/h, catalogue {price}"
        if _differs(row.hours, _block_hours(problem)):
            yield f"{place}: {row.hours} h in the block, expected {_block_hours(problem)}"
        usd = row.price_usd_per_hour * (row.nodes * row.hours + row.startup_node_hours)
        if _differs(row.usd, usd):
            yield f"{place}: {row.usd:.6f} USD, nodes x hours x price is {usd:.6f}"
        if row.accelerators != row.nodes * row.accelerators_per_node:
            yield f"{place}: {row.accelerators} accelerators in {row.nodes} nodes"


def _api(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    seconds = _block_hours(problem) * SECONDS_PER_HOUR
    hit_rate = {
        w.name: (w.prefix_cache.hit_rate or 0.0) if w.prefix_cache else 0.0
        for w in problem.workloads
    }
    for row in plan.api:
        place = f"period {row.period} block {row.block} {row.provider} {row.model}"
        rows = [
            offer
            for offer in catalog.api_offers
            if (offer.provider, offer.model, offer.mode) == (row.provider, row.model, row.mode)
        ]
        usd = []
        for reference in {offer.model_ref for offer in rows}:
            same = [offer for offer in rows if offer.model_ref == reference]
            listed = _newest(same, _start(problem, row.period))
            if listed is not None:
                usd.append(
                    _tokens_usd(listed, row.input_mtok, row.output_mtok, hit_rate[row.workload])
                )
        if not any(not _differs(row.usd, amount) for amount in usd):
            yield f"{place}: {row.usd:.6f} USD, tokens x price gives {usd}"
        if row.rate_rps <= 0 or seconds <= 0:
            yield f"{place}: a row without traffic"


def _tokens_usd(
    offer: Offer | ApiOffer, input_mtok: float, output_mtok: float, hit_rate: float
) -> float:
    cached_price = getattr(offer, "cached_input_usd_per_mtok", None)
    cached = input_mtok * hit_rate if cached_price is not None else 0.0
    input_price = float(getattr(offer, "input_usd_per_mtok", 0.0))
    output_price = float(getattr(offer, "output_usd_per_mtok", 0.0))
    return (
        (input_mtok - cached) * input_price
        + cached * (cached_price or 0.0)
        + output_mtok * output_price
    )


def _sums(plan: Plan) -> Iterator[str]:
    lines = sum(line.usd for line in plan.cost_lines)
    tables = sum(row.usd for row in plan.fleet) + sum(row.usd for row in plan.api)
    if _differs(lines, tables):
        yield f"cost lines add up to {lines:.6f} USD, fleet and API to {tables:.6f}"
    if _differs(lines, plan.tco_usd or 0.0):
        yield f"cost lines add up to {lines:.6f} USD, tco_usd is {plan.tco_usd}"
    discounted = sum(line.discounted_usd for line in plan.cost_lines)
    if _differs(discounted, plan.cost_usd or 0.0):
        yield f"discounted lines add up to {discounted:.6f} USD, cost_usd is {plan.cost_usd}"


def _discounting(plan: Plan, problem: Problem) -> Iterator[str]:
    rate = problem.finance.discount_rate_per_year
    months = problem.horizon.months_per_period
    for line in plan.cost_lines:
        factor = (1 + rate) ** (-(line.period + 1 / 2) * months / MONTHS_PER_YEAR)
        if _differs(line.discounted_usd, line.usd * factor):
            yield f"period {line.period} {line.category}: discounted with a wrong factor"


def _unit_costs(plan: Plan, problem: Problem) -> Iterator[str]:
    seconds = _block_hours(problem) * SECONDS_PER_HOUR
    for unit in plan.unit_costs:
        replicas = sum(r.rate_rps for r in plan.allocations if r.workload == unit.workload)
        tokens = sum(r.rate_rps for r in plan.api if r.workload == unit.workload)
        requests = (replicas + tokens) * seconds
        usd = sum(line.usd for line in plan.cost_lines if line.workload == unit.workload)
        if _differs(unit.usd_per_request * requests, usd):
            yield f"{unit.workload}: unit cost x requests is not its {usd:.6f} USD"


def _proof(plan: Plan) -> Iterator[str]:
    cost, bound = plan.cost_usd, plan.bound_usd
    if cost is None or bound is None:
        return
    if bound > cost * (1 + _BOUND_TOLERANCE):
        yield f"bound {bound} USD is above cost {cost} USD"
    gap = max(0.0, cost - bound) / max(abs(cost), 1.0)
    if plan.gap is None or abs(plan.gap - gap) > _BOUND_TOLERANCE:
        yield f"gap {plan.gap}, recomputed {gap}"
    within = gap <= float(plan.options["gap"]) + _BOUND_TOLERANCE
    if (plan.status == "optimal") != within:
        yield f"status {plan.status} with gap {gap} (asked {plan.options['gap']})"
