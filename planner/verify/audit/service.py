"""What the plan promises to serve: demand, capacity, latency, spares, policy."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from planner.verify.audit.clock import blocks
from planner.verify.audit.escalation import THEN, escalation_violations, limits_of
from planner.verify.audit.expected import TOLERANCE, by_option, derating, differs, rates_due
from planner.verify.audit.lengths import planned_level
from planner.verify.audit.spot import spot_violations
from planner.verify.audit.waiting import (
    is_batch,
    lost_to_changeovers,
    members,
    share_that_waits,
    waiting_violations,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, ApiRow, Plan, UnservedRow
    from planner.problem.schema import Problem
    from planner.verify.audit.lengths import Pair

    _Rate = Allocation | ApiRow | UnservedRow

_MEASURED = "measured"
_MEDIAN = 0.5
_TTFT_PERCENTILE = 99.0
_LATENCY_TOLERANCE = 1e-3
"""Relative; a capacity is found by bisection to this order."""

_Slot = tuple[str, int, int]


def service_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every promise of service that the figures do not keep."""
    yield from _demand(plan, problem, catalog)
    yield from escalation_violations(plan, problem)
    yield from waiting_violations(plan, problem, catalog)
    yield from _load(plan, problem)
    yield from spot_violations(plan, problem, catalog)
    yield from _capacity(plan, problem)
    yield from _same_capacity(plan, problem)
    yield from _latency(plan, problem)
    yield from _spares(plan, problem)
    yield from _policy(plan, problem)


