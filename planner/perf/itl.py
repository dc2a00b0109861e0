"""Every gap between two tokens (ITL): a mixture of kinds, weighted by how many pass per second.

*Chunked.* A step without prompts, a step filled to the brim, and one with the rest of a prompt.
While prompts queue (the share rho of time) the next ones join a rest, so that steps with j more
prompts have shares ``(1 - rho) rho^j`` until they are full, and fewer steps carry a rest.

*Prefill priority.* A step in which prompts arrive is followed by all of them, and by those that
come meanwhile: the first prompt i takes S_i, nu others come on average, and each brings a busy
period of mean ``S / (1 - lam S)`` and second moment ``E S^2 / (1 - lam S)^3``. Their sum over a
Poisson number of them is taken as gamma of its moments, given that there are any.

Source: moments of the busy period of M/G/1 (Takacs, 1962).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.draws import gamma_quantiles, given_any
from planner.perf.open_loop import idle_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.perf.open_loop import ReplicaState
    from planner.perf.prefill import PromptTimes
    from planner.perf.spec import Floats

_LEAST_FURTHER = 1e-6
_MOST_JOINING = 5
"""Prompts beyond which a step is taken to be as full as it gets."""
_SLICE_COUNT = 12
_SLICES = np.array([NormalDist().inv_cdf((i + 0.5) / _SLICE_COUNT) for i in range(_SLICE_COUNT)])
"""Normal quantiles of the slices that stand for a distribution of stalls."""


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
    decode_s, chunked = state.steps.decode_s[:, None], is_chunked[:, None]
    prompts_per_s = state.rate_rps[:, None] * prompt_share
    decodes_per_s = (1.0 - state.prefill_share[:, None]) / decode_s
    kinds = _shared_steps(state, times, prompts_per_s, prompt_share)
    values, weights = [decode_s, kinds[0]], [decodes_per_s, np.where(chunked, kinds[1], 0.0)]
    if not is_chunked.all():
        rate_rps = state.rate_rps[:, None]
        stalls_s, shares = _stalls(state, times.latency_s, prompt_share)
        stalled_per_s = np.where(chunked, 0.0, -decodes_per_s * np.expm1(-rate_rps * decode_s))
        values.append(decode_s + stalls_s)
        weights[0] = decodes_per_s - stalled_per_s
        weights.append(stalled_per_s * shares)
    return np.concatenate(values, axis=1), np.concatenate(weights, axis=1)


def _shared_steps(
    state: ReplicaState, times: PromptTimes, prompts_per_s: Floats, prompt_share: Floats
) -> tuple[Floats, Floats]:
    """Return the times of steps that carry prompts, and how many pass per second, (r, m)."""
    queued, common = state.prefill_share[:, None], state.steps.common
    if common is not None:
        # Prompts of several groups share whole steps, those of one group the rest of a step.
        several = common.prompts[:, None] > 1.0
        queued = np.where(several, 0.0, queued)
        prompts_per_s = prompts_per_s / common.prompts[:, None]
    rests_per_s = prompts_per_s * (times.rest_step_s > 0) * (1.0 - queued)
    free = np.maximum(times.free_tokens, 1.0)
    room = np.where(times.free_tokens > 0, state.steps.room_tokens[:, None], 0.0)
    tokens = times.full_steps * room + np.maximum(room - times.free_tokens, 0.0)
    joining = (tokens @ prompt_share)[:, None]
    values, weights = [times.full_step_s], [prompts_per_s * times.full_steps]
    for more in range(_MOST_JOINING + 1):
        filled = np.minimum(more * joining / free, 1.0)
        values.append(times.rest_step_s + filled * times.free_s)
        last = 1.0 if more == _MOST_JOINING else 1.0 - queued
        weights.append(rests_per_s * queued**more * last)
    return np.concatenate(values, axis=1), np.concatenate(weights, axis=1)


def _stalls(state: ReplicaState, prompt_s: Floats, prompt_share: Floats) -> tuple[Floats, Floats]:
    """Return what prompts add to a step that some arrive in, and the shares, of shape (r, m).

    Parameters
    ----------
    prompt_s
        Times of the u distinct prompts, shape (r, u), seconds.
    prompt_share
        Share of requests with each, shape (u,), sum 1.
    """
    rate_rps = state.rate_rps[:, None]
    mean_s = (prompt_s @ prompt_share)[:, None]
    square_s2 = (prompt_s**2 @ prompt_share)[:, None]
    idle = idle_share(rate_rps * mean_s)
    arrived = np.maximum(rate_rps * state.steps.decode_s[:, None], _LEAST_FURTHER)
    with_first = arrived / -np.expm1(-arrived)
    further = np.maximum(with_first - 1.0 + rate_rps * prompt_s, _LEAST_FURTHER)
    common = state.steps.common
    if common is not None:
        # What comes in a step of several groups makes one further step, however much it is.
        several = common.prompts[:, None] > 1.0
        idle = np.where(several, np.exp(-rate_rps * mean_s), idle)
        one = np.maximum(-np.expm1(-rate_rps * prompt_s), _LEAST_FURTHER)
        further = np.where(several, one, further)
    some = -np.expm1(-further)
    mean, cv2 = given_any(further * mean_s / idle, further * square_s2 / idle**3, some)
    others = mean[:, :, None] * gamma_quantiles(cv2[:, :, None], _SLICES)
    longer = (prompt_s[:, :, None] + others).reshape(len(mean), -1)
    each = np.repeat(some * prompt_share / len(_SLICES), len(_SLICES), axis=1)
    values = np.concatenate([prompt_s, longer], axis=1)
    return values, np.concatenate([(1.0 - some) * prompt_share, each], axis=1)
