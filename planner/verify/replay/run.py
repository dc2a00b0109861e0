"""The replay of a plan: every distinct block of it, simulated and judged."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.demand.build import build_demand
from planner.perf.traffic import METRICS, LatencyLimit
from planner.problem.deferral import streams_of
from planner.units import MS_PER_S
from planner.verify.replay.batch import batches_found
from planner.verify.replay.blocks import How, parts_of
from planner.verify.replay.boundary import parted
from planner.verify.replay.busiest import busiest
from planner.verify.replay.cases import World, situations_of
from planner.verify.replay.deadlines import deadlines_found, left_to_chance
from planner.verify.replay.judge import block_found, keeps_limits, limit_found
from planner.verify.replay.losses import losses_found
from planner.verify.replay.records import DayFound, Replay, WorkloadFound
from planner.verify.replay.sampling import Asked, first_span_s
from planner.verify.replay.tokens import token_promises
from planner.verify.replay.turns import turn_found, turns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Plan
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem, Slo, Workload
    from planner.verify.replay.blocks import Part
    from planner.verify.replay.cases import Case, Stream
    from planner.verify.replay.judge import Weighted
    from planner.verify.replay.records import (
        BatchFound,
        BlockFound,
        DeadlineFound,
        LossFound,
        NotReplayed,
    )
    from planner.verify.replay.router import Routing
    from planner.verify.replay.sampling import Sampled
    from planner.verify.replay.seen import Seen
    from planner.verify.replay.trace import Trace
    from planner.verify.replay.turns import Turn

_MEDIAN = 0.5
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """How a plan is replayed.

    Parameters
    ----------
    seed, seeds
        First seed, and simulations of every case, >= 1.
    full
        Whether every pool is simulated through whole days, instead of every block by itself for
        as many requests as a verdict needs.
    carry
        Whether days on which the queue of a block grows are simulated whole too.
    nominal
        Whether step times are the median ones, instead of those that hold with the confidence
        that the plan was made with.
    routing
        What the routers go by; ``None`` for what the problem states.
    turns
        Whether the beginnings of blocks are replayed too, where replicas come or go; without them
        every block is replayed by itself.
    share
        Whether one simulation stands for blocks with the same replicas and up to a tenth less
        traffic (:mod:`planner.verify.replay.busiest`).
    verdict
        Whether it only matters where promises are missed: then no loss is simulated where every
        workload of a pool misses a limit already.
    traces
        Recorded requests that replace those of workloads, by workload.
    """

    seed: int = 0
    seeds: int = 5
    full: bool = False
    carry: bool = False
    nominal: bool = False
    routing: Routing | None = None
    turns: bool = True
    share: bool = False
    verdict: bool = False
    traces: Mapping[str, Trace] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A case, its simulations, and what they show of each stream; ``None`` of work that waits."""

    case: Case
    sampled: Sampled
    blocks: tuple[BlockFound | None, ...]

    @property
    def is_kept(self) -> bool:
        """Whether everything that is promised in its blocks is kept, and nothing left open."""
        return all(
            block is None or (block.kept and all(turn.kept for turn in block.turns))
            for block in self.blocks
        )


