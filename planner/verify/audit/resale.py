"""Nodes that were there and are sold: whether they may be, and what they bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.units import MONTHS_PER_YEAR

if TYPE_CHECKING:
    from planner.problem.schema import Problem
    from planner.problem.supply import ExistingNodes


def worth_usd(nodes: ExistingNodes, problem: Problem, months: int) -> float:
    """Return what a node brings so many months after the start of the horizon, at a period's edge.

    Parameters
    ----------
    nodes
        Nodes of the problem.
    problem
        The problem, for its periods.
    months
        Months from its start on, the first of a period or of what follows the horizon.
    """
    if nodes.resale is None:
        return 0.0
    stated = nodes.resale.usd_per_node
    if isinstance(stated, list):
        return stated[months // problem.horizon.months_per_period]
    yearly = 1.0 + (nodes.resale.change_per_year or 0.0)
    return float(stated * yearly ** (months / MONTHS_PER_YEAR))


def why_not_sold(
    nodes: ExistingNodes, problem: Problem, sold: int, there: tuple[int, int | None]
) -> str:
    """Return why nodes cannot be sold in a month, empty when they can.

    Parameters
    ----------
    nodes, problem
        Nodes of the problem, and the problem.
    sold
        Month of the sale from the start of the horizon on.
    there
        First month with the nodes, and first without them, ``None`` when they outlive the horizon.
    """
    length = problem.horizon.months_per_period
    first, last = there
    if nodes.resale is None or nodes.tenure != "owned":
        return "sold, but the problem states no resale"
    if sold % length or not 0 <= sold < problem.horizon.periods * length:
        return "sold within a period, or outside the horizon"
    if sold < first:
        return "sold before they are there"
    if last is not None and sold >= last:
        return "sold after their end"
    return "" if worth_usd(nodes, problem, sold) > 0 else "sold for nothing"


def most_brought_usd(problem: Problem) -> float:
    """Return what selling every node at its best moment would bring, nominal."""
    length = problem.horizon.months_per_period
    return sum(
        nodes.nodes
        * max(worth_usd(nodes, problem, t * length) for t in range(problem.horizon.periods + 1))
        for nodes in problem.supply.existing
    )
