"""A batch of equal requests that start together and run to the last token.

With B prompts of I tokens, outputs of O tokens and steps of at most K new tokens::

    prefill = ceil(B I / K) steps, the last one with the rest
    E2E     = (prefill + sum over j = 1 .. O - 1 of t(B decodes, B (I + j) cached)) / static

The mean over j is taken at the middles of eight equal parts, which is exact where a step grows
linearly with its cached tokens. Requests are handed to the engine directly, so the time outside it
is not part of it. Published batches were run by scripts and engines of their time; ``static`` is
the share of the modelled speed that those reached.
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

_PARTS = 8
"""Parts of the output whose middles stand for its growing context."""


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


def static_batch(  # noqa: PLR0917 - an interface that was agreed on
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
    isl, osl, size = map(step.per_option, (isl_tokens, osl_tokens, batch))
    share = np.asarray(params.static, dtype=float)
    ttft_s = _prefill_s(step, engine, isl, size) / share
    middles = (np.arange(_PARTS) + 0.5) / _PARTS
    context = isl[:, None] + osl[:, None] * middles
    decode_s = step.time_s(size, size[:, None] * context, 0.0, size).mean(axis=1) / share
    e2e_s = ttft_s + np.maximum(osl - 1.0, 0.0) * decode_s
    return StaticBatch(
        e2e_s=e2e_s,
        ttft_s=ttft_s,
        output_tokens_per_s=size * osl / e2e_s,
        total_tokens_per_s=size * (isl + osl) / e2e_s,
    )


def _prefill_s(step: StepModel, engine: EngineLimits, isl: Floats, size: Floats) -> Floats:
    tokens, pairs = isl * size, isl * isl * size / 2
    chunk = engine.chunk_tokens
    full = np.floor(tokens / chunk)
    rest = tokens - full * chunk
    per_token, requests = pairs / tokens, size / np.maximum(tokens / chunk, 1.0)
    full_s = step.time_s(chunk, 0.0, chunk * per_token, np.minimum(requests, chunk - 1.0))
    rest_s = step.time_s(
        rest, 0.0, rest * per_token, np.minimum(size, np.maximum(rest - 1.0, 0.0))
    )
    return np.asarray(full * full_s + np.where(rest > 0, rest_s, 0.0), dtype=float)
