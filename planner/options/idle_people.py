"""People that a problem states for a kind of hosting that it cannot have: they cost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.owned import OWNED

if TYPE_CHECKING:
    from planner.options.records import OptionSet
    from planner.problem.schema import Problem
    from planner.problem.staff import ApiStaff, NodeStaff

_RENTED = {"on_demand", "spot", "reserved_1y", "reserved_3y"}
_WHY = "; `planner options PROBLEM --rejected` says why"


def idle_people(problem: Problem, options: OptionSet) -> list[str]:
    """Return a sentence for every kind of hosting that has people stated and cannot occur.

    Parameters
    ----------
    problem
        The problem, for its people.
    options
        What may serve it.
    """
    staff = problem.supply.staff
    tenures = {offer.tenure for offer in options.offers}
    found = (
        ("owned", staff.owned, OWNED in tenures, _no_owned_node(problem)),
        ("rented", staff.rented, bool(tenures - {OWNED}), _no_rented_node(problem)),
        ("api", staff.api, bool(options.api), _no_tokens(problem)),
    )
    return [
        f"supply.staff.{hosting} ({', '.join(fields)}) costs nothing: {why}"
        for hosting, stated, may_occur, why in found
        if not may_occur and (fields := _asked(stated))
    ]


def _asked(stated: NodeStaff | ApiStaff | None) -> list[str]:
    """Return the fields that ask for people."""
    return [] if stated is None else [name for name, fte in stated if fte]


def _no_owned_node(problem: Problem) -> str:
    if OWNED in problem.supply.tenures:
        return (
            "no server can be bought that serves within the horizon, and no node of "
            f"supply.existing is owned{_WHY}"
        )
    return "supply.tenures has no `owned`, and no node of supply.existing is owned"


def _no_rented_node(problem: Problem) -> str:
    supply = problem.supply
    if supply.capacity_blocks or not _RENTED.isdisjoint(supply.tenures):
        return f"no rented node is on offer that a replica fits{_WHY}"
    return "supply.tenures has nodes to rent of no kind, and no node of supply.existing is rented"


def _no_tokens(problem: Problem) -> str:
    if "api" in problem.supply.tenures:
        return f"no tokens may serve any workload{_WHY}"
    return "supply.tenures has no `api`"
