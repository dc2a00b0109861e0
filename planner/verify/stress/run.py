"""Every block of a plan again, under every stress, beside what it was without.

The same requests come (common random numbers): more of them at a higher rate, longer ones, or to
fewer replicas. A block in which requests pile up has no percentile that lasts, because waits grow
as long as it does; it is replayed for its whole length, from empty queues and with one seed, or
for 50,000 requests where it has more. What it leaves behind is not carried into the next block.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_DAY, SECONDS_PER_HOUR
from planner.verify.replay.failures import promised_failures
from planner.verify.replay.judge import block_found, keeps_limits
from planner.verify.replay.records import LEAST_COMPLETED
from planner.verify.replay.run import ReplaySettings, limits_of, streams_by_name
from planner.verify.replay.sampling import Asked, Sampled, sample
from planner.verify.stress.kinds import NODE, PREFIX, PROVIDER, hit_rate, stressed, stresses_of
from planner.verify.stress.records import Level, NotApplied, StressRow, StressTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from planner.problem.schema import Problem, Slo, Workload
    from planner.verify.replay.cases import Case
    from planner.verify.replay.records import BlockFound
    from planner.verify.replay.run import Replayed, Simulated
    from planner.verify.stress.kinds import Stress
    from planner.verify.stress.records import StressSettings

_MOST_REQUESTS = 50_000.0
_PERCENT = 100.0
_Key = tuple[str, str]
"""Workload and answer."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A stream in some blocks, before and after; after is ``None`` where nothing serves it."""

    places: tuple[tuple[int, int], ...]
    before: BlockFound
    after: BlockFound | None


def stress_table(
    base: Replayed,
    settings: StressSettings,
    replay: ReplaySettings | None = None,
    on_case: Callable[[int, int], None] = lambda _done, _all: None,
) -> StressTable:
    """Return how the requests of a plan fare under stress.

    Parameters
    ----------
    base
        The replay of the plan without stress.
    settings
        How hard the stresses are.
    replay
        How the plan was replayed.
    on_case
        Called with the simulations done, and all, after each.
    """
    asked, world = replay or ReplaySettings(), base.world
    by_name = streams_by_name(world.problem)
    stresses = stresses_of(settings, world.plan)
    whole, done, requests = len(stresses) * len(base.simulated), 0, 0
    rows: list[StressRow] = []
    for stress in stresses:
        parts: dict[_Key, list[_Part]] = defaultdict(list)
        for one in base.simulated:
            found, count = _parts(stress, one, base, by_name, asked)
            for key, part in found:
                parts[key].append(part)
            requests += count
            done += 1
            on_case(done, whole)
        rows += [_row(stress, key, mine, base, by_name) for key, mine in parts.items()]
    rows = _worst_provider(rows)
    return StressTable(settings, tuple(rows), tuple(_not_applied(base, rows)), requests)


def _parts(
    stress: Stress,
    one: Simulated,
    base: Replayed,
    by_name: Mapping[str, Workload],
    asked: ReplaySettings,
) -> tuple[list[tuple[_Key, _Part]], int]:
    """Return every stream of a case before and after a stress, and the requests simulated."""
    if stress.name == PREFIX and not any(hit_rate(s.source) for s in one.case.streams):
        return [], 0
    world, found, requests = base.world, [], 0
    limits = {name: limits_of(stream) for name, stream in by_name.items()}
    for places, rest in stressed(stress, one.case, world.plan, world.problem):
        sampled = None
        if rest is not None and rest.case is not None:
            sampled = simulated_again(rest.case, one.sampled, world.problem, asked)
            requests += sampled.requests
        for k, (stream, before) in enumerate(zip(one.case.streams, one.blocks, strict=True)):
            if before is None:
                continue
            after: BlockFound | None = before
            if rest is not None:
                place, after = rest.position[k], None
                if place is not None and rest.case is not None and sampled is not None:
                    runs = sampled.by_stream[place]
                    mine = rest.case.streams[place]
                    after = block_found(rest.case, mine, runs, limits[stream.name])
            found.append(((stream.workload, stream.answer), _Part(places, before, after)))
    return found, requests


def simulated_again(
    case: Case, before: Sampled, problem: Problem, asked: ReplaySettings
) -> Sampled:
    """Return what the requests of a case see, in the time that counted before.

    Parameters
    ----------
    case
        The case under stress.
    before
        What its requests saw without.
    problem
        The problem, for the length of its blocks: where requests pile up, the whole block counts.
    asked
        How the plan was replayed.
    """
    same = Asked(asked.seed, asked.seeds, before.span_s, before.warm_s)
    sampled = sample(case, {}, same)
    if all(_keeps_up(sampled, k) for k in range(len(case.streams))):
        return sampled
    block_s = HOURS_PER_DAY / problem.time_blocks * SECONDS_PER_HOUR
    rate_rps = sum(stream.rate_rps for stream in case.streams)
    span_s = max(before.span_s, min(block_s, _MOST_REQUESTS / rate_rps))
    longer = sample(case, {}, Asked(asked.seed, 1, span_s, 0.0))
    return Sampled(longer.by_stream, sampled.requests + longer.requests, span_s, 0.0)


def _keeps_up(sampled: Sampled, stream: int) -> bool:
    runs = sampled.by_stream[stream]
    came = sum(run.requests for run in runs)
    return sum(run.completed for run in runs) >= LEAST_COMPLETED * came


