"""Decides how to serve AI inference at the least cost, and proves it.

The names below are the library. They load when they are first used, so that ``planner --help``
does not wait for a solver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.catalog.load import load_catalog as load_catalog
    from planner.claims.run import assess_claims as assess_claims
    from planner.compare.plans import compare_plans as compare_plans
    from planner.demand.build import build_demand as build_demand
    from planner.errors import InputError as InputError
    from planner.infeasibility import explain_infeasible as explain_infeasible
    from planner.options.build import build_options as build_options
    from planner.pipeline import SolveSettings as SolveSettings
    from planner.pipeline import solve_prepared as solve_prepared
    from planner.pipeline import solve_problem as solve_problem
    from planner.plan.document import Plan as Plan
    from planner.plan.json_io import plan_json as plan_json
    from planner.preparation import check_problem as check_problem
    from planner.preparation import prepare as prepare
    from planner.problem.load import load_problem as load_problem
    from planner.roll.run import RollSettings as RollSettings
    from planner.roll.run import run_roll as run_roll
    from planner.sensitivity import explain_plan as explain_plan
    from planner.sweep.run import SweepSettings as SweepSettings
    from planner.sweep.run import run_sweep as run_sweep
    from planner.verified import LoopSettings as LoopSettings
    from planner.verified import solve_verified as solve_verified
    from planner.verify.audit import audit as audit
    from planner.verify.replay.run import ReplaySettings as ReplaySettings
    from planner.verify.replay.run import replay_plan as replay_plan
    from planner.verify.verification import open_plan as open_plan
    from planner.verify.verification import verify_plan as verify_plan

__version__ = "0.1.0"

_HOMES = {
    "InputError": "planner.errors",
    "Plan": "planner.plan.document",
    "LoopSettings": "planner.verified",
    "ReplaySettings": "planner.verify.replay.run",
    "RollSettings": "planner.roll.run",
    "SolveSettings": "planner.pipeline",
    "SweepSettings": "planner.sweep.run",
    "assess_claims": "planner.claims.run",
    "audit": "planner.verify.audit",
    "build_demand": "planner.demand.build",
    "build_options": "planner.options.build",
    "check_problem": "planner.preparation",
    "explain_infeasible": "planner.infeasibility",
    "explain_plan": "planner.sensitivity",
    "compare_plans": "planner.compare.plans",
    "load_catalog": "planner.catalog.load",
    "load_problem": "planner.problem.load",
    "open_plan": "planner.verify.verification",
    "plan_json": "planner.plan.json_io",
    "prepare": "planner.preparation",
    "replay_plan": "planner.verify.replay.run",
    "run_roll": "planner.roll.run",
    "run_sweep": "planner.sweep.run",
    "solve_prepared": "planner.pipeline",
    "solve_problem": "planner.pipeline",
    "solve_verified": "planner.verified",
    "verify_plan": "planner.verify.verification",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - names of strings, all of them


def __getattr__(name: str) -> object:
    """Return a public name from its module."""
    if name not in _HOMES:
        text = f"module 'planner' has no attribute {name!r}"
        raise AttributeError(text)
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted([*globals(), *_HOMES])
