"""Speculative decoding: a draft proposes tokens and the model verifies them in one step.

With g draft tokens of which each is accepted with probability a when all before it were, a step
makes one token more than it accepts::

    s   = (1 - a^(g+1)) / (1 - a)          tokens of a step, from 1 to g + 1
    var = sum over k = 1 .. g of (2 k + 1) a^k + 1 - s^2

A measured mean acceptance length is s itself, and then the a that belongs to it gives the
variance. b decoding requests verify ``b (g + 1)`` tokens in a step and read their caches once.
The draft runs g times per step: the first pass takes in all new tokens of the step, so that its
own cache is complete (prompts too), the others one token per request. A pass costs what a step of
the draft costs (:mod:`planner.perf.step`), its fixed time included; drafts that are looked up in
the text of the request cost the host as much as scheduling it once more.

Sources: Leviathan et al. (2023, arXiv 2211.17192) for s; DeepSeek-V3 technical report (arXiv
2412.19437) and EAGLE-3 (arXiv 2503.01840) for layers that draft.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.perf import arch as shape
from planner.perf.work import FLOP_PER_WEIGHT, step_work

if TYPE_CHECKING:
    from planner.perf.arch import Architecture
    from planner.perf.spec import Floats, NumberFormat, ReplicaSpec
    from planner.perf.step import StepModel
    from planner.perf.work import StepWork

_BISECTIONS = 60


@dataclass(frozen=True, slots=True)
class Draft:
    """What proposes tokens, on the same devices as the model that verifies them.

    Parameters
    ----------
    tokens
        Tokens proposed per step and request, g >= 1.
    architecture
        Shape of what runs g times per step; ``None`` when drafts are looked up in the text.
    number_format
        Bytes per number of the draft; ``None`` means that of the model.
    own_vocabulary
        Whether the draft stores an embedding and an output head of its own (a model of its own);
        layers that draft use those of the model.
    params
        Parameters that a pass reads, > 0, where they are stated; ``None`` counts them.

    Raises
    ------
    ValueError
        When `tokens` or `params` is outside its range.
    """

    tokens: int
    architecture: Architecture | None = None
    number_format: NumberFormat | None = None
    own_vocabulary: bool = False
    params: float | None = None

    def __post_init__(self) -> None:
        if self.tokens < 1:
            msg = f"tokens is {self.tokens}; accepted: 1 or more"
            raise ValueError(msg)
        if self.params is not None and self.params <= 0:
            msg = f"params is {self.params}; accepted: above 0"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class DraftSteps:
    """How n options draft.

    Parameters
    ----------
    tokens
        Draft tokens g per decode, shape (n,), >= 0; 0 where nothing is drafted.
    passes
        Steps of one pass of each draft; no time where nothing runs.
    """

    tokens: Floats
    passes: StepModel

    def tokens_of(self, ndim: int) -> Floats:
        """Return the draft tokens with trailing axes, `ndim` dimensions in all."""
        return self.tokens.reshape(self.tokens.shape + (1,) * (ndim - 1))

    def time_s(self, tokens: Floats, cached: Floats, pairs: Floats, batch: Floats) -> Floats:
        """Return the time of the drafts of a step, seconds.

        The arguments are those of :meth:`planner.perf.step.StepModel.time_s`, all with the same
        number of dimensions.
        """
        more, drafting = self.tokens_of(batch.ndim), np.maximum(batch, 1.0)
        first_s = self.passes.time_s(tokens + batch * more, cached, pairs, drafting)
        following_s = self.passes.time_s(drafting, cached, 0.0, drafting)
        return np.asarray(first_s + np.maximum(more - 1.0, 0.0) * following_s, dtype=float)


def expected_tokens(acceptance: float, draft_tokens: int) -> float:
    """Return the mean tokens of a step, 1 to g + 1.

    Parameters
    ----------
    acceptance
        Probability that a draft token is accepted when all before it were, 0 to 1.
    draft_tokens
        Draft tokens g, >= 0.

    Raises
    ------
    ValueError
        When an argument is outside its range.
    """
    if not 0 <= acceptance <= 1 or draft_tokens < 0:
        msg = f"acceptance {acceptance} of {draft_tokens} tokens; accepted: 0 to 1 of 0 or more"
        raise ValueError(msg)
    return sum(acceptance**k for k in range(draft_tokens + 1))


def acceptance_of(tokens_per_step: float, draft_tokens: int) -> float:
    """Return the acceptance that gives a mean of `tokens_per_step` tokens, 0 to 1.

    Raises
    ------
    ValueError
        When no acceptance gives it: below 1 or above g + 1.
    """
    if not 1 <= tokens_per_step <= draft_tokens + 1:
        msg = f"tokens_per_step is {tokens_per_step}; accepted: 1 to {draft_tokens + 1}"
        raise ValueError(msg)
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if expected_tokens(middle, draft_tokens) < tokens_per_step:
            low = middle
        else:
            high = middle
    return high if draft_tokens else 0.0


def tokens_cv(tokens_per_step: float, draft_tokens: int) -> float:
    """Return the coefficient of variation of the tokens of a step.

    Raises
    ------
    ValueError
        As :func:`acceptance_of`.
    """
    a = acceptance_of(tokens_per_step, draft_tokens)
    square = 1.0 + sum((2 * k + 1) * a**k for k in range(1, draft_tokens + 1))
    return float(max(square - tokens_per_step**2, 0.0) ** 0.5 / tokens_per_step)


def draft_spec(spec: ReplicaSpec, architecture: Architecture) -> ReplicaSpec:
    """Return the draft of `spec` as a replica of its own on the same devices.

    A draft in a number format of its own multiplies in 16 bits. The host has no further requests
    to schedule, and launches its kernels with those of the model.
    """
    own = None if spec.draft is None else spec.draft.number_format
    peak = spec.device.peak_flops if own is None else spec.device.peak_attention_flops
    return replace(
        spec,
        architecture=architecture,
        number_format=own or spec.number_format,
        device=replace(spec.device, peak_flops=peak),
        parameters=replace(spec.parameters, c_req_s=0.0, c_launch_s=0.0),
        draft=None,
    )


def draft_work(spec: ReplicaSpec, params: float | None) -> StepWork:
    """Return the work of one device in one pass of a draft.

    Parameters
    ----------
    spec
        As :func:`draft_spec` returns it.
    params
        Parameters that a pass reads, where they are stated.
    """
    work = step_work(spec)
    if params is None:
        return work
    shares = spec.tensor_parallel * spec.lanes
    # The head works on drafting requests only, but which part of `params` it is nobody states.
    return replace(
        work,
        dense_read_bytes=params * spec.number_format.weight_bytes / spec.tensor_parallel,
        dense_flop_per_token=FLOP_PER_WEIGHT * params / shares,
        head_flop_per_request=0.0,
    )


def draft_bytes(spec: ReplicaSpec) -> tuple[float, float]:
    """Return what the draft of `spec` takes: weights per device, and cache per token, bytes.

    The cache is that of a token over all ranks of a replica.
    """
    draft = spec.draft
    if draft is None or draft.architecture is None:
        return 0.0, 0.0
    arch, own = draft.architecture, draft_spec(spec, draft.architecture)
    fmt, ranks = own.number_format, spec.tensor_parallel
    routed = shape.routed_params(arch)
    if draft.params is not None:
        dense = draft.params * fmt.weight_bytes
    elif draft.own_vocabulary:
        dense = shape.dense_weight_bytes(arch, fmt.weight_bytes)
    else:
        dense = shape.body_params(arch) * fmt.weight_bytes
    weight = dense / (ranks * spec.pipeline_parallel)
    weight += routed * fmt.expert_weight_bytes / spec.devices
    return weight, shape.kv_bytes_per_token(arch, fmt.kv_bytes, ranks)
