"""Work of one engine step per device, as amounts per token of each kind.

With T new tokens of which b decode, KV cached tokens read by the decodes, A attended pairs of
prefill tokens, all of the whole replica, L layers and w bytes per weight, split TP ways::

    dense     reads w P / TP                    computes 2 T P_body / TP + 2 (b + 1) V h / TP
    experts   reads w_e n_hit L_moe P_e / TP    computes 2 T k L_moe P_e / TP
    decode    reads KV bytes/token              computes 4 L n_q d KV / TP
    prefill                                     computes 2 L n_q (d_qk + d_v) A / TP
    between   moves 2 T (10 h + (3 (n_q + 2 n_kv) d + n_q d + 5 w) / TP) L
    network   moves 2 L (2 T h) 2 (TP - 1) / TP in 2 L all-reduces

P is body plus output head, which is kept and multiplied in 16 bits; n_hit are the experts that
T tokens hit (:mod:`planner.perf.step`).
An all-reduce in a ring has two phases, each with its latency. Where a device sends everything to
all the others at once there is one, but it sends ``2 T h (TP - 1)``: faster for few tokens. A norm
of queries and keys over all heads adds an all-reduce of a number per token in every layer.

Absorbed latent attention decodes at ``2 n_q (2 r + rope)`` FLOP per cached token and layer, and
every rank reads the whole latent.

Between the products, activations of 2 bytes are written and read: both norms with the residual and
the outputs that they take (10 h), queries, keys and values and their rotation, the output of the
attention, and gate, product and activation of the feed-forward block (w wide). A MoE layer copies
each token to its k experts and back, ``k (4 h + 5 w_e / TP)`` for all choices.

Layers with a sliding window do the same work on at most `window` tokens per request; linear
attention layers do none that grows with the context, but read and write the state of every
request. Sparse attention scores the whole context and then works on at most as many tokens as it
chooses, in the latent space (:mod:`planner.perf.attention`).

**Data parallelism** (DP groups share the requests): everything outside the experts is done on
1 / DP of the tokens, while the weights are read as before. The experts see the tokens of all
groups and lie on G = TP DP devices: w_e n_hit L_moe P_e / G and 2 T k L_moe P_e / G. Instead of
the second all-reduce of a MoE layer, a device sends its T / G tokens to the devices of the chosen
experts and gets the results back: ``2 (2 T h / G) m``, where k choices among EP devices are on
``m = (EP - 1) (1 - (1 - 1/EP)^k)`` others; without expert parallelism it gathers all tokens and
scatters the sums, ``2 (2 T h) (G - 1) / G``.

**Expert parallelism** puts whole experts on EP devices, and the step waits for the fullest. With
z the mean of the largest of EP standard normals, it has ``z sqrt(EP / (T k))`` more choices than
the mean, and of the experts that it holds ``z sqrt(EP / E) sqrt((1 - p) / p)`` more are hit, where
p is the share that is hit on average; at most EP times the mean, and at most all.

**Pipeline parallelism** (PP stages, as many micro-batches): a step of the replica is one pass of a
micro-batch of 1 / PP of the tokens through all the stages, and PP - 1 hand-overs.

Requests are taken to be spread evenly over groups and micro-batches.

Sources: Blom (1958) for the largest of several normals, to which counts in bins tend; the
published layouts of the engines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from planner.perf import arch as shape
from planner.perf import attention

if TYPE_CHECKING:
    from planner.perf.arch import Architecture
    from planner.perf.spec import ReplicaSpec

ACTIVATION_BYTES = 2.0
"""Activations are bf16 between layers, also in quantized models."""
ALL_REDUCES_PER_LAYER = 2
"""One after attention, one after the feed-forward block."""
NORM_COPIES = 10.0
"""Activations of hidden width moved by a layer outside its products."""
ROTATED_COPIES = 3.0
"""Queries, keys and values: written, and read and written by the rotation."""
GATED_COPIES = 5.0
"""Width of a feed-forward block: gate and product written and read, their activation written."""
ROUTED_COPIES = 4.0
"""Hidden width per chosen expert: a copy in and a sum out."""
FLOP_PER_WEIGHT = 2.0
"""A multiplication and an addition per weight and token."""
BLOM = 0.375
"""Of Blom's approximation to the mean of the largest of several normals."""
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
    kv_read_bytes_per_token, kv_flop_per_token, pair_flop
        Decode attention per cached token, and prefill attention per attended pair, of everything
        that sees the whole context.
    near_read_bytes_per_token, near_flop_per_token, near_pair_flop
        The same of everything that sees at most `window_tokens` per request.
    window_tokens
        Width of the window, or tokens that sparse attention chooses.
    state_bytes_per_request
        Read and written in every step for a decoding request.
    expert_skew
        Excess of choices on the fullest device of the experts, times the root of the tokens.
    expert_hit_skew
        Excess of experts hit on it, over ``sqrt((1 - p) / p)``.
    expert_skew_limit
        Most excess, EP - 1.
    activation_bytes_per_token
        Written and read between the products per new token.
    network_bytes_per_token
        Volume that a device sends per new token.
    transfers
        All-reduces, exchanges of experts and hand-overs of a step, one latency each.
    direct_bytes_per_token
        Volume that a device sends more when it sends to all others at once.
    all_reduces
        All-reduces of activations: the further latencies of a step when they are in a ring.
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
    near_read_bytes_per_token: float
    near_flop_per_token: float
    near_pair_flop: float
    window_tokens: float
    state_bytes_per_request: float
    expert_skew: float
    expert_hit_skew: float
    expert_skew_limit: float
    activation_bytes_per_token: float
    network_bytes_per_token: float
    transfers: float
    direct_bytes_per_token: float
    all_reduces: float


