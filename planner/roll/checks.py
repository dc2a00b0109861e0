"""What a replay refuses, and what it has to add to a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import Fault, InputError
from planner.roll.actuals_file import NEXT_STEP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.options.records import OptionSet
    from planner.problem.schema import Problem
    from planner.roll.records import Actuals

_SAME = 1e-9
_MESSAGE = (
    "cannot be replayed: it ties periods together beyond what is ordered for a term; leave it out "
    "with --set"
)


def require_supported(problem: Problem, file: str) -> None:
    """Refuse what ties the operation of one period to that of another, or is ordered otherwise.

    Raises
    ------
    InputError
        With every field of the problem that cannot be replayed.
    """
    supply, policy = problem.supply, problem.policy
    refused = {
        "policy.max_models": policy.max_models is not None,
        "policy.max_hardware_types": policy.max_hardware_types is not None,
        "limits.budget_usd": problem.limits.budget_usd is not None,
        "supply.existing": any(nodes.resale is not None for nodes in supply.existing),
    }
    found = [path for path, is_there in refused.items() if is_there]
    if found:
        faults = [Fault(file, None, None, path, _MESSAGE) for path in found]
        raise InputError(faults, "planner solve PROBLEM plans with it")


def require_known_rates(options: OptionSet, actuals: Actuals, file: str) -> None:
    """Refuse other prices of nodes that promised spending covers.

    What a covered hour would take of the promise then is on no price list.

    Raises
    ------
    InputError
        With every commitment and offer.
    """
    faults = [
        Fault(
            file,
            None,
            None,
            "actuals.usd_per_accelerator_hour",
            f"other prices of `{offer_id}`, which `{spend.id}` covers: nobody says what a covered "
            "hour would take of the promise; leave out these rows, or supply.spend_commitments",
        )
        for spend in options.spend
        for offer_id, _ in spend.rates
        if any(abs(factor - 1.0) > _SAME for factor in actuals.prices.get(offer_id, ()))
    ]
    if faults:
        raise InputError(faults, NEXT_STEP)


def workloads_without_price(problem: Problem) -> Iterator[str]:
    """Yield workloads that may leave requests unserved, but state no price for it.

    Work that waits cannot be left unserved.
    """
    for workload in problem.workloads:
        if workload.unserved_penalty_usd_per_request is None and workload.deferrable is None:
            yield workload.name
