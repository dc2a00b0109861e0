"""Whether every row is about the problem: names, places, candidates, and nothing twice."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from planner.catalog.calibration import combination_key, parameter
from planner.catalog.systems import VENDOR_ENGINE
from planner.errors import counted
from planner.verify.audit.clock import blocks, clock_violations
from planner.verify.audit.expected import differs
from planner.verify.audit.units import (
    group_violations,
    replica_accelerators,
    replica_name,
    unit_violations,
)
from planner.verify.audit.waiting import is_batch, pools_allowed

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Draft
    from planner.plan.document import (
        Allocation,
        ApiRow,
        Commitment,
        CostLine,
        FleetRow,
        Plan,
        UnservedRow,
    )
    from planner.plan.finance_rows import ProvisionedRow, SpendRow
    from planner.problem.schema import Problem, Workload

_DEFAULT_ENGINES = ["vllm"]
_MEASURED = "measured"
_BATCH, _BATCH_H = "batch", 24.0
_TOKENS, _LEASE, _PROVISIONED = "api", "lease", "provisioned"
_MODELLED, _CLASS_DEFAULT = "modelled", "class_default"
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_TRUST = "sigma_ln_time"
"""Parameter whose row says how a coefficient is known: its spread."""


def place_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every row of a workload, pool, period or block that does not exist."""
    yield from _places(plan, problem)
    yield from _months(plan)
    yield from _names(plan, problem)


