"""What of a plan is simulated: the pools of its blocks, each situation once.

A pool in a block is a *case*: the requests of its workloads at their rates, the options that share
them, and the replicas of each. Blocks with the same rates and replicas are one case. Requests go
to an option by chance, in the shares of the plan, and to a replica of it by the router.

First and second answers of a chain are requests of pools of their own, each held to the limits
that the plan sets it (:mod:`planner.problem.escalation`), which together keep those of the chain.
Second answers are drawn like any requests, not as the first ones end.

Requests that a problem describes come at the planned rate of the block: the plan promises its
latencies there, without the headroom that a problem may ask for. Requests of a trace have bursts
of their own and come at the mean rate. Those that the plan sends to tokens are taken out by
chance.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.problem.deferral import DEFERRED, owner
from planner.verify.audit.waiting import members
from planner.verify.replay.engines import Unknown, engine_of
from planner.verify.replay.records import NotReplayed
from planner.verify.replay.sources import headroom_of, source_of, tokens_rps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand, WorkloadDemand
    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Problem
    from planner.verify.replay.arrivals import Source
    from planner.verify.replay.replica import Engine
    from planner.verify.replay.router import Routing
    from planner.verify.replay.trace import Trace

_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Station:
    """Replicas of one option that share a router."""

    option_id: str
    engine: Engine
    replicas: int


@dataclass(frozen=True, slots=True)
class Stream:
    """Requests of one workload in a pool.

    Parameters
    ----------
    workload
        The workload.
    is_deferred
        Whether they are work that waits, which has no limits.
    rate_rps
        Their mean rate in the simulation, requests/s.
    source
        Where they come from.
    shares
        Share of them by station, sum 1.
    factors
        Factors on prompt and output lengths by station.
    capacity_rps
        What the plan says that a replica of each station carries of it, requests/s; 0 where none
        of it is sent.
    answer
        Which answer of a chain they ask for; empty for none.
    """

    workload: str
    is_deferred: bool
    rate_rps: float
    source: Source
    shares: tuple[float, ...]
    factors: tuple[tuple[float, float], ...]
    capacity_rps: tuple[float, ...]
    answer: str = ""

    @property
    def name(self) -> str:
        """The workload, with the answer where there is one."""
        return f"{self.workload}/{self.answer}" if self.answer else self.workload


@dataclass(frozen=True, slots=True)
class Batch:
    """Replicas of an option that only serve work of one workload which waits."""

    station: Station
    stream: Stream


@dataclass(frozen=True, slots=True)
class Situations:
    """What is simulated of a plan, in order of the first block, and what is left out."""

    cases: tuple[Case, ...]
    batches: tuple[Batch, ...]
    left_out: tuple[NotReplayed, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A pool in the blocks that are alike: ``(period, block)`` in `places`."""

    pool: str
    places: tuple[tuple[int, int], ...]
    streams: tuple[Stream, ...]
    stations: tuple[Station, ...]
    routing: Routing


@dataclass(frozen=True, slots=True)
class World:
    """A plan with everything that its replay needs.

    Parameters
    ----------
    plan, problem, catalog, demand
        The plan, the problem it answers, the facts, and lengths and intervals of the workloads.
    traces
        Traces that replace the requests of workloads, by workload.
    confidence
        Probability with which the step times hold.
    routing
        What the routers go by.
    """

    plan: Plan
    problem: Problem
    catalog: Catalog
    demand: Demand
    traces: Mapping[str, Trace]
    confidence: float
    routing: Routing

    def demand_of(self, workload: str) -> WorkloadDemand:
        """Return the demand of a workload: of its first stream, what cannot wait if there is."""
        return next(w for w in self.demand.workloads if owner(w.workload) == workload)


def situations_of(world: World) -> Situations:
    """Return the distinct situations of a plan."""
    engines = _Engines(world)
    groups: dict[tuple[int, int, str], list[Allocation]] = defaultdict(list)
    left_out: dict[tuple[str, str], NotReplayed] = {}
    batches: dict[tuple[object, ...], Allocation] = {}
    for row in world.plan.allocations:
        if row.pool.endswith(DEFERRED):
            batches.setdefault(
                (row.workload, row.option_id, row.capacity_rps, row.prefix_hit_rate), row
            )
        else:
            groups[row.period, row.block, row.pool].append(row)
    places: dict[object, list[tuple[int, int]]] = defaultdict(list)
    firsts: dict[object, list[Allocation]] = {}
    for (period, block, pool), rows in sorted(groups.items(), key=lambda item: item[0]):
        kept = [row for row in _asked(rows) if not _is_left_out(row, engines, left_out)]
        if any(row.planned_rate_rps for row in kept):
            key = (pool, *_likeness(kept, world, period, block))
            places[key].append((period, block))
            firsts.setdefault(key, kept)
    return Situations(
        tuple(_case(rows, tuple(places[key]), world, engines) for key, rows in firsts.items()),
        tuple(_batches(batches.values(), world, engines, left_out)),
        tuple(left_out.values()),
    )


def _asked(rows: Sequence[Allocation]) -> list[Allocation]:
    """Return the rows of streams that have requests; some options of them may be spares only."""
    asked: dict[tuple[str, bool], float] = defaultdict(float)
    for row in rows:
        asked[row.workload, row.is_deferred] += row.planned_rate_rps
    return [row for row in rows if asked[row.workload, row.is_deferred] > 0]


