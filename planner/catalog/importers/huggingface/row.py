"""The models row of one config."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from planner.catalog.importers.files import MOST_PLACE_CHARACTERS, shortened
from planner.catalog.importers.huggingface.attention import attention
from planner.catalog.importers.huggingface.config import (
    MAX_LAYERS,
    NAMES,
    Config,
    UnusableError,
)
from planner.catalog.importers.huggingface.experts import experts
from planner.catalog.schema import Model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from planner.catalog.importers.record import Settings

_TIED_BY_DEFAULT = "gemma"


def row_of(raw: Mapping[str, Any], path: Path, settings: Settings) -> Model:
    """Return the row of a config.

    Parameters
    ----------
    raw
        The config.
    path
        Its file; the folder names the model unless an option does.
    settings
        Date, and options ``id`` and ``repo``.

    Raises
    ------
    UnusableError
        When the config gives no row.
    """
    nested = raw.get("text_config")
    # Wrappers of several towers state the tie of the embeddings outside the text part.
    outer = {k: raw[k] for k in ("tie_word_embeddings", "quantization_config") if k in raw}
    config = Config({**outer, **nested} if isinstance(nested, dict) else raw)
    config.check_supported()
    # In this order: the number of layers is checked before anything is made per layer.
    columns = _shape(config) | attention(config) | experts(config)
    if config.missing:
        detail = f"{config.kind} needs {', '.join(config.missing)}; add them to the config"
        raise UnusableError(", ".join(config.missing), "missing_field", detail)
    _check_consistent(columns)
    repo = shortened(settings.options.get("repo") or _repo(raw, path), MOST_PLACE_CHARACTERS)
    key = settings.options.get("id") or repo.rpartition("/")[2].lower()
    try:
        return Model(
            id=re.sub(r"[^A-Za-z0-9._:+@-]+", "-", key).lstrip("._:+@-"),
            hf_repo=repo if "/" in repo else "",
            family=config.kind,
            **columns,
            source=f"config.json of {repo}",
            as_of=settings.as_of,
            notes="; ".join([*config.notes, *_remarks(raw, config)]),
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UnusableError(name, "bad_value", f"{name}: {first['msg']}") from error


def _repo(raw: Mapping[str, Any], path: Path) -> str:
    """Return owner/name where the folder or the config tells it, else the folder's name."""
    stated = raw.get("_name_or_path")
    cached = [part for part in path.resolve().parts if part.startswith("models--")]
    name = cached[-1].removeprefix("models--") if cached else path.resolve().parent.name
    is_repo = isinstance(stated, str) and re.fullmatch(r"[\w.-]+/[\w.-]+", stated, re.ASCII)
    if is_repo and not cached and "--" not in name:
        return str(stated)
    return name.replace("--", "/", 1)


def _shape(config: Config) -> dict[str, Any]:
    tied = config.fields.get("tie_word_embeddings")
    if tied is None:
        tied = config.kind.startswith(_TIED_BY_DEFAULT)
        config.notes.append(f"tie_word_embeddings is not stated, taken as {str(tied).lower()}")
    if (config.column("layers") or 0) > MAX_LAYERS:
        raise UnusableError(*NAMES["layers"], "bad_value", f"more than {MAX_LAYERS} layers")
    names = ("layers", "hidden", "heads", "vocab", "context_tokens")
    return {name: config.required(*NAMES[name]) for name in names} | {
        "tied_embeddings": tied is True,
    }


def _check_consistent(columns: Mapping[str, Any]) -> None:
    for small, large in (("kv_heads", "heads"), ("experts_active", "experts_routed")):
        low, high = columns.get(small) or 0, columns.get(large)
        if high is not None and low > high:
            raise UnusableError(small, "contradiction", f"{small} {low} is above {large} {high}")


def _remarks(raw: Mapping[str, Any], config: Config) -> list[str]:
    found = []
    if any(raw.get(tower) for tower in ("vision_config", "audio_config")):
        found.append("text part only")
    if config.whole("num_nextn_predict_layers", "num_mtp_modules"):
        found.append("layers for multi-token prediction are not counted")
    quantized = config.fields.get("quantization_config")
    if isinstance(quantized, dict):
        method = quantized.get("quant_method") or quantized.get("quant_algo") or "unknown"
        found.append(f"weights are published quantized ({shortened(method)})")
    return found
