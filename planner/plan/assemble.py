"""The plan from the decisions of the program, computed afresh on unscaled data.

``cost_usd`` is the discounted sum of the cost lines, ``gap = max(0, cost - bound) / max(|cost|,
1 USD)``, and a plan is ``optimal`` when the gap is within what was asked for.
"""

from __future__ import annotations

import platform
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from planner.plan.amortised import money_by_period
from planner.plan.average_quality import average_quality_notes, average_quality_rows
from planner.plan.cash import cash_flows
from planner.plan.commitments import commitment_rows
from planner.plan.costs import cost_lines, unit_costs
from planner.plan.document import SCHEMA_VERSION, Plan
from planner.plan.energy import energy_rows
from planner.plan.escalation import escalation_notes
from planner.plan.finance_rows import OWN
from planner.plan.moves import moves
from planner.plan.placements import placement_notes, placement_rows
from planner.plan.power_prices import power_price_rows
from planner.plan.records import GAP_TOLERANCE, relative_gap
from planner.plan.spend_figures import spend_rows
from planner.plan.tables import allocation_rows, api_rows, fleet_rows, time_blocks
from planner.plan.unit_figures import provisioned_rows
from planner.plan.unserved import unserved_notes, unserved_rows
from planner.plan.volumes import volume_rows
from planner.plan.waiting import deferred_work

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.demand.records import Demand
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions, Proof
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem

BOUND_TOLERANCE = 1e-6
_PACKAGES = ("inference-planner", "pulp", "highspy", "numpy", "pydantic")


def assemble_plan(
    loaded: LoadedProblem,
    catalog: Catalog,
    *,
    demand: Demand,
    options: OptionSet,
    decisions: Decisions,
    proof: Proof,
    settings: dict[str, Any],
) -> Plan:
    """Return the plan of whole decisions.

    Parameters
    ----------
    settings
        Options of the solve, recorded in the plan: ``gap``, ``time_limit_s``, ``seed``, ...
    """
    fleet = fleet_rows(demand, options, decisions)
    api = api_rows(demand, options, decisions)
    unserved = unserved_rows(demand, decisions, loaded.problem)
    lines = cost_lines(demand, options, decisions, fleet, (*api, *unserved))
    cost = sum(line.discounted_usd for line in lines)
    bound = proof.bound_usd
    if bound is not None and cost < bound <= cost + BOUND_TOLERANCE * abs(cost):
        bound = cost  # the solver's arithmetic is not exact; a real excess must fail the audit
    gap = None if bound is None else relative_gap(cost, bound)
    taken = commitment_rows(demand, options, decisions)
    dates = [
        *(row.price_date for row in fleet),
        *(row.price_date for row in taken),
        *(row.price_date for row in api),
    ]
    within = gap is not None and gap <= settings["gap"] + GAP_TOLERANCE
    plan = Plan(
        **_header(loaded, catalog, settings, min(dates, default=None)),
        status="optimal" if within else "feasible",
        cost_usd=cost,
        bound_usd=bound,
        gap=gap,
        tco_usd=sum(line.usd for line in lines),
        solver=_solver(proof),
        time_blocks=time_blocks(demand.grid),
        allocations=allocation_rows(demand, options, decisions),
        fleet=fleet,
        placements=placement_rows(options, decisions, loaded.problem),
        commitments=taken,
        provisioned=provisioned_rows(demand, options, decisions),
        spend_commitments=spend_rows(demand, options, decisions),
        volume_discounts=volume_rows(demand, options, decisions),
        api=api,
        unserved=unserved,
        deferred=deferred_work(demand, decisions),
        average_quality=average_quality_rows(demand, options, decisions, loaded.problem),
        moves=moves(options, decisions),
        energy=energy_rows(demand, options, decisions),
        power_prices=power_price_rows(demand, options, decisions),
        cost_lines=lines,
        money_by_period=money_by_period(demand, options, decisions, lines),
        cash_flows=cash_flows(OWN, demand, options, decisions),
        unit_costs=unit_costs(demand, options, decisions, lines, fleet),
        option_counts=option_counts(options),
        warnings=(*demand.warnings, *options.warnings),
    )
    return replace(plan, warnings=(*plan.warnings, *_notes(plan, demand, loaded.problem)))


def _notes(plan: Plan, demand: Demand, problem: Problem) -> list[str]:
    return [
        *average_quality_notes(plan),
        *escalation_notes(plan, problem),
        *unserved_notes(plan, demand),
        *placement_notes(problem),
    ]


def plan_without_allocations(
    loaded: LoadedProblem,
    catalog: Catalog,
    *,
    options: OptionSet,
    proof: Proof,
    settings: dict[str, Any],
    diagnosis: tuple[str, ...],
    warnings: tuple[str, ...],
) -> Plan:
    """Return the record of a problem without a plan: status and reasons, cost null."""
    return Plan(
        **_header(loaded, catalog, settings, None),
        status=proof.status,
        cost_usd=None,
        bound_usd=proof.bound_usd,
        gap=None,
        tco_usd=None,
        solver=_solver(proof),
        option_counts=option_counts(options),
        diagnosis=diagnosis,
        warnings=warnings,
    )


def option_counts(options: OptionSet) -> dict[str, Any]:
    """Return how many options were considered, offered to the program, and rejected by reason.

    Rejected counts, by the first reason, what no workload can use, so that the figures add up.
    """
    settled = {o.id for o in (*options.options, *options.dominated)}
    by_reason: dict[str, int] = {}
    for item in options.rejections:
        # An option that one workload refuses may serve another; and each counts once.
        if item.kind == "option" and item.subject not in settled:
            settled.add(item.subject)
            by_reason[item.reason] = by_reason.get(item.reason, 0) + item.count
    return {
        "considered": options.considered,
        "feasible": len(options.options) + len(options.pruned),
        "in_program": len(options.options),
        "dominated": len(options.pruned),
        "rejected": dict(sorted(by_reason.items())),
    }


def _header(
    loaded: LoadedProblem, catalog: Catalog, settings: dict[str, Any], oldest: str | None
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "problem": {
            "name": loaded.problem.name,
            "sha256": loaded.sha256,
            "scenario": loaded.scenario,
            "set": list(loaded.assignments),
            "horizon": {
                "start": loaded.problem.horizon.start,
                "periods": loaded.problem.horizon.periods,
                "months_per_period": loaded.problem.horizon.months_per_period,
                "time_blocks": loaded.problem.time_blocks,
            },
            "text": loaded.document.text,
        },
        "catalog": {"sha256": catalog.sha256, "oldest_price_date": oldest},
        "versions": dict(_versions()),
        "seed": settings["seed"],
        "options": settings,
    }


@cache
def _versions() -> dict[str, str]:
    """Return the versions of what makes a plan; reading them takes as long as a small plan."""
    packages = {name: version(name) for name in _PACKAGES}
    return packages | {"python": platform.python_version()}


def _solver(proof: Proof) -> dict[str, Any]:
    return {
        "name": proof.solver,
        "version": proof.solver_version,
        "seconds": proof.seconds,
        "variables": proof.variables,
        "constraints": proof.constraints,
    }