def structure_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every row that the problem or the catalogue does not allow."""
    yield from clock_violations(plan, problem)
    yield from _repeated(plan)
    for row in plan.allocations:
        place = f"period {row.period} block {row.block} {row.option_id}"
        for text in (
            *_identity(row),
            *_candidate(row, problem, catalog),
            *unit_violations(row, problem, catalog),
            *group_violations(row, problem, catalog),
            *_trust(row, problem, catalog),
            *_context(row, problem, catalog),
            *_chunk(row, problem, catalog),
            *_draft(row, problem, catalog),
        ):
            yield f"{place}: {text}"
    yield from _tokens(plan, problem)


def _places(plan: Plan, problem: Problem) -> Iterator[str]:
    rows: list[Allocation | FleetRow | ApiRow | UnservedRow] = [
        *plan.allocations,
        *plan.fleet,
        *plan.api,
        *plan.unserved,
    ]
    for row in rows:
        inside = 0 <= row.period < problem.horizon.periods
        if not inside or row.block not in blocks(problem):
            yield f"period {row.period} block {row.block} is outside the horizon"
    terms: list[Commitment | ProvisionedRow | SpendRow] = [
        *plan.commitments,
        *plan.provisioned,
        *plan.spend_commitments,
    ]
    for taken in terms:
        if not 0 <= taken.start_period < problem.horizon.periods:
            yield f"commitment of period {taken.start_period} is outside the horizon"
    for line in plan.cost_lines:
        # A lease may outlive the horizon; its payments keep their own dates.
        outlives = line.category == _LEASE or line.tenure == _PROVISIONED
        late = line.period >= problem.horizon.periods and not outlives
        if line.period < 0 or late:
            yield f"cost line of period {line.period} is outside the horizon"


def _months(plan: Plan) -> Iterator[str]:
    for row in plan.commitments:
        if row.sold_month is not None and not _MONTH.fullmatch(row.sold_month):
            yield f"commitment sold in {row.sold_month}, which is no month"


def _names(plan: Plan, problem: Problem) -> Iterator[str]:
    pools = {w.name: w.pool_name for w in problem.workloads}
    named: list[Allocation | ApiRow | UnservedRow | CostLine] = [
        *plan.allocations,
        *plan.api,
        *plan.unserved,
        *plan.cost_lines,
    ]
    for name in sorted({row.workload for row in named} - set(pools)):
        yield f"workload {name} is not in the problem"
    for name, pool in sorted({(row.workload, row.pool) for row in plan.allocations}):
        if name in pools and pool not in pools_allowed(problem.workload(name)):
            yield f"{name} runs in pool {pool}, its pool is {pools[name]}"
    for name in sorted({r.workload for r in plan.allocations if is_batch(r.pool) > r.is_deferred}):
        yield f"{name} has requests that do not wait where everything waits"
    if [unit.workload for unit in plan.unit_costs] != list(pools):
        yield "unit costs do not list every workload once"


def _repeated(plan: Plan) -> Iterator[str]:
    yield from _twice(
        "allocation",
        (
            (r.period, r.block, r.pool, r.workload, r.is_deferred, r.option_id)
            for r in plan.allocations
        ),
    )
    yield from _twice("fleet row", ((r.period, r.block, r.offer_id) for r in plan.fleet))
    yield from _twice(
        "placement",
        ((r.period, r.block, r.pool, r.option_id, r.provider, r.region) for r in plan.placements),
    )
    yield from _twice(
        "commitment", ((r.start_period, r.offer_id, r.sold_month) for r in plan.commitments)
    )
    yield from _twice(
        "units",
        ((r.start_period, r.units_id, r.is_existing and r.end_month) for r in plan.provisioned),
    )
    promises = ((r.start_period, r.commitment_id) for r in plan.spend_commitments)
    yield from _twice("spend commitment", promises)
    # A provider may sell one model under two names, so only equal rows are the same purchase.
    yield from _twice("API row", plan.api)
    yield from _twice(
        "cost line",
        ((r.period, r.category, r.workload, r.hardware, r.tenure) for r in plan.cost_lines),
    )


def _twice(kind: str, keys: Iterable[Hashable]) -> Iterator[str]:
    for key, count in Counter(keys).items():
        if count > 1:
            yield f"{kind} {key} is listed {counted(count, 'time')}"


def _identity(row: Allocation) -> Iterator[str]:
    named = "/".join((row.model, row.quantization, row.engine, row.hardware, replica_name(row)))
    named += f"/{row.draft}" if row.draft else ""
    named += f"/rtt{row.round_trip_ms:g}" if row.round_trip_ms else ""
    named += "/spot" if row.is_interruptible else ""
    if row.option_id != named:
        yield f"the row describes {named}"
    size = replica_accelerators(row)
    if row.replicas < 1 or row.accelerators != row.replicas * size:
        replicas = counted(row.replicas, "replica")
        yield f"{counted(row.accelerators, 'accelerator')} in {replicas} of {size}"


def _candidate(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    chosen = problem.candidates
    on_system = row.hardware in {system.id for system in catalog.systems}
    default = [VENDOR_ENGINE] if on_system else _DEFAULT_ENGINES
    engines = chosen.engines or ([] if problem.performance else default)
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


def _trust(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    # A table of measured capacities may stand beside modelled ones of other options.
    if problem.performance and row.coefficient_origin == _MEASURED:
        return
    origin = parameter(
        catalog,
        _TRUST,
        accelerator=row.hardware,
        engine=row.engine,
        quantization=row.quantization,
        combination=combination_key(row.model, row.quantization, row.engine, row.hardware),
    ).provenance
    if row.draft and origin != _CLASS_DEFAULT:
        # No draft is part of a calibration.
        origin = _MODELLED
    if row.coefficient_origin != origin:
        yield f"coefficient is {row.coefficient_origin}, the catalogue says {origin}"


def _chunk(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    engine = catalog.engine(row.engine)
    if row.coefficient_origin == _MEASURED or engine is None:
        return
    if row.chunk_tokens not in engine.chunk_budgets:
        yield f"{row.chunk_tokens} tokens a step, {row.engine} takes {engine.chunk_budgets}"


def _draft(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Check that the draft may be used, and that a step makes no more than was measured."""
    if not row.draft:
        if row.draft_tokens or row.tokens_per_step != 1:
            yield f"{row.draft_tokens} draft tokens and {row.tokens_per_step} a step, but no draft"
        return
    wanted = problem.candidates.speculative_decoding
    if wanted == "off" or (wanted != "on" and row.draft not in wanted):
        yield f"{row.draft} is not among candidates.speculative_decoding"
    rows = catalog.drafts_of(row.model).get(row.draft, ())
    if not any(row.engine in d.engine_ids and row.draft_tokens == d.draft_tokens for d in rows):
        yield f"{row.engine} does not run {row.draft} with {row.draft_tokens} draft tokens"
        return
    stated = problem.workload(row.workload).speculation
    text = None if stated is None else stated.text
    means: dict[str, float] = {d.text: _step_tokens(d) for d in rows}
    due = means.get(text or "", min(means.values()))
    if stated is not None and stated.tokens_per_step is not None:
        due = stated.tokens_per_step
    elif text not in means and not means.keys() & {"any", "chat"}:
        yield f"nobody measured {row.draft} on text like that of {row.workload}"
    if differs(row.tokens_per_step, due):
        yield f"{row.tokens_per_step:.4g} tokens a step for {row.workload}, {due:.4g} are known"


def _step_tokens(draft: Draft) -> float:
    if draft.tokens_per_step is not None:
        return draft.tokens_per_step
    kept = draft.acceptance or 0.0
    return sum(kept**k for k in range(draft.draft_tokens + 1))


def _context(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    needed = problem.workload(row.workload).context_max_tokens
    model = catalog.model(row.model)
    if needed is not None and row.coefficient_origin != _MEASURED:
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
        waits = row.is_deferred and waits_a_day(problem.workload(row.workload))
        if row.mode == _BATCH and not waits:
            yield f"{place}: a batch takes a day, which {row.workload} may not wait"
        if problem.workload(row.workload).residency != "any":
            yield f"{place}: the residency of {row.workload} excludes tokens"


def waits_a_day(workload: Workload) -> bool:
    """Return whether work may wait as long as a batch takes."""
    return workload.deferrable is not None and workload.deferrable.window_h >= _BATCH_H
