"""Least nodes of an order: of reservations and servers, as a contract or a maker asks for.

An order is what is taken on of one offer from one period on. A capacity block states its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.options.records import NodeOffer
    from planner.problem.contracts import OrderMinimum
    from planner.problem.schema import Problem


def with_minimums(nodes: Sequence[NodeOffer], problem: Problem) -> list[NodeOffer]:
    """Return nodes whose builds know the least nodes of an order.

    Parameters
    ----------
    nodes
        Offers.
    problem
        The problem, for its minimums.
    """
    stated = problem.supply.order_minimums
    found = []
    for node in nodes:
        least = max((item.min_nodes for item in stated if _counts(item, node)), default=1)
        builds = (replace(build, min_nodes=least) for build in node.builds)
        found.append(replace(node, builds=tuple(builds)) if least > 1 else node)
    return found


def minimums_without_effect(problem: Problem, nodes: Sequence[NodeOffer]) -> Iterator[str]:
    """Yield a sentence for every minimum that nothing on offer counts in.

    Parameters
    ----------
    problem
        The problem, for its minimums.
    nodes
        What is on offer.
    """
    for item in problem.supply.order_minimums:
        if not any(_counts(item, node) for node in nodes):
            yield (
                f"order minimum {item.name} has no effect: nothing on offer counts in it; see "
                "its `tenures`, `provider`, `hardware`, `instance` and `region`, and "
                "supply.tenures"
            )


def _counts(item: OrderMinimum, node: NodeOffer) -> bool:
    stated = (item.provider, item.hardware, item.instance, item.region)
    have = (node.provider, node.hardware, node.instance, node.region)
    fits = all(want in {None, got} for want, got in zip(stated, have, strict=True))
    return fits and node.tenure in item.tenures and not node.is_existing
