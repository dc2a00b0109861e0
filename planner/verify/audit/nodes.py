"""The rented nodes: their offer, how many, when they start, what they cost, and their limits."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from planner.catalog.dates import age_days
from planner.errors import counted
from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR
from planner.verify.audit.clock import block_hours, blocks, period_start
from planner.verify.audit.expected import differs, in_force
from planner.verify.audit.packing import packing_violations
from planner.verify.audit.price_path import nodes_sold, price_growth
from planner.verify.audit.prices import share_paid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Offer
    from planner.plan.document import FleetRow, Plan
    from planner.problem.schema import Problem

ASSUMED_STARTUP_MINUTES = 10.0
"""Start-up time of a node when its offer states none."""
_ROUNDING_USD = 1e-6
"""What is left of a price where spend commitments cover all of it."""
_ASSUMED_ELASTIC_NODES = 8
"""Nodes beyond the all-day minimum when an offer states no figure."""

_Counts = dict[tuple[int, str], list[int]]


def node_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every fleet row that catalogue, problem or other rows contradict."""
    offers: dict[str, list[Offer]] = defaultdict(list)
    for offer in catalog.offers:
        offers[offer.offer_id].append(offer)
    taken_on = {row.offer_id for row in plan.commitments}
    rented = [row for row in plan.fleet if row.offer_id not in taken_on]
    yield from _rows(rented, problem, catalog, offers)
    for row in plan.fleet:
        if row.offer_id in taken_on:
            place = f"period {row.period} block {row.block} {row.offer_id}"
            for text in (*_sums(row, problem), *_no_start(row), *_described(row, plan)):
                yield f"{place}: {text}"
    yield from packing_violations(plan, problem)
    yield from _quotas(plan, problem)
    for (period, offer_id), nodes in _counts(rented, problem).items():
        terms = hourly_terms(offers[offer_id], problem)
        mine = {
            row.block: row
            for row in plan.fleet
            if (row.period, row.offer_id) == (period, offer_id)
        }
        starting = [mine[b].starting_nodes if b in mine else 0 for b in range(len(nodes))]
        paid_h = {block: row.startup_node_hours for block, row in mine.items()}
        texts = [
            *_starts(nodes, starting, problem),
            *_start_hours(starting, paid_h, terms, problem),
        ]
        if terms is not None and problem.policy.scaling == "hourly":
            texts += _elasticity(nodes, starting, terms)
            texts += _billing(nodes, starting, terms, problem.time_blocks)
        for text in texts:
            yield f"period {period} {offer_id}: {text}"


def _rows(
    rented: list[FleetRow], problem: Problem, catalog: Catalog, offers: dict[str, list[Offer]]
) -> Iterator[str]:
    for row in rented:
        place = f"period {row.period} block {row.block} {row.offer_id}"
        listed = in_force(offers[row.offer_id], period_start(problem, row.period))
        if listed is None:
            yield f"{place}: the catalogue has no price of it"
            continue
        for text in (
            *_identity(row, listed, catalog),
            *_amounts(row, listed, problem, catalog),
            *_supply(row, listed, problem),
        ):
            yield f"{place}: {text}"


def _identity(row: FleetRow, listed: Offer, catalog: Catalog) -> Iterator[str]:
    hardware = catalog.resolve_accelerator(listed.accelerator) or listed.accelerator
    facts = (
        ("provider", row.provider, listed.provider),
        ("region", row.region, listed.region),
        ("instance", row.instance, listed.instance),
        ("tenure", row.tenure, listed.tenure),
        ("hardware", row.hardware, hardware),
        ("accelerators per node", row.accelerators_per_node, listed.accelerators),
        ("price date", row.price_date, listed.as_of),
        ("price source", row.price_source, listed.source),
    )
    for name, got, want in facts:
        if got != want:
            yield f"{name} {got}, catalogue {want}"


def _amounts(row: FleetRow, listed: Offer, problem: Problem, catalog: Catalog) -> Iterator[str]:
    day = period_start(problem, row.period)
    place = (listed.provider, listed.instance, listed.region, listed.tenure)
    paid = share_paid(catalog, place, day)
    months = row.period * problem.horizon.months_per_period
    paid *= price_growth(problem, nodes_sold(listed, row.hardware), months)
    if differs(row.price_usd_per_hour, listed.price_usd_per_hour * paid):
        yield (
            f"price {row.price_usd_per_hour} USD/h, catalogue {listed.price_usd_per_hour} "
            f"times {paid:g} after discounts and expected changes"
        )
    yield from _sums(row, problem)


def _sums(row: FleetRow, problem: Problem) -> Iterator[str]:
    hours = block_hours(problem, row.block)
    if differs(row.hours, hours):
        yield f"{row.hours} h in the block, expected {hours}"
    paid_h = (row.nodes - row.covered_nodes) * row.hours + row.startup_node_hours
    usd = row.price_usd_per_hour * paid_h
    if differs(row.usd, usd) and abs(row.usd - usd) > _ROUNDING_USD:
        yield f"{row.usd:.6f} USD, nodes x hours x price is {usd:.6f}"
    if row.nodes < 0 or row.accelerators != row.nodes * row.accelerators_per_node:
        yield f"{counted(row.accelerators, 'accelerator')} in {counted(row.nodes, 'node')}"