def _batches(
    rows: Iterable[Allocation],
    world: World,
    engines: _Engines,
    left_out: dict[tuple[str, str], NotReplayed],
) -> list[Batch]:
    found = []
    for row in rows:
        if not _is_left_out(row, engines, left_out):
            stream = _stream([row], [row.option_id], (row.period, row.block), world)
            found.append(Batch(_station(row, engines), stream))
    return found


class _Engines:
    """Engines of the rows of a plan, each made once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[object, ...], Engine | Unknown] = {}

    def of(self, row: Allocation) -> Engine | Unknown:
        """Return the engine of a row, or why it cannot be replayed."""
        world = self._world
        key = (row.pool, row.option_id, row.chunk_tokens, row.prefix_tokens, row.draft)
        if key not in self._known:
            self._known[key] = engine_of(
                row, world.catalog, confidence=world.confidence,
                prefix_tokens=row.prefix_tokens * self._largest(row),
            )  # fmt: skip
        known, has_trace = self._known[key], row.workload in world.traces
        if isinstance(known, Unknown) or has_trace:
            return known
        lengths = world.demand_of(row.workload).lengths
        return known if lengths is not None else Unknown("the workload states no lengths")

    def _largest(self, row: Allocation) -> float:
        """Return the largest factor on prompts of a pool in the tokens of a row's model."""
        problem = self._world.problem
        sharing = [problem.workload(name) for name in members(problem, row.pool)]
        factors = [w.token_factors.get(row.model) for w in sharing]
        return max((f.isl if f else 1.0 for f in factors), default=1.0)


def _leave_out(
    left_out: dict[tuple[str, str], NotReplayed], workload: str, what: str, reason: str
) -> None:
    left_out.setdefault((workload, what), NotReplayed(workload, what, reason))


def _is_left_out(
    row: Allocation, engines: _Engines, left_out: dict[tuple[str, str], NotReplayed]
) -> bool:
    engine = engines.of(row)
    if isinstance(engine, Unknown):
        _leave_out(left_out, row.workload, row.option_id, engine.reason)
        return True
    return False


def _likeness(
    rows: Iterable[Allocation], world: World, period: int, block: int
) -> tuple[object, ...]:
    """Return what two blocks have in common when one simulation stands for both."""
    listed = list(rows)
    names = sorted({row.workload for row in listed})
    levels = tuple(world.demand_of(name).planned_level(period) for name in names)
    shaped = any(name in world.traces and world.traces[name].is_day for name in names)
    day = block % world.problem.time_blocks if shaped else None
    figures = sorted(
        (r.option_id, r.workload, r.is_deferred, r.replicas, r.chunk_tokens or 0,
         round(r.planned_rate_rps / headroom_of(r, world), _DIGITS), round(r.rate_rps, _DIGITS))
        for r in listed
    )  # fmt: skip
    streams = sorted({(r.workload, r.answer) for r in listed})
    bought = tuple(round(tokens_rps(world.plan, (period, block, *s)), _DIGITS) for s in streams)
    return (levels, day, tuple(figures), bought)


def _case(
    rows: list[Allocation],
    places: tuple[tuple[int, int], ...],
    world: World,
    engines: _Engines,
) -> Case:
    by_option: dict[str, list[Allocation]] = defaultdict(list)
    for row in rows:
        by_option[row.option_id].append(row)
    stations = tuple(_station(mine[0], engines) for mine in by_option.values())
    ids = [station.option_id for station in stations]
    by_stream: dict[tuple[str, bool], list[Allocation]] = defaultdict(list)
    for row in rows:
        by_stream[row.workload, row.is_deferred].append(row)
    streams = tuple(_stream(mine, ids, places[0], world) for mine in by_stream.values())
    return Case(rows[0].pool, places, streams, stations, world.routing)


def _station(row: Allocation, engines: _Engines) -> Station:
    engine = engines.of(row)
    if isinstance(engine, Unknown):  # rows that are unknown were left out before
        raise TypeError(engine.reason)
    return Station(row.option_id, engine, row.replicas)


def _stream(
    rows: list[Allocation], ids: list[str], place: tuple[int, int], world: World
) -> Stream:
    name, (period, block) = rows[0].workload, place
    planned = sum(row.planned_rate_rps for row in rows)
    by_id = {row.option_id: row for row in rows}
    workload = world.problem.workload(name)
    source, rate_rps = source_of(rows, world, period=period, block=block)
    level = world.demand_of(name).planned_level(period)
    factors = []
    for option_id in ids:
        own = workload.token_factors.get(by_id[option_id].model) if option_id in by_id else None
        isl, osl = (own.isl, own.osl) if own else (1.0, 1.0)
        factors.append((isl * level.isl, osl * level.osl))
    return Stream(
        workload=name,
        is_deferred=rows[0].is_deferred,
        rate_rps=rate_rps,
        source=source,
        shares=tuple(
            _part(by_id[i].planned_rate_rps, planned) if i in by_id else 0.0 for i in ids
        ),
        factors=tuple(factors),
        capacity_rps=tuple(by_id[i].capacity_rps if i in by_id else 0.0 for i in ids),
        answer=rows[0].answer,
    )


def _part(rate_rps: float, whole_rps: float) -> float:
    """Return a share of the whole; all of nothing is with the only one there is."""
    return rate_rps / whole_rps if whole_rps else 1.0
