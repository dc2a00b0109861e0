"""Replicas of systems that are no roofline, from their own measured points.

Wafers, and racks of processors that hold the weights on the chip, are bound by how values move
between their parts, not by the bandwidth of a memory: peak rates say nothing about their speed.
What is measured is taken as it is. A replica that decodes b requests takes per step::

    t(b) = t_1 + (t_C - t_1) (b - 1) / (C - 1)        1 <= b <= C

with t_1 the time per token of a request alone, and t_C that of C requests at once. A pipeline
keeps its speed until its depth is reached: t_C = t_1, and C is its throughput over the speed of
one request. Nothing is known beyond C, so C bounds the batch. Between the two points a step grows
with what each further request adds. Prompts of P tokens take P / r at the measured rate r, one
after the other; decodes wait meanwhile, because both rates are those of the whole machine. The
first token leaves with a step of its own.

The weights, and the cache of all requests at once, have to fit the memory of the replica, which
holds every token once. Steps of such replicas feed the same queueing as those of a roofline.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.memory import KV_BLOCK_TOKENS, MemoryFit, block_rounded_tokens
from planner.perf.open_loop import UNBOUNDED_TOKENS
from planner.perf.spec import EngineLimits
from planner.perf.step import StepModel
from planner.perf.work import NO_WINDOW_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.perf.spec import Floats

_ROUNDING = 1e-9
"""Relative difference that two figures of one point may have from rounding."""


@dataclass(frozen=True, slots=True)
class MeasuredReplica:
    """One replica on measured systems; all figures are of the whole replica.

    Parameters
    ----------
    alone_tokens_per_s
        Tokens per second of a request that decodes alone, > 0.
    total_tokens_per_s
        Tokens per second of `requests` decoding at once, at least those of one and at most those
        of as many alone.
    requests
        Requests that decode at once, >= 1; more are not known to run.
    prefill_tokens_per_s
        Prompt tokens per second, > 0.
    request_s
        Time of a request outside the machine, seconds, >= 0.
    memory_bytes, weight_bytes, token_bytes
        Memory, weights, and cache of one token, bytes, > 0.
    state_tokens
        Cache that a request holds whatever its length, in tokens, >= 0.
    systems
        Systems of the replica, >= 1.

    Raises
    ------
    ValueError
        When a figure is outside its range.
    """

    alone_tokens_per_s: float
    total_tokens_per_s: float
    requests: float
    prefill_tokens_per_s: float
    request_s: float
    memory_bytes: float
    weight_bytes: float
    token_bytes: float
    state_tokens: float
    systems: int

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                msg = f"{name} is {getattr(self, name)}; accepted: above 0"
                raise ValueError(msg)
        if self.requests < 1 or self.systems < 1:
            msg = f"{self.requests} requests on {self.systems} systems; accepted: 1 or more"
            raise ValueError(msg)
        low, high = self.alone_tokens_per_s, self.alone_tokens_per_s * self.requests
        total = self.total_tokens_per_s
        if not low * (1 - _ROUNDING) <= total <= high * (1 + _ROUNDING):
            msg = f"total_tokens_per_s is {total}; accepted: {low} to {high}"
            raise ValueError(msg)

    @property
    def alone_s(self) -> float:
        """Time per token of a request that decodes alone, seconds."""
        return 1.0 / self.alone_tokens_per_s

    @property
    def further_s(self) -> float:
        """Time that each further request adds to a step, seconds; 0 for a pipeline."""
        if self.requests <= 1:
            return 0.0
        full_s = self.requests / self.total_tokens_per_s
        return max(full_s - self.alone_s, 0.0) / (self.requests - 1.0)


_POSITIVE = (
    "alone_tokens_per_s",
    "prefill_tokens_per_s",
    "memory_bytes",
    "weight_bytes",
    "token_bytes",
)


def measured_steps(replicas: Sequence[MeasuredReplica]) -> StepModel:
    """Return the step times of n replicas."""
    zero = np.zeros(len(replicas))
    prompt_s = np.array([1.0 / r.prefill_tokens_per_s for r in replicas], dtype=float)
    further_s = np.array([r.further_s for r in replicas], dtype=float)
    alone_s = np.array([r.alone_s for r in replicas], dtype=float)
    stated = {
        "overlap": np.ones(len(replicas)),
        "window_tokens": np.full(len(replicas), NO_WINDOW_TOKENS),
        "network_token_s": prompt_s,
        # Tokens of a step count its decodes too, which take what they add and no prompt time.
        "request_s": further_s - prompt_s,
        "fixed_s": alone_s - further_s,
    }
    times = (f.name for f in fields(StepModel) if f.name != "draft")
    return StepModel(**{name: stated.get(name, zero) for name in times})


def measured_limits(replicas: Sequence[MeasuredReplica]) -> EngineLimits:
    """Return the limits of n replicas: prompts run whole, and C requests decode at once."""
    return EngineLimits(
        is_chunked=np.zeros(len(replicas), dtype=bool),
        chunk_tokens=np.full(len(replicas), UNBOUNDED_TOKENS),
        max_num_seqs=np.array([r.requests for r in replicas], dtype=float),
        request_s=np.array([r.request_s for r in replicas], dtype=float),
        state_tokens=np.array([r.state_tokens for r in replicas], dtype=float),
    )


def measured_memory(
    replicas: Sequence[MeasuredReplica], *, max_tokens_per_request: float
) -> MemoryFit:
    """Return how n replicas use their memory, per system where the record says per device.

    Parameters
    ----------
    replicas
        The replicas.
    max_tokens_per_request
        Prompt and output of the longest request that must be served, tokens, >= 0.
    """
    systems = np.array([r.systems for r in replicas], dtype=float)
    memory = np.array([r.memory_bytes for r in replicas], dtype=float)
    weight = np.array([r.weight_bytes for r in replicas], dtype=float)
    token = np.array([r.token_bytes for r in replicas], dtype=float)
    state = np.array([r.state_tokens for r in replicas], dtype=float)
    free = np.maximum(memory - weight, 0.0)
    capacity: Floats = np.floor(free / token / KV_BLOCK_TOKENS) * KV_BLOCK_TOKENS
    longest = block_rounded_tokens(np.asarray(max_tokens_per_request, dtype=float)) + state
    return MemoryFit(
        weight_bytes_per_gpu=weight / systems,
        other_bytes_per_gpu=np.zeros(len(replicas)),
        usable_bytes_per_gpu=memory / systems,
        kv_capacity_tokens=capacity,
        fits=(capacity >= longest) & (free > 0),
    )
