"""CBC through PuLP, as a second solver.

CBC's status in PuLP is not proof: a run that stopped on time reads "Optimal", and a run without a
solution leaves fractional values behind. Here the log decides: without ``Result - Optimal solution
found`` the outcome is a candidate at best, its integrality is checked by the caller, and the bound
is the log's own or, failing that, ``None`` (the caller then takes the relaxation's).
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pulp
from pulp.apis.coin_api import COIN_CMD, PULP_CBC_CMD

from planner.milp.highs import Outcome

if TYPE_CHECKING:
    from planner.milp.records import SolverSettings

_SMALLEST_GAP = 1e-9
_TIGHT_GAP = 1e-5
_TIGHT_TOLERANCE = 1e-9
_OPTIMAL = "Result - Optimal solution found"
_WITHIN_GAP = "(within gap tolerance)"
_INFEASIBLE = ("Result - Problem proven infeasible", "Problem is infeasible", "INFEASIBLE")
_BOUND = re.compile(r"^Lower bound:\s+(-?[\d.e+]+)", re.MULTILINE)
_OBJECTIVE = re.compile(r"^Objective value:\s+(-?[\d.e+]+)", re.MULTILINE)
_VERSION = re.compile(r"^Version:\s+(\S+)", re.MULTILINE)


def solve_with_cbc(problem: pulp.LpProblem, settings: SolverSettings) -> tuple[Outcome, str]:
    """Return the outcome of a problem by PuLP's bundled CBC, and its version.

    Parameters
    ----------
    problem
        The PuLP problem; its variables take the values found.
    settings
        Gap, time, seed, threads and log.
    """
    with tempfile.TemporaryDirectory() as folder:
        log_path = Path(folder) / "cbc.log"
        tight = settings.gap < _TIGHT_GAP
        options = [f"randomSeed {settings.seed + 1}", f"randomCbcSeed {settings.seed + 1}"]
        if tight:
            options += [f"primalTolerance {_TIGHT_TOLERANCE}", f"integerTolerance {_TIGHT_GAP}"]
        solver = COIN_CMD(  # type: ignore[no-untyped-call]
            path=PULP_CBC_CMD.pulp_cbc_path,
            msg=False,
            gapRel=max(settings.gap, _SMALLEST_GAP),
            gapAbs=_SMALLEST_GAP,
            timeLimit=settings.time_limit_s,
            threads=settings.threads if settings.threads > 1 else None,
            options=options,
            logPath=str(log_path),
        )
        problem.solve(solver)  # type: ignore[no-untyped-call]
        log = log_path.read_text()
    if settings.log:
        sys.stderr.write(log)
    found = _VERSION.search(log)
    return _outcome(problem, log), found.group(1) if found else "unknown"


def _outcome(problem: pulp.LpProblem, log: str) -> Outcome:
    if any(text in log for text in _INFEASIBLE):
        return Outcome("infeasible")
    bound = _first_number(_BOUND, log)
    if _OPTIMAL in log and _WITHIN_GAP not in log and bound is None:
        bound = _first_number(_OBJECTIVE, log)
    if problem.sol_status not in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible):
        return Outcome("no_solution", bound=bound)
    values = [v.varValue or 0.0 for v in problem.variables()]
    return Outcome("solved", np.array(values, dtype=np.float64), bound)


def _first_number(pattern: re.Pattern[str], log: str) -> float | None:
    found = pattern.search(log)
    return float(found.group(1)) if found else None
