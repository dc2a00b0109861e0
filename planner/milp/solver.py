"""Solves a program and returns whole decisions with a proof.

The only place that decides a status, from the solver's own model status and nothing else::

    gap = max(0, cost - bound) / max(|cost|, 1 USD)
    optimal  <=>  there is a plan and gap <= asked + 1e-9            (asked 0 means 1e-9)

`cost` is the cost of the rounded decisions on unscaled data, never the solver's objective; a plan
outside the gap is `feasible`, whatever the solver calls it. CBC's bound comes from its log; where
the log has none, the bound is that of the LP relaxation, solved by HiGHS.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp import highs
from planner.milp.average_quality import AVERAGE_QUALITY
from planner.milp.blocks import Bounded
from planner.milp.bridge import to_arrays
from planner.milp.by_parts import begin, bounded_by_parts
from planner.milp.cbc import solve_with_cbc
from planner.milp.check import verify_decisions
from planner.milp.costs import decisions_usd
from planner.milp.draft import read_draft, round_integers, to_decisions, with_exact_flows
from planner.milp.highs import Outcome, relaxed, solve_arrays
from planner.milp.improve import improved
from planner.milp.records import MilpResult, ShadowPrice
from planner.milp.slots import rows_of_entries
from planner.milp.trim import trim
from planner.plan.records import Proof, is_within_gap

if TYPE_CHECKING:
    from planner.milp.bridge import Arrays
    from planner.milp.model import Program
    from planner.milp.records import SolverSettings
    from planner.plan.records import Decisions

_SOLVER_SHARE = 0.2
"""Share of the time limit that is left for the program as a whole."""
_TIGHT = 1e-7
"""Slack below which a row is met exactly, as the solver counts."""
_SMALLEST_SHADOW_PRICE = 1e-9
"""Share of the objective's unit below which a dual is the solver's tolerance."""


@dataclass(frozen=True, slots=True)
class Solved:
    """Answer of a program, with the rows that were found to bound it.

    Parameters
    ----------
    result
        Decisions, proof and shadow prices.
    arrays
        The program with bound rows: every plan of the program keeps them.
    """

    result: MilpResult
    arrays: Arrays


def solve_program(program: Program, settings: SolverSettings) -> MilpResult:
    """Return decisions, proof and shadow prices of a program; parameters as `solve_bounded`."""
    return solve_bounded(program, settings).result


def solve_bounded(
    program: Program, settings: SolverSettings, known: Arrays | None = None
) -> Solved:
    """Return decisions, proof and shadow prices of a program, and its bound rows.

    Parameters
    ----------
    program
        What :func:`planner.milp.build_program` returned.
    settings
        Gap, time limit, seed, threads and solver.
    known
        The same program with bound rows, when it was solved before with less of it decided; with
        it the bounds of parts are not looked for again.

    Raises
    ------
    InternalError
        When the solver fails, or its plan breaks a row on unscaled data.
    """
    began_s = time.perf_counter()
    arrays = to_arrays(program.problem)
    is_known = known is not None and _is_tighter(known, arrays)
    if known is not None and is_known and settings.solver == "highs":
        arrays = replace(known, lower=arrays.lower, upper=arrays.upper)
    relaxation = solve_arrays(relaxed(arrays), replace(settings, log=False))
    deadline_s = began_s + settings.time_limit_s
    outcome, bounded, version = _solve(
        program, arrays, settings, relaxation, deadline_s, has_bounds=is_known
    )
    decisions, cost_usd = None, None
    if outcome.values is not None:
        decisions, cost_usd = _decide(program, arrays, outcome, settings)
    bound_usd = None if outcome.bound is None else outcome.bound * program.money_unit_usd
    proof = Proof(
        status=_status(outcome, cost_usd, bound_usd, settings.gap),
        bound_usd=bound_usd,
        solver=settings.solver,
        solver_version=version,
        seconds=time.perf_counter() - began_s,
        variables=len(arrays.column_names),
        constraints=len(arrays.row_names),
    )
    prices = _shadow_prices(program, arrays, relaxation)
    return Solved(MilpResult(decisions, proof, cost_usd, prices), bounded)


def bounded_arrays(program: Program, settings: SolverSettings) -> Arrays | None:
    """Return a program with rows that bound it, without a search for plans.

    Parameters
    ----------
    program, settings
        As in :func:`solve_bounded`.

    Returns
    -------
    Arrays or None
        Every plan of the program keeps their rows; ``None`` when there is none for certain.
    """
    deadline_s = time.perf_counter() + settings.time_limit_s
    arrays = to_arrays(program.problem)
    relaxation = solve_arrays(relaxed(arrays), replace(settings, log=False))
    if relaxation.status == "infeasible":
        return None
    unbounded = Bounded(arrays, relaxation, _proven(arrays, relaxation))
    return bounded_by_parts(program.model, unbounded, settings, deadline_s).arrays


def best_values(program: Program, arrays: Arrays, settings: SolverSettings) -> Outcome:
    """Return the best values by column of a program whose figures were changed, with its bound.

    Parameters
    ----------
    program
        The program.
    arrays
        Its columns and rows with other costs or entries.
    settings
        Gap, time limit and seed; the program is begun from its parts, as in `solve_bounded`.
    """
    deadline_s = time.perf_counter() + settings.time_limit_s
    relaxation = solve_arrays(relaxed(arrays), replace(settings, log=False))
    return _solve_with_highs(program, arrays, settings, relaxation, deadline_s, has_bounds=False)[
        0
    ]


def _is_tighter(known: Arrays, arrays: Arrays) -> bool:
    """Return whether arrays have the columns and all rows of others."""
    same = known.column_names == arrays.column_names
    return same and set(arrays.row_names) <= set(known.row_names)


def _solve(
    program: Program,
    arrays: Arrays,
    settings: SolverSettings,
    relaxation: Outcome,
    deadline_s: float,
    *,
    has_bounds: bool,
) -> tuple[Outcome, Arrays, str]:
    if settings.solver == "highs":
        outcome, bounded = _solve_with_highs(
            program, arrays, settings, relaxation, deadline_s, has_bounds=has_bounds
        )
        return outcome, bounded, highs.version()
    outcome, version = solve_with_cbc(program.problem, settings)
    if outcome.status != "infeasible" and outcome.bound is None:
        outcome = replace(outcome, bound=relaxation.bound)
    return outcome, arrays, version


def _solve_with_highs(
    program: Program,
    arrays: Arrays,
    settings: SolverSettings,
    relaxation: Outcome,
    deadline_s: float,
    *,
    has_bounds: bool,
) -> tuple[Outcome, Arrays]:
    if relaxation.status == "infeasible":
        return relaxation, arrays
    unbounded = Bounded(arrays, relaxation, _proven(arrays, relaxation))
    begun = begin(program.model, unbounded, settings, deadline_s, has_bounds=has_bounds)
    bounded, start = begun.program, begun.values
    if begun.is_plan:
        by_s = deadline_s - _SOLVER_SHARE * settings.time_limit_s
        start = improved(bounded, start, settings, by_s)
        # The solver finds the very best plan of a small program in no time.
        if bounded is not unbounded and bounded.proves(start, settings.gap):
            _log(settings, "bounds of parts prove the plan of parts")
            return Outcome("solved", start, bounded.bound), bounded.arrays
    left_s = max(deadline_s - time.perf_counter(), 0.0)
    asked = replace(settings, time_limit_s=left_s)
    outcome = solve_arrays(bounded.arrays, asked, start)
    if outcome.status == "infeasible":
        return outcome, arrays
    bound = bounded.bound if outcome.bound is None else max(outcome.bound, bounded.bound)
    if outcome.values is None and begun.is_plan:
        # The solver had no time to look at it.
        return Outcome("solved", start, bound), bounded.arrays
    return replace(outcome, bound=bound), bounded.arrays


def _proven(arrays: Arrays, relaxation: Outcome) -> float:
    return _least_cost(arrays) if relaxation.bound is None else relaxation.bound


def _least_cost(arrays: Arrays) -> float:
    """Return a limit that no plan is below: everything that may be sold is.

    Rebates have no limit of their own, but are never more than the rent that they are taken off.
    """
    sold = (arrays.cost < 0) & np.isfinite(arrays.upper)
    return float(arrays.cost[sold] @ arrays.upper[sold])


def _log(settings: SolverSettings, message: str) -> None:
    if settings.log:
        sys.stderr.write(f"{message}\n")


def _decide(
    program: Program, arrays: Arrays, outcome: Outcome, settings: SolverSettings
) -> tuple[Decisions, float]:
    values = np.zeros(0) if outcome.values is None else outcome.values
    whole = round_integers(arrays, values)
    exact = with_exact_flows(arrays, whole, settings)
    sets = program.model.sets
    draft = trim(sets, read_draft(program.model, arrays, exact))
    decisions = to_decisions(sets, draft)
    verify_decisions(sets.demand, sets.options, sets.limits, decisions)
    return decisions, decisions_usd(sets.demand, sets.options, sets.limits, decisions)


def _status(outcome: Outcome, cost_usd: float | None, bound_usd: float | None, gap: float) -> str:
    if outcome.status != "solved" or cost_usd is None:
        return outcome.status
    if bound_usd is None:
        return "feasible"
    return "optimal" if is_within_gap(cost_usd, bound_usd, gap) else "feasible"


def _shadow_prices(
    program: Program, arrays: Arrays, relaxation: Outcome
) -> tuple[ShadowPrice, ...]:
    if relaxation.row_duals is None or relaxation.values is None:
        return ()
    dual_of = dict(zip(arrays.row_names, relaxation.row_duals.tolist(), strict=True))
    tight = _tight_rows(arrays, relaxation.values)
    prices = []
    for priced in program.model.priced:
        worth = abs(sum(dual_of[row] * weight for row, weight in priced.weights.items()))
        # Of floors that hold together one has the price of both: moved alone none saves anything.
        holds = priced.what == AVERAGE_QUALITY and not tight.isdisjoint(priced.weights)
        if worth > _SMALLEST_SHADOW_PRICE or holds:
            usd = worth * program.money_unit_usd
            prices.append(ShadowPrice(priced.what, priced.where, usd, priced.unit))
    return tuple(sorted(prices, key=lambda p: (-p.usd_per_unit, p.what, p.where)))


def _tight_rows(arrays: Arrays, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> set[str]:
    """Return the rows that some values meet exactly, at their lower or upper limit."""
    paid = arrays.value * values[arrays.index]
    at = np.bincount(rows_of_entries(arrays), weights=paid, minlength=arrays.row_lower.size)
    slack = np.minimum(np.abs(at - arrays.row_lower), np.abs(arrays.row_upper - at))
    return {arrays.row_names[r] for r in np.flatnonzero(slack <= _TIGHT).tolist()}
