"""Mean state of a replica under open arrivals: batch size, step times and utilization.

At rate lam per replica a prompt of P tokens (mean) takes n prefill steps of t_f each, the rest of
the time is decode-only steps of t_d; b requests decode on average::

    room = K - b            prompt tokens a chunked step has space for (K: chunk budget)
    n    = max(P / room, 1) q = max(1 - P / room, 0)         q: free share of a prompt's step
    c    = t_f - t(room) P / room, at most q max(t_d, launch)   saved when prompts share a step
    rho  = lam (n t_f - rho c)                                share of time in prefill steps
    gaps per second = lam (n - rho q) + (1 - rho) / t_d
    itl  = 1 / gaps per second      b = lam G itl      G: mean steps after the first

Arrivals fluctuate, and the batch follows them as far as it has time to: b is the mean over the
rate itself and two levels around it, whose distance is a share of the variation of the arrivals
during a residence. It is more than b of the mean rate, since b grows ever faster with the rate;
the mean gap of a request is ``b / (lam (O - 1))`` by Little's law.

When prompts queue, the next one fills the free share of a step, which saves c with probability
rho; so short prompts saturate at full steps, not at one step each. With prefill
priority prompts run alone: no gap ends in a prefill step, room has no bound and q = 0. G is O - 1,
or less where steps make several tokens of a request (:mod:`planner.perf.traffic`); with g draft
tokens a step has room for ``K - b (g + 1)`` prompt tokens.

Given b, all step times are known and the two balances are one quadratic in lam, which has one
positive root. So the state is tabulated once per option over a fixed grid of b, and read
backwards for any lam: no fixed-point iteration, no dependence on a starting point. The highest
stable rate is the largest rate of the table with rho <= 1 and b within the batch limit
``min(max_num_seqs, kv_capacity / resident tokens of a request)``.

Source: mean-value analysis of a server whose steps carry prefill and decode together; Little's
law gives b and the KV cache that the running requests hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel
    from planner.perf.traffic import TrafficMeans

UNBOUNDED_TOKENS = 1e15
"""Room of a step that is not cut to chunks: finite, to keep products with zero finite."""
_SMALLEST_BATCH = 1e-3
_LARGEST_BATCH = 16_384.0
_LEAST_GAPS_PER_S = 1e-9
"""A saturated replica that only prefills makes no tokens: keeps its mean gap finite."""
_GRID_POINTS = 72
"""Grid of mean batch sizes: neighbours differ by 26 %, and b is interpolated between them."""


_PLENTY = 1e12
_ROUNDING = 1e-9
_FLUCTUATION = 0.6
"""Share of the variation of arrivals during a residence that the batch has time to follow: tuned
to recorded runs of an independent simulator."""
_LEVELS = (-math.sqrt(3.0), math.sqrt(3.0))
_LEVEL_WEIGHTS = (2 / 3, 1 / 6, 1 / 6)
"""Hermite quadrature with three nodes: the mean rate and two levels around it."""
_LEAST_ARRIVALS = 0.5
_MAX_FLUCTUATION = 0.5
"""Keeps the lower level above 0."""


@dataclass(frozen=True, slots=True)
class BatchSteps:
    """Steps of a replica with b decodes; arrays of one shape.

    Parameters
    ----------
    room_tokens
        Prompt tokens a step has space for.
    riding
        Decodes that share the prefill steps.
    prefill_steps, spare_share
        Steps n of a mean prompt, and share q of its step that is free.
    decode_s, prefill_s
        Time of a decode-only step and of a prefill step, seconds.
    saved_s
        Time c that a prompt saves when it shares its step with the next one, seconds.
    """

    room_tokens: Floats
    riding: Floats
    prefill_steps: Floats
    spare_share: Floats
    decode_s: Floats
    prefill_s: Floats
    saved_s: Floats


def batch_steps(
    step: StepModel, engine: EngineLimits, means: TrafficMeans, batch: Floats
) -> BatchSteps:
    """Return the steps with `batch` decodes, of shape (n,) or (n, k)."""
    wide = (slice(None),) + (None,) * (batch.ndim - 1)
    chunked = engine.is_chunked[wide]
    riding = np.where(chunked, batch, 0.0)
    decoded = batch if step.draft is None else batch * step.decode_tokens[wide]
    left = np.maximum(engine.chunk_tokens[wide] - decoded, 1.0)
    room = np.where(chunked, left, UNBOUNDED_TOKENS)
    steps = np.maximum(means.prefill_tokens / room, 1.0)
    spare = np.where(chunked, np.maximum(1.0 - means.prefill_tokens / room, 0.0), 0.0)
    context, one = means.context_tokens, np.maximum(batch, 1.0)
    decode_s = step.time_s(one, one * context, 0.0, one)
    prompt, pairs = means.prefill_tokens / steps, means.prefill_pairs / steps
    prefill_s = step.time_s(prompt + riding, riding * context, pairs, riding)
    full = room / prompt
    full_s = step.time_s(room + riding, riding * context, pairs * full, riding)
    most_s = np.minimum(np.maximum(decode_s, step.launch_s[wide]), prefill_s)
    return BatchSteps(
        room_tokens=room,
        riding=riding,
        prefill_steps=steps,
        spare_share=spare,
        decode_s=decode_s,
        prefill_s=prefill_s,
        saved_s=np.clip(prefill_s - full_s / full, 0.0, spare * most_s),
    )


def balance_rate_rps(
    steps: BatchSteps, is_chunked: NDArray[np.bool_], batch: Floats, output_gaps: float
) -> Floats:
    """Return the rate at which a replica holds `batch` decodes, or at which it saturates if lower.

    Parameters
    ----------
    steps
        Steps at `batch`.
    is_chunked
        Whether gaps end in prefill steps too, broadcastable to `batch`.
    output_gaps
        Mean steps of a request after that of its first token, >= 0.
    """
    n, q = steps.prefill_steps, steps.spare_share
    decode_s, whole_s, saved_s = steps.decode_s, n * steps.prefill_s, steps.saved_s
    # a2 lam^2 + a1 lam + a0 = 0 with a2 <= 0 < a0: exactly one positive root.
    mixed = batch * np.where(is_chunked, n, 0.0)
    a2 = mixed * (saved_s - q * steps.prefill_s) - output_gaps * saved_s
    a1 = mixed + batch * (saved_s - whole_s) / decode_s - output_gaps
    a0 = batch / decode_s
    denominator = np.sqrt(a1 * a1 - 4 * a2 * a0) - a1
    # The saturated rate 1 / (whole - saved) as the least denominator: the root may be infinite.
    least = np.maximum(2 * a0 * (whole_s - saved_s), np.finfo(float).tiny)
    return np.asarray(2 * a0 / np.maximum(denominator, least), dtype=float)


@dataclass(frozen=True, slots=True)
class Seats:
    """Places in the batch of rows, each an option at a rate; arrays of shape (r,).

    Parameters
    ----------
    count
        Requests that one replica holds at most, > 0; very many when time stops a higher rate.
    room
        Share of the highest rate that is left, 0 to 1.
    residence_s
        Time for which a request keeps its place when all are taken, seconds.
    by_cache
        Whether it is the cache that limits them.
    overloaded
        Whether the rate is above the highest stable one.
    """

    count: Floats
    room: Floats
    residence_s: Floats
    by_cache: NDArray[np.bool_]
    overloaded: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LoadTable:
    """Rate over mean batch size of n options.

    Parameters
    ----------
    batch, rate_rps
        Grid of batch sizes and the rate at each, shape (n, J), both non-decreasing.
    batch_cap
        Batch limit, shape (n,).
    batch_binds
        Whether the batch limit, not the time of steps, stops a higher rate, shape (n,).
    by_cache
        Whether the cache, not the engine's setting, is the batch limit, shape (n,).
    """

    batch: Floats
    rate_rps: Floats
    batch_cap: Floats
    batch_binds: NDArray[np.bool_]
    by_cache: NDArray[np.bool_]

    @property
    def saturation_rps(self) -> Floats:
        """Highest stable rate, shape (n,)."""
        return np.asarray(self.rate_rps[:, -1], dtype=float)

    def seats_at(self, options: NDArray[np.intp], rate_rps: Floats) -> Seats:
        """Return the places of `options` at `rate_rps`, both of shape (r,)."""
        highest, tiny = self.rate_rps[options, -1], np.finfo(float).tiny
        count = np.where(self.batch_binds[options], self.batch_cap[options], _PLENTY)
        return Seats(
            count=count,
            room=np.maximum(1.0 - rate_rps / np.maximum(highest, tiny), 0.0),
            # Little's law at the highest rate.
            residence_s=self.batch_cap[options] / np.maximum(highest, tiny),
            by_cache=self.by_cache[options],
            overloaded=rate_rps > highest * (1 + _ROUNDING),
        )

    def batch_at(
        self, options: NDArray[np.intp], rate_rps: Floats, burstiness: ArrayLike = 0.0
    ) -> Floats:
        """Return the mean batch of `options` at `rate_rps`, both of shape (r,).

        Parameters
        ----------
        burstiness
            Squared coefficient of variation of the intervals over the replicas that share the
            arrivals, scalar or shape (r,), >= 0; 0 for a rate that never fluctuates.
        """
        steady = self._steady_batch(options, rate_rps)
        counted = np.maximum(steady, _LEAST_ARRIVALS)
        spread = np.minimum(_FLUCTUATION * np.sqrt(burstiness / counted), _MAX_FLUCTUATION)
        highest = (rate_rps + self.rate_rps[options, -1]) / 2
        batch = _LEVEL_WEIGHTS[0] * steady
        for z, weight in zip(_LEVELS, _LEVEL_WEIGHTS[1:], strict=True):
            level = np.minimum(rate_rps * (1.0 + spread * z), highest)
            batch += weight * self._steady_batch(options, level)
        return np.asarray(np.maximum(batch, steady), dtype=float)

    def _steady_batch(self, options: NDArray[np.intp], rate_rps: Floats) -> Floats:
        rates, batches = self.rate_rps[options], self.batch[options]
        upper = np.clip((rates <= rate_rps[:, None]).sum(axis=1), 1, rates.shape[1] - 1)
        row = np.arange(len(options))
        low, high = rates[row, upper - 1], rates[row, upper]
        # Equal neighbours are a rate that no longer rises: the share is cut to 0 or 1 below.
        share = (rate_rps - low) / np.maximum(high - low, np.maximum(high, 1.0) * _ROUNDING)
        start, end = batches[row, upper - 1], batches[row, upper]
        return np.asarray(start + np.clip(share, 0.0, 1.0) * (end - start), dtype=float)


def load_table(
    step: StepModel, engine: EngineLimits, means: TrafficMeans, kv_capacity_tokens: Floats
) -> LoadTable:
    """Return the rate over batch size of every option.

    Parameters
    ----------
    kv_capacity_tokens
        Tokens the cache of a replica holds, shape (n,), >= 0.
    """
    cap = batch_cap(engine, means, kv_capacity_tokens)
    grid = batch_grid(cap)
    steps = batch_steps(step, engine, means, grid)
    rate = balance_rate_rps(steps, engine.is_chunked[:, None], grid, means.output_gaps)
    # Beyond the peak more decodes leave no room for prompts; no replica stays there.
    rate = np.maximum.accumulate(np.where(grid > 0, rate, 0.0), axis=1)
    below_cap = np.where(grid < cap[:, None], rate, 0.0).max(axis=1)
    return LoadTable(grid, rate, cap, rate[:, -1] > below_cap, cap < engine.max_num_seqs)


def batch_cap(engine: EngineLimits, means: TrafficMeans, kv_capacity_tokens: Floats) -> Floats:
    """Return the most requests that decode at once, by settings and by memory, shape (n,)."""
    kv_cap = kv_capacity_tokens / (means.resident_tokens + engine.state_tokens)
    return np.asarray(np.minimum(engine.max_num_seqs, kv_cap), dtype=float)


def batch_grid(cap: Floats) -> Floats:
    """Return the mean batches of a table up to `cap` of shape (n,), shape (n, J)."""
    ratio = np.geomspace(_SMALLEST_BATCH, _LARGEST_BATCH, _GRID_POINTS - 1)
    # The limit itself is the last point of a row, so that it is exact and not a grid point.
    return np.asarray(
        np.minimum(np.concatenate([[0.0], ratio])[None, :], cap[:, None]), dtype=float
    )


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """Mean state of rows, each an option at a rate; arrays of shape (r,).

    Parameters
    ----------
    rate_rps, batch
        Rate of one replica and mean decodes.
    steps
        Steps at that batch.
    prefill_share
        Share of time rho in prefill steps, 0 to 1.
    prefill_gap_share
        Share of token gaps that end in a prefill step (chunked), or that a prompt delays.
    gap_s
        Mean time between two steps that give a request tokens, seconds.
    """

    rate_rps: Floats
    batch: Floats
    steps: BatchSteps
    prefill_share: Floats
    prefill_gap_share: Floats
    gap_s: Floats


def replica_state(
    step: StepModel,
    engine: EngineLimits,
    means: TrafficMeans,
    rate_rps: Floats,
    batch: Floats,
) -> ReplicaState:
    """Return the state of rows at `rate_rps` with `batch` decodes, each of shape (r,)."""
    steps = batch_steps(step, engine, means, batch)
    whole_s = steps.prefill_steps * steps.prefill_s
    saved_s = steps.saved_s
    rho = np.minimum(rate_rps * whole_s / (1.0 + rate_rps * saved_s), 1.0)
    prefill_rate = rate_rps * (steps.prefill_steps - rho * steps.spare_share)
    decode_rate = (1.0 - rho) / steps.decode_s
    gaps_per_s = np.where(engine.is_chunked, prefill_rate, 0.0) + decode_rate
    gap_s = 1.0 / np.maximum(gaps_per_s, _LEAST_GAPS_PER_S)
    # Little's law: the batch, averaged over levels of load, is more than that of the mean level.
    tokens_per_s = rate_rps * means.output_gaps
    by_batch_s = np.where(tokens_per_s > 0, batch, 0.0) / np.where(
        tokens_per_s > 0, tokens_per_s, 1
    )
    gap_s = np.maximum(gap_s, by_batch_s)
    share = np.minimum(prefill_rate * gap_s, 1.0)
    return ReplicaState(rate_rps, batch, steps, rho, share, gap_s)
