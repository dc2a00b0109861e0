"""Highest rate of one replica at which every class of a pool keeps its latency limits.

The capacity of class w on an option is the highest rate of w *alone* at which a probe request of
every class of the pool meets that class's own limits, bounded by ``max_utilization`` times the
highest stable rate. The bound is taken as a minimum with the latency limit: headroom is counted
once. Every time of an option is multiplied by its ``time_factor`` first (the quantile of the
model's error and corrections of a device class).

The rate is found by bisection (:mod:`planner.perf.search`). Rows (an option with R replicas) are
evaluated in blocks that stay in the processor cache.

A router that counts requests is blind to prompts as far as decodes hide them, and in a pool the
decodes of every class do: with a few long prompts alone at a replica it would avoid them, among
many chats it does not. How much is hidden follows from the most decodes that any other class of
the pool brings, whatever the mix turns out to be, which is on the careful side.

Traffic whose rate changes within the hour has several equally likely levels. The rate is then
their mean, and a percentile is that of the requests of all levels; a level above the highest
stable rate keeps no limit on the time to the first token.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.kept import KEPT_RESULTS, kept_by_content
from planner.perf.latency import (
    Rows,
    latency_spreads_s,
    paired_probe,
    prompts_of,
    sample_load,
)
from planner.perf.limit_values import is_mean_gap, is_per_request, limit_values_s
from planner.perf.load_table import load_table
from planner.perf.moments import traffic_means
from planner.perf.open_loop import replica_state
from planner.perf.search import (
    BLOCK_BYTES,
    REPORTED,
    highest_rates,
    limit_texts_of,
    limits_s_of,
    parts,
    probes_with,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from planner.perf.load import Load, Probe, Routing
    from planner.perf.load_table import LoadTable
    from planner.perf.memory import MemoryFit
    from planner.perf.search import RateResult
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel
    from planner.perf.traffic import LatencyLimit, TrafficClass

DEFAULT_REPLICAS = (1, 2, 4, 8, 16, 32)
MEMORY = "memory"
BATCH_LIMIT = "batch limit"
UTILIZATION = "utilization"


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
    prompt_rows: int
    sample_rows: int
    others_batch: Floats

    def rows(self, options: NDArray[np.intp], replicas: Floats, rate_rps: Floats) -> Rows:
        step, engine = self.step.take(options), self.engine.take(options)
        burstiness = self.load.means.interarrival_cv2 / replicas
        batch = self.table.batch_at(options, rate_rps, burstiness)
        state = replica_state(step, engine, self.load.means, rate_rps, batch)
        seats = self.table.seats_at(options, rate_rps)
        hiding = np.maximum(batch, self.others_batch[options])
        swing = None
        if any(is_per_request(limit) for limit in self.limits):
            swing = self.table.gap_swing_at(options, rate_rps, burstiness)
        return Rows(step, engine, state, replicas, self.alone_s[options], seats, hiding, swing)

    def latencies_s(
        self,
        options: NDArray[np.intp],
        replicas: Floats,
        rate_rps: Floats,
        *,
        queueing: bool = True,
    ) -> Floats:
        # Without requests a level has no latencies.
        levels = [level for level in self.load.rate_levels if level > 0] if queueing else [1.0]
        whole = [self.rows(options, replicas, rate_rps * level) for level in levels]
        blocks = [np.zeros((0, len(self.limits_s)))]
        # The state of all rows at once, their prompts and samples in blocks that fit the cache.
        sampled = not all(is_mean_gap(limit) for limit in self.limits)
        for outer in parts(len(options), self.prompt_rows if sampled else None):
            rows = [some.take(outer) for some in whole]
            prompts = [prompts_of(some, self.load, self.probes) for some in rows]
            for inner in parts(len(options[outer]), self.sample_rows if sampled else None):
                spreads = [
                    latency_spreads_s(
                        some.take(inner),
                        self.load,
                        self.probes,
                        of_prompts.take(inner),
                        queueing=queueing,
                    )
                    for some, of_prompts in zip(rows, prompts, strict=True)
                ]
                count = len(options[outer][inner])
                blocks.append(limit_values_s(self.limits, spreads, levels, count))
        return np.concatenate(blocks)

    def unloaded_s(self, options: NDArray[np.intp] | None = None) -> Floats:
        options = np.arange(self.step.options) if options is None else options
        nothing = np.zeros(len(options))
        return self.latencies_s(options, np.ones(len(options)), nothing, queueing=False)

    @property
    def limits(self) -> tuple[LatencyLimit, ...]:
        return tuple(limit for p in self.probes for limit in p.limits)

    @property
    def limit_texts(self) -> tuple[str, ...]:
        return (*limit_texts_of(self.probes), MEMORY, BATCH_LIMIT, UTILIZATION)

    def only(self, wanted: Callable[[LatencyLimit], bool]) -> _World:
        probes = probes_with(self.probes, wanted)
        return replace(self, probes=probes, limits_s=limits_s_of(probes))

    def reporting(self, probe: Probe) -> _World:
        return replace(self, probes=(probe,), limits_s=limits_s_of((probe,)))


@kept_by_content(KEPT_RESULTS)
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
    check_request(replicas, max_utilization)
    factor = step.per_option(time_factor)
    scaled_engine = replace(engine, request_s=engine.request_s * factor)
    sample = sample_load(load, samples, seed, routing)
    drawn = tuple(paired_probe(p, p.limits, sample, seed) for p in probes)
    scaled = step.scaled(factor)
    others = [
        most_decodes(scaled, scaled_engine, memory, p, max_utilization)
        for p in probes
        if max(replicas) > 1 and p.name != load.name
    ]
    hiding = np.max([np.zeros(step.options), *others], axis=0)
    world = _world(scaled, memory, scaled_engine, sample, drawn, others_batch=hiding)
    bound_rps = np.where(memory.fits, world.table.saturation_rps * max_utilization, 0.0)
    codes = _bound_codes(world, memory)
    reported = world.reporting(paired_probe(load, REPORTED, sample, seed))
    found = highest_rates(world, reported, bound_rps, codes, replicas)
    return replace(found, saturation_rps=world.table.saturation_rps)


@kept_by_content(KEPT_RESULTS)
def unloaded_latencies_s(
    step: StepModel,
    memory: MemoryFit,
    engine: EngineLimits,
    load: TrafficClass,
    *,
    time_factor: ArrayLike = 1.0,
    samples: int = 1024,
    seed: int = 0,
    routing: Routing = "fewest_requests",
) -> Floats:
    """Return every limited latency of `load` at vanishing load, shape (n, limits), seconds.

    They are those of :func:`max_rates` without its search; parameters as there.
    """
    factor = step.per_option(time_factor)
    sample = sample_load(load, samples, seed, routing)
    drawn = (paired_probe(load, load.limits, sample, seed),)
    engine = replace(engine, request_s=engine.request_s * factor)
    nothing = np.zeros(step.options)
    world = _world(step.scaled(factor), memory, engine, sample, drawn, others_batch=nothing)
    return world.unloaded_s()


@kept_by_content(KEPT_RESULTS)
def most_decodes(
    step: StepModel,
    engine: EngineLimits,
    memory: MemoryFit,
    traffic: TrafficClass,
    max_utilization: float,
) -> Floats:
    """Return the mean decodes of `traffic` alone at its highest utilization, shape (n,).

    Parameters
    ----------
    step, engine, memory, max_utilization
        As of :func:`max_rates`, times with their factors.
    traffic
        A class of the pool.
    """
    table = load_table(step, engine, traffic_means(traffic), memory.kv_capacity_tokens)
    return table.batch_at(np.arange(step.options), table.saturation_rps * max_utilization)


def check_request(replicas: Sequence[int], max_utilization: float) -> None:
    """Refuse numbers of replicas or a utilization outside their range.

    Raises
    ------
    ValueError
        With the value and what is accepted.
    """
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
    *,
    others_batch: Floats,
) -> _World:
    requests = (load.requests, *(p.requests for p in probes))
    return _World(
        step=step,
        engine=engine,
        table=load_table(step, engine, load.means, memory.kv_capacity_tokens),
        alone_s=step.time_s(1.0, load.means.context_tokens, 0.0, 1.0),
        load=load,
        probes=probes,
        limits_s=limits_s_of(probes),
        prompt_rows=_rows_of(max(len(r.prompt_tokens) for r in requests), load),
        sample_rows=_rows_of(load.samples, load),
        others_batch=others_batch,
    )


def _rows_of(values: int, load: Load) -> int:
    """Return the rows of a block with so many values a row at every level of the load."""
    return max(1, BLOCK_BYTES // (np.dtype(float).itemsize * values * len(load.rate_levels)))


def _bound_codes(world: _World, memory: MemoryFit) -> NDArray[np.intp]:
    first = len(world.limits_s)
    memory_code, batch_code, utilization_code = first, first + 1, first + 2
    full = np.where(world.table.by_cache, memory_code, batch_code)
    codes = np.where(world.table.batch_binds, full, utilization_code)
    return np.asarray(np.where(memory.fits, codes, memory_code), dtype=np.intp)
