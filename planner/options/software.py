"""Software licences: what replicas run costs by the hour of their accelerators.

Idle accelerators of a node need none. Rates are the user's, by engine and by hardware; both add
up, and where neither states one the default counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.options.ways import Ways
    from planner.problem.schema import Problem

SOFTWARE = "software"
"""Category of cost lines of licences."""
_DEFAULT = "default"


def with_software(ways: Ways, problem: Problem) -> Ways:
    """Return ways to serve with the licences of their replicas.

    Parameters
    ----------
    ways
        Replica options.
    problem
        Its supply section.
    """
    stated = problem.supply.software_usd_per_accelerator_hour

    def usd(engine: str, hardware: str) -> float:
        known = [stated[name] for name in (engine, hardware) if name in stated]
        return sum(known) if known else stated.get(_DEFAULT, 0.0)

    if not stated:
        return ways
    options = (
        replace(o, software_usd_per_hour=usd(o.engine, o.hardware) * o.accelerators)
        for o in ways.options
    )
    return replace(ways, options=tuple(options))
