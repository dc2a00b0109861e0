"""What a loop of solves and replays asks and finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.verify.replay.run import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.pipeline import Decided
    from planner.plan.document import Plan
    from planner.preparation import Prepared
    from planner.problem.exclusion import Slot
    from planner.verify.replay.records import Replay
    from planner.verify.slack import Slack

ROUNDS = 8


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How plans are replayed, how often at most, and whether slack is looked for."""

    replay: ReplaySettings = field(default_factory=ReplaySettings)
    rounds: int = ROUNDS
    slack: bool = True


@dataclass(frozen=True, slots=True)
class Verified:
    """A plan and its replay.

    Parameters
    ----------
    plan
        The plan, with remarks about its replay.
    prepared
        Its problem, headroom included.
    replay
        What its requests see; ``None`` without a plan.
    rounds
        Plans that were replayed.
    first_usd
        Cost of the first of them, the cheapest by the formulas alone; ``None`` without one.
    why_not
        Why no plan that keeps its promises was found; empty where one was.
    slack
        What the replay could do without; ``None`` where it was not looked for.
    excluded
        Blocks in which options were left out, by workload and option, because no number of their
        replicas keeps what is promised to it there.
    """

    plan: Plan
    prepared: Prepared
    replay: Replay | None
    rounds: int
    first_usd: float | None
    why_not: tuple[str, ...] = ()
    slack: Slack | None = None
    excluded: Mapping[str, Mapping[str, frozenset[Slot]]] = field(default_factory=dict)

    @property
    def kept(self) -> bool | None:
        """Whether every promise is kept; ``None`` when not all of them could be simulated."""
        return None if self.replay is None else self.replay.kept

    @property
    def added_usd(self) -> float:
        """What verification added to the cost."""
        if self.plan.cost_usd is None or self.first_usd is None:
            return 0.0
        return self.plan.cost_usd - self.first_usd


@dataclass(frozen=True, slots=True)
class Round:
    """A plan, what made it, and its replay with the seeds that decided on it."""

    prepared: Prepared
    decided: Decided
    replay: Replay
    asked: ReplaySettings
