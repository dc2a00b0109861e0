"""A batch of equal requests that start together and run to the last token.

With B prompts of I tokens, outputs of O tokens and steps of at most K new tokens::

    prefill = ceil(B I / K) steps, the last one with the rest
    E2E     = prefill + sum over j = 1 .. O - 1 of t(B decodes, B (I + j) cached)

The sum is taken with the context at the middle, exact where a step grows linearly with its cached
tokens. Requests are handed to the engine directly, so the time outside it is not part of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from planner.perf.closed_loop import LoopParameters
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel


@dataclass(frozen=True, slots=True)
class StaticBatch:
    """Times of n options; arrays of shape (n,).

    Parameters
    ----------
    e2e_s, ttft_s
        Time to the last and to the first token of the batch, seconds.
    output_tokens_per_s, total_tokens_per_s
        Output tokens, and prompt and output tokens, of the whole replica per second.
    """

    e2e_s: Floats
    ttft_s: Floats
    output_tokens_per_s: Floats
    total_tokens_per_s: Floats


def static_batch(  # noqa: PLR0917
    step: StepModel,
    engine: EngineLimits,
    params: LoopParameters,
    isl_tokens: ArrayLike,
    osl_tokens: ArrayLike,
    batch: ArrayLike,
) -> StaticBatch:
    """Return the times of one batch on every option.

    Parameters
    ----------
    step, engine
        Step times and engine settings of n options.
    params
        Parameters of offline runs.
    isl_tokens, osl_tokens, batch
        Prompt and output tokens of a request, and requests, scalar or (n,), >= 1.
    """
    del params
    isl, osl, size = (
        np.broadcast_to(np.asarray(a, dtype=float), (step.options,))
        for a in (isl_tokens, osl_tokens, batch)
    )
    tokens = isl * size
    steps = np.maximum(tokens / engine.chunk_tokens, 1.0)
    pairs = size * isl * isl / 2
    ttft_s = steps * step.time_s(tokens / steps, 0.0, pairs / steps, size / steps)
    gaps = np.maximum(osl - 1.0, 0.0)
    e2e_s = ttft_s + gaps * step.time_s(size, size * (isl + osl / 2), 0.0, size)
    return StaticBatch(
        e2e_s=e2e_s,
        ttft_s=ttft_s,
        output_tokens_per_s=size * osl / e2e_s,
        total_tokens_per_s=size * (isl + osl) / e2e_s,
    )
