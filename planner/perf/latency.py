"""Latencies of probe requests in the load of one class.

The load decides waits and batch; the probe brings its prompt and output lengths and its limits.
A probe of the class that makes the load is an ordinary request of it. Per request::

    TTFT = t_req + max(W, residual step) + prefill latency of the probe's prompt
    E2E  = TTFT + (O - 1) TPOT

W are the waits of :mod:`planner.perf.waiting`. Prompts that arrive while one waits fill the step
with the rest of it, which makes that step longer: with m tokens expected and room for c, they fill
``m c / (m + c)``. An arrival that finds no prompts waiting still
waits for the running decode step to end: a uniform share of it, if anybody is decoding (chance
1 - exp(-b)). Percentiles are order statistics of the N requests.

With data-parallel attention every group is a place of service, which R D of them share; but an
arrival also waits for the common step that is being computed, with prompts in the share rho of
time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.itl import itl_mixture_s
from planner.perf.limit_values import is_mean_gap, is_per_request, limit_values_s
from planner.perf.load import Load, Probe, paired_probe, sample_load, sample_probe
from planner.perf.prefill import prompt_times
from planner.perf.tpot import tpot_samples_s
from planner.perf.waiting import (
    hidden_queue_waits_s,
    seat_waits_s,
    shared_queue_waits_s,
)

__all__ = [
    "Load",
    "Probe",
    "Rows",
    "latency_spreads_s",
    "limited_latencies_s",
    "paired_probe",
    "prompts_of",
    "sample_load",
    "sample_probe",
]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.perf.limit_values import Spread
    from planner.perf.load_table import Seats
    from planner.perf.open_loop import ReplicaState
    from planner.perf.prefill import PromptTimes
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel
    from planner.perf.traffic import LatencyLimit, RequestSample

_MEAN_GAP = "mean gap"
_FREE_ENOUGH = 4.0
"""Standard deviations of free places from which on none is ever waited for."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to evaluate: each is an option with a number of replicas at a rate.

    Parameters
    ----------
    step, engine, state
        Option and state of each of r rows.
    replicas
        Replicas that share the queue, shape (r,).
    alone_s
        Step time of a single decoding request, shape (r,), seconds.
    seats
        Places in the batch; ``None`` when there is always one.
    hiding_batch
        Decodes at a replica that hide its prompts from the router, shape (r,); ``None`` when they
        are those of the state.
    swing
        ln of the mean gap over that of the mean rate, for a standard deviation of the slow
        fluctuation of the load below and above it, shape (r, 2); ``None`` without fluctuation.
    """

    step: StepModel
    engine: EngineLimits
    state: ReplicaState
    replicas: Floats
    alone_s: Floats
    seats: Seats | None = None
    hiding_batch: Floats | None = None
    swing: Floats | None = None

    def take(self, part: slice) -> Rows:
        """Return some of the rows, in their order."""
        seats = None if self.seats is None else self.seats.take(part)
        hiding = None if self.hiding_batch is None else self.hiding_batch[part]
        swing = None if self.swing is None else self.swing[part]
        return Rows(
            self.step.take(part),
            self.engine.take(part),
            self.state.take(part),
            self.replicas[part],
            self.alone_s[part],
            seats,
            hiding,
            swing,
        )


def limited_latencies_s(
    rows: Rows, load: Load, probes: Sequence[Probe], *, queueing: bool = True
) -> Floats:
    """Return the value of every limited latency, shape (r, number of limits), seconds.

    Columns are the limits of the first probe, then of the second, and so on.

    Parameters
    ----------
    queueing
        Whether requests wait; without, the values are those of vanishing load.
    """
    prompts = prompts_of(rows, load, probes)
    spreads = latency_spreads_s(rows, load, probes, prompts, queueing=queueing)
    limits = [limit for p in probes for limit in p.limits]
    return limit_values_s(limits, [spreads], [1.0], len(rows.replicas))


@dataclass(frozen=True, slots=True)
class Prompts:
    """Times of the distinct prompts of a load and of its probes in every row.

    Parameters
    ----------
    load
        Those of the load; ``None`` when no limit depends on prompts.
    probes
        Those of each probe, ``None`` without a limit on its first or last token.
    """

    load: PromptTimes | None
    probes: tuple[PromptTimes | None, ...]

    def take(self, part: slice) -> Prompts:
        """Return those of some of the rows, in their order."""
        every = [
            None if times is None else times.take(part) for times in (self.load, *self.probes)
        ]
        return Prompts(every[0], tuple(every[1:]))


def prompts_of(rows: Rows, load: Load, probes: Sequence[Probe]) -> Prompts:
    """Return the times of prompts that the limits of `probes` depend on."""
    timed = [any(limit.metric in {"ttft", "e2e"} for limit in p.limits) for p in probes]
    gaps = any(limit.metric == "itl" and limit.percentile for p in probes for limit in p.limits)
    if not any(timed) and not gaps:
        return Prompts(None, (None,) * len(probes))
    own = times_of(rows, load, load.requests)
    found: list[PromptTimes | None] = []
    for probe, is_timed in zip(probes, timed, strict=True):
        alike = probe.requests.prompt_tokens is load.requests.prompt_tokens
        times = own if alike or not is_timed else times_of(rows, load, probe.requests)
        found.append(times if is_timed else None)
    return Prompts(own, tuple(found))


def latency_spreads_s(
    rows: Rows, load: Load, probes: Sequence[Probe], prompts: Prompts, *, queueing: bool = True
) -> list[Spread]:
    """Return the distribution behind every limited latency.

    Each is its values, shape (r, m), seconds, and their weights, shape (r, m), or ``None`` when
    they are equally likely.

    Parameters
    ----------
    prompts
        Times of the prompts of `load` and `probes` in these rows (:func:`prompts_of`).
    queueing
        Whether requests wait.
    """
    start_s, own = rows.engine.request_s[:, None], prompts.load
    if queueing and own is not None and prompts.probes.count(None) < len(probes):
        start_s = prompt_start_s(rows, load, own)
    return [
        spread
        for probe, times in zip(probes, prompts.probes, strict=True)
        for spread in _probe_spreads_s(rows, load, probe, start_s, times, own)
    ]


def prompt_start_s(rows: Rows, load: Load, times: PromptTimes) -> Floats:
    """Return the time from arrival to the start of the prompt, shape (r, N), seconds.

    Parameters
    ----------
    rows, load
        Rows, and the sample that makes their load.
    times
        Times of the prompts of that sample.
    """
    service_s = _of_requests(times.service_s, load.requests.prompt)
    waits_s = _queue_waits_s(rows, load, service_s)
    residual_s, several = _residual_s(rows, load, times), rows.step.groups > 1
    waits_s[several] += residual_s[several]
    np.maximum(waits_s, residual_s, out=waits_s)
    waits_s += rows.engine.request_s[:, None]
    _add_seat_waits_s(waits_s, rows, load)
    if load.arrivals.next_intervals is not None:
        waits_s.sort(axis=1)
    return waits_s


def _residual_s(rows: Rows, load: Load, times: PromptTimes) -> Floats:
    """Return the rest of the step that is being computed at an arrival, shape (r, N), seconds."""
    decoding_s = rows.state.steps.decode_s * (1.0 - np.exp(-rows.state.batch))
    residual_s: Floats = load.residual * decoding_s[:, None]
    for row in np.flatnonzero(rows.step.groups > 1):
        # The step is that of other prompts; long steps are met more often than short ones.
        prompt = np.roll(load.requests.prompt, load.samples // 2)
        step_s = times.latency_s[row, prompt]
        busy = load.seating < rows.state.prefill_share[row] * step_s / step_s.mean()
        residual_s[row] = np.where(busy, load.residual * step_s, residual_s[row])
    return residual_s


def _queue_waits_s(rows: Rows, load: Load, service_s: Floats) -> Floats:
    groups = np.maximum(rows.step.groups, 1.0)
    rate_rps, replicas = rows.state.rate_rps / groups, rows.replicas * groups
    waits_s = load.arrivals.waits_s(service_s, rate_rps)
    if replicas.max(initial=1.0) <= 1:
        return waits_s
    if load.routing == "fewest_prompts":
        busy = np.where(groups > 1, service_s.mean(axis=1) * rate_rps, rows.state.prefill_share)
        return shared_queue_waits_s(waits_s, replicas, busy, load.sharing)
    calm_s = waits_s
    if load.calm_arrivals is not None:
        calm_s = load.calm_arrivals.waits_s(service_s, rate_rps)
    hiding = rows.state.batch if rows.hiding_batch is None else rows.hiding_batch
    return hidden_queue_waits_s(waits_s, calm_s, replicas, hiding / groups, load.sharing)


def _add_seat_waits_s(waits_s: Floats, rows: Rows, load: Load) -> None:
    """Add the waits for a place in the batch, where places run short."""
    seats, means = rows.seats, load.means
    if seats is None:
        return
    # Routing evens out the number of requests, not their sizes.
    sizes = np.where(seats.by_cache, means.resident_cv2, 0.0) + 1.0 / rows.replicas
    places = seats.count / sizes
    waits_s[seats.overloaded] = np.inf
    free = np.maximum(1.0 - rows.state.batch / seats.count, 0.0)
    # The cache runs short before its mean is reached: a whole prompt has to fit.
    free = np.where(seats.by_cache, np.minimum(free, seats.room), free)
    short = np.flatnonzero(free * np.sqrt(places) < _FREE_ENOUGH)
    if short.size:
        waits_s[short] += seat_waits_s(
            free[short],
            seats.room[short],
            places[short],
            seats.residence_s[short],
            (means.interarrival_cv2 + means.output_cv2) / 2,
            load.seating,
        )


def times_of(rows: Rows, load: Load, requests: RequestSample) -> PromptTimes:
    """Return the times of the distinct prompts of `requests` in every row."""
    return prompt_times(
        rows.step,
        rows.state,
        load.means.context_tokens,
        requests.prompt_tokens,
        requests.prompt_pairs,
    )


def _probe_spreads_s(  # noqa: PLR0917
    rows: Rows,
    load: Load,
    probe: Probe,
    start_s: Floats,
    times: PromptTimes | None,
    own: PromptTimes | None,
) -> list[Spread]:
    metrics = {limit.metric for limit in probe.limits}
    samples_s = {_MEAN_GAP: rows.state.gap_s[:, None] / probe.tokens_per_gap}
    if times is not None:
        samples_s["ttft"] = start_s + _prefill_s(rows, load, probe, start_s, times)
    if any(is_per_request(limit) for limit in probe.limits):
        samples_s["tpot"] = tpot_samples_s(
            rows.state,
            load.means,
            probe.requests,
            burstiness=load.means.interarrival_cv2 / rows.replicas,
            swing=rows.swing,
            alone_s=rows.alone_s,
        )
    if "e2e" in metrics:
        gaps = probe.requests.output_tokens[probe.requests.output] - 1.0
        samples_s["e2e"] = samples_s["ttft"] + gaps * samples_s["tpot"]
    return [_spread_s(rows, load, samples_s, limit, own) for limit in probe.limits]


def _prefill_s(
    rows: Rows, load: Load, probe: Probe, start_s: Floats, times: PromptTimes
) -> Floats:
    """Return the time from the start of a prompt to its first token, shape (r, N), seconds.

    Prompts that arrive meanwhile fill the step with the rest of the prompt, and make it longer.
    """
    prompt = probe.requests.prompt
    if not times.free_s.any() or not rows.state.rate_rps.any():
        return _of_requests(times.latency_s, prompt)
    # Of what arrives a part fits, the mean of a random amount m cut at the free tokens c:
    # m c / (m + c), or c less c c / (m + c), of which all but the wait is that of the prompt.
    tokens_per_s = (rows.state.rate_rps * load.means.prefill_tokens)[:, None]
    whole = np.maximum(times.free_tokens, 1.0)
    before_s = times.full_steps * times.full_step_s - rows.engine.request_s[:, None]
    full = start_s * tokens_per_s
    full += _of_requests(before_s * tokens_per_s + whole, prompt)
    left = np.divide(_of_requests(times.free_s * whole, prompt), full, out=full)
    return np.subtract(_of_requests(times.latency_s + times.free_s, prompt), left, out=left)


def _of_requests(values: Floats, kind: NDArray[np.intp]) -> Floats:
    """Return the value of each request from those of its kind, shape (r, N)."""
    # Kinds are within range: "clip" only spares numpy a buffer.
    return np.take(values, kind, axis=1, mode="clip")


def _spread_s(
    rows: Rows,
    load: Load,
    samples_s: dict[str, Floats],
    limit: LatencyLimit,
    own: PromptTimes | None,
) -> Spread:
    if is_mean_gap(limit):
        return samples_s[_MEAN_GAP], None
    if limit.metric != "itl" or own is None:
        return samples_s[limit.metric], None
    return itl_mixture_s(rows.state, own, rows.engine.is_chunked, load.prompt_share)