def step_work(spec: ReplicaSpec) -> StepWork:
    """Return the work of one device of `spec` per step."""
    arch, fmt, ranks = spec.architecture, spec.number_format, spec.tensor_parallel
    body, head = shape.body_params(arch), shape.head_params(arch)
    head_bytes = max(fmt.weight_bytes, shape.UNQUANTIZED_BYTES)
    active_experts = arch.moe_layers * (arch.experts_active or 0) * shape.expert_params(arch)
    shares = ranks * spec.lanes
    network_bytes, transfers, reduces = _network(spec)
    context, near = (part.scaled(1.0 / shares) for part in _attention_parts(spec))
    return StepWork(
        dense_read_bytes=(body * fmt.weight_bytes + head * head_bytes) / ranks,
        dense_flop_per_token=FLOP_PER_WEIGHT * body / shares,
        head_flop_per_request=FLOP_PER_WEIGHT * head / shares,
        expert_read_bytes=(
            shape.routed_params(arch) * fmt.expert_weight_bytes / spec.stage_devices
        ),
        expert_flop_per_token=FLOP_PER_WEIGHT * active_experts / spec.devices,
        expert_miss_log=_expert_miss_log(arch) / spec.pipeline_parallel,
        kv_read_bytes_per_token=context.read_bytes,
        kv_flop_per_token=context.flop,
        pair_flop=context.pair_flop,
        near_read_bytes_per_token=near.read_bytes,
        near_flop_per_token=near.flop,
        near_pair_flop=near.pair_flop,
        window_tokens=_window_tokens(arch),
        state_bytes_per_request=2.0 * attention.state_bytes(arch) / shares,
        expert_skew=_fullest(spec)
        * math.sqrt(spec.pipeline_parallel / (arch.experts_active or 1)),
        expert_hit_skew=_fullest(spec) / math.sqrt(arch.experts_routed or 1),
        expert_skew_limit=float(spec.expert_parallel - 1),
        activation_bytes_per_token=_activation_bytes(spec),
        network_bytes_per_token=network_bytes,
        transfers=transfers,
        direct_bytes_per_token=reduces * _direct_bytes(spec),
        all_reduces=reduces,
    )


@dataclass(frozen=True, slots=True)
class _Attention:
    """Work of a replica per cached token, and FLOP per attended pair of a prompt."""

    read_bytes: float
    flop: float
    pair_flop: float

    def scaled(self, factor: float) -> _Attention:
        return _Attention(self.read_bytes * factor, self.flop * factor, self.pair_flop * factor)


