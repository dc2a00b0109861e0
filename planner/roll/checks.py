"""What a replay is about, checked: every fault of the problem and of what came at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.preparation import prepare
from planner.problem.load import load_problem, sure_part
from planner.roll.actuals import actuals_of
from planner.roll.actuals_file import NEXT_STEP, read_actuals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from planner.errors import Fault
    from planner.preparation import Prepared
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem
    from planner.roll.records import Actuals

_MESSAGE = (
    "cannot be replayed: it ties periods together beyond what is ordered for a term; leave it out "
    "with --set"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A problem that can be replayed, and what came.

    Parameters
    ----------
    prepared
        The problem with a price for every request that may be missed.
    actuals
        Demand and prices as they came.
    priced
        Workloads whose missed requests have the price that was asked for.
    """

    prepared: Prepared
    actuals: Actuals
    priced: tuple[str, ...]


def checked(  # noqa: PLR0917
    name: str | Path,
    actuals: Path,
    scenario: str | None,
    assignments: Sequence[str],
    overlays: Sequence[Path],
    unserved_usd_per_request: float,
) -> Checked:
    """Return a problem and what came after every check that needs no solve.

    Parameters
    ----------
    name, scenario, assignments, overlays
        As in :func:`planner.pipeline.solve_problem`.
    actuals
        File of what came.
    unserved_usd_per_request
        Price of a missed request of workloads that state none.

    Raises
    ------
    InputError
        With every fault of the problem, the catalogues and the file.
    """
    try:
        loaded = load_problem(name, scenario, assignments, overlays)
    except InputError as error:
        read = read_actuals(actuals, sure_part(name, scenario, assignments))
        raise InputError([*error.faults, *read.faults], error.next_step) from error
    problem = loaded.problem
    read = read_actuals(actuals, problem)
    faults, next_step = list(_unsupported(loaded)), "planner solve PROBLEM plans with it"
    priced = tuple(_without_price(problem))
    field = "unserved_penalty_usd_per_request"
    places = [i for i, w in enumerate(problem.workloads) if w.name in priced]
    prices = [f"workloads.{place}.{field}={unserved_usd_per_request}" for place in places]
    try:
        prepared = prepare(name, scenario, (*assignments, *prices), overlays)
    except InputError as error:
        raise InputError([*faults, *error.faults, *read.faults], error.next_step) from error
    try:
        came = actuals_of(read, prepared.demand, prepared.options)
    except InputError as error:
        raise InputError([*faults, *error.faults], NEXT_STEP) from error
    if faults:
        raise InputError(faults, next_step)
    return Checked(prepared, came, priced)


def _unsupported(loaded: LoadedProblem) -> Iterator[Fault]:
    """Yield what ties the operation of one period to that of another, or is ordered otherwise."""
    problem = loaded.problem
    supply, policy = problem.supply, problem.policy
    refused = {
        ("policy", "max_models"): policy.max_models is not None,
        ("policy", "max_hardware_types"): policy.max_hardware_types is not None,
        ("limits", "budget_usd"): problem.limits.budget_usd is not None,
        ("supply", "existing"): any(nodes.resale is not None for nodes in supply.existing),
    }
    for path, is_there in refused.items():
        if is_there:
            yield loaded.fault(path, _MESSAGE)


def _without_price(problem: Problem) -> Iterator[str]:
    """Yield workloads that may leave requests unserved, but state no price for it.

    Work that waits cannot be left unserved.
    """
    for workload in problem.workloads:
        if workload.unserved_penalty_usd_per_request is None and workload.deferrable is None:
            yield workload.name
