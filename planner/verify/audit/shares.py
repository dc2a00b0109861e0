"""Who pays for what, split again from the allocation and fleet tables.

The cost of a hardware type in a block goes to the workloads by the accelerators of their replicas,
inside a pool by planned load over capacity. Replicas without load are shared as their pool is in
that block; nodes without replicas as the whole day is.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.units import TOKENS_PER_MTOK
from planner.verify.audit.expected import (
    block_hours,
    block_seconds,
    by_option,
    differs,
    mean_tokens,
    rates_due,
)
from planner.verify.audit.units import replica_accelerators

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, FleetRow, Plan, UnitCost
    from planner.problem.schema import Problem

_Shares = dict[str, float]
_LineKey = tuple[int, str, str, str, str]


def share_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every cost line and unit cost that the tables do not give."""
    split = _Split(plan, problem)
    yield from _lines(plan, split)
    usd: _Shares = defaultdict(float)
    for line in plan.cost_lines:
        usd[line.workload] += line.usd
    for unit in plan.unit_costs:
        yield from _per_unit(unit, usd[unit.workload], problem, catalog)
        yield from _utilization(unit, plan, problem, split)


class _Split:
    """Accelerators that each workload's replicas hold, by hardware, period and block."""

    def __init__(self, plan: Plan, problem: Problem) -> None:
        self.workloads = [w.name for w in problem.workloads]
        self.held: dict[tuple[str, int, int], _Shares] = defaultdict(lambda: defaultdict(float))
        pool_load: dict[tuple[int, int, str], _Shares] = defaultdict(lambda: defaultdict(float))
        for row in plan.allocations:
            pool_load[row.period, row.block, row.pool][row.workload] += _load(row)
        for (period, block, pool, _), rows in by_option(plan.allocations).items():
            own = {row.workload: _load(row) for row in rows}
            if not any(own.values()):
                own = dict(pool_load[period, block, pool])
            if not any(own.values()):
                own = {w.name: 1.0 for w in problem.workloads if w.pool_name == pool}
            total = sum(own.values())
            for workload, weight in own.items():
                place = (rows[0].hardware, period, block)
                self.held[place][workload] += rows[0].accelerators * weight / total

    def of(self, row: FleetRow) -> _Shares:
        """Return the share of each workload in a fleet row."""
        held: Mapping[str, float] = self.held.get((row.hardware, row.period, row.block), {})
        if not held:
            day: _Shares = defaultdict(float)
            for (hardware, period, _), weights in self.held.items():
                if (hardware, period) == (row.hardware, row.period):
                    for workload, weight in weights.items():
                        day[workload] += weight
            held = day or dict.fromkeys(self.workloads, 1.0)
        total = sum(held.values())
        return {workload: weight / total for workload, weight in held.items() if weight > 0}


def _load(row: Allocation) -> float:
    return row.planned_rate_rps / row.capacity_rps


def _lines(plan: Plan, split: _Split) -> Iterator[str]:
    due: dict[_LineKey, float] = defaultdict(float)
    for row in plan.fleet:
        for workload, share in split.of(row).items():
            due[row.period, row.tenure, workload, row.hardware, row.tenure] += row.usd * share
    for item in plan.api:
        due[item.period, "api", item.workload, "", "api"] += item.usd
    got: dict[_LineKey, float] = defaultdict(float)
    for line in plan.cost_lines:
        got[line.period, line.category, line.workload, line.hardware, line.tenure] += line.usd
    for key in sorted(due.keys() | got.keys()):
        if differs(got[key], due[key]):
            yield f"cost line {key}: {got[key]:.6f} USD, the tables give {due[key]:.6f}"


def _per_unit(unit: UnitCost, usd: float, problem: Problem, catalog: Catalog) -> Iterator[str]:
    workload = problem.workload(unit.workload)
    mean_rps = sum(mean for mean, _ in rates_due(workload, problem, catalog).values())
    requests = mean_rps * block_seconds(problem)
    figures = [("request", unit.usd_per_request, usd / requests)]
    tokens = mean_tokens(workload, catalog)
    if tokens is not None:
        isl, osl = tokens
        per_token = usd / requests * TOKENS_PER_MTOK
        figures += [
            ("million output tokens", unit.usd_per_million_output_tokens or 0.0, per_token / osl),
            ("million tokens", unit.usd_per_million_tokens or 0.0, per_token / (isl + osl)),
        ]
    for name, got, want in figures:
        if differs(got, want):
            yield f"unit cost of {unit.workload}: {got:.6g} USD per {name}, recomputed {want:.6g}"


def _utilization(unit: UnitCost, plan: Plan, problem: Problem, split: _Split) -> Iterator[str]:
    hours = block_hours(problem)
    used = sum(
        row.rate_rps / row.capacity_rps * replica_accelerators(row) * hours
        for row in plan.allocations
        if row.workload == unit.workload
    )
    paid = sum(
        (row.nodes * row.hours + row.startup_node_hours)
        * row.accelerators_per_node
        * split.of(row).get(unit.workload, 0.0)
        for row in plan.fleet
    )
    if differs(unit.utilization or 0.0, used / paid if paid else 0.0):
        yield (
            f"unit cost of {unit.workload}: utilization {unit.utilization}, {used:.6g} of "
            f"{paid:.6g} paid accelerator-hours are at work"
        )
