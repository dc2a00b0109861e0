"""Replicas that a plan could do without in the replay, and about what they cost.

Where a plan keeps every promise, replicas are taken from each pool in each block, those that carry
least first and one, two, four and so on at a time until a promise breaks there, then as many as
bisection finds: what is left is the smallest fleet, block by block, that keeps what the plan
promises, spares included. Requests go to what is left of each option in proportion. Formulas that
are careful, whole replicas, nodes that are there anyway and policies (`scaling`,
`max_utilization`) all leave such replicas.

What they cost is their accelerators at the average price of those of their kind in the block. It
is the most that a plan without them could save: nodes are whole, and what was taken on for a term
is paid anyway.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.verify.capped import Cap
from planner.verify.places import at_places, missed_places
from planner.verify.replay.run import ReplaySettings, replay_plan, world_of
from planner.verify.smaller import (
    counts_of,
    removal_order,
    row_key,
    unserved_places,
    with_less,
    without_spares,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.catalog.load import Catalog
    from planner.plan.document import Plan
    from planner.problem.load import LoadedProblem
    from planner.verify.places import Place
    from planner.verify.smaller import Row

_PRECISION = 0.01
"""Part of the replicas of a large pool to which their number is found."""


@dataclass(frozen=True, slots=True)
class Slack:
    """Replicas that the replay does not need.

    Parameters
    ----------
    replicas
        How many, by pool, period, block and option.
    usd
        The most that a plan without them could save over the horizon, undiscounted.
    share
        That over the undiscounted cost of the plan.
    """

    replicas: Mapping[Row, int]
    usd: float
    share: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a smaller fleet has to keep beside its promises.

    Parameters
    ----------
    is_capped
        Whether pools stay within `policy.max_utilization` of what they serve in the replay, with
        their spare replicas lost.
    has_idle_spares
        Whether the limits hold without the spare replicas too, instead of the rate alone.
    """

    is_capped: bool = False
    has_idle_spares: bool = False


@dataclass(slots=True)
class _Search:
    """Replicas less that keep the promises, and that break one, as far as known."""

    most: int
    step: int
    kept: int = 0
    broken: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to try."""
        limit = self.most + 1 if self.broken is None else self.broken
        return limit - self.kept <= (1 if self.broken is None else self.step)

    @property
    def next(self) -> int:
        """How many less to try."""
        if self.broken is None:
            return min(max(2 * self.kept, 1), self.most)
        return (self.kept + self.broken) // 2


def slack_of(
    plan: Plan,
    loaded: LoadedProblem,
    catalog: Catalog,
    settings: ReplaySettings | None = None,
    bounds: Bounds | None = None,
) -> Slack:
    """Return the replicas that a plan which keeps its promises could do without.

    Parameters
    ----------
    plan
        A plan that keeps its promises in the replay.
    loaded
        The problem it answers.
    catalog
        The catalogue it was made from.
    settings
        How it was replayed.
    bounds
        What the rest has to keep beside its promises; ``None`` for nothing.
    """
    trial = _Trial(plan, loaded, catalog, settings or ReplaySettings(), bounds or Bounds())
    searches: dict[Place, _Search] = {}
    for place, count in trial.replicas().items():
        searches[place] = _Search(trial.most_less(place), max(1, int(_PRECISION * count)))
    while going := {place: s.next for place, s in searches.items() if not s.is_over}:
        broken = trial.broken_without(going)
        for place, less in going.items():
            if place in broken:
                searches[place].broken = less
            else:
                searches[place].kept = less
    found: dict[Row, int] = defaultdict(int)
    for place, search in searches.items():
        for key in removal_order(plan, place)[: search.kept]:
            found[key] += 1
    usd = _worth_usd(plan, found)
    return Slack(dict(found), usd, usd / plan.tco_usd if plan.tco_usd else 0.0)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Smaller plans, tried in the replay, block by block."""

    plan: Plan
    loaded: LoadedProblem
    catalog: Catalog
    settings: ReplaySettings
    bounds: Bounds
    cap: Cap = field(default_factory=lambda: Cap(0, 2))

    def replicas(self) -> dict[Place, int]:
        """Return the replicas of every place that do not only serve work which waits."""
        found: dict[Place, int] = defaultdict(int)
        for key, count in counts_of(self.plan).items():
            found[key[:3]] += count
        return found

    def most_less(self, place: Place) -> int:
        """Return how many replicas can be taken while every option, and a spare, is left."""
        idle = self._idle
        return max(0, len(removal_order(self.plan, place)) - idle)

    def broken_without(self, less: Mapping[Place, int]) -> set[Place]:
        """Return the places that break a promise, or a bound, with so many replicas less."""
        smaller = at_places(with_less(self.plan, less), less)
        broken: set[Place] = set()
        if self.bounds.is_capped:
            alone = replace(self.settings, traces={})
            broken = self.cap.passed_at(world_of(smaller, self.loaded, self.catalog, alone))
        steady = replace(self.settings, turns=False)  # blocks are taken one by one
        loaded = self.loaded
        if self._idle:
            policy = loaded.problem.policy.model_copy(update={"spare_replicas": 0})
            problem = loaded.problem.model_copy(update={"policy": policy})
            loaded = replace(loaded, problem=problem)
            all_up, smaller = smaller, without_spares(smaller, self._idle)
            broken |= unserved_places(all_up, smaller)
        if left := set(less) - broken:
            replay = replay_plan(at_places(smaller, left), loaded, self.catalog, steady)
            broken |= missed_places(replay, loaded.problem)
        return broken

    @property
    def _idle(self) -> int:
        return self.loaded.problem.policy.spare_replicas if self.bounds.has_idle_spares else 0


def _worth_usd(plan: Plan, spare: Mapping[Row, int]) -> float:
    each: dict[Row, tuple[str, float]] = {}
    for row in plan.allocations:
        key = row_key(row)
        each[key] = (row.hardware, row.accelerators / row.replicas)
    usd: dict[tuple[int, int, str], float] = defaultdict(float)
    accelerators: dict[tuple[int, int, str], float] = defaultdict(float)
    for node in plan.fleet:
        usd[node.period, node.block, node.hardware] += node.usd
        accelerators[node.period, node.block, node.hardware] += node.accelerators
    total = 0.0
    for key, count in spare.items():
        hardware, size = each[key]
        kind = (key[1], key[2], hardware)
        if accelerators[kind]:
            total += count * size * usd[kind] / accelerators[kind]
    return total
