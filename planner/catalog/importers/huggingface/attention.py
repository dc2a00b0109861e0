"""Attention of a config: heads or ranks, windows, and the layers that see the whole context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.catalog.importers.huggingface.config import INDEXER, NAMES, UnusableError

if TYPE_CHECKING:
    from planner.catalog.importers.huggingface.config import Config

WHOLE_CONTEXT = ("full_attention", "deepseek_sparse_attention")
"""Layer types whose cache grows with the context."""
WINDOWED = ("sliding_attention", "chunked_attention")
LINEAR = "linear_attention"
_EVERY_LAYER_WINDOWED = ("mistral", "phi3")
_GEMMA2_PATTERN = 2
CHUNKED, _CHUNKED_INTERVAL = "llama4", 4
"""Model type whose layers see a chunk each, but for every fourth unless the config differs."""
_DIGITS = 9
_PER_LAYER = "per_layer"
_NORMED_HEADS = ("qwen3", "gemma3")
"""Model types that norm queries and keys of every head without a field that says so."""


def attention(config: Config) -> dict[str, Any]:
    """Return the columns of a model that describe its attention."""
    columns = _windows(config) | _indexer(config)
    if config.column("kv_lora_rank") is not None:
        columns["kv_lora_rank"] = config.column("kv_lora_rank")
        columns["q_lora_rank"] = config.column("q_lora_rank")
        for name in ("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"):
            columns[name] = config.required(name)
        return columns | {"attention": "mla"}
    hidden, heads = config.column("hidden") or 1, config.column("heads") or 1
    kv_heads, head_dim = config.column("kv_heads") or heads, config.column("head_dim")
    if head_dim is None and hidden % heads:
        config.missing.append("head_dim")
    columns |= {"kv_heads": kv_heads, "head_dim": head_dim or max(1, hidden // heads)}
    linear = columns["full_attention_fraction"] < 1 and columns["sliding_window"] is None
    kind = "hybrid" if linear else "mha" if kv_heads == heads else "gqa"
    return columns | {"attention": kind, "qk_norm": _norm(config)}


def _norm(config: Config) -> str | None:
    """Return the norm of queries and keys, ``None`` without one."""
    if config.fields.get("use_qk_norm") is True:
        return "layer" if config.fields.get("qk_norm_type") == _PER_LAYER else "head"
    return "head" if config.kind.startswith(_NORMED_HEADS) else None


def _indexer(config: Config) -> dict[str, Any]:
    """Return the columns of what chooses the tokens of sparse attention, empty without one."""
    names = {column: NAMES[column][0] for column in INDEXER}
    found = {column: config.column(column) for column in INDEXER}
    if not any(found.values()):
        return {}
    config.missing += [names[column] for column in INDEXER if found[column] is None]
    if (config.whole("index_topk_freq") or 1) > 1:
        config.notes.append("layers that share the choice of an indexer are sized with their own")
    return found


def _windows(config: Config) -> dict[str, Any]:
    """Return the window and the share of layers that see the whole context."""
    layers, window = config.column("layers") or 1, config.whole("sliding_window")
    types = config.sequence("layer_types", layers)
    if types is None and config.kind.startswith(CHUNKED):
        types = _chunked_types(config, layers)
    if types is not None:
        full = sum(kind in WHOLE_CONTEXT for kind in types)
        window = _typed_window(config, {str(kind) for kind in types}, window)
    else:
        full = layers if window is None else _full_layers_by_rule(config, layers)
    window = None if full == layers else window
    return {"sliding_window": window, "full_attention_fraction": round(full / layers, _DIGITS)}


def _chunked_types(config: Config, layers: int) -> list[str] | None:
    """Return the layer types of Llama 4, ``None`` when its attention is not cut into chunks."""
    if config.fields.get("attention_chunk_size", 0) is None:
        return None
    stated = config.sequence("no_rope_layers", layers)
    interval = config.whole("no_rope_layer_interval") or _CHUNKED_INTERVAL
    local = stated or [(layer + 1) % interval for layer in range(layers)]
    return ["chunked_attention" if flag else "full_attention" for flag in local]


def _typed_window(config: Config, kinds: set[str], window: int | None) -> int | None:
    unknown = ", ".join(sorted(kinds - {*WHOLE_CONTEXT, *WINDOWED, LINEAR}))
    if unknown or (LINEAR in kinds and kinds & {*WINDOWED}):
        detail = "layer_types has to be of full, sliding or chunked, or full and linear attention"
        raise UnusableError(unknown or LINEAR, "unsupported", detail)
    if LINEAR in kinds:
        config.notes.append("linear attention layers are sized as if they were full attention")
        return None
    is_chunked = "chunked_attention" in kinds
    if is_chunked:
        window = config.whole("attention_chunk_size") or window
        config.notes.append("chunks of attention are sized as a window, the most a token sees")
    if window is None and kinds & set(WINDOWED):
        config.missing.append("attention_chunk_size" if is_chunked else "sliding_window")
    return window


def _full_layers_by_rule(config: Config, layers: int) -> int:
    pattern = config.whole("sliding_window_pattern")
    if config.kind == "gemma2":
        pattern = _GEMMA2_PATTERN
    if pattern is not None:
        return layers // pattern
    if "use_sliding_window" in config.fields:
        if config.fields["use_sliding_window"] is not True:
            return layers
        return min(layers, config.whole("max_window_layers", least=0) or 0)
    if config.kind in _EVERY_LAYER_WINDOWED:
        return 0
    config.missing.append("layer_types")
    return layers
