"""Options that a problem excludes for a workload by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import did_you_mean
from planner.options.records import Rejection
from planner.problem.deferral import owner

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.options.records import Capacity
    from planner.options.ways import Ways
    from planner.problem.schema import Problem


def excluded(capacities: Iterable[Capacity], problem: Problem) -> list[Rejection]:
    """Return a rejection for every capacity of an option that its workload excludes.

    Parameters
    ----------
    capacities
        Capacities.
    problem
        The problem.
    """
    barred = {w.name: frozenset(w.excluded_options) for w in problem.workloads}
    detail = "excluded_options of the workload names it"
    return [
        Rejection("option", c.option_id, c.workload, "excluded", detail)
        for c in capacities
        if c.option_id in barred[c.workload]
    ]


def unknown_exclusions(ways: Ways, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every excluded option that does not exist.

    Parameters
    ----------
    ways
        Everything that can serve some workload, and what cannot.
    problem
        The problem.
    """
    known = sorted({o.id for o in ways.options} | {r.subject for r in ways.rejections})
    unknown = {
        (owner(w.name), name): None
        for w in problem.workloads
        for name in w.excluded_options
        if name not in known
    }
    for workload, name in unknown:
        yield (
            f"{workload}: excluded_options names `{name}`, which is no option here"
            f"{did_you_mean(name, known)}; planner options lists them"
        )
