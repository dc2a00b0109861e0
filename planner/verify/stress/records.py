"""What stresses are asked for, and what each does to the requests of a workload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.verify.replay.records import LEAST_COMPLETED

if TYPE_CHECKING:
    from planner.verify.replay.records import LimitFound


LEAST_FACTOR, MOST_FACTOR = 0.1, 10


@dataclass(frozen=True, slots=True)
class StressSettings:
    """How hard the stresses are.

    Parameters
    ----------
    demand
        Factor on the rates of all requests, 0.1 to 10.
    outputs
        Factor on the lengths of outputs, 0.1 to 10.
    hit_rate
        Factor on the share of prompts found in prefix caches, 0 to 1.
    """

    demand: float = 1.5
    outputs: float = 1.25
    hit_rate: float = 0.5


def why_not(name: str, factor: float) -> str | None:
    """Return why a factor cannot be used, ``None`` when it can.

    Parameters
    ----------
    name
        Field of `StressSettings`.
    factor
        Its value.
    """
    if name == "hit_rate":
        return None if 0 <= factor <= 1 else "is no share of the hits; use 0 to 1"
    low, high = LEAST_FACTOR, MOST_FACTOR
    return (
        None
        if low <= factor <= high
        else f"is no factor that can be replayed; use {low} to {high}"
    )


@dataclass(frozen=True, slots=True)
class Level:
    """What the requests of a workload see over all blocks.

    Parameters
    ----------
    attainment
        Share of requests that meet all limits on a percentile of a latency of requests, each block
        weighted by its requests over the horizon; ``None`` without such a limit.
    worst
        The lowest share of a block.
    worst_place
        That block, as ``(period, block)``.
    missed, blocks
        Blocks in which a limit is missed or requests pile up, and all blocks.
    completed_share
        Requests that end over requests that come, in the block where it is least.
    unserved
        Blocks in which no replica is left.
    limits
        Each limit in the block that is nearest to it, or farthest beyond, where it is served.
    """

    attainment: float | None
    worst: float | None
    worst_place: tuple[int, int]
    missed: int
    blocks: int
    completed_share: float
    unserved: int
    limits: tuple[LimitFound, ...]

    @property
    def nearest(self) -> LimitFound | None:
        """The limit that is nearest to being missed, or farthest beyond; ``None`` without one."""
        return max(self.limits, key=lambda limit: limit.strain, default=None)

    @property
    def piles_up(self) -> bool:
        """Whether requests pile up in a block."""
        return self.completed_share < LEAST_COMPLETED


@dataclass(frozen=True, slots=True)
class StressRow:
    """A workload before and after a stress.

    Parameters
    ----------
    stress, text
        Name of the stress, and what it does in words.
    workload, answer
        Whose requests: of a workload, or of an answer of its chain (else empty).
    promised
        Share of requests that the limits are promised for; ``None`` without a percentile.
    before, after
        What they see.
    loss_kept
        Whether the plan keeps its promise to survive this loss; ``None`` where it promises nothing
        of the kind.
    """

    stress: str
    text: str
    workload: str
    answer: str
    promised: float | None
    before: Level
    after: Level
    loss_kept: bool | None = None

    @property
    def name(self) -> str:
        """The workload, with the answer where there is one."""
        return f"{self.workload}/{self.answer}" if self.answer else self.workload


@dataclass(frozen=True, slots=True)
class NotApplied:
    """A stress that does not apply to a workload (to all when empty), and why."""

    stress: str
    workload: str
    reason: str


@dataclass(frozen=True, slots=True)
class StressTable:
    """Every workload before and after every stress.

    Parameters
    ----------
    settings
        How hard the stresses are.
    rows
        By stress, then workload.
    not_applied
        What is not in the table.
    requests
        Requests simulated for it.
    """

    settings: StressSettings
    rows: tuple[StressRow, ...]
    not_applied: tuple[NotApplied, ...]
    requests: int
