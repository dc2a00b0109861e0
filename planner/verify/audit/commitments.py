"""Nodes taken on for a term: their rows, their presence in every block, and their power."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.catalog.dates import age_days
from planner.errors import counted
from planner.units import MONTHS_PER_YEAR
from planner.verify.audit.clock import blocks, period_start
from planner.verify.audit.dated import usd_per_month
from planner.verify.audit.energy import highest_w
from planner.verify.audit.expected import TOLERANCE, differs
from planner.verify.audit.resale import why_not_sold
from planner.verify.audit.terms import (
    block_of,
    existing_months,
    existing_of,
    listed_block,
    months_to,
    terms_of,
)
from planner.verify.audit.terms import there as is_present

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Commitment, FleetRow, Plan
    from planner.problem.schema import Problem
    from planner.verify.audit.terms import Terms

_MONTHS = int(MONTHS_PER_YEAR)
_W_PER_KW = 1_000.0
_OWNED, _BLOCK = "owned", "capacity_block"
_CENT = 0.005


def commitment_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every commitment that tables, problem or fleet rows contradict."""
    known: list[tuple[Commitment, Terms]] = []
    for row in plan.commitments:
        place = f"commitment {row.offer_id} from period {row.start_period}"
        terms = terms_of(row, problem, catalog)
        if terms is None:
            yield f"{place}: {_no_sale(row, problem) or 'the tables have no such commitment'}"
            continue
        known.append((row, terms))
        for text in (
            *_facts(row, terms, problem),
            *_running(row, problem, catalog),
            *_identity(row, problem, catalog),
            *_hours(row, problem),
            *_supply(row, terms, problem),
        ):
            yield f"{place}: {text}"
    yield from _existing(plan, problem)
    yield from _presence(plan, problem, known)
    yield from _power(problem, catalog, known)
    yield from _space(problem, known)


def _no_sale(row: Commitment, problem: Problem) -> str:
    """Return why nodes cannot be sold as a row says, empty when they can or are not sold."""
    nodes = existing_of(row, problem) if row.is_existing else None
    if row.sold_month is None:
        return ""
    if nodes is None:
        return "sold, but the nodes are not those of the problem"
    months = existing_months(nodes, problem)
    return why_not_sold(nodes, problem, months_to(problem, row.sold_month), months)


