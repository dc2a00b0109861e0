"""What the plan promises to serve: demand, capacity, nodes, spares, quality, policy."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_DAY, SECONDS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, ApiRow, Plan
    from planner.problem.schema import Problem, Workload

TOLERANCE = 1e-6
"""Relative tolerance of every comparison."""
_HOURS = int(HOURS_PER_DAY)
_BF16 = "bf16"


def service_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every promise of service that the figures do not keep."""
    yield from _demand(plan, problem, catalog)
    yield from _capacity(plan)
    yield from _nodes(plan)
    yield from _spares(plan, problem)
    yield from _quality(plan, problem, catalog)
    yield from _policy(plan, problem)
    yield from _quotas(plan, problem)


def _differs(first: float, second: float) -> bool:
    return abs(first - second) > TOLERANCE * max(abs(first), abs(second), TOLERANCE)


def _demand(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    mean: dict[tuple[str, int, int], float] = defaultdict(float)
    planned: dict[tuple[str, int, int], float] = defaultdict(float)
    served: list[Allocation | ApiRow] = [*plan.allocations, *plan.api]
    for row in served:
        mean[row.workload, row.period, row.block] += row.rate_rps
        planned[row.workload, row.period, row.block] += row.planned_rate_rps
    for workload in problem.workloads:
        hours = _hours(workload, catalog)
        size = _HOURS // problem.time_blocks
        for period in range(problem.horizon.periods):
            usage, capacity = _growth(workload, period)
            for block in range(problem.time_blocks):
                inside = hours[block * size : (block + 1) * size]
                place = (workload.name, period, block)
                margin = _planning_margin(workload, problem.policy.forecast_confidence)
                due = (fmean(inside) * usage, max(inside) * margin * capacity)
                for kind, got, want in zip(
                    ("mean", "planned"), (mean[place], planned[place]), due, strict=True
                ):
                    if _differs(got, want):
                        yield f"{place}: {kind} rate {got:.9g}/s is served, {want:.9g}/s is asked"


def _hours(workload: Workload, catalog: Catalog) -> list[float]:
    arrival = workload.arrival
    profile = arrival.profile
    if profile == "flat":
        values = [1.0] * _HOURS
    elif isinstance(profile, str):
        points = {p.hour: p.multiplier for p in catalog.profiles if p.profile == profile}
        values = [points[hour] for hour in sorted(points)]
    else:
        values = list(profile)
    by_hour = [fmean(values[hour::_HOURS]) for hour in range(_HOURS)]
    daily = arrival.requests_per_day
    rate = daily / SECONDS_PER_DAY if daily is not None else arrival.mean_rate_rps or 0.0
    return [rate * value / fmean(by_hour) for value in by_hour]


def _growth(workload: Workload, period: int) -> tuple[float, float]:
    growth = workload.growth_per_period
    factors = growth if isinstance(growth, list) else [float(growth)] * (period + 1)
    start = math.prod(factors[:period])
    return start * math.sqrt(factors[period]), start * max(factors[period], 1.0)


def _planning_margin(workload: Workload, confidence: float) -> float:
    arrival = workload.arrival
    spread = math.sqrt(math.log(1 + arrival.forecast_cv**2))
    return arrival.peak_factor_in_hour * math.exp(NormalDist().inv_cdf(confidence) * spread)


def _capacity(plan: Plan) -> Iterator[str]:
    for place, rows in _by_option(plan.allocations).items():
        load = sum(row.planned_rate_rps / row.capacity_rps for row in rows)
        if load > rows[0].replicas * (1 + TOLERANCE):
            yield f"{place}: planned load of {load:.6g} replicas on {rows[0].replicas}"
        for row in rows:
            utilization = row.rate_rps / (row.capacity_rps * row.replicas)
            if _differs(row.utilization, utilization):
                yield f"{place}: utilization {row.utilization:.6g}, recomputed {utilization:.6g}"
            if row.capacity_rps > row.capacity_nominal_rps * (1 + TOLERANCE):
                yield f"{place}: planned capacity exceeds the nominal one"


def _by_option(
    rows: Sequence[Allocation],
) -> dict[tuple[int, int, str, str], list[Allocation]]:
    groups: dict[tuple[int, int, str, str], list[Allocation]] = defaultdict(list)
    for row in rows:
        groups[row.period, row.block, row.pool, row.option_id].append(row)
    return groups


def _nodes(plan: Plan) -> Iterator[str]:
    """Replicas of g accelerators fit nodes that g divides: compare from the largest size down."""
    held: dict[tuple[int, int, str], list[tuple[int, int]]] = defaultdict(list)
    for (period, block, _, _), rows in _by_option(plan.allocations).items():
        row = rows[0]
        size = row.tensor_parallel * row.pipeline_parallel
        held[period, block, row.hardware].append((size, row.accelerators))
    nodes: dict[tuple[int, int, str], list[tuple[int, int]]] = defaultdict(list)
    for item in plan.fleet:
        key = (item.period, item.block, item.hardware)
        nodes[key].append((item.accelerators_per_node, item.accelerators))
    for place, replicas in held.items():
        for smallest in {size for size, _ in replicas}:
            needed = sum(n for size, n in replicas if size % smallest == 0)
            room = sum(n for size, n in nodes[place] if size % smallest == 0)
            if needed > room:
                yield f"{place}: {needed} accelerators needed by replicas of {smallest}+, {room} rented"


def _spares(plan: Plan, problem: Problem) -> Iterator[str]:
    """Check N+k where one workload has a pool of its own, by taking away the k largest."""
    k = problem.policy.spare_replicas
    pools: dict[str, set[str]] = defaultdict(set)
    for workload in problem.workloads:
        pools[workload.pool_name].add(workload.name)
    groups: dict[tuple[int, int, str], list[Allocation]] = defaultdict(list)
    for row in plan.allocations:
        if len(pools[row.pool]) == 1:
            groups[row.period, row.block, row.pool].append(row)
    for place, rows in groups.items():
        capacities = sorted((c for row in rows for c in [row.capacity_rps] * row.replicas))
        left = sum(capacities[: len(capacities) - k]) if k else sum(capacities)
        planned = sum(row.planned_rate_rps for row in rows)
        if planned > left * (1 + TOLERANCE):
            yield f"{place}: {left:.6g}/s left after losing {k} replicas, {planned:.6g}/s planned"


def _quality(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    floors = {w.name: w.quality for w in problem.workloads}
    for row in {(r.workload, r.option_id): r for r in plan.allocations}.values():
        for floor in floors[row.workload]:
            if row.coefficient_origin == "measured" and floor.benchmark not in row.quality:
                continue
            least = floor.min_score
            if least is None:
                scores = [
                    q.score
                    for q in catalog.quality
                    if (q.model, q.quantization, q.benchmark)
                    == (floor.reference or row.model, _BF16, floor.benchmark)
                ]
                brought = [
                    q.score
                    for w in problem.workloads
                    for q in w.quality_scores
                    if (q.model, q.benchmark) == (floor.reference or row.model, floor.benchmark)
                ]
                least = (floor.min_relative or 1.0) * min(scores + brought, default=math.inf)
            reached = row.quality.get(floor.benchmark, -math.inf)
            if reached < least - TOLERANCE:
                yield f"{row.option_id}: {floor.benchmark} {reached:.4f} is below {least:.4f}"


def _policy(plan: Plan, problem: Problem) -> Iterator[str]:
    policy = problem.policy
    models = {row.model for row in plan.allocations} | {row.model for row in plan.api}
    hardware = {row.hardware for row in plan.allocations}
    if policy.max_models is not None and len(models) > policy.max_models:
        yield f"{len(models)} models are used, {policy.max_models} allowed"
    if policy.max_hardware_types is not None and len(hardware) > policy.max_hardware_types:
        yield f"{len(hardware)} hardware types are used, {policy.max_hardware_types} allowed"
    if policy.scaling == "static":
        yield from _static(plan, problem.time_blocks)


def _quotas(plan: Plan, problem: Problem) -> Iterator[str]:
    for quota in problem.supply.quotas:
        used: dict[tuple[int, int], int] = defaultdict(int)
        for row in plan.fleet:
            inside = quota.provider in {None, row.provider} and quota.region in {None, row.region}
            if row.hardware == quota.hardware and inside:
                used[row.period, row.block] += row.accelerators
        for place, count in used.items():
            if count > quota.max_accelerators:
                yield f"{place}: {count} x {quota.hardware}, quota {quota.max_accelerators}"


def _static(plan: Plan, blocks: int) -> Iterator[str]:
    counts: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row in plan.fleet:
        counts[row.period, row.offer_id].append(row.nodes)
    for (period, offer), seen in counts.items():
        if len(set(seen)) > 1 or len(seen) != blocks:
            yield f"period {period}: {offer} is not the same in all blocks"
