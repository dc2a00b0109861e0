"""State of an instance that only decodes, and the gaps between its tokens.

With b requests in the batch every step takes t(b) and makes a token for each, so the mean gap is
t(b) and by Little's law::

    b = lam (O - 1) t(b)

The rate is tabulated over b and read backwards, as for replicas that prefill too
(:mod:`planner.perf.open_loop`). No step carries prompts, so what spreads the gaps is the batch
alone: over time it varies with ``f = c_a / sqrt(R lam residence)`` around its mean, and the steps
that tokens see are weighted by the requests in them, which shifts the mean by ``b f^2``. The q
quantile of all gaps is the step with ``b (1 + f^2 + z_q f)`` requests.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.cache_places import batch_cap
from planner.perf.load_table import LoadTable, batch_grid
from planner.perf.open_loop import UNBOUNDED_TOKENS, BatchSteps, ReplicaState

if TYPE_CHECKING:
    from planner.perf.moments import TrafficMeans
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel

_LEAST_GAPS = 1e-9
"""Outputs of one token never come to the decode instance: its rate has no bound."""
_MAX_FLUCTUATION = 0.8
"""Largest coefficient of variation of the batch: beyond it a normal factor turns negative."""
_LEAST_ARRIVALS = 0.5
"""Least expected arrivals during a residence, so that rare requests do not fluctuate for ever."""


def decode_step_s(step: StepModel, means: TrafficMeans, batch: Floats) -> Floats:
    """Return the time of a step of `batch` decodes, of shape (n,) or (n, k), seconds."""
    one = np.maximum(batch, 1.0)
    return step.time_s(one, one * means.context_tokens, 0.0, one)


def decode_table(
    step: StepModel, engine: EngineLimits, means: TrafficMeans, kv_capacity_tokens: Floats
) -> LoadTable:
    """Return the rate over batch size of instances that only decode.

    Parameters
    ----------
    kv_capacity_tokens
        Tokens the cache of an instance holds, shape (n,), >= 0.
    """
    cap = batch_cap(engine, means, kv_capacity_tokens)
    grid = batch_grid(cap)
    rate = grid / (max(means.output_gaps, _LEAST_GAPS) * decode_step_s(step, means, grid))
    rate = np.maximum.accumulate(rate, axis=1)
    always = np.ones(len(cap), dtype=bool)
    return LoadTable(grid, rate, cap, always, cap < engine.max_num_seqs)


def decode_state(
    step: StepModel, means: TrafficMeans, rate_rps: Floats, batch: Floats
) -> ReplicaState:
    """Return the state of rows at `rate_rps` with `batch` decodes, each of shape (r,)."""
    nothing, one = np.zeros_like(batch), np.ones_like(batch)
    decode_s = decode_step_s(step, means, batch)
    steps = BatchSteps(
        room_tokens=np.full_like(batch, UNBOUNDED_TOKENS),
        riding=nothing,
        prefill_steps=one,
        spare_share=nothing,
        decode_s=decode_s,
        prefill_s=decode_s,
        saved_s=nothing,
    )
    return ReplicaState(rate_rps, batch, steps, nothing, nothing, decode_s)


def decode_gap_quantile_s(
    step: StepModel,
    state: ReplicaState,
    means: TrafficMeans,
    replicas: Floats,
    quantile: float,
) -> Floats:
    """Return a quantile of all gaps between tokens, shape (r,), seconds.

    Parameters
    ----------
    step
        Options of the states, r of them.
    replicas
        Instances that share the load, shape (r,).
    quantile
        Between 0 and 1.
    """
    spread = _batch_fluctuation(state, means, replicas)
    away = 1.0 + spread**2 + NormalDist().inv_cdf(quantile) * spread
    return decode_step_s(step, means, state.batch * np.maximum(away, 0.0))


def _batch_fluctuation(state: ReplicaState, means: TrafficMeans, replicas: Floats) -> Floats:
    """Return the coefficient of variation of the batch over time, shape (r,)."""
    residence_s = state.gap_s * max(means.output_gaps, 1.0)
    arrivals = np.maximum(replicas * state.rate_rps * residence_s, _LEAST_ARRIVALS)
    return np.minimum(np.sqrt(means.interarrival_cv2 / arrivals), _MAX_FLUCTUATION)
