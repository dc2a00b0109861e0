"""Time of prompts in the engine: what each occupies, and when its first token appears.

With b decodes riding along and room for K - b prompt tokens, a prompt of P tokens and A attended
pairs takes ``full = floor(P / room)`` steps filled to the brim and one step with the rest::

    latency = full t(room) + t(rest)
    service = latency - rho (t(rest) - t(room) rest / room)      if there is a rest

While prompts queue, the next one fills the rest of the last step, so that the rest costs its part
of a full step; this happens in the share rho of time in which prompts are in service. What is
saved is at most the unused part of a decode-only step, or of the time in which a step is
launched. Pairs are spread
evenly over the tokens of a prompt. Engines with prefill priority run whole prompts alone.

With data-parallel attention a prompt has the room of its group, and nobody else fills its last
step; prompts of other groups share all its steps (:mod:`planner.perf.lockstep`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.lockstep import grouped_step_s, placed
from planner.perf.open_loop import UNBOUNDED_TOKENS

if TYPE_CHECKING:
    from planner.perf.lockstep import CommonSteps
    from planner.perf.open_loop import BatchSteps, ReplicaState
    from planner.perf.spec import Floats
    from planner.perf.step import StepModel

_LEAST_TOKENS = 1e-6


@dataclass(frozen=True, slots=True)
class PromptTimes:
    """Times of u distinct prompts at r states; arrays of shape (r, u) unless said.

    Parameters
    ----------
    service_s
        Time the prompt adds to those behind it, seconds.
    latency_s
        Time from the start of its prefill to its first token, seconds.
    full_steps
        Steps filled to the brim.
    full_step_s
        Time of one of those, seconds.
    rest_step_s
        Time of the step with the rest, seconds; 0 without a rest.
    free_tokens
        Prompt tokens for which the step with the rest has space left.
    free_s
        Time by which that step is longer when they are used, seconds.
    """

    service_s: Floats
    latency_s: Floats
    full_steps: Floats
    full_step_s: Floats
    rest_step_s: Floats
    free_tokens: Floats
    free_s: Floats

    def take(self, part: slice) -> PromptTimes:
        """Return those of some of the states, in their order."""
        return PromptTimes(*(getattr(self, name)[part] for name in self.__slots__))


def prompt_times(
    step: StepModel,
    state: ReplicaState,
    context_tokens: float,
    prompt_tokens: Floats,
    prompt_pairs: Floats,
) -> PromptTimes:
    """Return the times of prompts at every state.

    Parameters
    ----------
    step
        Options of the states, r of them.
    context_tokens
        Mean cached tokens of a decoding request.
    prompt_tokens, prompt_pairs
        Computed tokens and attended pairs, shape (u,), > 0.
    """
    times = _times_in_one_group(step, state, context_tokens, prompt_tokens, prompt_pairs)
    rows = np.flatnonzero(step.groups > 1)
    common = state.steps.common
    if common is None or not rows.size:
        return times
    own = _times_in_groups(
        step.take(rows),
        state.steps.take(rows),
        common.take(rows),
        context_tokens,
        prompt_tokens,
        prompt_pairs,
    )
    return PromptTimes(
        *(placed(getattr(times, n), rows, getattr(own, n)) for n in PromptTimes.__slots__)
    )


def _times_in_one_group(
    step: StepModel,
    state: ReplicaState,
    context_tokens: float,
    prompt_tokens: Floats,
    prompt_pairs: Floats,
) -> PromptTimes:
    room, riding = state.steps.room_tokens[:, None], state.steps.riding[:, None]
    pairs_per_token = prompt_pairs / prompt_tokens
    full = np.floor(prompt_tokens / room)
    rest = np.maximum(prompt_tokens - full * room, 0.0)
    cached = riding * context_tokens
    # One time per state: only the attended pairs of a full step depend on the prompt.
    bare_s = step.time_s(room + riding, cached, 0.0, riding)
    full_s = bare_s + step.pairs_s(room * pairs_per_token, room)
    rest_bare_s = step.time_s(rest + riding, cached, 0.0, riding)
    rest_s = np.where(rest > 0, rest_bare_s + step.pairs_s(rest * pairs_per_token, rest), 0.0)
    latency_s = full * full_s + rest_s
    part = rest / room
    least_s = np.maximum(state.steps.decode_s, step.launch_s)[:, None]
    most_s = np.where(rest > 0, (1.0 - part) * least_s, 0.0)
    saved_s = np.clip(rest_bare_s - part * bare_s, 0.0, most_s)
    # Prompts with priority run alone: their room is unbounded and there is nothing to share.
    saved_s *= np.where(room < UNBOUNDED_TOKENS, state.prefill_share[:, None], 0.0)
    shares = (rest > 0) & (room < UNBOUNDED_TOKENS)
    free_s = np.where(shares, np.maximum(bare_s - rest_bare_s, 0.0), 0.0)
    free = np.where(shares, room - rest, 0.0)
    return PromptTimes(latency_s - saved_s, latency_s, full, full_s, rest_s, free, free_s)


def _times_in_groups(  # noqa: PLR0917
    step: StepModel,
    steps: BatchSteps,
    common: CommonSteps,
    context_tokens: float,
    prompt_tokens: Floats,
    prompt_pairs: Floats,
) -> PromptTimes:
    """Return the times where prompts of several groups have steps in common."""
    riding, room = steps.riding[:, None], (steps.room_tokens / step.groups)[:, None]
    cached, per_token = riding * context_tokens, prompt_pairs / prompt_tokens
    full = np.floor(prompt_tokens / room)
    rest = np.maximum(prompt_tokens - full * room, 0.0)
    others, longest = common.other_tokens[:, None], common.fullest_tokens[:, None]
    some = common.some[:, None]

    def step_s(tokens: Floats) -> Floats:
        fullest = tokens + some * np.maximum(longest - tokens, 0.0)
        pairs = fullest * per_token
        return grouped_step_s(step, tokens + others, fullest, pairs, riding, cached)

    full_s = step_s(np.broadcast_to(room, full.shape))
    rest_s = np.where(rest > 0, step_s(np.maximum(rest, _LEAST_TOKENS)), 0.0)
    nothing = np.zeros_like(full)
    return PromptTimes(
        # A group takes all prompts that wait for it into its next step, as far as it has room.
        service_s=prompt_tokens / room * full_s,
        latency_s=full * full_s + rest_s,
        full_steps=full,
        full_step_s=full_s,
        rest_step_s=rest_s,
        free_tokens=nothing,
        free_s=nothing,
    )
