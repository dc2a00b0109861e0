"""Time between tokens: mean per request (TPOT) and every gap (ITL).

A gap is a decode-only step, or one that carries prefill. A request with G gaps (O - 1, or fewer
where draft tokens are verified) sees the share f of prefill gaps, with mean phi; prompts come in
clusters of correlated steps, so f has the variance of ``G / cluster`` independent draws::

    var f   = phi (1 - phi) min(1, cluster / G)
    cluster = n (1 + c_s^2) c_a^2 / (1 - rho)          steps of a busy period of prompts
    gap     = (t_d + f (mean gap - t_d) / phi) (1 + slope z)
    TPOT    = gap G / (O - 1)

f is logit-normal with the mean and variance of the log-odds of the Beta distribution of that mean
and variance (digamma and trigamma), rescaled to mean phi. The last factor is the slow fluctuation
of the batch while the request runs: z is standard normal and ``slope`` the elasticity of the step
time to the batch times ``c_a / sqrt(R lam residence)``, as R replicas with balanced routing share
their fluctuation. A gap is never below the step time of a request that is alone.

ITL percentiles are those of the mixture of decode-only, full and partial prefill steps, weighted
by how many gaps of each kind pass per second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.perf.open_loop import ReplicaState
    from planner.perf.prefill import PromptTimes
    from planner.perf.spec import Floats
    from planner.perf.traffic import RequestSample, TrafficMeans

_MAX_CLUSTER_UTILIZATION = 0.9
"""Busy periods grow without bound near saturation, a request's share of them does not."""
_MAX_FLUCTUATION = 0.8
"""Largest coefficient of variation of the batch: beyond it a normal factor turns negative."""
_LEAST_ARRIVALS = 0.5
"""Least expected arrivals during a residence, so that rare requests do not fluctuate for ever."""
_VARIANCE_ROOM = 0.98
"""A Beta distribution needs a variance below phi (1 - phi)."""
_LEAST_SHARE = 1e-4
_LEAST_BETA = 1e-3
_LEAST_CORRELATION = 1e-6
"""Clockwork arrivals spread prefill evenly: the share of a request is then its mean."""
_LARGEST_LOG_ODDS = 200.0
_DIGAMMA_SHIFT = 6
_PARTIAL_BATCH = 2


def digamma_trigamma(x: Floats) -> tuple[Floats, Floats]:
    """Return the first and second derivative of ln Gamma at `x` > 0, to 1e-6.

    Recurrence to x + 6, then the asymptotic series (Abramowitz and Stegun 6.3.18, 6.4.12).
    """
    first, second = np.zeros_like(x), np.zeros_like(x)
    for shift in range(_DIGAMMA_SHIFT):
        inverse = 1.0 / (x + shift)
        first -= inverse
        second += inverse * inverse
    inverse = 1.0 / (x + _DIGAMMA_SHIFT)
    square = inverse * inverse
    first -= np.log(inverse) + inverse / 2 + square * (1 / 12 - square * (1 / 120 - square / 252))
    tail = 1 / 6 - square * (1 / 30 - square / 42)
    return first, second + inverse * (1 + inverse / 2 + square * tail)


def tpot_samples_s(
    state: ReplicaState,
    means: TrafficMeans,
    sample: RequestSample,
    *,
    replicas: Floats,
    alone_s: Floats,
) -> Floats:
    """Return the TPOT of N requests at every state, shape (r, N), seconds.

    Parameters
    ----------
    means
        Moments of the traffic that makes the load.
    sample
        Requests whose TPOT is asked for.
    replicas
        Replicas that share the queue, shape (r,).
    alone_s
        Step time of a single decoding request, shape (r,), seconds.
    """
    phi = np.clip(state.prefill_gap_share, _LEAST_SHARE, 1.0 - _LEAST_SHARE)[:, None]
    gap_s = _prefill_share_samples(state, means, phi, sample)
    decode_s = state.steps.decode_s[:, None]
    gap_s *= np.maximum(state.gap_s[:, None] - decode_s, 0.0) / phi
    gap_s += decode_s
    fluctuation = batch_fluctuation(state, means, replicas)
    elasticity = np.maximum(1.0 - alone_s / state.steps.decode_s, 0.0)
    gap_s *= 1.0 + (elasticity * fluctuation)[:, None] * sample.batch_normal
    np.maximum(gap_s, alone_s[:, None], out=gap_s)
    return gap_s if sample.gap_share is None else gap_s * sample.gap_share