@dataclass(frozen=True, slots=True)
class Replayed:
    """A replay with the simulations that it rests on, in order of the first block."""

    replay: Replay
    world: World
    simulated: tuple[Simulated, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """One stream of one case: the block as found, and the samples for windows of a day."""

    case: Case
    stream: Stream
    slos: Sequence[Slo]
    block: BlockFound
    runs: Sequence[Seen]


def replay_plan(
    plan: Plan,
    loaded: LoadedProblem,
    catalog: Catalog,
    settings: ReplaySettings | None = None,
    on_case: Callable[[int, int], None] = lambda _done, _all: None,
) -> Replay:
    """Return what the requests of a plan see, block by block.

    Parameters
    ----------
    plan
        A plan with allocations.
    loaded
        The problem it answers, scenario and assignments applied.
    catalog
        The catalogue it was made from.
    settings
        How to replay it.
    on_case
        Called with the number of cases done, and of all, after each.
    """
    return replayed(plan, loaded, catalog, settings, on_case).replay


def replayed(
    plan: Plan,
    loaded: LoadedProblem,
    catalog: Catalog,
    settings: ReplaySettings | None = None,
    on_case: Callable[[int, int], None] = lambda _done, _all: None,
) -> Replayed:
    """Return what the requests of a plan see, with the simulations that it rests on.

    Parameters
    ----------
    plan, loaded, catalog, settings, on_case
        As :func:`replay_plan` takes them.
    """
    began = time.perf_counter()
    asked, problem = settings or ReplaySettings(), loaded.problem
    world = world_of(plan, loaded, catalog, asked)
    situations = situations_of(world)
    left_out = list(situations.left_out)
    by_name = streams_by_name(problem)
    simulated = _all_simulated(situations.cases, world, by_name, asked, on_case)
    found: dict[str, list[_Found]] = defaultdict(list)
    for one in simulated:
        for k, (stream, block) in enumerate(zip(one.case.streams, one.blocks, strict=True)):
            if block is not None:
                slos = by_name[stream.name].slo
                found[stream.workload].append(
                    _Found(one.case, stream, slos, block, one.sampled.by_stream[k])
                )
    batches = batches_found(situations.batches, plan, problem, asked.seed, asked.seeds)
    deadlines = deadlines_found(world, batches, asked.seed, asked.seeds)
    waiting: list[BatchFound | DeadlineFound] = [*batches.found, *deadlines]
    bought, broken = token_promises(plan, problem, catalog)
    left_out += [*bought, *left_to_chance(deadlines)]
    replay = Replay(
        workloads=tuple(
            _workload(
                w,
                found[w.name],
                left_out,
                broken=broken,
                waiting=[x for x in waiting if x.workload == w.name],
                problem=problem,
            )
            for w in problem.workloads
        ),
        not_replayed=tuple(left_out),
        confidence=world.confidence,
        seeds=asked.seeds,
        requests=sum(one.sampled.requests for one in simulated),
        seconds=time.perf_counter() - began,
        batches=batches.found,
        deadlines=tuple(deadlines),
    )
    return Replayed(replay, world, tuple(simulated))


def world_of(plan: Plan, loaded: LoadedProblem, catalog: Catalog, asked: ReplaySettings) -> World:
    """Return a plan with everything that its replay needs.

    Parameters
    ----------
    plan, loaded, catalog
        The plan, the problem it answers and the catalogue it was made from.
    asked
        How it is replayed.
    """
    policy = loaded.problem.policy
    return World(
        plan=plan,
        problem=loaded.problem,
        catalog=catalog,
        demand=build_demand(loaded, catalog),
        traces=asked.traces,
        confidence=_MEDIAN if asked.nominal else policy.confidence,
        routing=asked.routing or policy.routing,
    )


def streams_by_name(problem: Problem) -> dict[str, Workload]:
    """Return every workload, and every answer of a chain, with its own limits, by name."""
    return {s.name: s for w in problem.workloads for s in streams_of(problem, w)}


def _all_simulated(
    cases: Sequence[Case],
    world: World,
    by_name: Mapping[str, Workload],
    asked: ReplaySettings,
    on_case: Callable[[int, int], None],
) -> list[Simulated]:
    """Return the simulations of all cases, in order of the first block."""
    problem, limits = world.problem, {name: limits_of(s) for name, s in by_name.items()}
    how = How(asked.seed, asked.seeds, full=asked.full, carry=asked.carry, alone=not asked.turns)
    few = busiest(cases, problem) if asked.share and not asked.full else list(cases)
    parts = parts_of(few, problem, limits, how, on_case)
    if len(few) == len(cases):
        return _each_simulated(parts, parts, world, by_name, asked)
    parts, missed = parted(parts, cases, problem, by_name, limits, how=how, on_done=on_case)
    found = _each_simulated(parts, parts, world, by_name, asked)
    carried = {part.case.pool for part in parts if part.is_carried}
    # A loss or a turn that is missed says nothing about the other blocks: each is simulated.
    unkept = {
        (one.case.pool, *place)
        for one in found
        if one.case.pool in carried or not one.is_kept
        for place in one.case.places
    }
    unkept -= {key for key in missed if key[0] not in carried}
    alone = [case for case in cases if (case.pool, *case.places[0]) in unkept]
    if len(alone) == sum((part.case.pool, *part.case.places[0]) in unkept for part in parts):
        return found
    again = []
    for whole in (True, False):  # a day is simulated with all of its blocks or not at all
        mine = [case for case in alone if (case.pool in carried) is whole]
        by_day = replace(how, carry=how.carry and whole)
        again += parts_of(mine, problem, limits, by_day, on_case)
    kept = [one for one in found if (one.case.pool, *one.case.places[0]) not in unkept]
    left = [part for part in parts if (part.case.pool, *part.case.places[0]) not in unkept]
    kept += _each_simulated(again, [*again, *left], world, by_name, asked)
    return sorted(kept, key=lambda one: (one.case.places[0], one.case.pool))


def _each_simulated(
    parts: Sequence[Part],
    every: Sequence[Part],
    world: World,
    by_name: Mapping[str, Workload],
    asked: ReplaySettings,
) -> list[Simulated]:
    """Return the simulations of parts, with their turns; `every` begins with them."""
    turns: Mapping[int, Sequence[Turn]] = {}
    if asked.turns:
        turns = turns_of([part.case for part in every], world.plan, world.problem)
    return [
        _simulated(part, turns.get(number, ()), world, by_name, asked)
        for number, part in enumerate(parts)
    ]


def _simulated(
    part: Part,
    turns: Sequence[Turn],
    world: World,
    by_name: Mapping[str, Workload],
    asked: ReplaySettings,
) -> Simulated:
    problem, case, sampled = world.problem, part.case, part.sampled
    limits = {name: limits_of(stream) for name, stream in by_name.items()}
    blocks = [
        None if stream.is_deferred else block_found(case, stream, runs, limits[stream.name])
        for stream, runs in zip(case.streams, sampled.by_stream, strict=True)
    ]
    is_within = [
        block is not None and keeps_limits(block, by_name[stream.name].slo)
        for stream, block in zip(case.streams, blocks, strict=True)
    ]
    losses: Sequence[tuple[LossFound, ...]] = [()] * len(blocks)
    if any(is_within) or not asked.verdict:
        # A loss has a rate to keep, which takes no more time where a limit is near.
        after = Asked(asked.seed, span_s=min(sampled.span_s, first_span_s(case, limits)))
        losses = losses_found(case, world.plan, problem, limits, after)
    # A day that is simulated whole has its turns in it, but for replicas that are late.
    begun = [
        turn_found(turn, by_name, limits, sampled.by_stream, problem=problem, seed=asked.seed)
        for turn in turns
        if any(turn.late) or not part.is_carried
    ]
    for k, found in enumerate(blocks):
        if found is None:
            continue
        block = replace(
            found,
            losses=losses[k],
            turns=tuple(turn[k] for turn in begun),
            is_carried=part.is_carried,
        )
        kept = is_within[k] and block.survives
        kept = kept and all(turn.kept is not False for turn in block.turns)
        blocks[k] = replace(block, kept=kept)
    return Simulated(case, sampled, tuple(blocks))


def limits_of(workload: Workload) -> tuple[LatencyLimit, ...]:
    """Return the limits of a workload in the terms of the performance model."""
    return tuple(_limit(slo) for slo in workload.slo)


def _limit(slo: Slo) -> LatencyLimit:
    metric = next(m for m in METRICS if slo.metric == f"{m}_ms")
    percent = None if slo.percentile == "mean" else float(slo.percentile)
    return LatencyLimit(metric, percent, slo.limit / MS_PER_S)


def _workload(
    workload: Workload,
    found: Sequence[_Found],
    left_out: Sequence[NotReplayed],
    *,
    broken: Mapping[str, Sequence[str]],
    waiting: Sequence[BatchFound | DeadlineFound],
    problem: Problem,
) -> WorkloadFound:
    over_day = tuple(_over_days(found, problem))
    kept: bool | None = all(item.block.kept for item in found)
    kept = kept and all(day.limit.kept for day in over_day) and workload.name not in broken
    kept = kept and all(item.kept for item in waiting)
    unknown = not (found or waiting) or any(item.workload == workload.name for item in left_out)
    unknown = unknown or any(turn.kept is None for item in found for turn in item.block.turns)
    percents = [float(s.percentile) / _PERCENT for s in workload.slo if s.percentile != "mean"]
    return WorkloadFound(
        workload=workload.name,
        kept=None if kept and unknown else kept,
        promised=min(percents, default=None),
        blocks=tuple(item.block for item in found),
        over_day=over_day,
        broken_tokens=tuple(broken.get(workload.name, ())),
    )


def _over_days(found: Sequence[_Found], problem: Problem) -> Iterator[DayFound]:
    """Yield limits over the requests of a day, by period, type of day and answer."""
    days: dict[tuple[int, int, str], list[_Found]] = defaultdict(list)
    for item in found:
        for period, block in item.case.places:
            days[period, block // problem.time_blocks, item.stream.answer].append(item)
    for (period, day_type, answer), items in sorted(days.items(), key=lambda item: item[0]):
        for slo in items[0].slos:
            if slo.window == "day":
                limit = limit_found(_limit(slo), _weighted(items))
                yield DayFound(period, day_type, limit, answer)


def _weighted(items: Sequence[_Found]) -> list[list[Weighted]]:
    """Return for every seed the blocks of a day, each request weighted by its block's rate."""
    seeds = range(len(items[0].runs))
    return [
        [(i.stream.rate_rps / i.runs[k].requests, i.runs[k]) for i in items if i.runs[k].requests]
        for k in seeds
    ]
