"""KV cache of a replica: how many tokens fit beside the weights.

Per device::

    usable = memory_bytes * memory_fraction     or  used + (memory_bytes - used) memory_fraction
    other  = 2.5 GB + 2 chunk_tokens h c            c = 10, 6, 5, 5 at TP 1, 2, 4, 8
    KV     = usable - dense weights / (TP PP) - experts / (TP DP PP) - draft - other

The second holds for engines whose fraction is that of the memory that is free once weights and
the rest, `used`, are there. Embedding and head stay in 16 bits when weights are quantized.
2.5 GB stand for runtime, CUDA graphs and communication buffers together; the second term is
the activations of the largest step in bf16. Against 3,010 published serving runs this calls 13
configurations too large that did run. The replica's capacity is that of all its devices divided
by the bytes of a token (:func:`planner.perf.arch.kv_bytes_per_token`), in blocks of 16 tokens. A
draft holds weights and a cache of its own (:func:`planner.perf.speculation.draft_bytes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.perf import arch as shape
from planner.perf.spec import state_tokens
from planner.perf.speculation import draft_bytes
from planner.perf.work import ACTIVATION_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.perf.spec import Floats, ReplicaSpec

KV_BLOCK_TOKENS = 16
"""Tokens of one block of a paged KV cache."""
RUNTIME_BYTES = 2.5e9
"""Runtime, CUDA graphs and communication buffers of one device."""
_ACTIVATION_RANKS = (1.0, 2.0, 4.0, 8.0)
_ACTIVATION_WIDTHS = (10.0, 6.0, 5.0, 5.0)
"""Live activations of a step in multiples of tokens times hidden width, by tensor parallelism."""


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """Memory of n options; arrays of shape (n,).

    Parameters
    ----------
    weight_bytes_per_gpu, other_bytes_per_gpu, usable_bytes_per_gpu
        Weights, everything else but KV, and what the engine may use, bytes per device.
    kv_capacity_tokens
        Tokens the cache of one replica holds; 0 when the weights do not fit.
    fits
        Whether the weights and one request of the longest kind fit.
    """

    weight_bytes_per_gpu: Floats
    other_bytes_per_gpu: Floats
    usable_bytes_per_gpu: Floats
    kv_capacity_tokens: Floats
    fits: NDArray[np.bool_]

    def take(self, indices: NDArray[np.intp]) -> MemoryFit:
        """Return the options at `indices`."""
        return MemoryFit(
            self.weight_bytes_per_gpu[indices],
            self.other_bytes_per_gpu[indices],
            self.usable_bytes_per_gpu[indices],
            self.kv_capacity_tokens[indices],
            self.fits[indices],
        )


def memory_fit(
    specs: Sequence[ReplicaSpec],
    *,
    max_tokens_per_request: float,
    reserved_kv_tokens: float = 0.0,
) -> MemoryFit:
    """Return how the options use their memory.

    Parameters
    ----------
    specs
        Options, n of them.
    max_tokens_per_request
        Prompt and output of the longest request that must be served, tokens, >= 0.
    reserved_kv_tokens
        Tokens of the cache of one replica that requests in flight may not use, >= 0.
    """
    rows = [_row_bytes(s) for s in specs]
    weight, other, usable, token = np.array(rows, dtype=float).reshape(len(specs), 4).T
    devices = np.array([s.devices for s in specs], dtype=float)
    free = np.maximum(usable - weight - other, 0.0) * devices
    # Every group of data-parallel attention has a cache and prefixes of its own.
    groups = np.array([s.data_parallel for s in specs], dtype=float)
    reserved = block_rounded_tokens(np.asarray(reserved_kv_tokens, dtype=float)) * groups
    whole = np.floor(free / token / KV_BLOCK_TOKENS) * KV_BLOCK_TOKENS
    capacity = np.maximum(whole - reserved, 0.0)
    longest = block_rounded_tokens(np.asarray(max_tokens_per_request, dtype=float))
    longest = longest + np.array([state_tokens(s) for s in specs], dtype=float)
    return MemoryFit(weight, other, usable, capacity, (capacity >= longest * groups) & (free > 0))


def block_rounded_tokens(tokens: Floats) -> Floats:
    """Return `tokens` rounded up to whole blocks of the cache."""
    return np.asarray(np.ceil(tokens / KV_BLOCK_TOKENS) * KV_BLOCK_TOKENS, dtype=float)


def _row_bytes(spec: ReplicaSpec) -> tuple[float, float, float, float]:
    arch, fmt, ranks = spec.architecture, spec.number_format, spec.tensor_parallel
    dense = shape.dense_weight_bytes(arch, fmt.weight_bytes)
    weight = dense / (ranks * spec.pipeline_parallel)
    weight += shape.routed_params(arch) * fmt.expert_weight_bytes / spec.devices
    memory = spec.device.memory_bytes
    width = float(np.interp(ranks, _ACTIVATION_RANKS, _ACTIVATION_WIDTHS))
    activation = ACTIVATION_BYTES * spec.engine.chunk_tokens * arch.hidden * width
    token = shape.kv_bytes_per_token(arch, fmt.kv_bytes, ranks)
    draft_weight, draft_token = draft_bytes(spec)
    weight, other = weight + draft_weight, RUNTIME_BYTES + activation
    used = min(weight + other, memory) if spec.engine.is_fraction_of_free else 0.0
    usable = used + (memory - used) * spec.engine.memory_fraction
    return weight, other, usable, token + draft_token
