"""Feed-forward blocks of a config: dense layers, routed experts and shared experts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from planner.catalog.importers.huggingface.config import NAMES

if TYPE_CHECKING:
    from planner.catalog.importers.huggingface.config import Config

SHARED_WIDTHS = ("shared_expert_intermediate_size", "shared_intermediate_size", "share_expert_dim")
SHARED_COUNTS = ("n_shared_experts", "num_shared_experts")
_DENSE_WIDTHS = ("dense_intermediate_size", "intermediate_size_mlp", "intermediate_size")


def experts(config: Config) -> dict[str, Any]:
    """Return the columns of a model that describe its feed-forward blocks."""
    routed = config.column("experts_routed")
    if routed is None or routed == 1:
        return {"intermediate": config.required("intermediate_size")}
    layers = config.column("layers") or 1
    dense = layers - sum(_is_moe(config, layers))
    width = config.column("moe_intermediate") or config.required("intermediate_size")
    columns: dict[str, Any] = {
        "experts_routed": routed,
        "experts_active": config.required(*NAMES["experts_active"]),
        "moe_intermediate": width,
        "experts_shared": _shared(config, width),
        "dense_first_layers": dense or None,
    }
    if dense:
        columns["intermediate"] = config.required(*_DENSE_WIDTHS)
    return columns


def _shared(config: Config, width: int) -> int | None:
    if config.kind.startswith("llama4"):
        return 1
    total = config.whole(*SHARED_WIDTHS)
    if total is None:
        return config.whole(*SHARED_COUNTS)
    if total % width:
        config.notes.append(f"shared experts of width {total} are rounded up to whole experts")
    return math.ceil(total / width)


def _is_moe(config: Config, layers: int) -> list[bool]:
    """Return for every layer whether it routes tokens to experts."""
    kinds = config.sequence("mlp_layer_types", layers)
    if kinds is not None:
        return [kind == "sparse" for kind in kinds]
    if isinstance(config.fields.get("moe_layer_freq"), list):
        return [bool(flag) for flag in config.sequence("moe_layer_freq", layers) or ()]
    listed = config.fields.get("moe_layers")
    if isinstance(listed, list) and config.kind.startswith("llama4"):
        return [layer in listed for layer in range(layers)]
    first = config.whole("first_k_dense_replace") or 0
    each = config.whole("moe_layer_freq") or 1
    step = config.whole("decoder_sparse_step", "interleave_moe_layer_step") or 1
    only = config.fields.get("mlp_only_layers")
    dense = {i for i in only if isinstance(i, int)} if isinstance(only, list) else set()
    return [
        i >= first and i % each == 0 and (i + 1) % step == 0 and i not in dense
        for i in range(layers)
    ]