def _demand(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    served: dict[_Slot, list[_Rate]] = defaultdict(list)
    every: list[Allocation | ApiRow] = [*plan.allocations, *plan.api]
    # Second answers of a chain are no requests of their own.
    rows_at_once: list[_Rate] = [r for r in every if not r.is_deferred and r.answer != THEN]
    for row in [*rows_at_once, *plan.unserved]:
        served[row.workload, row.period, row.block].append(row)
    for workload in problem.workloads:
        at_once = 1.0 - share_that_waits(workload)
        for (period, block), rates in rates_due(workload, problem, catalog).items():
            mean, planned = (rate * at_once for rate in rates)
            place = f"{workload.name} period {period} block {block}"
            rows = served[workload.name, period, block]
            for kind, got, due in (
                ("mean", sum(row.rate_rps for row in rows), mean),
                ("planned", sum(row.planned_rate_rps for row in rows), planned),
            ):
                if differs(got, due):
                    yield f"{place}: {kind} rate {got:.9g}/s is served, {due:.9g}/s is asked"
            yield from _in_proportion(place, rows, mean, planned)


def _in_proportion(
    place: str, rows: Sequence[_Rate], mean: float, planned: float
) -> Iterator[str]:
    for row in rows:
        if differs(row.rate_rps * planned, row.planned_rate_rps * mean):
            yield (
                f"{place}: {row.rate_rps:.9g}/s of {row.planned_rate_rps:.9g}/s planned "
                "is not the workload's mean over planned rate"
            )


def _load(plan: Plan, problem: Problem) -> Iterator[str]:
    lost = lost_to_changeovers(plan, problem)
    for (period, block, pool, option_id), rows in by_option(plan.allocations).items():
        place = f"period {period} block {block} {pool} {option_id}"
        if len({row.replicas for row in rows}) > 1:
            yield f"{place}: rows of one pool state different replicas"
        load = sum(row.planned_rate_rps / row.capacity_rps for row in rows)
        load += lost.get((period, block, pool, option_id), 0.0)
        if load > rows[0].replicas * (1 + TOLERANCE):
            yield f"{place}: planned load of {load:.6g} replicas on {rows[0].replicas}"
        for row in rows:
            utilization = row.rate_rps / (row.capacity_rps * row.replicas)
            if differs(row.utilization, utilization):
                yield f"{place}: utilization {row.utilization:.6g}, recomputed {utilization:.6g}"


def _capacity(plan: Plan, problem: Problem) -> Iterator[str]:
    policy = problem.policy
    for row in plan.allocations:
        place = f"period {row.period} block {row.block} {row.option_id}"
        capacity, nominal = row.capacity_rps, row.capacity_nominal_rps
        if capacity > nominal * (1 + TOLERANCE):
            yield f"{place}: planned capacity exceeds the nominal one"
        if row.coefficient_origin == _MEASURED:
            if differs(capacity, nominal * policy.max_utilization):
                yield f"{place}: capacity {capacity:.6g}/s is not measured x max_utilization"
        elif policy.confidence == _MEDIAN and differs(capacity, nominal):
            yield f"{place}: capacity {capacity:.6g}/s at the median, nominal {nominal:.6g}/s"


def _same_capacity(plan: Plan, problem: Problem) -> Iterator[str]:
    """One option carries the same with the same replicas and lengths, and never less with more.

    But for headroom of its own, by which it carries so much less.
    """
    groups: dict[tuple[str, bool, str, str, tuple[Pair, ...]], list[Allocation]]
    groups = defaultdict(list)
    for row in plan.allocations:
        lengths = tuple(
            planned_level(problem.workload(name), row.period)
            for name in members(problem, row.pool)
        )
        groups[row.workload, row.is_deferred, row.pool, row.option_id, lengths].append(row)
    for (workload, _, _, option_id, _), rows in groups.items():
        known: dict[int, Allocation] = {}
        for row in sorted(rows, key=lambda r: r.replicas):
            first = known.setdefault(row.replicas, row)
            place = f"period {row.period} block {row.block} {option_id}"
            if _latencies(row) != _latencies(first) or any(
                map(differs, _rates(row, problem), _rates(first, problem))
            ):
                yield (
                    f"{place}: other figures for {row.replicas} replicas of {workload} than in "
                    f"period {first.period} block {first.block}"
                )
        ordered = [_rates(known[n], problem)[0] for n in sorted(known)]
        if any(b < a * (1 - TOLERANCE) for a, b in pairwise(ordered)):
            yield f"{option_id}: more replicas carry less of {workload} each"


def _rates(row: Allocation, problem: Problem) -> tuple[float, float]:
    """Return planned and nominal capacity without headroom of the option."""
    factor = derating(row, problem)
    return row.capacity_rps * factor, row.capacity_nominal_rps * factor


def _latencies(row: Allocation) -> tuple[float | None, float | None]:
    return row.ttft_p99_ms, row.tpot_mean_ms


def _latency(plan: Plan, problem: Problem) -> Iterator[str]:
    stated_ms = {0.0, *problem.supply.round_trip_ms.values()}
    for row in plan.allocations:
        place = f"period {row.period} block {row.block} {row.option_id}"
        if row.round_trip_ms not in stated_ms:
            yield f"{place}: a round trip of {row.round_trip_ms:g} ms, which nobody stated"
        if row.ttft_p99_ms is not None and row.ttft_p99_ms < row.round_trip_ms:
            yield f"{place}: first token after {row.ttft_p99_ms:g} ms, before the round trip"
        if row.coefficient_origin == _MEASURED or row.is_deferred:
            continue
        for slo, limit_ms in limits_of(problem.workload(row.workload), row.answer):
            tail = slo.percentile != "mean" and slo.percentile >= _TTFT_PERCENTILE
            stated = {
                ("ttft_ms", True): row.ttft_p99_ms,
                ("tpot_ms", False): row.tpot_mean_ms if slo.percentile == "mean" else None,
            }.get((slo.metric, tail))
            if stated is not None and stated > limit_ms * (1 + _LATENCY_TOLERANCE):
                yield (
                    f"period {row.period} block {row.block} {row.option_id}: {slo.metric} of "
                    f"{row.workload} is {stated:.0f} ms, limit {limit_ms:g} ms"
                )


def _spares(plan: Plan, problem: Problem) -> Iterator[str]:
    """Check N+k by taking away the k largest, where that needs no program.

    That is a pool of one workload, or a pool that runs on one option in a block.
    """
    k = problem.policy.spare_replicas
    groups: dict[tuple[int, int, str], list[Allocation]] = defaultdict(list)
    for row in plan.allocations:
        if not is_batch(row.pool):
            groups[row.period, row.block, row.pool].append(row)
    for (period, block, pool), rows in groups.items():
        place = f"period {period} block {block} {pool}"
        if len({(row.workload, row.is_deferred) for row in rows}) == 1:
            sizes = sorted(c for row in rows for c in [row.capacity_rps] * row.replicas)
            left, planned = sum(sizes[: -k or None]), sum(row.planned_rate_rps for row in rows)
            unit = "/s"
        elif len({row.option_id for row in rows}) == 1:
            left = float(max(rows[0].replicas - k, 0))
            planned = sum(row.planned_rate_rps / row.capacity_rps for row in rows)
            unit = " replicas"
        else:
            continue
        if planned > left * (1 + TOLERANCE):
            yield f"{place}: {left:.6g}{unit} left after losing {k}, {planned:.6g}{unit} planned"


def _policy(plan: Plan, problem: Problem) -> Iterator[str]:
    policy = problem.policy
    models = {row.model for row in plan.allocations} | {row.model for row in plan.api}
    hardware = {row.hardware for row in plan.allocations}
    if policy.max_models is not None and len(models) > policy.max_models:
        yield f"{len(models)} models are used, {policy.max_models} allowed"
    if policy.max_hardware_types is not None and len(hardware) > policy.max_hardware_types:
        yield f"{len(hardware)} hardware types are used, {policy.max_hardware_types} allowed"
    if policy.scaling == "static":
        yield from _static(plan, len(blocks(problem)))


def _static(plan: Plan, count: int) -> Iterator[str]:
    counts: dict[tuple[int, str], dict[int, int]] = defaultdict(dict)
    for item in plan.fleet:
        counts[item.period, f"nodes of {item.offer_id}"][item.block] = item.nodes
    for row in plan.allocations:
        name = f"replicas of {row.option_id} in {row.pool}"
        counts[row.period, name][row.block] = row.replicas
    for (period, name), seen in counts.items():
        if len(set(seen.values())) > 1 or len(seen) != count:
            yield f"period {period}: {name} are not the same in all blocks"
