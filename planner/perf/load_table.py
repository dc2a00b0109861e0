"""Mean batch of a replica at a rate, and the highest rate that it can stand.

The balance of :mod:`planner.perf.open_loop` gives the rate of a batch of b decodes. It is
tabulated once per option over a fixed grid of b, and read backwards for any rate: no fixed-point
iteration, no dependence on a starting point. The highest stable rate is the largest of the table
with rho <= 1 and b within the batch limit, the least of ``max_num_seqs`` and the requests that the
cache holds on average; a cache that is full makes a replica compute part of the requests again
(:mod:`planner.perf.cache_places`). Beyond ``b = K G / (P + (g + 1) G)`` the prompts of those that
end no longer fit beside the decodes; there the rate has its peak, so that b is in the grid.

Arrivals fluctuate, and the batch follows them as far as it has time to: b is the mean over the
rate itself and two levels around it, whose distance is a share of the variation of the arrivals
during a residence. It is more than b of the mean rate, since b grows ever faster with the rate;
the mean gap of a request is ``b / (lam (O - 1))`` by Little's law.

Source: Little's law gives b and the KV cache that the running requests hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.bracket import smooth_zeros
from planner.perf.cache_places import batch_cap, recomputed_tokens
from planner.perf.kept import KEPT_RESULTS, kept_by_content
from planner.perf.open_loop import balance_rate_rps, batch_steps, prefill_share

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from planner.perf.moments import TrafficMeans
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel

_SMALLEST_BATCH = 1e-3
_LARGEST_BATCH = 16_384.0
_SHARE_TOLERANCE = 1e-5
"""Of the share of time with prompts at which a cache is full."""
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

    def take(self, rows: slice) -> Seats:
        """Return some of the rows, in their order."""
        return Seats(*(getattr(self, name)[rows] for name in self.__slots__))


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
        levels = self._levels_rps(options, rate_rps, steady, burstiness)
        batch = _LEVEL_WEIGHTS[0] * steady
        for level, weight in zip(levels, _LEVEL_WEIGHTS[1:], strict=True):
            batch += weight * self._steady_batch(options, level)
        return np.asarray(np.maximum(batch, steady), dtype=float)

    def gap_swing_at(
        self, options: NDArray[np.intp], rate_rps: Floats, burstiness: ArrayLike
    ) -> Floats:
        """Return ln of the mean gap over that of the mean rate, shape (r, 2).

        The first is for the rate one standard deviation of its slow fluctuation below the mean,
        the second for that above it. The mean gap is the batch over tokens/s (Little's law).

        Parameters
        ----------
        burstiness
            As of :meth:`batch_at`.
        """
        # Without load there is nothing to fluctuate: any rate will do.
        rate = np.where(rate_rps > 0, rate_rps, 1.0)
        tiny = np.finfo(float).tiny
        steady = np.maximum(self._steady_batch(options, rate), tiny)
        swings = [
            np.log(np.maximum(self._steady_batch(options, level), tiny) / steady * rate / level)
            / abs(z)
            for level, z in zip(
                self._levels_rps(options, rate, steady, burstiness), _LEVELS, strict=True
            )
        ]
        return np.where(rate_rps[:, None] > 0, np.stack(swings, axis=1), 0.0)

    def _levels_rps(
        self,
        options: NDArray[np.intp],
        rate_rps: Floats,
        steady: Floats,
        burstiness: ArrayLike,
    ) -> list[Floats]:
        """Return the rates of the slow fluctuation below and above `rate_rps`, each shape (r,)."""
        counted = np.maximum(steady, _LEAST_ARRIVALS)
        spread = np.minimum(_FLUCTUATION * np.sqrt(burstiness / counted), _MAX_FLUCTUATION)
        highest = (rate_rps + self.rate_rps[options, -1]) / 2
        return [np.minimum(rate_rps * (1.0 + spread * z), highest) for z in _LEVELS]

    def _steady_batch(self, options: NDArray[np.intp], rate_rps: Floats) -> Floats:
        upper = np.clip(self._places(options, rate_rps), 1, self.rate_rps.shape[1] - 1)
        low, high = self.rate_rps[options, upper - 1], self.rate_rps[options, upper]
        # Equal neighbours are a rate that no longer rises: the share is cut to 0 or 1 below.
        share = (rate_rps - low) / np.maximum(high - low, np.maximum(high, 1.0) * _ROUNDING)
        start, end = self.batch[options, upper - 1], self.batch[options, upper]
        return np.asarray(start + np.clip(share, 0.0, 1.0) * (end - start), dtype=float)

    def _places(self, options: NDArray[np.intp], rate_rps: Floats) -> NDArray[np.intp]:
        """Return how many rates of the table are at most `rate_rps`, shape (r,)."""
        # Counting them all is quicker than halving, which takes many small steps.
        reached = self.rate_rps[options] <= rate_rps[:, None]
        return np.asarray(np.count_nonzero(reached, axis=1), dtype=np.intp)


@kept_by_content(KEPT_RESULTS)
def load_table(
    step: StepModel, engine: EngineLimits, means: TrafficMeans, kv_capacity_tokens: Floats
) -> LoadTable:
    """Return the rate over batch size of every option.

    Parameters
    ----------
    kv_capacity_tokens
        Tokens the cache of a replica holds, shape (n,), >= 0.
    """
    cap, full_rps = _full_cache(step, engine, means, kv_capacity_tokens)
    by_cache = cap < engine.max_num_seqs
    most = _most_decodes(step, engine, means)
    grid = batch_grid(cap, most)
    steps = batch_steps(step, engine, means, grid)
    rate = balance_rate_rps(steps, engine.is_chunked[:, None], grid, means.output_gaps)
    # Beyond the peak more decodes leave no room for prompts; no replica stays there.
    rate = np.maximum.accumulate(np.where(grid > 0, rate, 0.0), axis=1)
    below_cap = np.where(grid < cap[:, None], rate, 0.0).max(axis=1)
    binds = (rate[:, -1] > below_cap) & (cap < most)
    most_rps = np.where(binds & by_cache, full_rps, np.inf)
    return LoadTable(grid, np.minimum(rate, most_rps[:, None]), cap, binds, by_cache)


def _full_cache(
    step: StepModel, engine: EngineLimits, means: TrafficMeans, kv_capacity_tokens: Floats
) -> tuple[Floats, Floats]:
    """Return the decodes of a full cache, and the rate at which it is left, shape (n,)."""

    def at(share: Floats) -> tuple[Floats, Floats, Floats]:
        cap = batch_cap(engine, means, kv_capacity_tokens, share)
        work = 1.0 + recomputed_tokens(means, share) / means.prefill_tokens
        steps = batch_steps(step, engine, means, cap, work)
        rate = balance_rate_rps(steps, engine.is_chunked, cap, means.output_gaps)
        return cap, rate, prefill_share(steps, rate)

    # More time with prompts leaves room for fewer decodes and has fewer of them computed again,
    # so that less time goes to prompts: there is one share that agrees.
    low, high = np.zeros(step.options), np.ones(step.options)
    share = smooth_zeros(lambda share: share - at(share)[2], low, high, _SHARE_TOLERANCE)
    cap, rate, _ = at(share)
    return cap, rate


def _most_decodes(step: StepModel, engine: EngineLimits, means: TrafficMeans) -> Floats:
    """Return the decodes beyond which prompts cannot keep up, shape (n,)."""
    gaps = means.output_gaps
    most = engine.chunk_tokens * gaps / (means.prefill_tokens + step.decode_tokens * gaps)
    return np.asarray(np.where(engine.is_chunked, most, _LARGEST_BATCH), dtype=float)


def batch_grid(cap: Floats, further: Floats | None = None) -> Floats:
    """Return the mean batches of a table up to `cap` of shape (n,), shape (n, J), ascending.

    Parameters
    ----------
    cap
        Last batch of each option, which is exact and not a point of the grid.
    further
        A batch of each option that has to be among them as well, shape (n,).
    """
    points = np.geomspace(_SMALLEST_BATCH, _LARGEST_BATCH, _GRID_POINTS - 1)
    ratio = np.concatenate([[0.0], points])
    grid = np.minimum(ratio[None, :], cap[:, None])
    if further is None:
        return np.asarray(grid, dtype=float)
    own = np.minimum(further, cap)[:, None]
    return np.sort(np.concatenate([grid, own], axis=1), axis=1)
