"""The meter of nodes that follow the hour: what a provider bills for them on a day.

A node is billed from its launch, a start-up before the block in which it serves, to the end of the
last block in which it does, and for the shortest time that the provider bills at least. Of the
nodes that are there, those that were launched first end first. What is left to bill of a node that
ends too early counts in the block in which it served last.

A spot node that is taken away is billed to that moment, however short it ran. Its successor is
launched at once and is billed while it starts, so that the hours on the bill do not change, but
for the shortest time that the successor is billed; those of its start-up serve nobody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.verify.replay.requests import Floats


@dataclass(frozen=True, slots=True)
class Terms:
    """How nodes of an offer are billed.

    Parameters
    ----------
    startup_h
        Time from launch to service, hours.
    shortest_h
        Shortest time that is billed, hours.
    interruptions_per_h
        How often a node is taken away; 0 for any but spot nodes.
    """

    startup_h: float
    shortest_h: float = 0.0
    interruptions_per_h: float = 0.0


@dataclass(frozen=True, slots=True)
class Metered:
    """A mean day of the nodes of an offer.

    Parameters
    ----------
    paid_h
        Node-hours billed in each block, shape (B,).
    lost_h
        Node-hours of them in which successors of nodes that were taken away start, shape (B,).
    interruptions
        Nodes taken away.
    """

    paid_h: Floats
    lost_h: Floats
    interruptions: float


def metered(
    nodes: Sequence[int],
    starting: Sequence[int],
    terms: Terms,
    days: int = 1,
    rng: np.random.Generator | None = None,
) -> Metered:
    """Return what is billed on a mean day, which repeats.

    Parameters
    ----------
    nodes, starting
        Nodes that serve in each block of a day, and those that start in it to serve in the next
        one; shape (B,).
    terms
        How they are billed.
    days
        Days to take the mean of; one shows all where nothing is taken away.
    rng
        Random numbers; needed where nodes are taken away.
    """
    count = len(nodes)
    block_h = HOURS_PER_DAY / count
    # A node of the first day that is old by then was launched longer ago than is billed at least.
    warm = math.ceil(terms.shortest_h / HOURS_PER_DAY) + 1
    paid_h, lost_h, taken = np.zeros(count), np.zeros(count), 0
    launched = [-math.inf] * nodes[-1]
    for number in range((warm + days) * count):
        block, now_h, counts = number % count, number * block_h, number >= warm * count
        launched = sorted([*launched, *[now_h - terms.startup_h] * starting[block - 1]])
        ends = max(len(launched) - nodes[block], 0)
        left_h = sum(max(terms.shortest_h - (now_h - since), 0.0) for since in launched[:ends])
        launched = launched[ends:]
        gone = _interrupt(launched, now_h, block_h, terms.interruptions_per_h, rng)
        if counts:
            paid_h[block - 1] += left_h
            paid_h[block] += nodes[block] * block_h + starting[block] * terms.startup_h
            lost_h[block] += gone * terms.startup_h
            taken += gone
    return Metered(paid_h / days, lost_h / days, taken / days)


def _interrupt(
    launched: list[float],
    now_h: float,
    block_h: float,
    rate_per_h: float,
    rng: np.random.Generator | None,
) -> int:
    """Put successors in the place of nodes that are taken away in a block; return how many."""
    if not rate_per_h or rng is None:
        return 0
    gone = 0
    for number in range(len(launched)):
        at_h = now_h + rng.exponential(1.0 / rate_per_h)
        while at_h < now_h + block_h:
            gone += 1
            launched[number] = at_h
            at_h += rng.exponential(1.0 / rate_per_h)
    return gone