def _attention_parts(spec: ReplicaSpec) -> tuple[_Attention, _Attention]:
    """Return the work on the whole context, and that on at most `window_tokens` of it."""
    arch, layers = spec.architecture, spec.architecture.layers
    copies = shape.kv_copies(arch, spec.tensor_parallel)
    elements = layers * shape.kv_elements_per_token_per_layer(arch)
    read_bytes = elements * spec.number_format.kv_bytes * copies
    flop = FLOP_PER_WEIGHT * layers * _decode_macs(arch)
    index = arch.indexer
    if index is not None:
        keys = layers * index.key_bytes * spec.tensor_parallel
        scores = layers * index.flop_per_token
        return _Attention(keys, scores, scores), _Attention(read_bytes, flop, flop)
    pair = arch.heads * (arch.query_key_dim + arch.value_dim)
    whole = _Attention(read_bytes, flop, FLOP_PER_WEIGHT * layers * pair)
    full = arch.full_attention_share
    near = 0.0 if arch.sliding_window is None else 1.0 - full
    return whole.scaled(full), whole.scaled(near)


def _window_tokens(arch: Architecture) -> float:
    if arch.indexer is not None:
        return float(arch.indexer.tokens)
    return float(arch.sliding_window or NO_WINDOW_TOKENS)


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


def _activation_bytes(spec: ReplicaSpec) -> float:
    arch, ranks = spec.architecture, spec.tensor_parallel
    query, value = arch.heads * arch.query_key_dim, arch.heads * arch.value_dim
    cached = shape.kv_elements_per_token_per_layer(arch)
    split = arch.layers * (ROTATED_COPIES * (query + cached) + value)
    split += arch.dense_layers * GATED_COPIES * (arch.intermediate or 0)
    shared = (arch.experts_shared or 0) * (arch.moe_intermediate or 0)
    split += arch.moe_layers * GATED_COPIES * shared
    per_token = arch.layers * NORM_COPIES * arch.hidden + split / ranks
    # Experts work on the tokens of all groups, and each device on its share of the choices.
    chosen = (arch.experts_active or 0) * spec.data_parallel / spec.stage_devices
    copied = ROUTED_COPIES * arch.hidden * (1 if spec.expert_parallel > 1 else spec.stage_devices)
    routed = arch.moe_layers * chosen * (copied + GATED_COPIES * (arch.moe_intermediate or 0))
    return ACTIVATION_BYTES * (per_token + routed) / spec.lanes


def _fullest(spec: ReplicaSpec) -> float:
    """Return the mean of the largest of EP standard normals, times the root of EP."""
    bins = spec.expert_parallel
    if not spec.architecture.is_moe or bins == 1:
        return 0.0
    share = (bins - BLOM) / (bins + 1.0 - 2.0 * BLOM)
    return NormalDist().inv_cdf(share) * math.sqrt(bins)


def _network(spec: ReplicaSpec) -> tuple[float, float, float]:
    """Return the bytes that a device sends per new token, and the transfers of a step."""
    arch, ranks, stages = spec.architecture, spec.tensor_parallel, spec.pipeline_parallel
    token_bytes = ACTIVATION_BYTES * arch.hidden
    exchanging = arch.moe_layers if spec.data_parallel > 1 else 0
    reduces = ALL_REDUCES_PER_LAYER * arch.layers - exchanging if ranks > 1 else 0
    ring = 2.0 * (ranks - 1) / ranks / spec.lanes
    exchange = ALL_REDUCES_PER_LAYER * _exchanged_share(spec) / stages
    hand_over = (stages - 1) / (ranks * spec.lanes)
    volume = token_bytes * (reduces * ring + exchanging * exchange + hand_over)
    # A norm over all heads needs the sum of squares of every rank: a latency, hardly a byte.
    norms = arch.layers if arch.qk_norm == "layer" and ranks > 1 else 0
    transfers = float(reduces + norms + ALL_REDUCES_PER_LAYER * exchanging + stages - 1)
    return volume, transfers, float(reduces)


def _direct_bytes(spec: ReplicaSpec) -> float:
    """Return what a device sends more per token when an all-reduce is one exchange."""
    ranks = spec.tensor_parallel
    more = (ranks - 1) - 2.0 * (ranks - 1) / ranks
    return ACTIVATION_BYTES * spec.architecture.hidden * more / spec.lanes


def _exchanged_share(spec: ReplicaSpec) -> float:
    """Return the tokens that a device sends per token of its stage, one way."""
    devices, bins = spec.stage_devices, spec.expert_parallel
    if bins == 1:
        return (devices - 1) / devices
    others = (bins - 1) * (1.0 - (1.0 - 1.0 / bins) ** (spec.architecture.experts_active or 0))
    return others / devices
