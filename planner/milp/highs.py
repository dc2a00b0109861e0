"""HiGHS: one solve of arrays, with the solver's own status, bound and duals.

Traps this module knows: the status is the model status and nothing else; a time limit may leave no
values at all; a change of `threads` within one process needs the global scheduler to be reset, or
the next run returns without a status; a problem without columns is not a model to HiGHS.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import highspy
import numpy as np

from planner.errors import InternalError

if TYPE_CHECKING:
    from highspy.highs import HighsCallbackEvent
    from numpy.typing import NDArray

    from planner.milp.bridge import Arrays
    from planner.milp.records import SolverSettings

    FloatArray = NDArray[np.float64]

_TIGHT_GAP = 1e-5
"""At gaps below this the solver's default tolerances (1e-6) would show in the gap."""
_TIGHT_TOLERANCE = 1e-9
_SMALLEST_GAP = 1e-9
_SMALL = 200
"""Columns below which the solver's search for any plan at all (feasibility jump) takes longer than
everything else."""
_GAP_MARGIN = 1e-6
"""Share of the gap left for the difference between the solver's cost and the recomputed one."""

Status = Literal["solved", "infeasible", "no_solution"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a solver returned.

    Parameters
    ----------
    status
        ``solved`` (there are values, proven or not), ``infeasible`` or ``no_solution``.
    values
        By column; ``None`` without a solution.
    bound
        Proven lower limit of the objective, ``None`` without one.
    row_duals
        By row, for problems without integers; ``None`` otherwise.
    basis
        Where the simplex method ended, for problems without integers; ``None`` otherwise.
    """

    status: Status
    values: FloatArray | None = None
    bound: float | None = None
    row_duals: FloatArray | None = None
    basis: highspy.HighsBasis | None = None


def version() -> str:
    """Return the version of HiGHS."""
    parts = (highspy.HIGHS_VERSION_MAJOR, highspy.HIGHS_VERSION_MINOR, highspy.HIGHS_VERSION_PATCH)
    return ".".join(str(part) for part in parts)


def solve_arrays(
    arrays: Arrays,
    settings: SolverSettings,
    start: FloatArray | None = None,
    basis: highspy.HighsBasis | None = None,
) -> Outcome:
    """Return the outcome of a problem.

    Parameters
    ----------
    arrays
        The problem.
    settings
        Gap, time, seed, threads and log.
    start
        A feasible point by column to begin from, ``None`` for none.
    basis
        Basis of the same problem without its integers and its last rows, ``None`` for none. From
        there the dual simplex method needs a fraction of its steps.

    Raises
    ------
    InternalError
        When the solver fails, which is a defect of the program it was given.
    """
    if not arrays.cost.size:
        is_feasible = bool(np.all(arrays.row_lower <= 0) and np.all(arrays.row_upper >= 0))
        return Outcome("solved", np.zeros(0), 0.0) if is_feasible else Outcome("infeasible")
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    _set_options(solver, settings)
    if arrays.cost.size < _SMALL:
        solver.setOptionValue("mip_heuristic_run_feasibility_jump", False)
    _pass(solver, arrays)
    if basis is not None:
        solver.setBasis(_with_more_rows(basis, arrays.row_lower.size))
    if start is not None:
        solution = highspy.HighsSolution()
        solution.col_value = start.tolist()
        solver.setSolution(solution)
    if settings.threads > 1:
        highspy.Highs.resetGlobalScheduler(True)
    solver.run()
    outcome = _outcome(solver, has_integers=bool(arrays.integer.any()))
    if settings.threads > 1:
        highspy.Highs.resetGlobalScheduler(True)
    return outcome


def _with_more_rows(basis: highspy.HighsBasis, rows: int) -> highspy.HighsBasis:
    """Return a basis in which rows that were added are basic."""
    longer = highspy.HighsBasis()
    longer.col_status = basis.col_status
    known = list(basis.row_status)
    longer.row_status = known + [highspy.HighsBasisStatus.kBasic] * (rows - len(known))
    longer.valid = True
    return longer


def relaxed(arrays: Arrays) -> Arrays:
    """Return the problem without its integrality.

    Parameters
    ----------
    arrays
        The problem.
    """
    return replace(arrays, integer=np.zeros_like(arrays.integer))


def with_fixed_integers(arrays: Arrays, values: FloatArray) -> Arrays:
    """Return the linear problem that is left when every integer column has its value.

    Parameters
    ----------
    arrays
        The problem.
    values
        By column; those of integer columns are whole.
    """
    return replace(
        relaxed(arrays),
        lower=np.where(arrays.integer, values, arrays.lower),
        upper=np.where(arrays.integer, values, arrays.upper),
    )


def completed(arrays: Arrays, start: FloatArray, settings: SolverSettings) -> FloatArray | None:
    """Return the plan that the integers of a start stand for, ``None`` when there is none.

    Parameters
    ----------
    arrays
        The problem.
    start
        By column; those of integer columns are whole.
    settings
        Time limit, seed and threads.
    """
    return solve_arrays(with_fixed_integers(arrays, start), replace(settings, log=False)).values


def _set_options(solver: highspy.Highs, settings: SolverSettings) -> None:
    gap = max(settings.gap * (1.0 - _GAP_MARGIN), _SMALLEST_GAP)
    options: dict[str, float | int | bool] = {
        "output_flag": settings.log,
        "log_to_console": False,
        "random_seed": settings.seed,
        "threads": settings.threads,
        "time_limit": float(settings.time_limit_s),
        "mip_rel_gap": gap,
    }
    if settings.gap < _TIGHT_GAP:
        options["mip_abs_gap"] = _SMALLEST_GAP
        options["mip_feasibility_tolerance"] = _TIGHT_TOLERANCE
        options["primal_feasibility_tolerance"] = _TIGHT_TOLERANCE
        options["dual_feasibility_tolerance"] = _TIGHT_TOLERANCE
    for name, value in options.items():
        solver.setOptionValue(name, value)
    if settings.log:
        solver.cbLogging.subscribe(_write_log)


def _write_log(event: HighsCallbackEvent) -> None:
    sys.stderr.write(event.message)


def _pass(solver: highspy.Highs, arrays: Arrays) -> None:
    status = solver.passModel(
        arrays.cost.size,
        arrays.row_lower.size,
        arrays.value.size,
        int(highspy.MatrixFormat.kRowwise),
        int(highspy.ObjSense.kMinimize),
        0.0,
        arrays.cost,
        arrays.lower,
        arrays.upper,
        arrays.row_lower,
        arrays.row_upper,
        arrays.start,
        arrays.index,
        arrays.value,
        arrays.integer.astype(np.int32),
    )
    if status == highspy.HighsStatus.kError:
        msg = "HiGHS does not accept the program"
        raise InternalError(msg)


def _outcome(solver: highspy.Highs, *, has_integers: bool) -> Outcome:
    status = solver.getModelStatus()
    statuses = highspy.HighsModelStatus
    info = solver.getInfo()
    # Costs are never negative, so "unbounded or infeasible" can only be infeasible.
    if status in (statuses.kInfeasible, statuses.kUnboundedOrInfeasible):
        return Outcome("infeasible")
    # Unbounded: a slot at prices, by their tolerance. Unknown: numbers that HiGHS gives up on.
    if status in (statuses.kUnbounded, statuses.kUnknown):
        return Outcome("no_solution")
    if status not in (statuses.kOptimal, statuses.kTimeLimit, statuses.kIterationLimit):
        msg = f"HiGHS stopped with status {solver.modelStatusToString(status)}"
        raise InternalError(msg)
    is_optimal = status == statuses.kOptimal
    bound: float | None = None
    if has_integers and np.isfinite(info.mip_dual_bound):
        bound = float(info.mip_dual_bound)
    elif not has_integers and is_optimal:
        bound = float(info.objective_function_value)
    if info.primal_solution_status != int(highspy.SolutionStatus.kSolutionStatusFeasible):
        return Outcome("no_solution", bound=bound)
    solution = solver.getSolution()
    values = np.asarray(solution.col_value)
    if has_integers or not is_optimal:
        return Outcome("solved", values, bound)
    basis = solver.getBasis()
    return Outcome(
        "solved", values, bound, np.asarray(solution.row_dual), basis if basis.valid else None
    )
