"""Highest rate of one replica at which every class of a pool keeps its latency limits.

The capacity of class w on an option is the highest rate of w *alone* at which a probe request of
every class of the pool meets that class's own limits, bounded by ``max_utilization`` times the
highest stable rate. The bound is taken as a minimum with the latency limit: headroom is counted
once. Every time of an option is multiplied by its ``time_factor`` first (the quantile of the
model's error and corrections of a device class).

On common random numbers latencies grow with the rate (of single requests a few may fall, where
busier replicas share more steps), so the rate is found by narrowing a bracket of
its logarithm between the bound and the bound / 1,024. Rates below that count as
none. Rows (an option with R replicas) are evaluated in blocks that stay in the processor cache.

Waits and fluctuations at R' > R replicas are never above those at R and the same rate, so a rate
found for R also holds for R': it is the lower end of the next bracket, and rates never fall with
R. Limits on mean gaps need no sample, so they lower the bound first.

Traffic whose rate changes within the hour has several equally likely levels. The rate is then
their mean, and a percentile is that of the requests of all levels; a level above the highest
stable rate keeps no limit on the time to the first token.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.bracket import Bracket
from planner.perf.latency import (
    Rows,
    is_mean_gap,
    latency_spreads_s,
    limit_values_s,
    limited_latencies_s,
    paired,
    sample_load,
    sample_probe,
)
from planner.perf.open_loop import load_table, replica_state
from planner.perf.traffic import LatencyLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from planner.perf.load import Load, Probe, Routing
    from planner.perf.memory import MemoryFit
    from planner.perf.open_loop import LoadTable
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel
    from planner.perf.traffic import TrafficClass

DEFAULT_REPLICAS = (1, 2, 4, 8, 16, 32)
MEMORY = "memory"
BATCH_LIMIT = "batch limit"
UTILIZATION = "utilization"
_RATE_TOLERANCE = 5e-4
"""Width of the last bracket of ln(rate)."""
_RATE_RANGE = 1024.0
_LEAST_RATIO, _LARGEST_RATIO = 1e-3, 1e2
_BLOCK_BYTES = 524_288
"""A block of one array: several of them fit into a second-level cache."""
_NO_LIMIT_S = 1e9
"""Limit of a latency that is only reported."""
_REPORTED = (
    LatencyLimit("ttft", 99.0, _NO_LIMIT_S),
    LatencyLimit("tpot", None, _NO_LIMIT_S),
)


@dataclass(frozen=True, slots=True)
class RateResult:
    """Capacity of n options with each of K numbers of replicas.

    Parameters
    ----------
    rate_rps
        Highest rate of one replica, shape (n, K), requests/s; 0 when no rate keeps the limits.
    ttft_p99_s, tpot_mean_s
        Latencies of the class that makes the load at that rate, at vanishing load where the rate
        is 0, shape (n, K), seconds.
    limit
        What stops a higher rate, as an index into `limit_texts`, shape (n, K).
    limit_texts
        Such as ``ttft p99 of chat``, ``memory``, ``batch limit``, ``utilization``. The first ones
        are the limits of the probes in order.
    unloaded_s
        Every limited latency at vanishing load, shape (n, number of limits), seconds.
    saturation_rps
        Highest stable rate of one replica, shape (n,), requests/s.
    """

    rate_rps: Floats
    ttft_p99_s: Floats
    tpot_mean_s: Floats
    limit: NDArray[np.intp]
    limit_texts: tuple[str, ...]
    unloaded_s: Floats
    saturation_rps: Floats


@dataclass(frozen=True, slots=True)
class _World:
    """Everything that does not change while rates are searched."""

    step: StepModel
    engine: EngineLimits
    table: LoadTable
    alone_s: Floats
    load: Load
    probes: tuple[Probe, ...]
    limits_s: Floats
    block_rows: int

    def rows(self, options: NDArray[np.intp], replicas: Floats, rate_rps: Floats) -> Rows:
        step, engine = self.step.take(options), self.engine.take(options)
        burstiness = self.load.means.interarrival_cv2 / replicas
        batch = self.table.batch_at(options, rate_rps, burstiness)
        state = replica_state(step, engine, self.load.means, rate_rps, batch)
        seats = self.table.seats_at(options, rate_rps)
        return Rows(step, engine, state, replicas, self.alone_s[options], seats)

    def latencies_s(
        self,
        options: NDArray[np.intp],
        replicas: Floats,
        rate_rps: Floats,
        *,
        queueing: bool = True,
    ) -> Floats:
        blocks = [np.zeros((0, len(self.limits_s)))]
        for start in range(0, len(options), self.block_rows):
            part = slice(start, start + self.block_rows)
            given = options[part], replicas[part], rate_rps[part]
            if queueing and len(self.load.rate_levels) > 1:
                blocks.append(self._mixed_s(*given))
                continue
            rows = self.rows(*given)
            blocks.append(limited_latencies_s(rows, self.load, self.probes, queueing=queueing))
        return np.concatenate(blocks)

    def _mixed_s(self, options: NDArray[np.intp], replicas: Floats, rate_rps: Floats) -> Floats:
        """Return the latencies of the requests of all levels of a mean rate."""
        # Without requests a level has no latencies.
        levels = [level for level in self.load.rate_levels if level > 0]
        spreads = [
            latency_spreads_s(
                self.rows(options, replicas, rate_rps * level), self.load, self.probes
            )
            for level in levels
        ]
        return limit_values_s(self.limits, spreads, levels, len(options))

    def unloaded_s(self) -> Floats:
        options = np.arange(self.step.options)
        nothing = np.zeros(len(options))
        return self.latencies_s(options, np.ones(len(options)), nothing, queueing=False)

    @property
    def limits(self) -> tuple[LatencyLimit, ...]:
        return tuple(limit for p in self.probes for limit in p.limits)

    @property
    def limit_texts(self) -> tuple[str, ...]:
        texts = (f"{limit.text} of {p.name}" for p in self.probes for limit in p.limits)
        return (*texts, MEMORY, BATCH_LIMIT, UTILIZATION)

    def only(self, wanted: Callable[[LatencyLimit], bool]) -> _World:
        probes = tuple(
            replace(p, limits=tuple(limit for limit in p.limits if wanted(limit)))
            for p in self.probes
        )
        return replace(self, probes=probes, limits_s=_limits_s(probes))

    def reporting(self, load: TrafficClass, samples: int, seed: int) -> _World:
        probe = paired(sample_probe(load, _REPORTED, samples, seed), self.load)
        return replace(self, probes=(probe,), limits_s=_limits_s((probe,)))


def max_rates(
    step: StepModel,
    memory: MemoryFit,
    engine: EngineLimits,
    load: TrafficClass,
    probes: Sequence[TrafficClass],
    *,
    replicas: Sequence[int] = DEFAULT_REPLICAS,
    time_factor: ArrayLike = 1.0,
    max_utilization: float = 0.9,
    samples: int = 1024,
    seed: int = 0,
    routing: Routing = "fewest_requests",
) -> RateResult:
    """Return the highest rate of `load` on every option at which all `probes` keep their limits.

    Parameters
    ----------
    step, memory, engine
        Step times, memory and engine settings of n options.
    load, probes
        Class that makes the load, and all classes whose limits have to be kept.
    replicas
        Numbers of replicas that share the queue, ascending, each >= 1.
    time_factor
        Factor on every time of an option, scalar or shape (n,), > 0.
    max_utilization
        Largest share of the highest stable rate, above 0 and at most 1.
    samples, seed
        Requests N that stand for a class (more are slower and less noisy), and their seed.
    routing
        What the router of several replicas goes by (see :mod:`planner.perf.waiting`).

    Raises
    ------
    ValueError
        When `replicas` or `max_utilization` is outside its range.
    """
    _check(replicas, max_utilization)
    factor = step.per_option(time_factor)
    scaled_engine = replace(engine, request_s=engine.request_s * factor)
    sample = sample_load(load, samples, seed, routing)
    drawn = tuple(paired(sample_probe(p, p.limits, samples, seed), sample) for p in probes)
    world = _world(step.scaled(factor), memory, scaled_engine, sample, drawn)
    unloaded_s = world.unloaded_s()
    bound_rps = world.table.saturation_rps * max_utilization
    codes = _bound_codes(world, memory)
    bound_rps = np.where(memory.fits, bound_rps, 0.0)
    failed = (bound_rps > 0) & ~_kept(unloaded_s, world.limits_s)
    codes = np.where(failed, _worst(unloaded_s, world.limits_s), codes)
    counts = np.asarray(replicas, dtype=float)
    rate_rps, limit = _search(world, counts, np.where(failed, 0.0, bound_rps), codes)
    ttft_s, tpot_s = _report(world.reporting(load, samples, seed), counts, rate_rps)
    return RateResult(
        rate_rps=rate_rps,
        ttft_p99_s=ttft_s,
        tpot_mean_s=tpot_s,
        limit=limit,
        limit_texts=world.limit_texts,
        unloaded_s=unloaded_s,
        saturation_rps=world.table.saturation_rps,
    )


def _check(replicas: Sequence[int], max_utilization: float) -> None:
    if not replicas or list(replicas) != sorted(set(replicas)) or replicas[0] < 1:
        msg = f"replicas are {tuple(replicas)}; accepted: ascending whole numbers from 1"
        raise ValueError(msg)
    if not 0 < max_utilization <= 1:
        msg = f"max_utilization is {max_utilization}; accepted: above 0 and at most 1"
        raise ValueError(msg)


def _world(
    step: StepModel,
    memory: MemoryFit,
    engine: EngineLimits,
    load: Load,
    probes: tuple[Probe, ...],
) -> _World:
    return _World(
        step=step,
        engine=engine,
        table=load_table(step, engine, load.means, memory.kv_capacity_tokens),
        alone_s=step.time_s(1.0, load.means.context_tokens, 0.0, 1.0),
        load=load,
        probes=probes,
        limits_s=_limits_s(probes),
        block_rows=max(1, _BLOCK_BYTES // (load.intervals.nbytes * len(load.rate_levels))),
    )


def _limits_s(probes: Sequence[Probe]) -> Floats:
    return np.array([limit.limit_s for p in probes for limit in p.limits], dtype=float)


def _kept(latency_s: Floats, limits_s: Floats) -> NDArray[np.bool_]:
    return np.asarray((latency_s <= limits_s).all(axis=1), dtype=bool)


def _worst(latency_s: Floats, limits_s: Floats) -> NDArray[np.intp]:
    if not len(limits_s):
        return np.zeros(len(latency_s), dtype=np.intp)
    return np.asarray(np.argmax(latency_s / limits_s, axis=1), dtype=np.intp)


def _bound_codes(world: _World, memory: MemoryFit) -> NDArray[np.intp]:
    first = len(world.limits_s)
    memory_code, batch_code, utilization_code = first, first + 1, first + 2
    full = np.where(world.table.by_cache, memory_code, batch_code)
    codes = np.where(world.table.batch_binds, full, utilization_code)
    return np.asarray(np.where(memory.fits, codes, memory_code), dtype=np.intp)


def _search(
    world: _World, replicas: Floats, stable_rps: Floats, stable_codes: NDArray[np.intp]
) -> tuple[Floats, NDArray[np.intp]]:
    """Return rate and limit code of every option and number of replicas, shape (n, K)."""
    shape = (len(stable_rps), len(replicas))
    rate_rps, limit = np.zeros(shape), np.zeros(shape, dtype=np.intp)
    found_rps = np.zeros(len(stable_rps))
    for column, count in enumerate(replicas):
        bound_rps, codes = _gap_bound(world, count, stable_rps, stable_codes)
        # A rate found for fewer replicas holds here too, so options at their bound are done.
        options = np.flatnonzero(found_rps < bound_rps)
        counts = np.full(len(options), count)
        bracket = (found_rps[options], bound_rps[options])
        found_rps[options], code = _bisected(world, options, counts, bracket)
        limit[:, column] = codes
        limit[options, column] = np.where(code < 0, codes[options], code)
        rate_rps[:, column] = found_rps
    return rate_rps, limit


def _gap_bound(
    world: _World, replicas: float, bound_rps: Floats, codes: NDArray[np.intp]
) -> tuple[Floats, NDArray[np.intp]]:
    """Return the bound lowered to limits on mean gaps, which need no sample."""
    columns = [i for i, limit in enumerate(world.limits) if is_mean_gap(limit)]
    gap_world = world.only(is_mean_gap)
    options = np.flatnonzero(bound_rps > 0)
    bracket = (np.zeros(len(options)), bound_rps[options])
    counts = np.full(len(options), replicas)
    lowered_rps, code = _bisected(gap_world, options, counts, bracket)
    bound_rps, codes = bound_rps.copy(), codes.copy()
    bound_rps[options] = lowered_rps
    names = np.array([*columns, -1], dtype=np.intp)
    codes[options] = np.where(code < 0, codes[options], names[code])
    return bound_rps, codes


def _bisected(
    world: _World,
    options: NDArray[np.intp],
    replicas: Floats,
    bracket_rps: tuple[Floats, Floats],
) -> tuple[Floats, NDArray[np.intp]]:
    """Return the highest rate of each row in its bracket, and its limit (-1: the upper end)."""
    known_rps, upper_rps = bracket_rps
    rate_rps, code = upper_rps.copy(), np.full(len(options), -1, dtype=np.intp)
    if not len(world.limits_s):
        return rate_rps, code
    latency_s = world.latencies_s(options, replicas, upper_rps)
    rows = np.flatnonzero(~_kept(latency_s, world.limits_s))
    code[rows] = _worst(latency_s[rows], world.limits_s)
    rate_rps[rows] = known_rps[rows]
    high = np.log(upper_rps[rows])
    low = np.log(np.maximum(known_rps[rows], upper_rps[rows] / _RATE_RANGE))
    bracket = Bracket(low, high, np.full(len(rows), -1.0), _excess(latency_s[rows], world))
    while rows.size:
        trial = bracket.trial(_RATE_TOLERANCE)
        latency_s = world.latencies_s(options[rows], replicas[rows], np.exp(trial))
        kept = _kept(latency_s, world.limits_s)
        code[rows[~kept]] = _worst(latency_s[~kept], world.limits_s)
        rate_rps[rows[kept]] = np.exp(trial[kept])
        wide = bracket.narrow(trial, kept, _excess(latency_s, world), _RATE_TOLERANCE)
        rows, bracket = rows[wide], bracket.take(wide)
    return rate_rps, code


def _excess(latency_s: Floats, world: _World) -> Floats:
    worst = (latency_s / world.limits_s).max(axis=1)
    return np.asarray(np.log(np.clip(worst, _LEAST_RATIO, _LARGEST_RATIO)), dtype=float)


def _report(world: _World, replicas: Floats, rate_rps: Floats) -> tuple[Floats, Floats]:
    latency_s = np.repeat(world.unloaded_s()[:, None, :], rate_rps.shape[1], axis=1)
    options, column = np.nonzero(rate_rps > 0)
    latency_s[options, column] = world.latencies_s(
        options, replicas[column], rate_rps[options, column]
    )
    return latency_s[:, :, 0], latency_s[:, :, 1]
