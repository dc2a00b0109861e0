"""What a replay refuses, and what it has to add to a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem

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
        "supply.spend_commitments": bool(supply.spend_commitments),
        "supply.provisioned": bool(supply.provisioned),
        "supply.existing": any(nodes.resale is not None for nodes in supply.existing),
    }
    found = [path for path, is_there in refused.items() if is_there]
    if found:
        faults = [Fault(file, None, None, path, _MESSAGE) for path in found]
        raise InputError(faults, "planner solve PROBLEM plans with it")


def workloads_without_price(problem: Problem) -> Iterator[str]:
    """Yield workloads that may leave requests unserved, but state no price for it.

    Work that waits cannot be left unserved.
    """
    for workload in problem.workloads:
        if workload.unserved_penalty_usd_per_request is None and workload.deferrable is None:
            yield workload.name
