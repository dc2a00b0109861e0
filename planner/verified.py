"""Plans that keep their promises in the replay: solve, replay, tighten what was missed, again.

The formulas that the program plans with are quick and not exact. Where the replay of a plan misses
a promise, the pool gets headroom in the blocks where it was missed, and nowhere else: a factor on
the rate that capacity is planned for (``workloads[].headroom``), the least with which the formulas
ask for as many replicas as the replay needs (:mod:`planner.verify.lack`). Then the program decides
again what is cheapest. Usage and promises stay: the replay goes on at the planned rate without
headroom. The factors are assignments of the problem, so the file of the plan holds them and its
audit recomputes everything with them. Headroom of a pool is of all its workloads, and of all
answers of their chains.

It ends when every promise is kept, or when that cannot be reached:

- four times the replicas of the plan miss the promise too (:mod:`planner.verify.lack`);
- what is missed is no matter of capacity: tokens, requests that fit no replica, batch replicas;
- no plan has the headroom, because of quotas or budgets, say;
- the rounds are used up.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.demand.build import build_demand
from planner.errors import counted
from planner.milp import program_limits
from planner.pipeline import decide, explain
from planner.problem.headroom import headroom_at
from planner.problem.load import with_assignments
from planner.problem.references import resolve_hardware
from planner.report.promise_text import broken_promises
from planner.verify.lack import MOST_TIMES, lack_of
from planner.verify.places import missed_places, pool_of
from planner.verify.replay.run import ReplaySettings, replay_plan
from planner.verify.slack import slack_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from planner.pipeline import Decided, Prepared, SolveSettings
    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Problem, Workload
    from planner.verify.places import Place
    from planner.verify.replay.records import Replay
    from planner.verify.slack import Slack

ROUNDS = 8
_DIGITS = 1e4
_PART = 0.25
"""Part of a replica by which the load has to exceed what is there, so that one more is needed."""
_MOST = 100.0
_SHOWN = 3


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
    """

    plan: Plan
    prepared: Prepared
    replay: Replay | None
    rounds: int
    first_usd: float | None
    why_not: tuple[str, ...] = ()
    slack: Slack | None = None

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
class _Round:
    """A plan, what made it, and its replay."""

    prepared: Prepared
    decided: Decided
    replay: Replay


def solve_verified(
    prepared: Prepared,
    settings: SolveSettings,
    loop: LoopSettings | None = None,
    on_round: Callable[[str], None] = lambda _text: None,
) -> Verified:
    """Return the cheapest plan found that keeps its promises in the replay.

    Parameters
    ----------
    prepared
        The problem.
    settings
        How every round is solved.
    loop
        How plans are replayed.
    on_round
        Called with a sentence about every step.

    Raises
    ------
    InternalError
        When a plan fails its own audit.
    """
    loop = loop or LoopSettings()
    headroom: dict[Place, float] = {}
    done: list[_Round] = []
    why_not: tuple[str, ...] = ()
    current = prepared
    while not why_not:
        decided = decide(current, settings)
        if decided.decisions is None:
            if not done:
                return Verified(decided.plan, prepared, None, 0, None)
            why_not = (_nothing_has_it(decided.plan),)
            break
        replay = replay_plan(decided.plan, current.loaded, current.catalog, loop.replay)
        done.append(_Round(current, decided, replay))
        on_round(_progress(done))
        if replay.kept is not False:
            break
        why_not = _tighten(headroom, done, loop)
        current = _with_headroom(prepared, headroom)
    return _finished(done, settings, loop, why_not)


def _tighten(
    headroom: dict[Place, float], done: list[_Round], loop: LoopSettings
) -> tuple[str, ...]:
    """Raise the headroom where the last round missed a promise, or say why that is no use."""
    last = done[-1]
    plan, loaded = last.decided.plan, last.prepared.loaded
    why_not = _no_capacity(last.replay)
    if not why_not and len(done) == loop.rounds:
        why_not = (f"promises are still missed after {counted(len(done), 'round')}",)
    if why_not:
        return why_not
    missed = missed_places(last.replay, loaded.problem)
    lack = lack_of(plan, loaded, last.prepared.catalog, missed, loop.replay)
    for place, replicas in lack.items():
        headroom[place] = _more(plan, loaded.problem, place, replicas or 1)
    return _never_enough(lack, plan)


def _finished(
    done: list[_Round], settings: SolveSettings, loop: LoopSettings, why_not: tuple[str, ...]
) -> Verified:
    last, first_usd = done[-1], done[0].decided.plan.cost_usd
    plan = explain(last.decided, last.prepared, settings)
    slack = None
    if loop.slack and last.replay.kept:
        slack = slack_of(plan, last.prepared.loaded, last.prepared.catalog, loop.replay)
    found = Verified(plan, last.prepared, last.replay, len(done), first_usd, why_not, slack)
    return replace(found, plan=replace(plan, warnings=(*plan.warnings, *remarks(found))))


def remarks(found: Verified) -> list[str]:
    """Return what a reader of the plan has to know of its replay, in sentences.

    Parameters
    ----------
    found
        The plan and its replay.
    """
    if found.replay is None:
        return []
    said = [_verdict(found)]
    if found.kept is False:
        broken = broken_promises(found.replay, found.plan)
        said += [f"NOT KEPT: {text}" for text in broken[:_SHOWN]]
        if len(broken) > _SHOWN:
            said.append(f"NOT KEPT: and {len(broken) - _SHOWN} more: planner verify lists them")
        said += [f"not verified because {text}" for text in found.why_not]
    slack = found.slack
    if slack is not None and slack.replicas:
        count = sum(slack.replicas.values())
        said.append(
            f"slack: the replay keeps every promise without {counted(count, 'replica')}, added up "
            f"over blocks: {slack.share:.1%} of the cost or {slack.usd:,.0f} USD at most, because "
            "nodes are whole and terms are paid anyway; nothing was taken out"
        )
    return said


