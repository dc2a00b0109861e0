"""Architecture of a model from its ``config.json``, as published with the weights.

Sizes are not read but computed from the row, so every field that enters a size is either stated,
follows from the rules below, or is named in the rejection:

* ``head_dim = hidden_size / num_attention_heads`` and ``num_key_value_heads =
  num_attention_heads`` where they are left out.
* Layers of a mixture of experts: all but the first ``first_k_dense_replace``, every
  ``moe_layer_freq``-th, ``decoder_sparse_step``-th or ``interleave_moe_layer_step``-th, without
  ``mlp_only_layers``, or as ``mlp_layer_types`` says. Only the number of dense layers enters a
  size, so it is stored as ``dense_first_layers``.
* ``experts_shared`` = width of the shared block / width of one expert.
* ``full_attention_fraction`` = share of ``layer_types`` that see the whole context; without that
  list, from ``use_sliding_window`` and ``max_window_layers``, or ``sliding_window_pattern``.

A size computed from a config with state space layers, compressed or mixed attention shapes, or
feed-forward blocks without a gate would be wrong, so these are rejected. Linear attention is
accepted when ``layer_types`` says which layers have it.

Sources: configuration classes of github.com/huggingface/transformers for the rules; the configs of
github.com/ai-dynamo/aiconfigurator for the variety of names.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from planner.catalog.importers.record import Imported, Rejected
from planner.catalog.schema import Model
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from planner.catalog.importers.record import Settings

FILE_NAME = "config.json"
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
}
"""Column to the names it has in configs, the first that is stated wins."""
SHARED_WIDTHS = ("shared_expert_intermediate_size", "shared_intermediate_size", "share_expert_dim")
SHARED_COUNTS = ("n_shared_experts", "num_shared_experts")
WHOLE_CONTEXT = ("full_attention", "deepseek_sparse_attention")
"""Layer types whose cache grows with the context."""
WINDOWED = ("sliding_attention", "chunked_attention")
LINEAR = "linear_attention"
UNSUPPORTED = (
    ("state space layers", ("mamba_", "ssm_", "hybrid_override_pattern", "layers_block_type")),
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
LARGEST, MAX_LAYERS = 10**9, 10_000
"""Widths and layers above these are taken for errors."""
_TIED_BY_DEFAULT = "gemma"
_EVERY_LAYER_WINDOWED = ("mistral", "phi3")
_GEMMA2_PATTERN = 2
_SHOWN_CHARACTERS, _DIGITS = 120, 9


class _UnusableError(Exception):
    """A config that gives no row: value, reason code and detail."""


@dataclass
class _Config:
    """Fields of the text part, with what is missing or wrong so far."""

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
                shown, detail = f"{name}: {value!r}", f"a whole number, {least} to {LARGEST:g}"
                raise _UnusableError(shown, "bad_value", detail)
            return int(value)
        return None

    def required(self, *names: str) -> int:
        """Return a field that has to be there; 1 and a note of its name when it is not."""
        value = self.whole(*names)
        if value is None:
            self.missing.append(" or ".join(names))
        return value or 1

    def column(self, column: str) -> int | None:
        return self.whole(*NAMES.get(column, (column,)))

    def sequence(self, name: str, length: int) -> list[Any] | None:
        """Return a field with one entry per layer, ``None`` when it is no list."""
        value = self.fields.get(name)
        if not isinstance(value, list) or not value:
            return None
        if len(value) != length:
            detail = f"{name} has {len(value)} entries for {length} layers"
            raise _UnusableError(name, "contradiction", detail)
        return value

    @property
    def kind(self) -> str:
        return str(self.fields.get("model_type") or "unknown")


def read(source: Path, settings: Settings) -> Imported:
    """Return the models row of a config, or of every folder with a config in a folder.

    Parameters
    ----------
    source
        A ``config.json``, the folder that holds it, or a folder of such folders.
    settings
        Date, and options ``id`` and ``repo`` for one config (default: from the folder name).

    Raises
    ------
    InputError
        When there is no config or one is not a JSON object.
    """
    rows: dict[str, Model] = {}
    rejected, notes = [], []
    for path in _paths(source):
        raw = _load(path)
        try:
            row = _row(raw, path, settings)
        except _UnusableError as unusable:
            value, reason, detail = unusable.args
            rejected.append(Rejected(str(path), value[:_SHOWN_CHARACTERS], reason, detail))
            continue
        if row.id in rows:
            detail = "another config gave a model of this id; give them folders of other names"
            rejected.append(Rejected(str(path), row.id, "repeated_id", detail))
            continue
        rows[row.id] = row
        notes += [f"{row.id}: {note}" for note in row.notes.split("; ") if note]
        if settings.catalog.model(row.id) is not None:
            notes.append(f"{row.id}: replaces the row of the catalogue with this id")
    models = tuple(rows[key] for key in sorted(rows))
    return Imported({"models": models}, tuple(rejected), tuple(notes))


def _paths(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    own = source / FILE_NAME
    found = [own] if own.is_file() else sorted(source.glob(f"*/{FILE_NAME}"))
    if not found:
        message = f"has no {FILE_NAME}, nor has any folder in it"
        raise InputError([Fault(str(source), None, None, "", message)])
    return found


def _load(path: Path) -> dict[str, Any]:
    line = column = None
    try:
        data = json.loads(path.read_bytes().decode("utf-8-sig"))
        if isinstance(data, dict):
            return data
        message = f"holds a {type(data).__name__}, not an object"
    except OSError as error:
        message = f"cannot be read ({error.strerror})"
    except json.JSONDecodeError as error:
        message, line, column = f"is no JSON: {error.msg}", error.lineno, error.colno
    except (ValueError, RecursionError) as error:
        message = f"is no JSON in UTF-8 ({type(error).__name__})"
    detail = f"{message}; give the {FILE_NAME} published with the weights"
    raise InputError([Fault(str(path), line, column, "", detail)])


def _row(raw: Mapping[str, Any], path: Path, settings: Settings) -> Model:
    nested = raw.get("text_config")
    # Wrappers of several towers state the tie of the embeddings outside the text part.
    outer = {k: raw[k] for k in ("tie_word_embeddings", "quantization_config") if k in raw}
    config = _Config({**outer, **nested} if isinstance(nested, dict) else raw)
    _check_supported(config)
    # In this order: the number of layers is checked before anything is made per layer.
    columns = _shape(config) | _attention(config) | _experts(config)
    if config.missing:
        detail = f"{config.kind} needs {', '.join(config.missing)}; add them to the config"
        raise _UnusableError(", ".join(config.missing), "missing_field", detail)
    _check_consistent(columns)
    repo = settings.options.get("repo") or _repo(raw, path)
    key = settings.options.get("id") or repo.rpartition("/")[2].lower()
    try:
        return Model(
            id=re.sub(r"[^A-Za-z0-9._:+@-]+", "-", key).lstrip("._:+@-"),
            hf_repo=repo if "/" in repo else "",
            family=config.kind,
            **columns,
            source=f"{FILE_NAME} of {repo}",
            as_of=settings.as_of,
            notes="; ".join([*config.notes, *_remarks(raw, config)]),
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise _UnusableError(name, "bad_value", f"{name}: {first['msg']}") from error


def _repo(raw: Mapping[str, Any], path: Path) -> str:
    """Return owner/name where the folder or the config tells it, else the folder's name."""
    stated = str(raw.get("_name_or_path") or "")
    cached = [p for p in path.resolve().parts if p.startswith("models--")]
    name = cached[-1].removeprefix("models--") if cached else path.resolve().parent.name
    if not cached and "--" not in name and re.fullmatch(r"[\w.-]+/[\w.-]+", stated, re.ASCII):
        return stated
    return name.replace("--", "/", 1)


