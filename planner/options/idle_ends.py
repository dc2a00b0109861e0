"""What a problem says is there until a month inside a period: paid until then, used before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.problem.supply import month_after, months_between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem


def idle_ends(problem: Problem) -> list[str]:
    """Return a sentence for everything that leaves inside a period, with the months lost.

    A period has one fleet, so it cannot use what is not there to its end.

    Parameters
    ----------
    problem
        The problem, for its horizon and supply.
    """
    horizon = problem.horizon
    length = horizon.months_per_period
    found = []
    for where, until in _ends(problem):
        months = months_between(horizon.start, until)
        if 0 < months < horizon.periods * length and months % length:
            since = month_after(horizon.start, months - months % length)
            found.append(
                f"{where} ends inside a period ({until}): it is paid until then and used until "
                f"{since} only, because a period has one fleet; begin the horizon or make its "
                "periods so that one ends then (horizon.start, horizon.months_per_period)"
            )
    return found


def _ends(problem: Problem) -> Iterator[tuple[str, str]]:
    supply = problem.supply
    for index, nodes in enumerate(supply.existing):
        if nodes.until is not None:
            yield f"supply.existing.{index} ({nodes.nodes} x {nodes.hardware})", nodes.until
    for promise in supply.spend_commitments:
        if promise.until is not None:
            yield f"supply.spend_commitments ({promise.name})", promise.until
    for units in supply.provisioned:
        for item in units.committed:
            yield f"supply.provisioned ({units.name}, {item.units} committed)", item.until
