"""Where blocks that one simulation stands for begin to keep their limits.

A block stands for others of its pool with the same replicas and less traffic
(:mod:`planner.verify.replay.busiest`). Where it misses a limit, those with less traffic may keep
it: more traffic on the same replicas is never faster, so there is one place from which on they do.
It is found by halving, not by a simulation of each. The busiest block goes on standing for those
that miss, and the busiest that keeps its limits for the rest; the figures of either are at least
those of the blocks that it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.verify.replay.blocks import Part, parts_of
from planner.verify.replay.judge import block_found, keeps_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from planner.perf.traffic import LatencyLimit
    from planner.problem.schema import Problem, Workload
    from planner.verify.replay.blocks import How
    from planner.verify.replay.cases import Case

    Limits = Mapping[str, Sequence[LatencyLimit]]

_Key = tuple[str, int, int]
"""Pool, period and block."""


@dataclass(slots=True)
class _Search:
    """Blocks of a group, busiest first: up to `missed` they miss a limit, from `kept` on none."""

    busiest: Part
    cases: Sequence[Case]
    missed: int
    kept: int
    least: Part | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left between them."""
        return self.kept - self.missed <= 1

    @property
    def middle(self) -> int:
        """Which block to try."""
        return (self.missed + self.kept) // 2

    def found(self) -> list[Part]:
        """Return what stands for those that miss, and for those that keep their limits."""
        parts = [_over(self.busiest, self.cases[: self.missed + 1])]
        return (
            parts if self.least is None else [*parts, _over(self.least, self.cases[self.kept :])]
        )


def parted(
    parts: Sequence[Part],
    cases: Sequence[Case],
    problem: Problem,
    by_name: Mapping[str, Workload],
    limits: Limits,
    *,
    how: How,
    on_done: Callable[[int, int], None],
) -> tuple[list[Part], set[_Key]]:
    """Return parts of which each keeps or misses its limits for all that it stands for.

    Those that miss come with all of their places as a second result. Days that are simulated
    whole stay as they are.

    Parameters
    ----------
    parts
        Simulations of the busiest blocks.
    cases
        All blocks.
    problem
        The problem.
    by_name, limits
        Every stream, and its limits, by name.
    how
        How blocks are simulated.
    on_done
        Called with the number of simulations done, and of all, after each.
    """
    found: list[Part] = []
    searches: list[_Search] = []
    for part in parts:
        if part.is_carried or keeps_all(part, by_name, limits):
            found.append(part)
            continue
        own = [c for c in cases if (c.pool, *c.places[0]) in _keys(part)]
        own.sort(key=lambda case: sum(s.rate_rps for s in case.streams), reverse=True)
        searches.append(_Search(part, own, 0, len(own)))
    alone = replace(how, carry=False)
    while going := [search for search in searches if not search.is_over]:
        tried = parts_of(
            [s.cases[s.middle] for s in going], problem, limits, alone, on_done
        )  # fmt: skip
        for search, part in zip(going, tried, strict=True):
            if keeps_all(part, by_name, limits):
                search.kept, search.least = search.middle, part
            else:
                search.missed = search.middle
    pieces = [piece for search in searches for piece in search.found()]
    missed = {key for search in searches for key in _keys(search.found()[0])}
    found = sorted([*found, *pieces], key=lambda part: (part.case.places[0], part.case.pool))
    return found, missed


def keeps_all(part: Part, by_name: Mapping[str, Workload], limits: Limits) -> bool:
    """Return whether all limits that hold for each block are kept, and all streams keep up.

    Parameters
    ----------
    part
        A simulation.
    by_name, limits
        Every stream, and its limits, by name.
    """
    return all(
        keeps_limits(
            block_found(part.case, stream, runs, limits[stream.name]), by_name[stream.name].slo
        )
        for stream, runs in zip(part.case.streams, part.sampled.by_stream, strict=True)
        if not stream.is_deferred
    )


def _keys(part: Part) -> set[_Key]:
    return {(part.case.pool, *place) for place in part.case.places}


def _over(part: Part, cases: Sequence[Case]) -> Part:
    """Return a simulation as that of some blocks."""
    places = tuple(sorted(place for case in cases for place in case.places))
    return replace(part, case=replace(part.case, places=places))
