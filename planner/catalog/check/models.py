"""Architectures that contradict themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.check.fault import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Model
    from planner.errors import Fault


def impossible_models(catalog: Catalog) -> Iterator[Fault]:
    """Yield architectures that contradict themselves."""
    for row in catalog.models:
        for column, message in _model_contradictions(row):
            yield fault(catalog, "models", row, column, message)


def _model_contradictions(row: Model) -> Iterator[tuple[str, str]]:
    if row.experts_active is not None and row.experts_active > (row.experts_routed or 0):
        yield "experts_active", f"{row.experts_active} of {row.experts_routed or 0} experts active"
    if row.kv_heads is not None and row.kv_heads > row.heads:
        yield "kv_heads", f"{row.kv_heads} key-value heads but {row.heads} query heads"
    if row.attention == "mla" and row.kv_lora_rank is None:
        yield "kv_lora_rank", "is blank; latent attention needs its rank"
    if row.attention != "mla" and (row.kv_heads is None or row.head_dim is None):
        yield "kv_heads", "kv_heads and head_dim are needed unless attention is mla"
    # Hybrid models have linear layers, which hold a state of fixed size and no window.
    windowed = row.full_attention_fraction < 1 and row.attention != "hybrid"
    if windowed and row.sliding_window is None:
        yield "sliding_window", "is blank but some layers do not attend to the whole context"
    if (row.dense_first_layers or 0) > row.layers:
        yield "dense_first_layers", f"{row.dense_first_layers} of {row.layers} layers"
