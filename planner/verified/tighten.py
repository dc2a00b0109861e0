"""What is tightened where a plan misses a promise, and the problem with it.

An option gets headroom in the blocks where its replicas are too few: the least factor with which
the formulas ask for as many of them as the replay needs. Where four times the replicas are too
few, what is wrong is the option: a prompt may take longer there than the limit alone. Then the
workload is kept off every option that misses its promises so, in these blocks. Whether more
replicas or another option make up for a miss is a matter of cost: those that may cost less are
tried in the same blocks (:mod:`planner.verified.rivals`), each gets the headroom that it needs
itself, and the program decides between them.

Four times are counted from the replicas with which the options were tried there first, whatever
later rounds added.
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
from planner.plan.deployment_notes import stream_of
from planner.plan.tables import point_at
from planner.problem.headroom import headroom_at, option_headroom
from planner.problem.load import with_assignments
from planner.problem.references import resolve_hardware
from planner.verified.rivals import replica_usd, rivals_tried
from planner.verify.lack import MOST_TIMES, lack_of, replicas_at, unfit_options, with_more
from planner.verify.places import at_places, option_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from planner.options.records import Option
    from planner.plan.document import Allocation, Plan
    from planner.preparation import Prepared
    from planner.problem.exclusion import Slot
    from planner.problem.schema import Problem, Workload
    from planner.verified.records import Round
    from planner.verified.rivals import Trial
    from planner.verify.places import Place
    from planner.verify.replay.run import ReplaySettings

_DIGITS = 1e4
_PART = 0.25
"""Part of a replica by which the load has to exceed what is there, so that one more is needed."""
_MOST = 100.0


@dataclass(slots=True)
class Tightened:
    """What has been tightened so far.

    Parameters
    ----------
    headroom
        Factors on the rate that an option is planned for, by place and option.
    excluded
        Blocks in which options are left out, by workload and option, in the order in which they
        were found.
    first
        Replicas with which options were first tried at a place, by place and options.
    usd_per_h
        What options cost that keep all promises at a place, by place and options, infinite where
        they never do, USD per hour.
    """

    headroom: dict[tuple[Place, str], float] = field(default_factory=dict)
    excluded: dict[str, dict[str, set[Slot]]] = field(default_factory=dict)
    first: dict[tuple[Place, frozenset[str]], int] = field(default_factory=dict)
    usd_per_h: dict[Place, dict[frozenset[str], float]] = field(default_factory=dict)

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
        plan, prepared = last.decided.plan, last.prepared
        given = plan, prepared.loaded, prepared.catalog
        most = self._most(plan, missed)
        lack = lack_of(*given, missed, settings, most=most)
        never = [place for place, replicas in lack.items() if replicas is None]
        for place, replicas in lack.items():
            if replicas is not None:
                self._needs(plan, prepared, place, replicas)
        if never:
            for workload, option, place in unfit_options(*given, never, settings, most=most):
                self._leave_out(workload, option, place)
        best = {
            place: min(self.usd_per_h.get(place, {}).values(), default=math.inf)
            for place in sorted(missed)
        }
        for trial in rivals_tried(plan, prepared, best, self._tried(), settings):
            self._learn(trial, plan, prepared)
        return never

    def _most(self, plan: Plan, missed: set[Place]) -> dict[Place, int]:
        """Return with how many replicas each place is tried at most."""
        most = {}
        for place in missed:
            count = replicas_at(plan, place)
            first = self.first.setdefault((place, frozenset(count)), sum(count.values()))
            most[place] = MOST_TIMES * first
        return most

    def _tried(self) -> set[tuple[Place, str]]:
        """Return the places and options of which the replay has said what they need."""
        alone = (
            (place, option.partition(" ")[2])
            for place, known in self.usd_per_h.items()
            for options in known
            for option in options
        )
        return {*alone, *self.headroom}

    def _needs(self, plan: Plan, prepared: Prepared, place: Place, lacking: int) -> None:
        """Note that the options of a place need so many replicas more than they have."""
        larger = with_more(at_places(plan, [place]), {place: lacking})
        if lacking:
            factor = _times_more(larger, prepared, place)
            for option in {row.option_id for row in larger.allocations}:
                has = _factor(prepared.loaded.problem, place, option)
                self.headroom[place, option] = min(has * factor, _MOST)
        known = {option.id: option for option in _all_options(prepared)}
        prices = {
            option_of(row): (row.replicas, replica_usd(known[row.option_id], prepared, place))
            for row in larger.allocations
        }
        usd = sum(count * (price or 0.0) for count, price in prices.values())
        self.usd_per_h.setdefault(place, {})[frozenset(prices)] = usd

    def _leave_out(self, workload: str, option: str, place: Place) -> None:
        """Note that an option misses a promise to a workload with any number of replicas."""
        pool, *slot = place
        mine = self.excluded.setdefault(workload, {}).setdefault(option, set())
        mine.add((slot[0], slot[1]))
        self.headroom.pop((place, option), None)
        self.usd_per_h.setdefault(place, {})[frozenset({f"{pool} {option}"})] = math.inf

    def _learn(self, trial: Trial, plan: Plan, prepared: Prepared) -> None:
        """Note what the replay says of an option that was tried."""
        rival = trial.rival
        if trial.missed:
            for workload in sorted(trial.missed):
                self._leave_out(workload, rival.option_id, rival.place)
            return
        alone = replace(plan, allocations=rival.rows)
        self._needs(alone, prepared, rival.place, trial.lacking)
        self.first.setdefault(
            (rival.place, frozenset(replicas_at(alone, rival.place))), rival.replicas
        )

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
        options = build_options(loaded, prepared.catalog, demand)
        if prepared.incumbent is not None:
            options = prepared.incumbent.held(options, demand.grid)
        limits = program_limits(loaded.problem)
        return replace(prepared, loaded=loaded, demand=demand, options=options, limits=limits)


def _times_more(larger: Plan, prepared: Prepared, place: Place) -> float:
    """Return by how much less the options of a plan carry, so that it takes all of its replicas.

    With loads ``l = sum f / mu`` of options with n replicas, of which k may be lost, all but one
    of them carry ``(sum n - 1 - k) / sum l`` of the load, with the capacities of one replica
    less. A little more than that asks for the last one too.
    """
    capacity = {(c.workload, c.option_id): c for c in prepared.options.capacities}
    rows: dict[str, list[Allocation]] = defaultdict(list)
    for row in larger.allocations:
        rows[row.pool].append(row)
    rooms = []
    for mine in rows.values():
        load = 0.0
        for row in mine:
            known = capacity[stream_of(row), row.option_id]
            least = known.points_at(row.period)[0].min_replicas
            point = point_at(known, max(row.replicas - 1, least), place[1:])
            load += row.planned_rate_rps / point.planned_rps
        count = sum({row.option_id: row.replicas for row in mine}.values())
        left = count - 1 - prepared.loaded.problem.policy.spare_replicas
        rooms += [(left + _PART) / load] if load else []
    # Of several pools of answers, the one with least room is the first to need more.
    return max(min(rooms, default=1.0), 1.0)


def _all_options(prepared: Prepared) -> Iterator[Option]:
    yield from prepared.options.options
    yield from prepared.options.dominated


def _factor(problem: Problem, place: Place, option: str) -> float:
    """Return the headroom of an option of a pool in a block."""
    pool, *slot = place
    return max(
        headroom_at(w, *slot) * option_headroom(w, option, *slot) for w in _members(problem, pool)
    )


def _members(problem: Problem, pool: str) -> list[Workload]:
    """Return the workloads of a pool that have requests which do not wait."""
    return [
        w
        for w in problem.workloads
        if w.pool_name == pool and (w.deferrable is None or w.deferrable.share < 1)
    ]


def _headroom_assignment(
    workload: Workload, problem: Problem, headroom: Mapping[tuple[Place, str], float]
) -> list[str]:
    places: dict[tuple[str, int, float], list[int]] = defaultdict(list)
    for ((pool, period, block), option), factor in sorted(headroom.items()):
        if workload in _members(problem, pool):
            rounded = math.ceil(factor * _DIGITS) / _DIGITS
            places[option, period, rounded].append(block)
    if not places:
        return []
    stated = [item.model_dump(exclude_none=True) for item in workload.headroom]
    found = [
        {"factor": factor, "option": option, "periods": [period], "blocks": blocks}
        for (option, period, factor), blocks in places.items()
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
