"""Whether every row is about the problem: names, places, candidates, and nothing twice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from planner.catalog.calibration import combination_key, parameter
from planner.verify.audit.units import replica_accelerators, replica_name, unit_violations

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, ApiRow, CostLine, FleetRow, Plan
    from planner.problem.schema import Problem

_DEFAULT_ENGINES = ["vllm"]
_MEASURED = "measured"
_TOKENS = "api"
_TRUST = "sigma_ln_time"
"""Parameter whose row says how a coefficient is known: its spread."""


def place_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every row of a workload, pool, period or block that does not exist."""
    yield from _places(plan, problem)
    yield from _names(plan, problem)


def structure_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every row that the problem or the catalogue does not allow."""
    yield from _repeated(plan)
    for row in plan.allocations:
        place = f"period {row.period} block {row.block} {row.option_id}"
        for text in (
            *_identity(row),
            *_candidate(row, problem),
            *unit_violations(row, problem, catalog),
            *_trust(row, problem, catalog),
            *_context(row, problem, catalog),
            *_chunk(row, problem, catalog),
        ):
            yield f"{place}: {text}"
    yield from _tokens(plan, problem)


def _places(plan: Plan, problem: Problem) -> Iterator[str]:
    rows: list[Allocation | FleetRow | ApiRow] = [*plan.allocations, *plan.fleet, *plan.api]
    for row in rows:
        inside = 0 <= row.period < problem.horizon.periods
        if not inside or not 0 <= row.block < problem.time_blocks:
            yield f"period {row.period} block {row.block} is outside the horizon"
    for line in plan.cost_lines:
        if not 0 <= line.period < problem.horizon.periods:
            yield f"cost line of period {line.period} is outside the horizon"


def _names(plan: Plan, problem: Problem) -> Iterator[str]:
    pools = {w.name: w.pool_name for w in problem.workloads}
    named: list[Allocation | ApiRow | CostLine] = [*plan.allocations, *plan.api, *plan.cost_lines]
    for name in sorted({row.workload for row in named} - set(pools)):
        yield f"workload {name} is not in the problem"
    for name, pool in sorted({(row.workload, row.pool) for row in plan.allocations}):
        if name in pools and pools[name] != pool:
            yield f"{name} runs in pool {pool}, its pool is {pools[name]}"
    if [unit.workload for unit in plan.unit_costs] != list(pools):
        yield "unit costs do not list every workload once"


def _repeated(plan: Plan) -> Iterator[str]:
    yield from _twice(
        "allocation", ((r.period, r.block, r.workload, r.option_id) for r in plan.allocations)
    )
    yield from _twice("fleet row", ((r.period, r.block, r.offer_id) for r in plan.fleet))
    # A provider may sell one model under two names, so only equal rows are the same purchase.
    yield from _twice("API row", plan.api)
    yield from _twice(
        "cost line",
        ((r.period, r.category, r.workload, r.hardware, r.tenure) for r in plan.cost_lines),
    )


def _twice(kind: str, keys: Iterable[Hashable]) -> Iterator[str]:
    for key, count in Counter(keys).items():
        if count > 1:
            yield f"{kind} {key} is listed {count} times"


def _identity(row: Allocation) -> Iterator[str]:
    named = "/".join((row.model, row.quantization, row.engine, row.hardware, replica_name(row)))
    if row.option_id != named:
        yield f"the row describes {named}"
    size = replica_accelerators(row)
    if row.replicas < 1 or row.accelerators != row.replicas * size:
        yield f"{row.accelerators} accelerators in {row.replicas} replicas of {size}"


def _candidate(row: Allocation, problem: Problem) -> Iterator[str]:
    chosen = problem.candidates
    engines = chosen.engines or ([] if problem.performance else _DEFAULT_ENGINES)
    filters: tuple[tuple[str | int, Sequence[str | int]], ...] = (
        (row.model, chosen.models),
        (row.quantization, chosen.quantizations),
        (row.hardware, chosen.hardware),
        (row.engine, engines),
        (row.tensor_parallel, chosen.tensor_parallel),
    )
    for name, names in filters:
        if names and name not in names:
            yield f"{name} is not among the candidates"
    if problem.workload(row.workload).residency == "on_prem_only":
        yield f"{row.workload} is on_prem_only and runs on rented nodes"


def _trust(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    if problem.performance:
        origin = _MEASURED
    else:
        origin = parameter(
            catalog,
            _TRUST,
            accelerator=row.hardware,
            engine=row.engine,
            quantization=row.quantization,
            combination=combination_key(row.model, row.quantization, row.engine, row.hardware),
        ).provenance
    if row.coefficient_origin != origin:
        yield f"coefficient is {row.coefficient_origin}, the catalogue says {origin}"


def _chunk(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    engine = catalog.engine(row.engine)
    if problem.performance or engine is None:
        return
    if row.chunk_tokens not in engine.chunk_budgets:
        yield f"{row.chunk_tokens} tokens a step, {row.engine} takes {engine.chunk_budgets}"


def _context(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    needed = problem.workload(row.workload).context_max_tokens
    model = catalog.model(row.model)
    if needed is not None and not problem.performance:
        have = model.context_tokens if model else 0
        if have < needed:
            yield f"context of {have} tokens, {row.workload} needs {needed}"


def _tokens(plan: Plan, problem: Problem) -> Iterator[str]:
    models, providers = problem.candidates.models, problem.supply.providers
    for row in plan.api:
        place = f"period {row.period} block {row.block} {row.provider} {row.model}"
        if _TOKENS not in problem.supply.tenures:
            yield f"{place}: tokens are not among supply.tenures"
        if models and row.model not in models:
            yield f"{place}: {row.model} is not among the candidates"
        if providers and row.provider not in providers:
            yield f"{place}: {row.provider} is not among supply.providers"
        if problem.workload(row.workload).residency != "any":
            yield f"{place}: the residency of {row.workload} excludes tokens"
