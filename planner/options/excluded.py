"""Options that a problem excludes for a workload by name, in some blocks or in all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import did_you_mean
from planner.options.records import Rejection
from planner.problem.deferral import owner
from planner.problem.exclusion import barred_slots, excluded_ids
from planner.problem.headroom import headroom_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.demand.records import TimeGrid
    from planner.options.records import Capacity
    from planner.options.ways import Ways
    from planner.problem.schema import Problem

_DETAIL = "excluded_options of the workload names it"


def without_excluded(
    capacities: Iterable[Capacity], problem: Problem, grid: TimeGrid
) -> tuple[list[Capacity], list[Rejection]]:
    """Return the capacities with the blocks they are barred from, and a rejection for the others.

    Parameters
    ----------
    capacities
        Capacities.
    problem
        The problem.
    grid
        Its periods and blocks.
    """
    slots = frozenset(grid.slots)
    barred = {w.name: barred_slots(w, slots) for w in problem.workloads}
    kept: list[Capacity] = []
    rejections: list[Rejection] = []
    for capacity in capacities:
        mine = barred[capacity.workload].get(capacity.option_id, frozenset())
        if mine == slots:
            name, workload = capacity.option_id, capacity.workload
            rejections.append(Rejection("option", name, workload, "excluded", _DETAIL))
        else:
            kept.append(replace(capacity, barred=mine) if mine else capacity)
    return kept, rejections


def unknown_exclusions(ways: Ways, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every option that an exclusion or headroom names in vain.

    Parameters
    ----------
    ways
        Everything that can serve some workload, and what cannot.
    problem
        The problem.
    """
    known = sorted({o.id for o in ways.options} | {r.subject for r in ways.rejections})
    unknown = {
        (owner(w.name), field, name): None
        for w in problem.workloads
        for field, names in (("excluded_options", excluded_ids(w)), ("headroom", headroom_ids(w)))
        for name in names
        if name not in known
    }
    for workload, field, name in unknown:
        yield (
            f"{workload}: {field} names `{name}`, which is no option here"
            f"{did_you_mean(name, known)}; planner options lists them"
        )
