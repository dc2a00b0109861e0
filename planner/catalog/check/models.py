"""Architectures and drafts that contradict themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.check.fault import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Draft, Model
    from planner.errors import Fault


def impossible_models(catalog: Catalog) -> Iterator[Fault]:
    """Yield architectures that contradict themselves."""
    for row in catalog.models:
        for column, message in _model_contradictions(row):
            yield fault(catalog, "models", row, column, message)


def _model_contradictions(row: Model) -> Iterator[tuple[str, str]]:
    yield from _missing_widths(row)
    if row.experts_active is not None and row.experts_active > (row.experts_routed or 0):
        yield "experts_active", f"{row.experts_active} of {row.experts_routed or 0} experts active"
    if row.kv_heads is not None and row.kv_heads > row.heads:
        yield "kv_heads", f"{row.kv_heads} key-value heads but {row.heads} query heads"
    elif row.kv_heads is not None and row.heads % row.kv_heads:
        yield (
            "kv_heads",
            f"{row.heads} query heads do not divide by {row.kv_heads} key-value heads",
        )
    # Hybrid models have linear layers, which hold a state of fixed size and no window.
    windowed = row.full_attention_fraction < 1 and row.attention != "hybrid"
    if windowed and row.sliding_window is None:
        yield "sliding_window", "is blank but some layers do not attend to the whole context"
    yield from _incomplete_indexer(row)
    if (row.dense_first_layers or 0) > row.layers:
        yield "dense_first_layers", f"{row.dense_first_layers} of {row.layers} layers"


def _incomplete_indexer(row: Model) -> Iterator[tuple[str, str]]:
    blank = [column for column in _INDEXER if getattr(row, column) is None]
    if len(blank) < len(_INDEXER):
        for column in blank:
            yield column, "is blank; an indexer of sparse attention needs it"


_INDEXER = ("index_heads", "index_head_dim", "index_tokens")
_LATENT = ("kv_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim")
_EXPERTS = ("experts_active", "moe_intermediate")


def _missing_widths(row: Model) -> Iterator[tuple[str, str]]:
    """Yield columns without which the size of the model cannot be computed."""
    is_moe = row.experts_routed is not None
    needed: list[tuple[str, str]] = []
    if row.attention == "mla":
        needed += [(column, "latent attention needs it") for column in _LATENT]
    else:
        needed += [(c, "needed unless attention is mla") for c in ("kv_heads", "head_dim")]
    if is_moe:
        needed += [(column, "a mixture of experts needs it") for column in _EXPERTS]
    if not is_moe or row.dense_first_layers:
        needed.append(("intermediate", "dense feed-forward layers need it"))
    for column, why in needed:
        if getattr(row, column) is None:
            yield column, f"is blank; {why}"


_SHARED = ("method", "draft_tokens", "draft_model", "layers", "params_b", "engines", "checkpoint")
"""What the rows of one draft have in common."""


def impossible_drafts(catalog: Catalog) -> Iterator[Fault]:
    """Yield drafts that contradict themselves or their other rows."""
    first: dict[tuple[str, str], Draft] = {}
    for row in catalog.drafts:
        known = first.setdefault((row.model, row.id), row)
        for column in _SHARED:
            if getattr(row, column) != getattr(known, column):
                message = f"{getattr(row, column)} here, {getattr(known, column)} in {known.label}"
                yield fault(catalog, "drafts", row, column, message)
        for column, message in _draft_contradictions(row):
            yield fault(catalog, "drafts", row, column, message)


def _draft_contradictions(row: Draft) -> Iterator[tuple[str, str]]:
    most = row.draft_tokens + 1
    if row.tokens_per_step is None and row.acceptance is None:
        yield "tokens_per_step", "is blank; give it or `acceptance`"
    if row.tokens_per_step is not None and row.tokens_per_step > most:
        yield "tokens_per_step", f"{row.tokens_per_step:g} of at most {most} tokens a step"
    if (row.method == "draft_model") != (row.draft_model is not None):
        state = "is blank; the model that drafts" if row.draft_model is None else "is stated; only"
        yield "draft_model", f"{state} belongs to method `draft_model`"
    if row.params_b is not None and row.method != "eagle":
        yield "params_b", "is stated; only heads of method `eagle` are not counted from a shape"
