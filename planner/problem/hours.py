"""Contradictions of nodes that are there in given hours of the day only."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from planner.problem.mention import Mention
from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem
    from planner.problem.supply import ExistingNodes, HoursOfDay
    from planner.yaml_io import Path_


def hours_findings(
    nodes: ExistingNodes, problem: Problem, path: Path_
) -> Iterator[tuple[Path_, str]]:
    """Yield what is wrong about the hours of nodes.

    Parameters
    ----------
    nodes, problem
        The nodes, and the problem they are of.
    path
        Path of the hours.
    """
    if nodes.hours is None:
        return
    if problem.policy.scaling == "static":
        message = (
            "nodes of some hours hold nothing with `policy.scaling: static`, which keeps replicas "
            "all day; use `hourly`, or take the nodes out"
        )
        yield path, message
        return
    for i, (begin, end) in enumerate(nodes.hours):
        if begin == end:
            message = f"[{begin:g}, {end:g}] is no time; leave `hours` out for all day"
            yield (*path, i), message
    for (i, first), (k, second) in combinations(enumerate(nodes.hours), 2):
        if _overlap(first, second):
            yield (*path, k), Mention("overlaps with ", (*path, i), "; join the two")
    if not nodes.blocks_inside(problem.time_blocks):
        length = HOURS_PER_DAY / problem.time_blocks
        message = (
            f"no block of {length:g} h lies wholly in these hours, so the nodes serve nothing; "
            "raise `time_blocks`, or state longer hours"
        )
        yield path, message


def _overlap(first: HoursOfDay, second: HoursOfDay) -> bool:
    return any(
        (other[0] - run[0]) % HOURS_PER_DAY < ((run[1] - run[0]) % HOURS_PER_DAY or HOURS_PER_DAY)
        for run, other in ((first, second), (second, first))
    )
