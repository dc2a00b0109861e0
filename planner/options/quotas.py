"""Whose nodes a quota counts, and how many nodes of one offer the limits of a problem leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from planner.errors import counted
from planner.options.owned import OWNED

if TYPE_CHECKING:
    from planner.options.records import NodeOffer
    from planner.problem.schema import Problem


class Quota(Protocol):
    """Most accelerators of a kind at any time, of the problem or of the program."""

    @property
    def hardware(self) -> str:
        """Accelerator key."""

    @property
    def max_accelerators(self) -> int:
        """Most of them, >= 0."""

    @property
    def provider(self) -> str | None:
        """Whose nodes count, ``None`` for all."""

    @property
    def region(self) -> str | None:
        """Where they count, ``None`` for everywhere together."""


class Nodes(Protocol):
    """Nodes of an offer, or of a row of a fleet."""

    @property
    def hardware(self) -> str:
        """Accelerator key."""

    @property
    def provider(self) -> str:
        """Whose they are."""

    @property
    def region(self) -> str:
        """Where they stand."""


def is_under_quota(offer: Nodes, quota: Quota) -> bool:
    """Say whether a quota counts the nodes of an offer.

    Parameters
    ----------
    offer
        The nodes.
    quota
        The quota.
    """
    return (
        offer.hardware == quota.hardware
        and quota.provider in (None, offer.provider)
        and quota.region in (None, offer.region)
    )


def most_allowed(problem: Problem, offer: NodeOffer) -> tuple[int, str] | None:
    """Return the most nodes of an offer under any one limit, and that limit in words.

    Parameters
    ----------
    problem
        The problem, for its quotas and the space for own nodes.
    offer
        The node.

    Returns
    -------
    tuple or None
        The tightest limit; ``None`` where none counts the offer.
    """
    each = offer.accelerators_per_node
    rooms = [
        (
            quota.max_accelerators // each,
            f"the quota of {quota_in_words(quota)}",
        )
        for quota in problem.supply.quotas
        if is_under_quota(offer, quota)
    ]
    space = problem.limits.owned_nodes
    if space is not None and offer.tenure == OWNED:
        rooms.append((space, f"limits.owned_nodes {space}"))
    return min(rooms, default=None)


def quota_in_words(quota: Quota) -> str:
    """Return what a quota allows, and of whose nodes.

    Parameters
    ----------
    quota
        The quota.
    """
    where = " ".join(part for part in (quota.provider, quota.region) if part)
    text = f"{counted(quota.max_accelerators, 'accelerator')} of {quota.hardware}"
    return f"{text} ({where})" if where else text
