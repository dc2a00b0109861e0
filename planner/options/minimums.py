"""Least nodes of an order: of reservations and servers, as a contract or a maker asks for.

An order is what is taken on of one offer from one period on. A capacity block states its own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.catalog.offers import CAPACITY_BLOCK
from planner.errors import counted
from planner.options.quotas import most_allowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.options.records import NodeOffer
    from planner.problem.contracts import OrderMinimum
    from planner.problem.schema import Problem


@dataclass(frozen=True, slots=True)
class Minimum:
    """Least nodes of an order or of a capacity block, and the offers that it is asked of.

    Parameters
    ----------
    what
        Which one, in words.
    path
        Its number in the problem file, as ``--set`` takes it.
    min_nodes
        Least nodes, >= 1.
    nodes
        Offers that count in it.
    """

    what: str
    path: str
    min_nodes: int
    nodes: tuple[NodeOffer, ...]

    def most_that_fits(self, problem: Problem) -> int:
        """Return the largest minimum, up to this one, that some order can meet; 0 for none.

        Parameters
        ----------
        problem
            The problem, for the limits on nodes.
        """
        rooms = [most_allowed(problem, node) for node in self.nodes]
        return max((self.min_nodes if r is None else min(self.min_nodes, r[0]) for r in rooms),
                   default=0)  # fmt: skip


def minimums_of(problem: Problem, nodes: Sequence[NodeOffer]) -> Iterator[Minimum]:
    """Yield every minimum of a problem.

    Parameters
    ----------
    problem
        The problem, for its minimums and capacity blocks.
    nodes
        What is on offer.
    """
    for k, item in enumerate(problem.supply.order_minimums):
        path = f"supply.order_minimums.{k}.min_nodes"
        asked = tuple(node for node in nodes if _counts(item, node))
        yield Minimum(f"order minimum {item.name}", path, item.min_nodes, asked)
    for k, block in enumerate(problem.supply.capacity_blocks):
        path = f"supply.capacity_blocks.{k}.min_nodes"
        end = f":{CAPACITY_BLOCK}:{block.name}"
        asked = tuple(node for node in nodes if node.offer_id.endswith(end))
        yield Minimum(f"capacity block {block.name}", path, block.min_nodes, asked)


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


def minimums_above_limits(problem: Problem, nodes: Sequence[NodeOffer]) -> Iterator[str]:
    """Yield a sentence for every minimum that no order can meet under one of the limits.

    Where the limit leaves no node at all the minimum changes nothing, and nothing is said.

    Parameters
    ----------
    problem
        The problem, for its minimums and limits.
    nodes
        What is on offer.
    """
    for item in minimums_of(problem, nodes):
        never: dict[tuple[int, int, str], list[NodeOffer]] = defaultdict(list)
        for node in item.nodes:
            room = most_allowed(problem, node)
            if room is not None and 0 < room[0] < item.min_nodes:
                never[node.accelerators_per_node, *room].append(node)
        for (each, most, limit), refused in never.items():
            more = f" and of {counted(len(refused) - 1, 'more offer')}" if refused[1:] else ""
            yield (
                f"{item.what} can never be met: {counted(item.min_nodes, 'node')} of "
                f"{refused[0].offer_id}{more} ({item.min_nodes * each:,} accelerators) are above "
                f"{limit}, so none is ordered; the largest min_nodes that it allows is {most} "
                f"({item.path})"
            )


def _counts(item: OrderMinimum, node: NodeOffer) -> bool:
    stated = (item.provider, item.hardware, item.instance, item.region)
    have = (node.provider, node.hardware, node.instance, node.region)
    fits = all(want in {None, got} for want, got in zip(stated, have, strict=True))
    return fits and node.tenure in item.tenures and not node.is_existing