def _check_supported(config: _Config) -> None:
    if UNGATED.fullmatch(config.kind):
        detail = "its feed-forward block has no gate, so its size would come out wrong"
        raise _UnusableError(config.kind, "unsupported", detail)
    # With a type per layer, the fields of linear attention say nothing more about sizes.
    explained = ("linear_", "mamba_ssm_dtype") if config.fields.get("layer_types") else ()
    for name, value in config.fields.items():
        if name.startswith(explained) or value in (None, [], {}, "", False):
            continue
        for meaning, starts in UNSUPPORTED:
            if name.startswith(starts):
                detail = f"{name} means {meaning}; give the row in models.csv of an overlay"
                raise _UnusableError(name, "unsupported", detail)
    kinds = config.fields.get("attn_type_list")
    if isinstance(kinds, list) and any(kind != 1 for kind in kinds):
        name = "attn_type_list"
        raise _UnusableError(name, "unsupported", "linear attention without layer_types")


def _shape(config: _Config) -> dict[str, Any]:
    tied = config.fields.get("tie_word_embeddings")
    if tied is None:
        tied = config.kind.startswith(_TIED_BY_DEFAULT)
        config.notes.append(f"tie_word_embeddings is not stated, taken as {str(tied).lower()}")
    if (config.column("layers") or 0) > MAX_LAYERS:
        raise _UnusableError(*NAMES["layers"], "bad_value", f"more than {MAX_LAYERS} layers")
    names = ("layers", "hidden", "heads", "vocab", "context_tokens")
    return {name: config.required(*NAMES[name]) for name in names} | {
        "tied_embeddings": tied is True,
    }


