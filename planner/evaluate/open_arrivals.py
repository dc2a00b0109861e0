"""Latencies of measured runs whose requests arrive at a rate, by the model that plans use.

Arrivals are taken as Poisson and lengths as fixed, which is what a row states. A rate beyond the
highest stable one has no steady state and no prediction (NaN).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from planner.options.model_run import SAMPLES, SEED
from planner.perf.latency import Rows, limited_latencies_s, paired_probe, sample_load
from planner.perf.load_table import load_table
from planner.perf.open_loop import replica_state
from planner.perf.traffic import LatencyLimit, TrafficClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.perf.latency import Load
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel
    from planner.perf.traffic import Metric

PERCENTILES = (None, 50.0, 90.0, 95.0, 99.0)
"""Statistics that are predicted; ``None`` is the mean."""
_METRICS: tuple[Metric, ...] = ("ttft", "tpot", "itl")
_NO_LIMIT_S = 1e9
_LIMITS = tuple(LatencyLimit(m, p, _NO_LIMIT_S) for m in _METRICS for p in PERCENTILES)
_BLOCK_ROWS = 64
"""Rows evaluated together: their samples stay in the processor cache."""

Statistic: TypeAlias = "tuple[Metric, float | None]"


def open_latencies_s(  # noqa: PLR0917
    step: StepModel,
    engine: EngineLimits,
    kv_capacity_tokens: Floats,
    isl_tokens: Floats,
    osl_tokens: Floats,
    rate_rps: Floats,
) -> dict[Statistic, Floats]:
    """Return the latencies of n replicas, each at its own rate, by metric and percentile, seconds.

    Parameters
    ----------
    step, engine
        Step times and engine settings of n options.
    kv_capacity_tokens
        Tokens the cache of a replica holds, shape (n,), >= 0.
    isl_tokens, osl_tokens
        Prompt and output tokens of every request, shape (n,), >= 1.
    rate_rps
        Rate of one replica, shape (n,), requests/s, > 0.
    """
    values = np.full((step.options, len(_LIMITS)), np.nan)
    lengths = np.stack([isl_tokens, osl_tokens], axis=1)
    for isl, osl in np.unique(lengths, axis=0).tolist():
        same = np.flatnonzero((isl_tokens == isl) & (osl_tokens == osl))
        for start in range(0, len(same), _BLOCK_ROWS):
            rows = same[start : start + _BLOCK_ROWS]
            part = step.take(rows), engine.take(rows), kv_capacity_tokens[rows], rate_rps[rows]
            values[rows] = _latencies_s(isl, osl, *part)
    return {(k.metric, k.percentile): values[:, i] for i, k in enumerate(_LIMITS)}


def _latencies_s(  # noqa: PLR0917
    isl: float,
    osl: float,
    step: StepModel,
    engine: EngineLimits,
    capacity: Floats,
    rate_rps: Floats,
) -> Floats:
    one = np.ones(1)
    traffic = TrafficClass("measured", isl * one, osl * one, one)
    load = sample_load(traffic, SAMPLES, SEED)
    probe = paired_probe(traffic, _LIMITS, load, SEED)
    found = np.full((step.options, len(_LIMITS)), np.nan)
    highest_rps = load_table(step, engine, load.means, capacity).saturation_rps
    rows: NDArray[np.intp] = np.flatnonzero(rate_rps < highest_rps)
    if not rows.size:
        return found
    served = replica_rows(step.take(rows), engine.take(rows), load, capacity[rows], rate_rps[rows])
    found[rows] = limited_latencies_s(served, load, (probe,))
    return found


def replica_rows(
    step: StepModel, engine: EngineLimits, load: Load, capacity: Floats, rate_rps: Floats
) -> Rows:
    """Return n single replicas, each at its own rate below the highest stable one.

    Parameters
    ----------
    load
        Requests that make the load.
    capacity
        Tokens the cache of a replica holds, shape (n,).
    rate_rps
        Shape (n,), requests/s.
    """
    table = load_table(step, engine, load.means, capacity)
    options = np.arange(step.options)
    batch = table.batch_at(options, rate_rps, load.means.interarrival_cv2)
    state = replica_state(step, engine, load.means, rate_rps, batch)
    alone_s = step.time_s(1.0, load.means.context_tokens, 0.0, 1.0)
    seats = table.seats_at(options, rate_rps)
    swing = table.gap_swing_at(options, rate_rps, load.means.interarrival_cv2)
    return Rows(step, engine, state, np.ones(step.options), alone_s, seats, swing=swing)
