"""Attention that is not full: linear and sparse layers, and how many kernels a layer launches.

**Linear attention** (layers without full attention and without a window) is taken to be the gated
delta rule, with keys of m = 2,048 elements and values, gates and output of n_q d. Full attention
beside it has an output gate::

    linear layer    h (2 m + 3 n_q d)          full layer    h (3 n_q d + 2 n_kv d)

Instead of a cache a request holds a state of 128 n_q d elements of 4 bytes, which every step reads
and writes. That describes Qwen3-Next and Qwen3.5; their totals come out within about 1 %.

**Sparse attention** lets a query attend to the `index_tokens` tokens that an indexer of n_i heads
of width d_i scores highest. The indexer has ``q n_i d_i + h (d_i + n_i)`` parameters and keeps an
8-bit key of every token with its scale, d_i + 4 bytes, on every rank. It scores the whole context
with ``2 n_i d_i`` FLOP per token; attention then works in the latent space, also for prompts.

**Kernels.** A layer with grouped-query attention decodes in 9 kernels: norm, query/key/value,
rotation and cache, attention, output, and norm, two products and an activation of the feed-forward
block. Latent attention needs 9 more (two compressions with their norms, the absorbed products
before and after, splitting and merging of the rotated part), the gated delta rule 3 more
(convolution, gates, norm), and an indexer 10 more (two products and a norm for keys and queries,
rotations, quantization, weights, scores, choice). Norms of queries and keys are 2 more. Fixed
times of a layer are in proportion.

Sources: Gated Delta Networks (arXiv 2412.06464); configuration and code of Qwen3-Next;
DeepSeek-V3.2 technical report; kernels counted in the decode paths of vLLM and SGLang.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.perf.arch import Architecture

LINEAR_KEY_WIDTH = 2048
"""Elements of queries, and of keys, of a layer with linear attention."""
LINEAR_STATE_WIDTH = 128
"""Elements of a key head: the state has as many columns per element of the values."""
LINEAR_STATE_BYTES = 4.0
"""Bytes of an element of the state."""
_INDEX_SCALE_BYTES = 4.0
_LAYER_KERNELS = 9.0
_LATENT_KERNELS = 9.0
_LINEAR_KERNELS = 3.0
_INDEX_KERNELS = 10.0
_NORM_KERNELS = 2.0


@dataclass(frozen=True, slots=True)
class Indexer:
    """What scores the context for sparse attention.

    Parameters
    ----------
    heads, head_dim
        Heads that score, and their width, > 0.
    tokens
        Tokens that a query attends to at most, > 0.
    """

    heads: int
    head_dim: int
    tokens: int

    @property
    def key_bytes(self) -> float:
        """Bytes of the key of one token in one layer."""
        return self.head_dim + _INDEX_SCALE_BYTES

    @property
    def flop_per_token(self) -> float:
        """FLOP to score one token of the context in one layer."""
        return 2.0 * self.heads * self.head_dim


DEFAULT_INDEXER = Indexer(heads=64, head_dim=128, tokens=2048)
"""The indexer of DeepSeek-V3.2."""


def linear_share(arch: Architecture) -> float:
    """Return the share of layers with linear attention."""
    return 0.0 if arch.sliding_window is not None else 1.0 - arch.full_attention_share


def further_params_per_layer(arch: Architecture) -> float:
    """Return what a mean layer holds beyond full attention of its kind without a gate."""
    index = arch.indexer
    if index is not None:
        query = (arch.q_lora_rank or arch.hidden) * index.heads * index.head_dim
        return float(query + arch.hidden * (index.head_dim + index.heads))
    linear = linear_share(arch)
    if not linear:
        return 0.0
    width, head_dim = arch.heads * (arch.head_dim or 0), arch.head_dim or 0
    replaced = 2 * width + 2 * (arch.kv_heads or 0) * head_dim
    more = 2 * LINEAR_KEY_WIDTH + 3 * width - replaced
    return arch.hidden * (linear * more + (1.0 - linear) * width)


def state_bytes(arch: Architecture) -> float:
    """Return what one request holds whatever its length, bytes over all layers, counted once."""
    values = arch.heads * (arch.head_dim or 0)
    per_layer = LINEAR_STATE_WIDTH * values * LINEAR_STATE_BYTES
    return linear_share(arch) * arch.layers * per_layer


def layer_kernels(arch: Architecture) -> float:
    """Return the kernels of a mean layer over those of one with grouped-query attention."""
    linear = linear_share(arch)
    further = _LATENT_KERNELS if arch.is_latent else _LINEAR_KERNELS * linear
    if arch.indexer is not None:
        further += _INDEX_KERNELS
    if arch.qk_norm is not None:
        further += _NORM_KERNELS * (1.0 - linear)
    return 1.0 + further / _LAYER_KERNELS