def _verdict(found: Verified) -> str:
    seeds = counted(found.replay.seeds if found.replay else 0, "seed")
    if found.kept is False:
        return f"NOT VERIFIED: promises of this plan are missed in its replay ({seeds})"
    state = f"verified by replay ({seeds}): every promise is kept"
    if found.kept is None:
        state = (
            f"not verified in whole ({seeds}): what could be replayed is kept, not all could be"
        )
    added = "no headroom was needed"
    if found.rounds > 1:
        share = found.added_usd / found.first_usd if found.first_usd else 0.0
        added = (
            f"headroom found in {found.rounds} rounds adds {found.added_usd:,.0f} USD "
            f"({share:.1%}) to the plan by the formulas alone, the gaps of both solves included"
        )
    return f"{state}; {added}"


def _progress(done: list[_Round]) -> str:
    last = done[-1]
    missed = len(missed_places(last.replay, last.prepared.loaded.problem))
    usd = last.decided.plan.cost_usd or 0.0
    where = f"missed in {counted(missed, 'block')}" if last.replay.kept is False else "not missed"
    return f"round {len(done)}: {usd:,.0f} USD, promises {where}"


def _nothing_has_it(plan: Plan) -> str:
    said = "; ".join(plan.diagnosis)
    return (
        f"no plan has the headroom that the replay asks for ({plan.status}){said and ': '}{said}"
    )


def _no_capacity(replay: Replay) -> tuple[str, ...]:
    """Return what is missed and no matter of the capacity of a pool."""
    reasons = [text for found in replay.workloads for text in found.broken_tokens]
    reasons += [
        f"replicas of {b.option_id} serve less of {b.workload} that waits than is planned, and "
        "headroom is for requests that do not wait"
        for b in replay.batches
        if not b.kept
    ]
    return tuple(reasons)


def _never_enough(lack: Mapping[Place, int | None], plan: Plan) -> tuple[str, ...]:
    """Return the pools that miss promises with any number of replicas of theirs."""
    pools: dict[str, list[int]] = defaultdict(list)
    for (pool, _, block), replicas in lack.items():
        if replicas is None:
            pools[pool].append(block)
    clock = {row.block: f"{row.start_h:g}-{row.end_h:g} h" for row in plan.time_blocks}
    return tuple(
        f"{MOST_TIMES} times the replicas of pool {pool} miss it in {clock[blocks[0]]} too: it is "
        "not a matter of how many there are"
        for pool, blocks in pools.items()
    )


def _more(plan: Plan, problem: Problem, place: Place, lacking: int) -> float:
    """Return the headroom with which the formulas ask for so many replicas more.

    With loads ``l = sum f / mu`` of options with n replicas, of which k may be lost, they carry
    ``(sum n - k) / sum l`` of the load. A little more than what they carry with all but one of
    those that are lacking asks for that one too.
    """
    pool, period, block = place
    rows: dict[str, list[Allocation]] = defaultdict(list)
    for row in plan.allocations:
        if (row.period, row.block) == (period, block) and pool_of(row) == pool:
            rows[row.pool].append(row)
    rooms = []
    for mine in rows.values():
        replicas = {row.option_id: row.replicas for row in mine}
        load = sum(row.planned_rate_rps / row.capacity_rps for row in mine)
        left = sum(replicas.values()) - problem.policy.spare_replicas + lacking - 1
        rooms += [(left + _PART) / load] if load else []
    has = max(headroom_at(w, period, block) for w in _members(problem, pool))
    # Of several pools of answers, the one with least room is the first to need more.
    return min(has * max(min(rooms, default=1.0), 1.0), _MOST)


def _members(problem: Problem, pool: str) -> list[Workload]:
    """Return the workloads of a pool that have requests which do not wait."""
    return [
        w
        for w in problem.workloads
        if w.pool_name == pool and (w.deferrable is None or w.deferrable.share < 1)
    ]


def _with_headroom(prepared: Prepared, headroom: Mapping[Place, float]) -> Prepared:
    """Return the problem with headroom for the workloads of pools, beside what it states."""
    problem = prepared.loaded.problem
    assignments = []
    for workload in problem.workloads:
        places: dict[tuple[int, float], list[int]] = defaultdict(list)
        for (pool, period, block), factor in sorted(headroom.items()):
            if workload in _members(problem, pool):
                places[period, math.ceil(factor * _DIGITS) / _DIGITS].append(block)
        if places:
            stated = [item.model_dump(exclude_none=True) for item in workload.headroom]
            found = [
                {"factor": factor, "periods": [period], "blocks": blocks}
                for (period, factor), blocks in places.items()
            ]
            assignments.append(
                f"workloads.{workload.name}.headroom={json.dumps([*stated, *found])}"
            )
    loaded = resolve_hardware(with_assignments(prepared.loaded, assignments), prepared.catalog)
    return replace(
        prepared,
        loaded=loaded,
        demand=build_demand(loaded, prepared.catalog),
        limits=program_limits(loaded.problem),
    )