def _facts(row: Commitment, terms: Terms, problem: Problem) -> Iterator[str]:
    first = row.start_period * problem.horizon.months_per_period
    names = (
        ("order", row.order_month, int(terms.order_month // 1)),
        ("start", row.start_month, first),
        ("end", row.end_month, first + terms.months),
    )
    for name, got, months in names:
        want = _month(problem, months)
        if got != want:
            yield f"{name} month {got}, expected {want}"
    late = [usd for (period, _), (usd, _) in terms.due.items()
            if period >= problem.horizon.periods]  # fmt: skip
    figures = (
        ("USD per node-hour", row.usd_per_node_hour, terms.price_usd_per_hour),
        ("USD", row.usd, row.nodes * sum(usd for usd, _ in terms.due.values())),
        ("USD discounted", row.discounted_usd, row.nodes * sum(d for _, d in terms.due.values())),
        ("USD after the horizon", row.usd_after_horizon, row.nodes * sum(late)),
    )
    for name, figure, due in figures:
        if differs(figure, due):
            yield f"{figure:.6f} {name}, the tables give {due:.6f}"
    for name, got, want in (
        ("price date", row.price_date, terms.price_date),
        ("price source", row.price_source, terms.price_source),
    ):
        if got != want:
            yield f"{name} {got}, expected {want}"


def _running(row: Commitment, problem: Problem, catalog: Catalog) -> Iterator[str]:
    due = row.nodes * usd_per_month(row, problem, catalog)
    # A lease that is all paid upfront leaves only rounding.
    if abs(row.usd_per_month - due) > _CENT and differs(row.usd_per_month, due):
        yield f"{row.usd_per_month:.6f} USD per month, the tables give {due:.6f}"


def _identity(row: Commitment, problem: Problem, catalog: Catalog) -> Iterator[str]:
    if row.nodes < 1 or row.accelerators != row.nodes * row.accelerators_per_node:
        yield f"{counted(row.accelerators, 'accelerator')} in {counted(row.nodes, 'node')}"
    named = f"{row.provider}:{row.instance}:{row.region}:{row.tenure}"
    if row.offer_id != named and not row.offer_id.startswith(f"{named}:"):
        yield f"the row describes {named}"
    stated = existing_of(row, problem) if row.is_existing else None
    if stated is not None:
        size = stated.accelerators_per_node
        want = (stated.hardware, size, str(stated.tenure), stated.provider, stated.region)
    elif row.tenure == _OWNED:
        parts = [s for s in catalog.servers
                 if (s.id, s.quantity) == (row.instance, "accelerators")]  # fmt: skip
        count = int(parts[0].value or 0) if parts else 0
        want = (parts[0].case if parts else "", count, _OWNED, _OWNED, problem.supply.site)
    elif (block := block_of(row, problem)) is not None and row.tenure == _BLOCK:
        priced = listed_block(block, problem, catalog)
        region = block.region if priced is None or block.usd_per_node_hour else priced.region
        want = (block.hardware, block.accelerators_per_node, _BLOCK, block.provider, region)
        if row.nodes > block.max_nodes:
            yield f"{counted(row.nodes, 'node')}, {block.max_nodes} can be had"
    else:
        listed = next(o for o in catalog.offers if o.offer_id == row.offer_id)
        hardware = catalog.resolve_accelerator(listed.accelerator) or listed.accelerator
        tenure = str(listed.tenure)
        want = (hardware, listed.accelerators, tenure, listed.provider, listed.region)
    got = (row.hardware, row.accelerators_per_node, row.tenure, row.provider, row.region)
    if got != want:
        yield f"hardware, size, tenure, provider and region are {got}, expected {want}"


def _hours(row: Commitment, problem: Problem) -> Iterator[str]:
    stated = existing_of(row, problem) if row.is_existing else None
    hours = tuple(map(tuple, (stated.hours or ()) if stated is not None else ()))
    if row.hours != hours:
        yield f"hours of the day {row.hours}, expected {hours}"


def _supply(row: Commitment, terms: Terms, problem: Problem) -> Iterator[str]:
    if row.is_existing:
        return
    supply = problem.supply
    # A block is there because the problem states it.
    if row.tenure not in {*supply.tenures, _BLOCK}:
        yield f"tenure {row.tenure} is not among supply.tenures"
    if row.tenure == _OWNED:
        if supply.servers and row.instance not in supply.servers:
            yield f"{row.instance} is not among supply.servers"
        return
    if supply.providers and row.provider not in supply.providers:
        yield f"{row.provider} is not among supply.providers"
    age = age_days(terms.price_date, period_start(problem, 0))
    if age > supply.max_price_age_days:
        yield f"its price is {age} days old, {supply.max_price_age_days} allowed"


def _existing(plan: Plan, problem: Problem) -> Iterator[str]:
    listed: dict[str, int] = defaultdict(int)
    for row in plan.commitments:
        if row.is_existing:
            listed[row.instance] += row.nodes
    for position, nodes in enumerate(problem.supply.existing):
        got = listed.get(f"existing-{position}", 0)
        if got != nodes.nodes:
            there = counted(got, "node")
            yield f"{there} of supply.existing item {position}, the problem has {nodes.nodes}"


def _presence(
    plan: Plan, problem: Problem, known: list[tuple[Commitment, Terms]]
) -> Iterator[str]:
    """Nodes that are taken on are there in every block of their periods, and no others are."""
    due: dict[tuple[int, str], list[tuple[Commitment, Terms]]] = defaultdict(list)
    for row, terms in known:
        for period in range(row.start_period, row.start_period + terms.served_periods):
            due[period, row.offer_id].append((row, terms))
    ids = {row.offer_id for row in plan.commitments}
    there = {
        (r.period, r.block, r.offer_id): r for r in plan.fleet if r.offer_id in ids and r.nodes
    }
    for (period, offer_id), serving in due.items():
        for block in blocks(problem):
            if not is_present(serving[0][0], problem, block):
                continue
            item = there.pop((period, block, offer_id), None)
            for text in _there(item, serving):
                yield f"period {period} block {block} {offer_id}: {text}"
    for period, block, offer_id in there:
        yield f"period {period} block {block} {offer_id}: nodes outside their term"


def _there(item: FleetRow | None, serving: list[tuple[Commitment, Terms]]) -> Iterator[str]:
    count = sum(row.nodes for row, _ in serving)
    price = sum(row.nodes * terms.price_usd_per_hour for row, terms in serving) / (count or 1)
    if item is None or item.nodes != count:
        yield f"{counted(0 if item is None else item.nodes, 'node')}, {count} taken on"
        return
    if differs(item.price_usd_per_hour, price):
        yield f"price {item.price_usd_per_hour} USD/h, expected {price}"
    if (item.price_date, item.price_source) != _stated(serving):
        yield f"price of {item.price_date}, expected {_stated(serving)}"


def _stated(serving: list[tuple[Commitment, Terms]]) -> tuple[str, str]:
    sources = dict.fromkeys(terms.price_source for _, terms in serving)
    return min(terms.price_date for _, terms in serving), "; ".join(sources)


def _power(
    problem: Problem, catalog: Catalog, known: list[tuple[Commitment, Terms]]
) -> Iterator[str]:
    most = problem.limits.power_kw
    if most is None:
        return
    for period in range(problem.horizon.periods):
        kilowatt = 0.0
        for row, terms in known:
            if not 0 <= period - row.start_period < terms.served_periods:
                continue
            figure = catalog.figure("servers", row.instance, "it_power_w")
            if row.is_existing and row.tenure == _OWNED:
                each_w = highest_w(row.hardware, catalog)
                kilowatt += row.nodes * row.accelerators_per_node * each_w / _W_PER_KW
            elif not row.is_existing and figure is not None:
                kilowatt += row.nodes * (figure.value or 0.0) / _W_PER_KW
        if kilowatt > most * (1 + TOLERANCE):
            yield f"period {period}: {kilowatt:.3f} kW of owned nodes, {most} allowed"


def _space(problem: Problem, known: list[tuple[Commitment, Terms]]) -> Iterator[str]:
    most = problem.limits.owned_nodes
    for period in range(problem.horizon.periods if most is not None else 0):
        nodes = sum(
            row.nodes
            for row, terms in known
            if row.tenure == _OWNED and 0 <= period - row.start_period < terms.served_periods
        )
        if most is not None and nodes > most:
            yield f"period {period}: {nodes} owned nodes, space for {most}"


def _month(problem: Problem, months: int) -> str:
    year, month = (int(part) for part in problem.horizon.start.split("-"))
    index = year * _MONTHS + month - 1 + months
    return f"{index // _MONTHS:04d}-{index % _MONTHS + 1:02d}"
