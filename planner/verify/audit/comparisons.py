"""Alternatives and baselines, held against the plan, against each other and what they may say.

Each is the program of the plan with a restriction. So none costs less than is proven of the plan,
save for what it is allowed and the plan is not, which its note has to say. Where the plan itself
keeps a restriction, no more is proven of that one than the plan costs; and tokens of one offer
cost no less than is proven of those of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.verify.audit.clock import period_start
from planner.verify.audit.expected import TOLERANCE, differs, in_force

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Alternative, Baseline, Plan
    from planner.problem.schema import Problem, Workload

_TOKENS = "all_api"
_TENURES = {
    "all_on_demand": {"on_demand"},
    "all_reserved": {"reserved_1y", "reserved_3y"},
    "all_owned": {"owned"},
}
_WITHOUT_RESIDENCY = "wherever the nodes stand: residency is not asked"
_UNPROVEN, _ASSUMED = "latency unproven", "latency assumed"
_INEXACT = frozenset({"peak_static_bf16"})
"""Baselines with options that the plan's program leaves out as never better by their rates: what
they draw may differ, and with it the price of electricity."""
_STATED_PERCENTILE = 99.0


def comparison_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every alternative and baseline that cannot be what it says."""
    for row in plan.alternatives:
        for text in (*_ratio(row, plan), *_alternative(row, plan, problem, catalog)):
            yield f"alternative {row.name}: {text}"
    for item in plan.baselines:
        for text in (*_figures(item), *_note(item, problem), *_against_plan(item, plan)):
            yield f"baseline {item.name}: {text}"
    yield from _best_hardware(plan)


def _ratio(row: Alternative, plan: Plan) -> Iterator[str]:
    if row.cost_usd is None or plan.cost_usd is None or plan.cost_usd <= 0:
        if row.ratio_to_plan is not None:
            yield f"{row.ratio_to_plan} times the plan, where that says nothing"
        return
    ratio = row.cost_usd / plan.cost_usd
    if row.ratio_to_plan is None or differs(row.ratio_to_plan, ratio):
        yield f"{row.ratio_to_plan} times the plan, not {ratio}"


def _alternative(
    row: Alternative, plan: Plan, problem: Problem, catalog: Catalog
) -> Iterator[str]:
    if row.cost_usd is None:
        if not row.note:
            yield "needs either a cost or a reason"
        return
    due = "" if row.kind == "hardware" else _latency_note(row.name, problem, catalog)
    if row.note != due:
        yield f"its note is {row.note!r}, the catalogue says {due!r}"
    if row.note != _UNPROVEN:
        yield from _below(row.cost_usd, plan.bound_usd, "the plan")
    if row.kind == "api":
        together = next((b.bound_usd for b in plan.baselines if b.name == _TOKENS), None)
        yield from _below(row.cost_usd, together, f"the tokens of all offers ({_TOKENS})")


def _latency_note(offer_id: str, problem: Problem, catalog: Catalog) -> str:
    rows = [offer for offer in catalog.api_offers if offer.offer_id == offer_id]
    listed = in_force(rows, period_start(problem, 0)) or rows[-1] if rows else None
    known = (
        {} if listed is None else {"ttft_ms": listed.ttft_p99_ms, "tpot_ms": listed.tpot_p99_ms}
    )
    if all(_states(known, workload) for workload in problem.workloads):
        return ""
    return _ASSUMED if problem.supply.api_latency == "assume_met" else _UNPROVEN


def _states(known: dict[str, float | None], workload: Workload) -> bool:
    """Return whether stated latencies are about every limit of a workload."""
    return all(
        known.get(limit.metric) is not None
        and (limit.percentile == "mean" or limit.percentile <= _STATED_PERCENTILE)
        for limit in workload.slo
    )


def _figures(item: Baseline) -> Iterator[str]:
    if (item.cost_usd is None) != (item.why_not is not None):
        yield "needs either a cost or a reason"
    if item.cost_usd is not None:
        yield from _below(item.cost_usd, item.bound_usd, "itself")


def _note(item: Baseline, problem: Problem) -> Iterator[str]:
    """Yield that a baseline is allowed what it does not say, or what nothing forbids."""
    placed = any(w.residency != "any" for w in problem.workloads)
    strict = problem.supply.api_latency != "assume_met" and any(w.slo for w in problem.workloads)
    may_say = {""}
    if item.name in {"all_on_demand", "all_reserved"} and placed:
        may_say.add(_WITHOUT_RESIDENCY)
    if item.name == _TOKENS and strict:
        may_say.add(_UNPROVEN)
    if item.note not in may_say:
        yield f"its note is {item.note!r}, the problem asks for nothing that is left out"


def _against_plan(item: Baseline, plan: Plan) -> Iterator[str]:
    if item.cost_usd is None:
        return
    if not item.note and item.name not in _INEXACT:
        yield from _below(item.cost_usd, plan.bound_usd, "the plan")
    if plan.cost_usd is not None and _is_a_plan_of(plan, item.name):
        bound = item.bound_usd
        if bound is not None and _is_below(plan.cost_usd, bound):
            yield f"bound {bound} USD, but the plan keeps this restriction for {plan.cost_usd}"


def _is_a_plan_of(plan: Plan, baseline: str) -> bool:
    """Return whether a plan keeps the restriction of a baseline, what was there before aside."""
    there = {c.offer_id for c in plan.commitments if c.is_existing}
    new = [c for c in plan.commitments if not c.is_existing and c.nodes > c.nodes_kept]
    before = there | {c.offer_id for c in plan.commitments} - {c.offer_id for c in new}
    tenures = {c.tenure for c in new} | {f.tenure for f in plan.fleet if f.offer_id not in before}
    if baseline == _TOKENS:
        return not tenures and not plan.allocations
    promised = [s.is_existing for s in plan.spend_commitments]
    promised += [u.is_existing for u in plan.provisioned]
    if plan.api or not all(promised):
        return False
    return baseline in _TENURES and tenures <= _TENURES[baseline]


def _best_hardware(plan: Plan) -> Iterator[str]:
    costs = [a.cost_usd for a in plan.alternatives if a.kind == "hardware"]
    least = min((usd for usd in costs if usd is not None), default=None)
    for item in plan.baselines:
        if item.name == "best_single_hardware" and item.cost_usd != least:
            yield (
                f"baseline {item.name}: {item.cost_usd} USD, the best of the hardware "
                f"alternatives costs {least}"
            )


def _below(cost_usd: float, bound_usd: float | None, of: str) -> Iterator[str]:
    if bound_usd is not None and _is_below(cost_usd, bound_usd):
        yield f"costs {cost_usd} USD, but nothing below {bound_usd} USD is possible for {of}"


def _is_below(cost_usd: float, bound_usd: float) -> bool:
    return cost_usd < bound_usd - TOLERANCE * max(abs(bound_usd), abs(cost_usd), TOLERANCE)