def _no_start(row: FleetRow) -> Iterator[str]:
    if row.startup_node_hours or row.starting_nodes:
        yield (
            f"{row.startup_node_hours:g} node-hours of start-up of {row.starting_nodes} nodes, "
            "nodes of a term need none"
        )
    if row.nodes < 1:
        yield counted(row.nodes, "node")


def _described(row: FleetRow, plan: Plan) -> Iterator[str]:
    """Compare a fleet row with the commitment that it stands for."""
    names = ("provider", "region", "instance", "tenure", "hardware", "accelerators_per_node")
    taken = next(c for c in plan.commitments if c.offer_id == row.offer_id)
    for name in names:
        got, want = getattr(row, name), getattr(taken, name)
        if got != want:
            yield f"{name} {got}, its commitment says {want}"


def _supply(row: FleetRow, listed: Offer, problem: Problem) -> Iterator[str]:
    supply = problem.supply
    if row.tenure not in supply.tenures:
        yield f"tenure {row.tenure} is not among supply.tenures"
    if supply.providers and row.provider not in supply.providers:
        yield f"{row.provider} is not among supply.providers"
    age = age_days(listed.as_of, period_start(problem, 0))
    if age > supply.max_price_age_days:
        yield f"its price is {age} days old, {supply.max_price_age_days} allowed"


def _quotas(plan: Plan, problem: Problem) -> Iterator[str]:
    for quota in problem.supply.quotas:
        used: dict[tuple[int, int], int] = defaultdict(int)
        for row in plan.fleet:
            inside = quota.provider in {None, row.provider} and quota.region in {None, row.region}
            if row.hardware == quota.hardware and inside:
                used[row.period, row.block] += row.accelerators
        for (period, block), count in used.items():
            if count > quota.max_accelerators:
                yield (
                    f"period {period} block {block}: {count} x {quota.hardware}, "
                    f"quota {quota.max_accelerators}"
                )


def _counts(rented: list[FleetRow], problem: Problem) -> _Counts:
    every = blocks(problem)
    counts: _Counts = defaultdict(lambda: [0] * len(every))
    for row in rented:
        if row.block in every:
            counts[row.period, row.offer_id][row.block] += row.nodes
    return counts


def hourly_terms(offers: list[Offer], problem: Problem) -> Offer | None:
    """Return the newest row used over the horizon: it states the terms of the offer.

    Parameters
    ----------
    offers
        Rows of one offer.
    problem
        The problem, for its horizon and how old a price may be.
    """
    start, oldest_days = period_start(problem, 0), problem.supply.max_price_age_days
    rows = [
        in_force(offers, period_start(problem, period))
        for period in range(problem.horizon.periods)
    ]
    used = [row for row in rows if row is not None and age_days(row.as_of, start) <= oldest_days]
    return used[-1] if used else None


def _starts(nodes: list[int], starting: list[int], problem: Problem) -> Iterator[str]:
    """Nodes start before they serve; more of them take the place of others; every day wraps."""
    changes = problem.policy.scaling == "hourly" and problem.time_blocks > 1
    for block, begun in enumerate(starting):
        after = nodes[_after(block, problem.time_blocks)]
        more = max(after - nodes[block], 0)
        most = after if changes else more
        if not more <= begun <= most:
            yield f"block {block}: {begun} nodes start, {more} to {most} expected"


def _start_hours(
    starting: list[int], paid_h: dict[int, float], terms: Offer | None, problem: Problem
) -> Iterator[str]:
    """Nodes are paid while they start."""
    minutes = ASSUMED_STARTUP_MINUTES
    if terms is not None and terms.startup_minutes is not None:
        minutes = terms.startup_minutes
    for block, begun in enumerate(starting):
        days = block_hours(problem, block) * problem.time_blocks / HOURS_PER_DAY
        due_h = begun * minutes / MINUTES_PER_HOUR * days
        if differs(paid_h.get(block, 0.0), due_h):
            yield (
                f"block {block}: {paid_h.get(block, 0.0):g} node-hours of start-up, {begun} "
                f"started nodes need {due_h:g}"
            )


def _after(block: int, per_day: int) -> int:
    """Return the block that follows one in days of its type, which wrap."""
    midnight = block - block % per_day
    return midnight + (block + 1) % per_day


def _elasticity(nodes: list[int], starting: list[int], terms: Offer) -> Iterator[str]:
    allowed = terms.elastic_max_nodes or _ASSUMED_ELASTIC_NODES
    most = max(count + begun for count, begun in zip(nodes, starting, strict=True))
    if most - min(nodes) > allowed:
        yield f"{most - min(nodes)} nodes come and go within a day, {allowed} allowed"


def _billing(nodes: list[int], starting: list[int], terms: Offer, per_day: int) -> Iterator[str]:
    """Nodes that started within the shortest time billed are all still there."""
    billed_h = (terms.min_billing_minutes or 0.0) / MINUTES_PER_HOUR
    window = min(max(math.ceil(billed_h * per_day / HOURS_PER_DAY), 1), per_day)
    for midnight in range(0, len(nodes), per_day):
        day = nodes[midnight : midnight + per_day]
        started = [starting[midnight + (b - 1) % per_day] for b in range(per_day)]
        for block, count in enumerate(day):
            recent = sum(started[(block - j) % per_day] for j in range(window))
            if count < recent:
                yield f"block {midnight + block}: {count} nodes, {recent} are still billed"
