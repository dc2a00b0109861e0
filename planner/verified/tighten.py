"""What is tightened where a plan misses a promise, and the problem with it.

A pool gets headroom in the blocks where replicas are missing: the least factor with which the
formulas ask for as many replicas as the replay needs. Where four times the replicas are too few,
what is wrong is the option: a prompt may take longer there than the limit alone. Then the workload
is kept off every option that misses its promises so, in these blocks, and others are found for it.
Four times are counted from the first plan that missed it there with these options, whatever later
rounds added, and what they added goes with the options: others are not asked for it.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.demand.build import build_demand
from planner.milp import program_limits
from planner.options.build import build_options
from planner.problem.headroom import headroom_at
from planner.problem.load import with_assignments
from planner.problem.references import resolve_hardware
from planner.verified.screen import unfit_elsewhere
from planner.verify.lack import MOST_TIMES, lack_of, replicas_at, unfit_options
from planner.verify.places import place_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from planner.pipeline import Prepared
    from planner.plan.document import Allocation, Plan
    from planner.problem.exclusion import Slot
    from planner.problem.schema import Problem, Workload
    from planner.verified.records import Round
    from planner.verify.places import Place
    from planner.verify.replay.run import ReplaySettings

_DIGITS = 1e4
_PART = 0.25
"""Part of a replica by which the load has to exceed what is there, so that one more is needed."""
_MOST = 100.0


@dataclass(frozen=True, slots=True)
class _First:
    """Options that first missed a promise at a place, their replicas and their headroom."""

    options: frozenset[str]
    replicas: int
    factor: float


@dataclass(slots=True)
class Tightened:
    """What has been tightened so far.

    Parameters
    ----------
    headroom
        Factors on planned rates, by pool, period and block.
    excluded
        Blocks in which options are left out, by workload and option, in the order in which they
        were found.
    first
        What first missed a promise, by pool, period and block.
    """

    headroom: dict[Place, float] = field(default_factory=dict)
    excluded: dict[str, dict[str, set[Slot]]] = field(default_factory=dict)
    first: dict[Place, _First] = field(default_factory=dict)

    def tighten(self, last: Round, missed: set[Place], settings: ReplaySettings) -> list[Place]:
        """Tighten what a plan missed; return where no number of its replicas keeps it.

        Parameters
        ----------
        last
            The plan and its replay.
        missed
            Where a promise is missed.
        settings
            How it was replayed.
        """
        plan, loaded, catalog = last.decided.plan, last.prepared.loaded, last.prepared.catalog
        most = self._most(plan, loaded.problem, missed)
        lack = lack_of(plan, loaded, catalog, missed, settings, most=most)
        for place, replicas in lack.items():
            if replicas is not None:
                self.headroom[place] = _more(plan, loaded.problem, place, replicas)
        never = [place for place, replicas in lack.items() if replicas is None]
        unfit = []
        if never:
            unfit = unfit_options(plan, loaded, catalog, never, settings, most=most)
        problem = loaded.problem
        added = {place: _factor(problem, place) / self.first[place].factor for place in never}
        for workload in dict.fromkeys(name for name, _, _ in unfit):
            used = [(option, place) for name, option, place in unfit if name == workload]
            others = unfit_elsewhere(plan, last.prepared, workload, added, settings)
            mine = self.excluded.setdefault(workload, {})
            for option, (_, period, block) in (*used, *others):
                mine.setdefault(option, set()).add((period, block))
        for place in never:
            self.headroom.pop(place, None)
            del self.first[place]
        return never

    def _most(self, plan: Plan, problem: Problem, missed: set[Place]) -> dict[Place, int]:
        """Return with how many replicas each place is tried at most."""
        for place in missed:
            count = replicas_at(plan, place)
            first = self.first.get(place)
            if first is None or first.options != count.keys():
                factor = _factor(problem, place)
                self.first[place] = _First(frozenset(count), sum(count.values()), factor)
        return {place: MOST_TIMES * self.first[place].replicas for place in missed}

    def applied(self, prepared: Prepared) -> Prepared:
        """Return a problem with what is tightened, beside what it states.

        Parameters
        ----------
        prepared
            The problem without.
        """
        problem, slots = prepared.loaded.problem, prepared.demand.grid.slots
        assignments = []
        for workload in problem.workloads:
            assignments += _headroom_assignment(workload, problem, self.headroom)
            if left_out := self.excluded.get(workload.name):
                assignments.append(_exclusion_assignment(workload, left_out, slots))
        loaded = resolve_hardware(with_assignments(prepared.loaded, assignments), prepared.catalog)
        demand = build_demand(loaded, prepared.catalog)
        options = prepared.options
        if self.excluded:
            options = build_options(loaded, prepared.catalog, demand)
            if prepared.incumbent is not None:
                options = prepared.incumbent.held(options, demand.grid)
        limits = program_limits(loaded.problem)
        return replace(prepared, loaded=loaded, demand=demand, options=options, limits=limits)


def _more(plan: Plan, problem: Problem, place: Place, lacking: int) -> float:
    """Return the headroom with which the formulas ask for so many replicas more.

    With loads ``l = sum f / mu`` of options with n replicas, of which k may be lost, they carry
    ``(sum n - k) / sum l`` of the load. A little more than what they carry with all but one of
    those that are lacking asks for that one too.
    """
    rows: dict[str, list[Allocation]] = defaultdict(list)
    for row in plan.allocations:
        if place_of(row) == place:
            rows[row.pool].append(row)
    rooms = []
    for mine in rows.values():
        replicas = {row.option_id: row.replicas for row in mine}
        load = sum(row.planned_rate_rps / row.capacity_rps for row in mine)
        left = sum(replicas.values()) - problem.policy.spare_replicas + lacking - 1
        rooms += [(left + _PART) / load] if load else []
    has = _factor(problem, place)
    # Of several pools of answers, the one with least room is the first to need more.
    return min(has * max(min(rooms, default=1.0), 1.0), _MOST)


def _factor(problem: Problem, place: Place) -> float:
    """Return the headroom of a pool in a block."""
    pool, period, block = place
    return max(headroom_at(w, period, block) for w in _members(problem, pool))


def _members(problem: Problem, pool: str) -> list[Workload]:
    """Return the workloads of a pool that have requests which do not wait."""
    return [
        w
        for w in problem.workloads
        if w.pool_name == pool and (w.deferrable is None or w.deferrable.share < 1)
    ]


def _headroom_assignment(
    workload: Workload, problem: Problem, headroom: Mapping[Place, float]
) -> list[str]:
    places: dict[tuple[int, float], list[int]] = defaultdict(list)
    for (pool, period, block), factor in sorted(headroom.items()):
        if workload in _members(problem, pool):
            places[period, math.ceil(factor * _DIGITS) / _DIGITS].append(block)
    if not places:
        return []
    stated = [item.model_dump(exclude_none=True) for item in workload.headroom]
    found = [
        {"factor": factor, "periods": [period], "blocks": blocks}
        for (period, factor), blocks in places.items()
    ]
    return [f"workloads.{workload.name}.headroom={json.dumps([*stated, *found])}"]


def _exclusion_assignment(
    workload: Workload, left_out: Mapping[str, Collection[Slot]], everywhere: Collection[Slot]
) -> str:
    """Return the assignment of what is left out, by its id alone where that is in all blocks."""
    found: list[object] = [
        item if isinstance(item, str) else item.model_dump(exclude_none=True)
        for item in workload.excluded_options
    ]
    for option, slots in left_out.items():
        if len(slots) == len(everywhere):
            found.append(option)
            continue
        blocks: dict[int, list[int]] = defaultdict(list)
        for period, block in sorted(slots):
            blocks[period].append(block)
        alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for period, mine in blocks.items():
            alike[tuple(mine)].append(period)
        found += [
            {"option": option, "periods": periods, "blocks": list(mine)}
            for mine, periods in alike.items()
        ]
    return f"workloads.{workload.name}.excluded_options={json.dumps(found)}"
