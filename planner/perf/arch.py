"""Parameter counts and KV cache size of a decoder-only transformer, from its published shape.

With hidden width h, n_q query heads and n_kv key/value heads of width d, one layer holds::

    grouped-query attention   h d (n_q + 2 n_kv) + n_q d h
    latent attention (MLA)    h q + q n_q (nope + rope) + h (r + rope) + r n_q (nope + v) + n_q v h
    gated feed-forward        3 h w          (w: intermediate width, also of one expert)
    router of a MoE layer     h E

where q and r are the ranks of the query and of the key/value compression. Embedding and output
head hold V h each (one matrix when tied). A token stores 2 n_kv d elements per layer, or r + rope
with latent attention.

Tensor parallelism splits the KV heads. When there are more ranks than KV heads the heads are
replicated, and the latent of MLA is held by every rank, so a replica stores a token several times.

Counts leave out norms and biases (under 0.1 %). Linear and sparse attention are counted as
:mod:`planner.perf.attention` says; layers with a sliding window are counted with the full cache,
the upper bound that an allocator without window support needs.

Sources: the models' published ``config.json``; DeepSeek-V2 (arXiv 2405.04434) for MLA.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from planner.perf import attention
from planner.perf.attention import DEFAULT_INDEXER, Indexer

GATED_MATRICES = 3
"""Matrices of a gated feed-forward block: gate, up, down."""


UNQUANTIZED_BYTES = 2.0
"""Bytes of a weight of embedding and output head, which published checkpoints leave in 16 bits:
recipes of LLM Compressor and ModelOpt except them, AutoGPTQ and AutoAWQ quantize the layers."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Shape of a model.

    Parameters
    ----------
    layers, hidden, heads, vocab
        Layers, width, query heads and tokens of the vocabulary; all > 0.
    kv_heads
        Key/value heads; ``None`` with latent attention.
    head_dim
        Width of a head; ``None`` with latent attention.
    intermediate
        Width of the dense feed-forward block; ``None`` when every layer is a MoE layer.
    tied_embeddings
        Whether embedding and output head are one matrix.
    experts_routed, experts_active, experts_shared
        Experts per MoE layer, experts used by a token, experts used by every token; ``None`` for
        dense models.
    moe_intermediate
        Width of one expert; ``None`` for dense models.
    dense_first_layers
        Leading layers of a MoE model with a dense feed-forward block; ``None`` means 0.
    kv_lora_rank, q_lora_rank, qk_rope_head_dim, qk_nope_head_dim, v_head_dim
        Latent attention; ``None`` otherwise. ``q_lora_rank`` may be ``None`` (no compression).
    sliding_window
        Tokens seen by the layers without full attention; ``None`` when those are linear.
    full_attention_fraction
        Share of layers with full attention, 0 to 1; ``None`` means all.
    qk_norm
        Norm of queries and keys: ``head`` of every head, ``layer`` of all heads at once, which
        tensor parallelism has to reduce; ``None`` without one.

    Raises
    ------
    ValueError
        When the fields of attention or of the experts are incomplete.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int | None
    head_dim: int | None
    intermediate: int | None
    vocab: int
    tied_embeddings: bool = False
    experts_routed: int | None = None
    experts_active: int | None = None
    experts_shared: int | None = None
    moe_intermediate: int | None = None
    dense_first_layers: int | None = None
    kv_lora_rank: int | None = None
    q_lora_rank: int | None = None
    qk_rope_head_dim: int | None = None
    qk_nope_head_dim: int | None = None
    v_head_dim: int | None = None
    sliding_window: int | None = None
    full_attention_fraction: float | None = None
    qk_norm: Literal["head", "layer"] | None = None

    def __post_init__(self) -> None:
        if self.is_latent:
            _require(self, "latent attention", _LATENT_FIELDS)
        else:
            _require(self, "grouped-query attention", ("kv_heads", "head_dim"))
        if self.is_moe:
            _require(self, "mixture of experts", ("experts_active", "moe_intermediate"))
        if self.dense_layers > 0:
            _require(self, "dense feed-forward layers", ("intermediate",))
        if not 0 <= self.full_attention_share <= 1:
            msg = f"full_attention_fraction is {self.full_attention_fraction}; accepted: 0 to 1"
            raise ValueError(msg)

    @property
    def is_latent(self) -> bool:
        """Whether attention stores a compressed latent (MLA)."""
        return self.kv_lora_rank is not None

    @property
    def is_moe(self) -> bool:
        """Whether some layers route tokens to experts."""
        return self.experts_routed is not None

    @property
    def dense_layers(self) -> int:
        """Layers with a dense feed-forward block."""
        return (self.dense_first_layers or 0) if self.is_moe else self.layers

    @property
    def moe_layers(self) -> int:
        """Layers that route tokens to experts."""
        return self.layers - self.dense_layers

    @property
    def indexer(self) -> Indexer | None:
        """What chooses the tokens that a query attends to; ``None`` when it attends to all."""
        return None

    @property
    def full_attention_share(self) -> float:
        """Share of layers whose attention sees the whole context."""
        fraction = self.full_attention_fraction
        return 1.0 if fraction is None else fraction

    @property
    def query_key_dim(self) -> int:
        """Width of the dot product of attention during prefill."""
        if self.is_latent:
            return (self.qk_nope_head_dim or 0) + (self.qk_rope_head_dim or 0)
        return self.head_dim or 0

    @property
    def value_dim(self) -> int:
        """Width of a value head during prefill."""
        return (self.v_head_dim if self.is_latent else self.head_dim) or 0


