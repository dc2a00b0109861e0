"""Mean time between the tokens of a request (TPOT).

A request with G gaps (O - 1, or fewer where draft tokens are verified) meets prompts and a batch
that differ from the mean::

    gap  = (t_d + X (mean gap - t_d)) Y          TPOT = gap G / (O - 1)

X is the time that prompts take from the request over its mean. With phi the share of gaps that
carry prefill, prompts of n steps come in busy periods, of which a request meets
``m = phi G (1 - rho) / n`` on average. Their number is that of a Poisson process, so that none is
met with probability ``p = exp(-m)``; for long requests its variance over its mean turns into that
of the arrivals, ``c_a^2 / R`` behind a router that balances R replicas, and their sizes vary by
c_s (variance of a renewal-reward process)::

    var X = (1 + (c_a^2 / R - 1) (1 - p) + c_s^2) / m          X given X > 0: gamma

Y is the slow fluctuation of the load while the request runs, longer busy periods included: the gap
of the rate that is z standard deviations off its mean (:mod:`planner.perf.load_table`), over that
of the mean rate, with z standard normal. Both have mean 1. A gap is never below the step time of a
request that is alone.

Source: Smith (1955) for renewal-reward processes.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.draws import gamma_quantiles, given_any
from planner.perf.open_loop import idle_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.perf.moments import TrafficMeans
    from planner.perf.open_loop import ReplicaState
    from planner.perf.spec import Floats
    from planner.perf.traffic import RequestSample

_LEAST_MET = 1e-6
"""Busy periods met without any load: keeps quotients finite."""
_KEPT_ORDERS = 16
"""Classes of a few pools; a sample has some hundred kilobytes."""
_NORMALS = np.linspace(-5.0, 5.0, 2049)
_PROBABILITIES = np.array([NormalDist().cdf(z) for z in _NORMALS.tolist()])


def tpot_samples_s(
    state: ReplicaState,
    means: TrafficMeans,
    sample: RequestSample,
    *,
    burstiness: Floats,
    swing: Floats | None,
    alone_s: Floats,
) -> Floats:
    """Return the TPOT of N requests at every state, shape (r, N), seconds.

    Parameters
    ----------
    means
        Moments of the traffic that makes the load.
    sample
        Requests whose TPOT is asked for.
    burstiness
        Squared coefficient of variation of the intervals over the replicas that share the
        arrivals, shape (r,), >= 0.
    swing
        ln of the gap over that of the mean rate, for a standard deviation below and above it,
        shape (r, 2) (:meth:`planner.perf.load_table.LoadTable.gap_swing_at`); ``None`` for a load
        that never fluctuates.
    alone_s
        Step time of a single decoding request, shape (r,), seconds.
    """
    decode_s = state.steps.decode_s[:, None]
    gap_s = _prompts_met(state, means, sample, burstiness)
    gap_s *= np.maximum(state.gap_s[:, None] - decode_s, 0.0)
    gap_s += decode_s
    if swing is not None:
        z = sample.batch_normal
        gap_s *= _of_mean_one(np.exp(np.where(z < 0, -swing[:, :1], swing[:, 1:]) * z))
    np.maximum(gap_s, alone_s[:, None], out=gap_s)
    return gap_s if sample.gap_share is None else gap_s * sample.gap_share


def _prompts_met(
    state: ReplicaState, means: TrafficMeans, sample: RequestSample, burstiness: Floats
) -> Floats:
    """Return the time that prompts take from every request over its mean, shape (r, N)."""
    met_per_gap = state.prefill_gap_share * idle_share(state.prefill_share)
    met_per_gap /= state.steps.prefill_steps
    gaps = np.maximum(sample.output_gaps, 1.0)
    met = np.maximum(met_per_gap[:, None] * gaps, _LEAST_MET)
    none, some = np.exp(-met), -np.expm1(-met)
    varied = 1.0 + (burstiness[:, None] - 1.0) * some + means.prefill_cv2
    mean, cv2 = given_any(1.0, varied / met, some)

    near, back = _neighbours(sample)
    output = sample.output[near]

    def of_requests(values: Floats) -> Floats:
        return np.take(values, output, axis=1, mode="clip")

    chance = (sample.prefill_uniform[near] - of_requests(none)) / of_requests(some)
    relative = gamma_quantiles(of_requests(cv2), np.interp(chance, _PROBABILITIES, _NORMALS))
    met_time = np.where(chance > 0, of_requests(mean) * relative, 0.0)
    return _of_mean_one(np.take(met_time, back, axis=1, mode="clip"))


@lru_cache(maxsize=_KEPT_ORDERS)
def _neighbours(sample: RequestSample) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the order in which requests of one output follow each other, and the way back.

    A table is looked up several times as fast where one place is next to the one before.
    """
    near = np.lexsort((sample.prefill_uniform, sample.output))
    back = np.empty_like(near)
    back[near] = np.arange(len(near))
    return near, back


def _of_mean_one(values: Floats) -> Floats:
    mean = values.mean(axis=1, keepdims=True)
    # Without load none of the requests of a sample meets any prompt.
    return np.asarray(values / np.where(mean > 0, mean, 1.0), dtype=float)
