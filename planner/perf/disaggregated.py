"""Highest rate of a unit of x prefill and y decode instances that hand requests over.

Prompts queue at the prefill instances, where nothing decodes: they are replicas whose requests
want one token. The cache of a prompt is handed over (:mod:`planner.perf.handover`) to a decode
instance, which computes no prompts (:mod:`planner.perf.decode_only`). At rate lam of the unit::

    TTFT = t_req + wait(x R instances, lam / x) + prefill + handover
    TPOT, ITL from the decode instances alone, each at lam / y
    E2E  = TTFT + (O - 1) TPOT

With R units behind one router their x R prefill instances share a queue and their y R decode
instances the load. The handover ends with a decode step, so a limit on TTFT looks at both sides,
and one on E2E always does: one search over the rate of the unit answers for all limits together.
It stays below ``max_utilization`` times the least of

- x times the highest stable rate of a prefill instance,
- y times that of a decode instance at its most requests (its memory or its settings),
- the rate at which prompts that are computed or wait to be handed over fill the memory of the
  prefill instances: ``lam / x (prefill + handover) prompt tokens``.

Probes of every class of a pool are answered as for replicas (:mod:`planner.perf.rate`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.decode_only import decode_gap_quantile_s, decode_state, decode_table
from planner.perf.kept import KEPT_RESULTS, kept_by_content
from planner.perf.latency import (
    Rows,
    paired_probe,
    prompt_start_s,
    sample_load,
    times_of,
)
from planner.perf.limit_values import is_mean_gap, is_per_request, order_statistic
from planner.perf.load_table import load_table
from planner.perf.memory import block_rounded_tokens
from planner.perf.moments import traffic_means
from planner.perf.open_loop import replica_state
from planner.perf.rate import DEFAULT_REPLICAS, check_request
from planner.perf.search import (
    BLOCK_BYTES,
    REPORTED,
    highest_rates,
    limit_texts_of,
    limits_s_of,
    parts,
    probes_with,
)
from planner.perf.tpot import tpot_samples_s
from planner.perf.traffic import MAX_PERCENTILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from planner.perf.handover import Handover
    from planner.perf.load import Load, Probe
    from planner.perf.load_table import LoadTable
    from planner.perf.memory import MemoryFit
    from planner.perf.moments import TrafficMeans
    from planner.perf.search import RateResult
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel
    from planner.perf.traffic import LatencyLimit, TrafficClass


BOUNDS = ("prefill utilization", "decode memory", "decode batch limit", "prefill memory")
"""What stops a higher rate when no limit on latency does."""


@dataclass(frozen=True, slots=True)
class Instances:
    """Instances of one side of n units.

    Parameters
    ----------
    step, memory, engine
        Step times, memory and engine settings of one instance of each unit.
    count
        Instances of each unit, shape (n,), whole numbers >= 1.
    """

    step: StepModel
    memory: MemoryFit
    engine: EngineLimits
    count: Floats

    def scaled(self, factor: Floats) -> Instances:
        """Return the instances with every time multiplied by `factor`, shape (n,)."""
        engine = replace(self.engine, request_s=self.engine.request_s * factor)
        return replace(self, step=self.step.scaled(factor), engine=engine)


@dataclass(frozen=True, slots=True)
class _Units:
    """Units whose rates are searched; a world of :mod:`planner.perf.search`."""

    prefill: Instances
    decode: Instances
    handover: Handover
    prefill_table: LoadTable
    decode_table: LoadTable
    alone_s: Floats
    load: Load
    prompts: TrafficMeans
    probes: tuple[Probe, ...]
    limits_s: Floats

    def latencies_s(
        self,
        options: NDArray[np.intp],
        replicas: Floats,
        rate_rps: Floats,
        *,
        queueing: bool = True,
    ) -> Floats:
        block = max(1, BLOCK_BYTES // self.load.arrivals.intervals.nbytes)
        blocks = [np.zeros((0, len(self.limits_s)))]
        for part in parts(len(options), block):
            rows = self._rows(options[part], replicas[part], rate_rps[part])
            blocks.append(rows.latencies_s(self.load, self.probes, queueing=queueing))
        return np.concatenate(blocks)

    def _rows(self, options: NDArray[np.intp], replicas: Floats, rate_rps: Floats) -> _UnitRows:
        prefill, decode = self.prefill, self.decode
        step, engine = prefill.step.take(options), prefill.engine.take(options)
        each_rps = rate_rps / prefill.count[options]
        state = replica_state(step, engine, self.prompts, each_rps, np.zeros(len(options)))
        alone_s = self.alone_s[options]
        first = Rows(step, engine, state, replicas * prefill.count[options], alone_s)
        step, engine = decode.step.take(options), decode.engine.take(options)
        each_rps = rate_rps / decode.count[options]
        batch = self.decode_table.batch_at(options, each_rps)
        state = decode_state(step, self.load.means, each_rps, batch)
        shared = replicas * decode.count[options]
        swing = None
        if any(is_per_request(limit) for limit in self.limits):
            burstiness = self.load.means.interarrival_cv2 / shared
            swing = self.decode_table.gap_swing_at(options, each_rps, burstiness)
        then = Rows(step, engine, state, shared, alone_s, swing=swing)
        return _UnitRows(first, then, self.handover.take(options))

    def unloaded_s(self, options: NDArray[np.intp] | None = None) -> Floats:
        options = np.arange(len(self.alone_s)) if options is None else options
        nothing = np.zeros(len(options))
        return self.latencies_s(options, np.ones(len(options)), nothing, queueing=False)

    @property
    def limits(self) -> tuple[LatencyLimit, ...]:
        return tuple(limit for p in self.probes for limit in p.limits)

    @property
    def limit_texts(self) -> tuple[str, ...]:
        return (*limit_texts_of(self.probes), *BOUNDS)

    def only(self, wanted: Callable[[LatencyLimit], bool]) -> _Units:
        probes = probes_with(self.probes, wanted)
        return replace(self, probes=probes, limits_s=limits_s_of(probes))

    def reporting(self, probe: Probe) -> _Units:
        return replace(self, probes=(probe,), limits_s=limits_s_of((probe,)))

    def bounds_rps(self) -> tuple[Floats, NDArray[np.intp]]:
        """Return the rate that no limit on latency lets a unit exceed, and what bounds it."""
        prefill, decode_memory, decode_batch, held = len(self.limits_s) + np.arange(len(BOUNDS))
        by_memory = self.decode_table.by_cache
        bounds = np.stack(
            [
                self.prefill_table.saturation_rps * self.prefill.count,
                self.decode_table.saturation_rps * self.decode.count,
                self._held_bound_rps(),
            ]
        )
        codes = np.stack(
            [
                np.full(by_memory.shape, prefill),
                np.where(by_memory, decode_memory, decode_batch),
                np.full(by_memory.shape, held),
            ]
        )
        least = np.argmin(bounds, axis=0)[None]
        fits = self.prefill.memory.fits & self.decode.memory.fits
        bound = np.where(fits, np.take_along_axis(bounds, least, axis=0)[0], 0.0)
        short = np.where(self.prefill.memory.fits, decode_memory, held)
        code = np.where(fits, np.take_along_axis(codes, least, axis=0)[0], short)
        return bound, code.astype(np.intp)

    def _held_bound_rps(self) -> Floats:
        """Return the rate at which prompts fill the memory of the prefill instances."""
        options = np.arange(len(self.alone_s))
        nothing, one = np.zeros(len(options)), np.ones(len(options))
        requests = self.load.requests
        rows = self._rows(options, one, nothing)
        held_s = times_of(rows.prefill, self.load, requests).latency_s
        held_s = held_s + self.handover.transfer_s(requests.isl_tokens)
        tokens = block_rounded_tokens(requests.isl_tokens)
        state_tokens = self.prefill.engine.state_tokens[:, None]
        token_s = (held_s * (tokens + state_tokens)) @ self.load.prompt_share
        room = self.prefill.memory.kv_capacity_tokens
        return np.asarray(room / token_s * self.prefill.count, dtype=float)


@dataclass(frozen=True, slots=True)
class _UnitRows:
    """Units with numbers of replicas at rates, r of them."""

    prefill: Rows
    decode: Rows
    handover: Handover

    def latencies_s(self, load: Load, probes: Sequence[Probe], *, queueing: bool) -> Floats:
        """Return the value of every limited latency, shape (r, number of limits), seconds."""
        timed = any(limit.metric in {"ttft", "e2e"} for p in probes for limit in p.limits)
        start_s = self.prefill.engine.request_s[:, None]
        if timed and queueing:
            start_s = prompt_start_s(
                self.prefill, load, times_of(self.prefill, load, load.requests)
            )
        columns = [c for p in probes for c in self._probe_s(load, p, start_s)]
        if not columns:
            return np.zeros((len(self.prefill.replicas), 0))
        return np.stack(columns, axis=1)

    def _probe_s(self, load: Load, probe: Probe, start_s: Floats) -> list[Floats]:
        metrics = {limit.metric for limit in probe.limits}
        samples_s: dict[str, Floats] = {}
        if metrics & {"ttft", "e2e"}:
            samples_s["ttft"] = start_s + self._first_token_s(load, probe)
        if any(is_per_request(limit) for limit in probe.limits):
            samples_s["tpot"] = tpot_samples_s(
                self.decode.state,
                load.means,
                probe.requests,
                burstiness=load.means.interarrival_cv2 / self.decode.replicas,
                swing=self.decode.swing,
                alone_s=self.decode.alone_s,
            )
        if "e2e" in metrics:
            gaps = probe.requests.output_tokens[probe.requests.output] - 1.0
            samples_s["e2e"] = samples_s["ttft"] + gaps * samples_s["tpot"]
        return [self._latency_s(load, probe, samples_s, limit) for limit in probe.limits]

    def _first_token_s(self, load: Load, probe: Probe) -> Floats:
        """Return the time from the start of the prefill to the first token, shape (r, N)."""
        requests, state = probe.requests, self.decode.state
        prompt_s = times_of(self.prefill, load, requests).latency_s
        prompt_s = prompt_s + self.handover.transfer_s(requests.isl_tokens)
        decoding = 1.0 - np.exp(-state.batch)
        step_s = state.steps.decode_s
        first_s = load.residual * (step_s * decoding)[:, None]
        first_s += np.take(prompt_s, requests.prompt, axis=1)
        first_s += (self.handover.further_steps * step_s)[:, None]
        return np.asarray(first_s, dtype=float)

    def _latency_s(
        self, load: Load, probe: Probe, samples_s: dict[str, Floats], limit: LatencyLimit
    ) -> Floats:
        state = self.decode.state
        if is_mean_gap(limit):
            return state.gap_s / probe.tokens_per_gap
        if limit.percentile is None:
            return np.asarray(samples_s[limit.metric].mean(axis=1), dtype=float)
        if limit.metric == "itl":
            quantile = limit.percentile / MAX_PERCENTILE
            return decode_gap_quantile_s(
                self.decode.step, state, load.means, self.decode.replicas, quantile
            )
        return order_statistic(samples_s[limit.metric], limit.percentile)


@kept_by_content(KEPT_RESULTS)
def max_unit_rates(
    prefill: Instances,
    decode: Instances,
    handover: Handover,
    load: TrafficClass,
    probes: Sequence[TrafficClass],
    *,
    replicas: Sequence[int] = DEFAULT_REPLICAS,
    time_factor: ArrayLike = 1.0,
    max_utilization: float = 0.9,
    samples: int = 1024,
    seed: int = 0,
) -> RateResult:
    """Return the highest rate of `load` on every unit at which all `probes` keep their limits.

    Parameters
    ----------
    prefill, decode, handover
        Both sides of n units, and how requests pass between them.
    load, probes
        Class that makes the load, and all classes whose limits have to be kept.
    replicas
        Numbers of units that share the queue, ascending, each >= 1.
    time_factor
        Factor on every time of a unit, scalar or shape (n,), > 0.
    max_utilization
        Largest share of the highest stable rate, above 0 and at most 1.
    samples, seed
        Requests N that stand for a class (more are slower and less noisy), and their seed.

    Raises
    ------
    ValueError
        When `replicas` or `max_utilization` is outside its range.
    """
    check_request(replicas, max_utilization)
    # The requests at a prefill instance are its prompts: nothing hides them from a router.
    sample = sample_load(load, samples, seed, "fewest_prompts")
    drawn = tuple(paired_probe(p, p.limits, sample, seed) for p in probes)
    units = _units((prefill, decode, handover), time_factor, load, sample, drawn)
    saturation_rps, codes = units.bounds_rps()
    reported = units.reporting(paired_probe(load, REPORTED, sample, seed))
    found = highest_rates(units, reported, saturation_rps * max_utilization, codes, replicas)
    return replace(found, saturation_rps=saturation_rps)


@kept_by_content(KEPT_RESULTS)
def unloaded_unit_latencies_s(
    prefill: Instances,
    decode: Instances,
    handover: Handover,
    load: TrafficClass,
    *,
    time_factor: ArrayLike = 1.0,
    samples: int = 1024,
    seed: int = 0,
) -> Floats:
    """Return every limited latency of `load` at vanishing load, shape (n, limits), seconds.

    They are those of :func:`max_unit_rates` without its search; parameters as there.
    """
    sample = sample_load(load, samples, seed, "fewest_prompts")
    drawn = (paired_probe(load, load.limits, sample, seed),)
    return _units((prefill, decode, handover), time_factor, load, sample, drawn).unloaded_s()


def _units(
    sides: tuple[Instances, Instances, Handover],
    time_factor: ArrayLike,
    load: TrafficClass,
    sample: Load,
    probes: tuple[Probe, ...],
) -> _Units:
    factor = sides[0].step.per_option(time_factor)
    prefill, decode, handover = (
        sides[0].scaled(factor),
        sides[1].scaled(factor),
        sides[2].scaled(factor),
    )
    prompts = traffic_means(replace(load, osl_tokens=np.ones_like(load.osl_tokens)))
    prefill_room = prefill.memory.kv_capacity_tokens
    decode_room = decode.memory.kv_capacity_tokens
    return _Units(
        prefill=prefill,
        decode=decode,
        handover=handover,
        prefill_table=load_table(prefill.step, prefill.engine, prompts, prefill_room),
        decode_table=decode_table(decode.step, decode.engine, sample.means, decode_room),
        alone_s=decode.step.time_s(1.0, sample.means.context_tokens, 0.0, 1.0),
        load=sample,
        prompts=prompts,
        probes=probes,
        limits_s=limits_s_of(probes),
    )