@dataclass(frozen=True, slots=True)
class SparseArchitecture(Architecture):
    """Shape of a model whose queries choose the tokens that they attend to.

    Parameters
    ----------
    index
        What scores the context.
    """

    index: Indexer = DEFAULT_INDEXER

    @property
    def indexer(self) -> Indexer:
        """What chooses the tokens that a query attends to."""
        return self.index


_LATENT_FIELDS = ("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim")


def _require(arch: Architecture, what: str, fields: tuple[str, ...]) -> None:
    missing = [name for name in fields if getattr(arch, name) is None]
    if missing:
        msg = f"{what} needs {', '.join(missing)}"
        raise ValueError(msg)


def attention_params_per_layer(arch: Architecture) -> float:
    """Return the attention parameters of one layer: query, key, value and output projections."""
    if arch.is_latent:
        return _latent_params_per_layer(arch)
    head_dim, kv_heads = arch.head_dim or 0, arch.kv_heads or 0
    query_output = 2 * arch.heads * head_dim
    return float(arch.hidden * (query_output + 2 * kv_heads * head_dim))


def _latent_params_per_layer(arch: Architecture) -> float:
    rank, rope = arch.kv_lora_rank or 0, arch.qk_rope_head_dim or 0
    query_width = arch.heads * arch.query_key_dim
    if arch.q_lora_rank is None:
        query = arch.hidden * query_width
    else:
        query = arch.q_lora_rank * (arch.hidden + query_width)
    down = arch.hidden * (rank + rope)
    up = rank * arch.heads * ((arch.qk_nope_head_dim or 0) + arch.value_dim)
    output = arch.heads * arch.value_dim * arch.hidden
    return float(query + down + up + output)


def dense_ffn_params(arch: Architecture) -> float:
    """Return the parameters of one dense feed-forward block (0 when there is none)."""
    return float(GATED_MATRICES * arch.hidden * (arch.intermediate or 0))


def expert_params(arch: Architecture) -> float:
    """Return the parameters of one expert (0 for dense models)."""
    return float(GATED_MATRICES * arch.hidden * (arch.moe_intermediate or 0))


def head_params(arch: Architecture) -> float:
    """Return the parameters of the output head, V h."""
    return float(arch.vocab * arch.hidden)


def body_params(arch: Architecture) -> float:
    """Return what every token passes through: all but routed experts, embedding and head."""
    shared = arch.moe_layers * (
        (arch.experts_shared or 0) * expert_params(arch) + arch.hidden * (arch.experts_routed or 0)
    )
    attention_params = arch.layers * (
        attention_params_per_layer(arch) + attention.further_params_per_layer(arch)
    )
    return attention_params + arch.dense_layers * dense_ffn_params(arch) + shared


def routed_params(arch: Architecture) -> float:
    """Return the parameters of all routed experts (0 for dense models)."""
    return arch.moe_layers * (arch.experts_routed or 0) * expert_params(arch)


def embedding_params(arch: Architecture) -> float:
    """Return the parameters of embedding and output head together."""
    return head_params(arch) * (1 if arch.tied_embeddings else 2)


def dense_weight_bytes(arch: Architecture, weight_bytes: float) -> float:
    """Return the bytes of all weights but the routed experts.

    Embedding and output head stay in 16 bits when a checkpoint is quantized.

    Parameters
    ----------
    weight_bytes
        Bytes of a weight in the number format, > 0.
    """
    kept = max(weight_bytes, UNQUANTIZED_BYTES)
    return body_params(arch) * weight_bytes + embedding_params(arch) * kept


def total_params(arch: Architecture) -> float:
    """Return the parameters that have to be stored."""
    return body_params(arch) + routed_params(arch) + embedding_params(arch)


def active_params(arch: Architecture) -> float:
    """Return the parameters one token uses, embedding and head included."""
    used = arch.moe_layers * (arch.experts_active or 0) * expert_params(arch)
    return body_params(arch) + used + embedding_params(arch)


def kv_elements_per_token_per_layer(arch: Architecture) -> float:
    """Return the elements one token keeps in one layer, counted once."""
    if arch.is_latent:
        return float((arch.kv_lora_rank or 0) + (arch.qk_rope_head_dim or 0))
    return float(2 * (arch.kv_heads or 0) * (arch.head_dim or 0))


def kv_copies(arch: Architecture, tensor_parallel: int) -> float:
    """Return how many times a replica holds each token: 1, or more when heads cannot be split.

    Parameters
    ----------
    tensor_parallel
        Ranks of the replica, >= 1.
    """
    if arch.is_latent:
        return float(tensor_parallel)
    return max(1.0, tensor_parallel / (arch.kv_heads or 1))


def kv_bytes_per_token(arch: Architecture, kv_bytes: float, tensor_parallel: int = 1) -> float:
    """Return the cache bytes of one token over all ranks of a replica.

    Parameters
    ----------
    kv_bytes
        Bytes of one cached element, > 0 (2 for bf16, 1 for fp8).
    tensor_parallel
        Ranks of the replica, >= 1.
    """
    # Linear attention keeps a state of fixed size, so only the other layers grow with tokens.
    share = 1.0 - attention.linear_share(arch)
    per_layer = kv_elements_per_token_per_layer(arch) * kv_bytes
    per_rank = per_layer * kv_copies(arch, tensor_parallel)
    keys = 0.0 if arch.indexer is None else arch.indexer.key_bytes * tensor_parallel
    return share * arch.layers * (per_rank + keys)
