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
* ``index_heads``, ``index_head_dim`` and ``index_tokens`` = ``index_n_heads``, ``index_head_dim``
  and ``index_topk`` of sparse attention; layers that share an indexer are sized with one each.
* Llama 4: experts have ``intermediate_size``, dense layers ``intermediate_size_mlp``, and one
  shared expert is as wide as the others. Layers with a 0 in ``no_rope_layers``, without the list
  every ``no_rope_layer_interval``-th (4), see the whole context; the others see their chunk of
  ``attention_chunk_size`` tokens, which is stored as a window: no token sees more than that.

A size computed from a config with state space layers, compressed or mixed attention shapes, or
feed-forward blocks without a gate would be wrong, so these are rejected. Linear attention is
accepted when ``layer_types`` says which layers have it. In a folder of folders, a file that cannot
be read is a rejection too.

Sources: configuration classes of github.com/huggingface/transformers for the rules; the configs of
github.com/ai-dynamo/aiconfigurator for the variety of names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.importers.files import (
    MOST_PLACE_CHARACTERS,
    REPEATED_KEY,
    json_object,
    shortened,
    unreadable,
)
from planner.catalog.importers.huggingface.config import UnusableError
from planner.catalog.importers.huggingface.row import row_of
from planner.catalog.importers.record import Imported, Rejected
from planner.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.record import Settings
    from planner.catalog.schema import Model

OPTIONS = {
    "id": "id of the model, for one config; by default the name of its repository in lower case",
    "repo": "OWNER/NAME of its repository, for one config; by default from the folder's name",
}
"""Keys of ``--option`` with their help."""
_FILE_NAME = "config.json"
_MOST_VALUE_CHARACTERS = 120
_ACCEPTED = f"the {_FILE_NAME} published with the weights, its folder, or a folder of such folders"


def read(source: Path, settings: Settings) -> Imported:
    """Return the models row of a config, or of every folder with a config in a folder.

    Parameters
    ----------
    source
        A ``config.json``, the folder that holds it, or a folder of such folders.
    settings
        Date, and `OPTIONS`.

    Raises
    ------
    InputError
        When there is no config, or the only one is not a JSON object.
    """
    rows: dict[str, Model] = {}
    rejected: list[Rejected] = []
    notes: list[str] = []
    paths = _paths(source)
    for path in paths:
        try:
            raw, repeated = json_object(path, _ACCEPTED)
            rejected += [_rejected(path, key, *REPEATED_KEY) for key in repeated]
            row = row_of(raw, path, settings)
        except UnusableError as unusable:
            rejected.append(_rejected(path, *unusable.args))
            continue
        except InputError as error:
            if len(paths) == 1:
                raise
            rejected.append(_rejected(path, path.name, "unreadable", error.faults[0].message))
            continue
        if row.id in rows:
            detail = "another config gave a model of this id; give them folders of other names"
            rejected.append(_rejected(path, row.id, "repeated_id", detail))
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
    own = source / _FILE_NAME
    found = [own] if own.is_file() else sorted(source.glob(f"*/{_FILE_NAME}"))
    if not found:
        raise unreadable(source, f"has no {_FILE_NAME}, nor has any folder in it", _ACCEPTED)
    return found


def _rejected(path: Path, value: object, reason: str, detail: str) -> Rejected:
    shown = shortened(value, _MOST_VALUE_CHARACTERS)
    return Rejected(shortened(path, MOST_PLACE_CHARACTERS), shown, reason, detail)
