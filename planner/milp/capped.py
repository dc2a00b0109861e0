"""Programs with a cap on models or hardware types, solved through easier ones.

A cap couples every block of the day, and the bounds that make a day solvable do not see it. Two
facts help. Without its caps the program is a relaxation: its bound is a bound, and its plan is the
answer when it keeps the caps. With a cap of one model, every plan uses one model only, so the best
of the programs with one model each is the answer, and the least of their bounds is a bound.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.milp.families import build_program
from planner.milp.solver import solve_program
from planner.options.restrict import only_model

if TYPE_CHECKING:
    from planner.demand.records import Demand
    from planner.milp.records import Limits, MilpResult, SolverSettings
    from planner.options.records import OptionSet

_SHORTEST_S = 1.0


def solve_within_caps(
    demand: Demand, options: OptionSet, limits: Limits, settings: SolverSettings
) -> MilpResult:
    """Return decisions and proof of a program, with or without caps.

    Parameters
    ----------
    demand, options, limits
        The program.
    settings
        Gap, time limit and solver; all programs together keep the time limit.
    """
    if limits.max_models is None and limits.max_hardware_types is None:
        return solve_program(build_program(demand, options, limits), settings)
    deadline_s = time.monotonic() + settings.time_limit_s
    free = replace(limits, max_models=None, max_hardware_types=None)
    relaxed = solve_program(build_program(demand, options, free), settings)
    if _keeps_caps(relaxed, options, limits) or relaxed.proof.status == "infeasible":
        return relaxed
    if limits.max_models == 1:
        return _best_single_model(demand, options, limits, settings, deadline_s)
    left = replace(settings, time_limit_s=max(deadline_s - time.monotonic(), _SHORTEST_S))
    capped = solve_program(build_program(demand, options, limits), left)
    return capped.proven_by(relaxed.proof.bound_usd, settings.gap)


def _keeps_caps(result: MilpResult, options: OptionSet, limits: Limits) -> bool:
    if result.decisions is None:
        return False
    option_of = {o.id: o for o in options.options}
    used = [option_of[d.option_id] for d in result.decisions.replicas]
    sold = {(a.workload, a.id): a.model for a in options.api}
    models = {o.model for o in used}
    models |= {sold[f.workload, f.supply_id] for f in result.decisions.api_flows}
    hardware = {o.hardware for o in used}
    return (limits.max_models is None or len(models) <= limits.max_models) and (
        limits.max_hardware_types is None or len(hardware) <= limits.max_hardware_types
    )


def _best_single_model(
    demand: Demand,
    options: OptionSet,
    limits: Limits,
    settings: SolverSettings,
    deadline_s: float,
) -> MilpResult:
    names = sorted({o.model for o in options.options} | {a.model for a in options.api})
    inner = replace(limits, max_models=None)
    results = []
    for position, name in enumerate(names):
        left_s = max(deadline_s - time.monotonic(), _SHORTEST_S) / (len(names) - position)
        asked = replace(settings, time_limit_s=max(left_s, _SHORTEST_S))
        results.append(solve_within_caps(demand, only_model(options, name), inner, asked))
    possible = [r for r in results if r.proof.status != "infeasible"]
    if not possible:
        return results[0]
    best = min(possible, key=lambda r: (r.objective_usd is None, r.objective_usd or 0.0))
    bounds = [r.proof.bound_usd for r in possible]
    known = [b for b in bounds if b is not None]
    bound = min(known) if len(known) == len(bounds) else None
    unproven = replace(best, proof=replace(best.proof, bound_usd=None))
    return unproven.proven_by(bound, settings.gap)
