"""Work of one engine step per device, as amounts per token of each kind.

With T new tokens of which b decode, KV cached tokens read by the decodes, A attended pairs of
prefill tokens, L layers, tensor parallelism TP, and w bytes per weight, a device does::

    dense     reads w P / TP                    computes 2 T P_body / TP + 2 (b + 1) V h / TP
    experts   reads w_e n_hit L_moe P_e / TP    computes 2 T k L_moe P_e / TP
    decode    reads KV bytes/token              computes 4 L n_q d KV / TP
    prefill                                     computes 2 L n_q (d_qk + d_v) A / TP
    network   moves 2 L (2 T h) 2 (TP - 1) / TP in 2 L all-reduces

P is body plus output head. Experts hit by T tokens that choose k of E uniformly:
``n_hit = E (1 - (1 - k/E)^T)``. Absorbed latent attention decodes at ``2 n_q (2 r + rope)``
FLOP per cached token and layer, and every rank reads the whole latent.

Layers with a sliding window do the same work on at most `window` tokens per request; linear
attention layers do none that grows with the context.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.perf import arch as shape

if TYPE_CHECKING:
    from planner.perf.arch import Architecture
    from planner.perf.spec import ReplicaSpec

ACTIVATION_BYTES = 2.0
"""Activations are bf16 between layers, also in quantized models."""
ALL_REDUCES_PER_LAYER = 2
"""One after attention, one after the feed-forward block."""
FLOP_PER_WEIGHT = 2.0
"""A multiplication and an addition per weight and token."""
NO_WINDOW_TOKENS = 1e15
"""A window no context reaches: finite, so that zero requests times the window is zero."""


@dataclass(frozen=True, slots=True)
class StepWork:
    """Work of one device per step, per token of each kind.

    Parameters
    ----------
    dense_read_bytes
        Weights read in every step.
    dense_flop_per_token, head_flop_per_request
        Computation per new token, and per request that gets a token.
    expert_read_bytes
        All routed experts; a step reads the share that is hit.
    expert_flop_per_token
        Computation per new token in routed experts.
    expert_miss_log
        Logarithm of the chance that a token does not choose a given expert, ln(1 - k/E).
    kv_read_bytes_per_token, kv_flop_per_token
        Decode attention per cached token, over all layers as if all saw the whole context.
    pair_flop
        Prefill attention per attended pair, over all layers likewise.
    full_share, window_share
        Shares of layers with full attention and with a sliding window.
    window_tokens
        Width of the window.
    network_bytes_per_token
        All-reduce volume per new token.
    all_reduces
        All-reduces of a step.
    """

    dense_read_bytes: float
    dense_flop_per_token: float
    head_flop_per_request: float
    expert_read_bytes: float
    expert_flop_per_token: float
    expert_miss_log: float
    kv_read_bytes_per_token: float
    kv_flop_per_token: float
    pair_flop: float
    full_share: float
    window_share: float
    window_tokens: float
    network_bytes_per_token: float
    all_reduces: float


def step_work(spec: ReplicaSpec) -> StepWork:
    """Return the work of one device of `spec` per step."""
    arch, fmt, ranks = spec.architecture, spec.number_format, spec.tensor_parallel
    body, head = shape.body_params(arch), shape.head_params(arch)
    active_experts = arch.moe_layers * (arch.experts_active or 0) * shape.expert_params(arch)
    kv_bytes = arch.layers * shape.kv_elements_per_token_per_layer(arch) * fmt.kv_bytes
    pair = arch.heads * (arch.query_key_dim + arch.value_dim)
    windowed = arch.sliding_window is not None
    return StepWork(
        dense_read_bytes=(body + head) * fmt.weight_bytes / ranks,
        dense_flop_per_token=FLOP_PER_WEIGHT * body / ranks,
        head_flop_per_request=FLOP_PER_WEIGHT * head / ranks,
        expert_read_bytes=shape.routed_params(arch) * fmt.expert_weight_bytes / ranks,
        expert_flop_per_token=FLOP_PER_WEIGHT * active_experts / ranks,
        expert_miss_log=_expert_miss_log(arch),
        kv_read_bytes_per_token=kv_bytes * shape.kv_copies(arch, ranks) / ranks,
        kv_flop_per_token=FLOP_PER_WEIGHT * arch.layers * _decode_macs(arch) / ranks,
        pair_flop=FLOP_PER_WEIGHT * arch.layers * pair / ranks,
        full_share=arch.full_attention_share,
        window_share=1 - arch.full_attention_share if windowed else 0.0,
        window_tokens=float(arch.sliding_window or NO_WINDOW_TOKENS),
        network_bytes_per_token=_all_reduce_bytes(arch, ranks),
        all_reduces=float(ALL_REDUCES_PER_LAYER * arch.layers if ranks > 1 else 0),
    )


def _decode_macs(arch: Architecture) -> float:
    if arch.is_latent:
        return arch.heads * (2.0 * (arch.kv_lora_rank or 0) + (arch.qk_rope_head_dim or 0))
    return arch.heads * 2.0 * (arch.head_dim or 0)


def _expert_miss_log(arch: Architecture) -> float:
    routed, active = arch.experts_routed or 0, arch.experts_active or 0
    if routed <= active:
        # Every token uses every expert; any large negative number means that none is missed.
        return -math.inf if routed else 0.0
    return math.log1p(-active / routed)


def _all_reduce_bytes(arch: Architecture, ranks: int) -> float:
    ring = 2.0 * (ranks - 1) / ranks
    return ALL_REDUCES_PER_LAYER * arch.layers * ACTIVATION_BYTES * arch.hidden * ring
