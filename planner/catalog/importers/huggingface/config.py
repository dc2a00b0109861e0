"""Fields of a config: by name, as whole numbers in range, and what is missing of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from planner.catalog.importers.files import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers",),
    "hidden": ("hidden_size",),
    "heads": ("num_attention_heads",),
    "vocab": ("vocab_size",),
    "context_tokens": ("max_position_embeddings", "max_sequence_length", "seq_length"),
    "kv_heads": ("num_key_value_heads",),
    "head_dim": ("head_dim",),
    "experts_routed": ("num_local_experts", "n_routed_experts", "num_experts"),
    "experts_active": ("num_experts_per_tok", "num_experts_per_token", "top_k_experts"),
    "moe_intermediate": ("moe_intermediate_size",),
    "index_heads": ("index_n_heads",),
    "index_head_dim": ("index_head_dim",),
    "index_tokens": ("index_topk",),
}
"""Column to the names it has in configs, the first that is stated wins."""
INDEXER = ("index_heads", "index_head_dim", "index_tokens")
"""Columns of the indexer of sparse attention: all or none."""
UNSUPPORTED = (
    ("state space layers", ("mamba_", "ssm_", "hybrid_override_pattern", "layers_block_type")),
    ("state space layers", ("state_size", "conv_kernel", "time_step_", "d_state")),
    ("recurrent layers", ("lru_width", "block_types")),
    ("linear attention without layer_types", ("linear_", "rwkv")),
    ("a compressed cache", ("compress_ratios",)),
    ("two shapes of attention", ("global_head_dim", "hybrid_layer_pattern", "num_global_key")),
    ("layers of different shape", ("block_configs",)),
    ("experts narrower than the model", ("moe_latent_size", "routed_expert_hidden_size")),
)
"""What a field with a value means for the size, and the starts of the names of such fields."""
UNGATED = re.compile(
    "bloom|falcon|gpt2|gpt_bigcode|gpt_neox?|gptj|mpt|nemotron|opt|phi|starcoder2"
)
"""Model types whose feed-forward block has two matrices instead of three."""
WITHOUT_ATTENTION = re.compile("(falcon_)?mamba[0-9]*|rwkv.*|xlstm|retnet")
"""Model types of state space and recurrent models."""
LARGEST, MAX_LAYERS = 10**9, 10_000
"""Widths and layers above these are taken for errors."""


class UnusableError(Exception):
    """A config that gives no row: value, reason code and detail."""


@dataclass
class Config:
    """Fields of the text part, with what is missing or wrong so far.

    Parameters
    ----------
    fields
        Fields by name.
    missing
        Names of fields that have to be there and are not.
    notes
        What was assumed.
    """

    fields: Mapping[str, Any]
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def whole(self, *names: str, least: int = 1) -> int | None:
        """Return the first of these fields that is stated as a whole number >= `least`."""
        for name in names:
            value = self.fields.get(name)
            if value is None or (value == 0 and least > 0):
                continue
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not least <= value <= LARGEST or value != math.floor(value):
                shown = f"{name}: {shortened(value)}"
                detail = f"a whole number, {least} to {LARGEST:g}"
                raise UnusableError(shown, "bad_value", detail)
            return int(value)
        return None

    def required(self, *names: str) -> int:
        """Return a field that has to be there; 1 and a note of its name when it is not."""
        value = self.whole(*names)
        if value is None:
            self.missing.append(" or ".join(names))
        return value or 1

    def column(self, column: str) -> int | None:
        """Return the value of a column, ``None`` when no field of its names is stated."""
        return self.whole(*NAMES.get(column, (column,)))

    def sequence(self, name: str, length: int) -> list[Any] | None:
        """Return a field with one entry per layer, ``None`` when it is no list."""
        value = self.fields.get(name)
        if not isinstance(value, list) or not value:
            return None
        if len(value) != length:
            detail = f"{name} has {len(value)} entries for {length} layers"
            raise UnusableError(name, "contradiction", detail)
        return value

    @property
    def kind(self) -> str:
        """Type of the model."""
        stated = self.fields.get("model_type")
        return (shortened(stated).strip() if stated else "") or "unknown"

    def check_supported(self) -> None:
        """Raise UnusableError when the size computed from the row would be wrong."""
        if UNGATED.fullmatch(self.kind):
            detail = "its feed-forward block has no gate, so its size would come out wrong"
            raise UnusableError(self.kind, "unsupported", detail)
        if WITHOUT_ATTENTION.fullmatch(self.kind):
            detail = "it has no attention, and models.csv has no columns for what it has instead"
            raise UnusableError(self.kind, "unsupported", detail)
        # With a type per layer, the fields of linear attention say nothing more about sizes.
        explained = ("linear_", "mamba_ssm_dtype") if self.fields.get("layer_types") else ()
        for name, value in self.fields.items():
            if name.startswith(explained) or value in (None, [], {}, "", False):
                continue
            for meaning, starts in UNSUPPORTED:
                if name.startswith(starts):
                    detail = f"{name} means {meaning}; give the row in models.csv of an overlay"
                    raise UnusableError(name, "unsupported", detail)
        kinds = self.fields.get("attn_type_list")
        if isinstance(kinds, list) and any(kind != 1 for kind in kinds):
            name = "attn_type_list"
            raise UnusableError(name, "unsupported", "linear attention without layer_types")