def _row(
    stress: Stress,
    key: _Key,
    parts: Sequence[_Part],
    base: Replayed,
    by_name: Mapping[str, Workload],
) -> StressRow:
    workload, answer = key
    stream = by_name[f"{workload}/{answer}" if answer else workload]
    percents = [float(s.percentile) / _PERCENT for s in stream.slo if s.percentile != "mean"]
    hours = {row.block: row.hours_per_period for row in base.world.plan.time_blocks}
    before = [(part.places, part.before, part.before.rate_rps) for part in parts]
    after = [(part.places, part.after, part.before.rate_rps) for part in parts]
    return StressRow(
        stress=stress.name,
        text=stress.text,
        workload=workload,
        answer=answer,
        promised=min(percents, default=None),
        before=_level(before, stream.slo, hours),
        after=_level(after, stream.slo, hours),
        loss_kept=_loss_kept(stress, parts, base),
    )


def _level(
    blocks: Sequence[tuple[tuple[tuple[int, int], ...], BlockFound | None, float]],
    slos: Sequence[Slo],
    hours: Mapping[int, float],
) -> Level:
    """Return what requests see over blocks, given their places and rates."""
    has_percentile = any(slo.percentile != "mean" for slo in slos)
    shares, weights = [], []
    for places, block, rate_rps in blocks:
        share = 0.0 if block is None else block.slo_attainment
        shares.append(1.0 if share is None else share)
        weights.append(rate_rps * sum(hours[number] for _, number in places))
    worst = min(range(len(blocks)), key=lambda n: (shares[n], -_strain(blocks[n][1])))
    missed = [n for n, (_, b, _) in enumerate(blocks) if b is None or not keeps_limits(b, slos)]
    served = [block for _, block, _ in blocks if block is not None]
    # Of each limit, the block where it suffers most.
    by_limit = zip(*(block.limits for block in served), strict=True)
    limits = [max(same, key=lambda limit: limit.strain) for same in by_limit]
    total = sum(weights)
    mean = sum(w * s for w, s in zip(weights, shares, strict=True)) / total if total else 1.0
    return Level(
        attainment=mean if has_percentile else None,
        worst=shares[worst] if has_percentile else None,
        worst_place=blocks[worst][0][0],
        missed=sum(len(blocks[n][0]) for n in missed),
        blocks=sum(len(places) for places, _, _ in blocks),
        completed_share=min(0.0 if b is None else b.completed_share for _, b, _ in blocks),
        unserved=sum(len(places) for places, block, _ in blocks if block is None),
        limits=tuple(limits),
    )


def _strain(block: BlockFound | None) -> float:
    return float("inf") if block is None else block.strain


def _loss_kept(stress: Stress, parts: Sequence[_Part], base: Replayed) -> bool | None:
    """Return whether a promise to survive this loss is kept; ``None`` without such a promise."""
    policy = base.world.problem.policy
    losses = [loss for part in parts for loss in part.before.losses]
    if stress.name == PROVIDER and stress.failure and policy.survive_loss_of == "provider":
        name = stress.failure.text
        return all(loss.survives for loss in losses if loss.loss == name)
    if stress.name == NODE:
        for promise in promised_failures(base.world.plan, base.world.problem):
            spares = promise.kind == "replicas" and _most_lost(parts) <= promise.count
            if spares or promise.kind == "nodes":
                return all(loss.survives for loss in losses if loss.loss == promise.text)
    return None


def _most_lost(parts: Sequence[_Part]) -> int:
    """Return the most replicas that a block loses."""
    return max(p.before.replicas - (p.after.replicas if p.after else 0) for p in parts)


def _worst_provider(rows: Sequence[StressRow]) -> list[StressRow]:
    """Return the rows with the worst loss of a provider for each workload only."""
    worst: dict[_Key, StressRow] = {}
    for row in rows:
        key = (row.workload, row.answer)
        if row.stress == PROVIDER and (key not in worst or _harm(row) > _harm(worst[key])):
            worst[key] = row
    chosen = set(map(id, worst.values()))
    return [row for row in rows if row.stress != PROVIDER or id(row) in chosen]


def _harm(row: StressRow) -> tuple[bool, float, int, float]:
    after = row.after
    share = 0.0 if after.attainment is None else after.attainment
    return row.loss_kept is False, -share, after.missed, -after.completed_share


def _not_applied(base: Replayed, rows: Sequence[StressRow]) -> Iterator[NotApplied]:
    """Yield what the table does not show, and why."""
    plan, problem = base.world.plan, base.world.problem
    replayed = {s.workload for one in base.simulated for s in one.case.streams}
    for workload in problem.workloads:
        if workload.name not in {row.workload for row in rows}:
            waits = workload.deferrable is not None and workload.deferrable.share == 1
            reason = "its requests may all wait" if waits else "none of its requests is replayed"
            yield NotApplied("all", workload.name, reason)
        elif PREFIX not in {row.stress for row in rows if row.workload == workload.name}:
            reason = "its replicas find no prompts in a prefix cache"
            yield NotApplied(PREFIX, workload.name, reason)
    if replayed and not plan.fleet:
        yield NotApplied(NODE, "", "the plan has no nodes")
    if replayed and PROVIDER not in {row.stress for row in rows}:
        yield NotApplied(PROVIDER, "", "the plan rents no nodes")
    if any(row.is_deferred for row in plan.allocations):
        reason = "its windows are promised for the demand of the plan, and are not stressed"
        yield NotApplied("all", "work that waits", reason)
    if plan.api:
        reason = "tokens are not simulated, with stress or without"
        yield NotApplied("all", "requests that are bought as tokens", reason)