def batch_fluctuation(state: ReplicaState, means: TrafficMeans, replicas: Floats) -> Floats:
    """Return the coefficient of variation of the batch over time, shape (r,)."""
    residence_s = state.gap_s * max(means.output_gaps, 1.0)
    arrivals = np.maximum(replicas * state.rate_rps * residence_s, _LEAST_ARRIVALS)
    return np.minimum(np.sqrt(means.interarrival_cv2 / arrivals), _MAX_FLUCTUATION)


def _prefill_share_samples(
    state: ReplicaState, means: TrafficMeans, phi: Floats, sample: RequestSample
) -> Floats:
    busy = 1.0 - np.minimum(state.prefill_share, _MAX_CLUSTER_UTILIZATION)
    cluster = state.steps.prefill_steps * (1.0 + means.prefill_cv2) / busy
    cluster *= means.interarrival_cv2
    gaps = np.maximum(sample.output_gaps, 1.0)
    correlation = np.clip(cluster[:, None] / gaps, _LEAST_CORRELATION, 1.0) * _VARIANCE_ROOM
    precision = 1.0 / correlation - 1.0
    alpha_mean, alpha_var = digamma_trigamma(np.maximum(phi * precision, _LEAST_BETA))
    beta_mean, beta_var = digamma_trigamma(np.maximum((1.0 - phi) * precision, _LEAST_BETA))
    center, width = alpha_mean - beta_mean, np.sqrt(alpha_var + beta_var)
    odds = np.take(width, sample.output, axis=1)
    odds *= sample.prefill_normal
    odds += np.take(center, sample.output, axis=1)
    # Beyond the bound the share is 0 or 1 to machine precision.
    np.clip(odds, -_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS, out=odds)
    np.exp(np.negative(odds, out=odds), out=odds)
    odds += 1.0
    share = np.divide(1.0, odds, out=odds)
    share *= phi / share.mean(axis=1, keepdims=True)
    return np.asarray(np.minimum(share, 1.0, out=share), dtype=float)


def itl_mixture_s(
    state: ReplicaState,
    times: PromptTimes,
    is_chunked: NDArray[np.bool_],
    prompt_share: Floats,
) -> tuple[Floats, Floats]:
    """Return all gaps between tokens and how many pass per second, each of shape (r, m).

    Parameters
    ----------
    times
        Times of the u distinct prompts of the traffic that makes the load.
    is_chunked
        Whether prompts share steps with decodes, shape (r,).
    prompt_share
        Share of requests with each distinct prompt, shape (u,), sum 1.
    """
    decode_s = state.steps.decode_s[:, None]
    per_s = state.rate_rps[:, None] * prompt_share
    chunked, decode_per_s = is_chunked[:, None], (1.0 - state.prefill_share[:, None]) / decode_s
    # With prefill priority a gap is stretched by the prompts that were admitted in between.
    stalled = np.minimum(state.prefill_share[:, None], _MAX_CLUSTER_UTILIZATION)
    first_s = np.where(chunked, times.full_step_s, decode_s + times.latency_s)
    second_s = np.where(chunked, times.rest_step_s, decode_s + _PARTIAL_BATCH * times.latency_s)
    first_per_s = per_s * np.where(chunked, times.full_steps, 1.0 - stalled)
    second_per_s = per_s * np.where(chunked, times.rest_step_s > 0, stalled / _PARTIAL_BATCH)
    plain_per_s = np.where(
        chunked, decode_per_s, np.maximum(decode_per_s - state.rate_rps[:, None], 0.0)
    )
    values = np.concatenate([decode_s, first_s, second_s], axis=1)
    weights = np.concatenate([plain_per_s, first_per_s, second_per_s], axis=1)
    return values, weights


def weighted_quantile(values: Floats, weights: Floats, quantile: float) -> Floats:
    """Return the smallest value with `quantile` (0 to 1) of the weight of its row, shape (r,)."""
    order = np.argsort(values, axis=1, kind="stable")
    cumulative = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    below = (cumulative < quantile * cumulative[:, -1:]).sum(axis=1)
    position = np.minimum(below, values.shape[1] - 1)
    column = order[np.arange(len(values)), position]
    return np.asarray(values[np.arange(len(values)), column], dtype=float)