def _attention(config: _Config) -> dict[str, Any]:
    columns: dict[str, Any] = _windows(config)
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
    return columns | {"attention": kind}


def _windows(config: _Config) -> dict[str, Any]:
    """Return the window and the share of layers that see the whole context."""
    layers, window = config.column("layers") or 1, config.whole("sliding_window")
    types = config.sequence("layer_types", layers)
    if types is not None:
        full = sum(kind in WHOLE_CONTEXT for kind in types)
        window = _typed_window(config, {str(kind) for kind in types}, window)
    else:
        full = layers if window is None else _full_layers_by_rule(config, layers)
    window = None if full == layers else window
    return {"sliding_window": window, "full_attention_fraction": round(full / layers, _DIGITS)}


def _typed_window(config: _Config, kinds: set[str], window: int | None) -> int | None:
    unknown = ", ".join(sorted(kinds - {*WHOLE_CONTEXT, *WINDOWED, LINEAR}))
    if unknown or (LINEAR in kinds and kinds & {*WINDOWED}):
        detail = "layer_types has to be of full, sliding or chunked, or full and linear attention"
        raise _UnusableError(unknown or LINEAR, "unsupported", detail)
    if LINEAR in kinds:
        config.notes.append("linear attention layers are sized as if they were full attention")
        return None
    if "chunked_attention" in kinds:
        window = config.whole("attention_chunk_size") or window
    if window is None and kinds & set(WINDOWED):
        config.missing.append("sliding_window")
    return window


def _full_layers_by_rule(config: _Config, layers: int) -> int:
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


def _experts(config: _Config) -> dict[str, Any]:
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
        names = ("dense_intermediate_size", "intermediate_size_mlp", "intermediate_size")
        columns["intermediate"] = config.required(*names)
    return columns


def _shared(config: _Config, width: int) -> int | None:
    if config.kind.startswith("llama4"):
        return 1
    total = config.whole(*SHARED_WIDTHS)
    if total is None:
        return config.whole(*SHARED_COUNTS)
    if total % width:
        config.notes.append(f"shared experts of width {total} are rounded up to whole experts")
    return math.ceil(total / width)


def _is_moe(config: _Config, layers: int) -> list[bool]:
    """Return for every layer whether it routes tokens to experts."""
    kinds = config.sequence("mlp_layer_types", layers)
    if kinds is not None:
        return [kind == "sparse" for kind in kinds]
    if isinstance(config.fields.get("moe_layer_freq"), list):
        return [bool(flag) for flag in config.sequence("moe_layer_freq", layers) or ()]
    first = config.whole("first_k_dense_replace") or 0
    each = config.whole("moe_layer_freq") or 1
    step = config.whole("decoder_sparse_step", "interleave_moe_layer_step") or 1
    only = config.fields.get("mlp_only_layers")
    dense = {i for i in only if isinstance(i, int)} if isinstance(only, list) else set()
    return [
        i >= first and i % each == 0 and (i + 1) % step == 0 and i not in dense
        for i in range(layers)
    ]


def _check_consistent(columns: Mapping[str, Any]) -> None:
    for small, large in (("kv_heads", "heads"), ("experts_active", "experts_routed")):
        low, high = columns.get(small) or 0, columns.get(large)
        if high is not None and low > high:
            raise _UnusableError(small, "contradiction", f"{small} {low} is above {large} {high}")


def _remarks(raw: Mapping[str, Any], config: _Config) -> list[str]:
    found = []
    if any(raw.get(tower) for tower in ("vision_config", "audio_config")):
        found.append("text part only")
    if config.whole("num_nextn_predict_layers", "num_mtp_modules"):
        found.append("layers for multi-token prediction are not counted")
    quantized = config.fields.get("quantization_config")
    if isinstance(quantized, dict):
        method = quantized.get("quant_method") or quantized.get("quant_algo") or "unknown"
        found.append(f"weights are published quantized ({str(method)[:_SHOWN_CHARACTERS]})")
    return found
