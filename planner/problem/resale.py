"""Contradictions in what a problem says about the resale of nodes that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem
    from planner.problem.supply import ExistingNodes
    from planner.yaml_io import Path_


def resale_findings(
    nodes: ExistingNodes, problem: Problem, path: Path_
) -> Iterator[tuple[Path_, str]]:
    """Yield what is wrong about the resale of nodes.

    Parameters
    ----------
    nodes, problem
        The nodes, and the problem they are of.
    path
        Path of the resale.
    """
    resale = nodes.resale
    if resale is None:
        return
    if nodes.tenure != "owned":
        message = f"nodes of tenure `{nodes.tenure}` are not yours to sell; take it out"
        yield path, message
    if not isinstance(resale.usd_per_node, list):
        if resale.change_per_year is None:
            message = (
                "states no change; give `change_per_year`, for example -0.3 for a fall by 30 % a "
                "year, or a list with a figure for every period"
            )
            yield path, message
        return
    if resale.change_per_year is not None:
        message = "has no effect beside figures by period; take it out, or give one figure"
        yield (*path, "change_per_year"), message
    periods, count = problem.horizon.periods, len(resale.usd_per_node)
    if count != periods + 1:
        message = (
            f"has {counted(count, 'figure')} for {counted(periods, 'period')}; give "
            f"{periods + 1}: one for the start of every period, and one for the end of the last"
        )
        yield (*path, "usd_per_node"), message
