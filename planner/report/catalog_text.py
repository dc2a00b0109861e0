"""Rows of the catalogue as a table: on a terminal the columns that most readers want."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.report.tables import NUMBER, TEXT, Column, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

_CHOSEN = {
    "accelerators": (
        "id memory_mib bandwidth_gb_per_s bf16_tflops fp8_tflops link link_gb_per_s tdp_w "
        "architecture"
    ),
    "models": (
        "id params_published_b params_active_published_b context_tokens attention layers "
        "experts_routed family hf_repo license"
    ),
    "engines": "id versions scheduler chunk_tokens max_num_seqs memory_fraction name",
    "quantizations": "id weight_bytes expert_weight_bytes kv_bytes compute quality_group name",
    "offers": (
        "provider instance region tenure plan accelerator accelerators price_usd_per_hour "
        "usd_per_accelerator_hour valid_from"
    ),
    "api_offers": (
        "provider model mode input_usd_per_mtok cached_input_usd_per_mtok output_usd_per_mtok "
        "hours_utc prompt_from_tokens quantization weights valid_from model_ref"
    ),
    "price_paths": "series item seller variant date usd unit",
    "price_trends": "id annual_change annual_change_low annual_change_high points groups",
    "sources": "id publisher kind licence",
}
"""Columns of a table on a terminal in order, before its date and publisher; else all columns."""
_FIRST = {
    "offers": "accelerator usd_per_accelerator_hour provider instance tenure price_usd_per_hour",
    "api_offers": "provider model input_usd_per_mtok output_usd_per_mtok mode",
    "systems": "id quantity value case",
    "servers": "id quantity value case valid_from",
    "sites": "id quantity value case",
    "price_paths": "item date usd series",
}
"""Columns that are the last to be left out where the order of a table is another."""
_DATED = ("as_of", "publisher")
_BEHIND_THESE = (
    *("valid_from", "architecture", "model_ref", "license", "accelerators"),
    *("low", "high", "setting", "questions"),
)
"""Columns that are left out before the date and the publisher of a row are."""
_PROSE = ("name", "notes", "source", "publisher", "setting", "evaluator", "licence", "url")
"""Columns that are read, not copied: they wrap at words."""
_SMALL = 1.0


def write_rows(out: TextIO, rows: Sequence[dict[str, Any]], table: str, names: list[str]) -> None:
    """Write rows of a table of the catalogue.

    Parameters
    ----------
    out
        Stream to write to: a pipe gets every column and every digit.
    rows
        Rows with all columns.
    table
        Name of the table.
    names
        All columns in order.
    """
    if not out.isatty():
        cells = [["" if row[n] is None else str(row[n]) for n in names] for row in rows]
        write_table(out, [Column(name) for name in names], cells)
        return
    filled = {name for name in names if any(row[name] not in {None, ""} for row in rows)}
    shown = [name for name in _chosen(table, names) if name in filled]
    columns = [_column(table, name, rows) for name in shown]
    cells = [[_text(row[name]) for name in shown] for row in rows]
    write_table(out, columns, cells, left_out=len(filled) - len(shown))


def _chosen(table: str, names: Sequence[str]) -> list[str]:
    own = [name for name in names if name not in {"source", "notes", *_DATED}]
    return list(dict.fromkeys((*_CHOSEN.get(table, " ".join(own)).split(), *_DATED)))


def _column(table: str, name: str, rows: Sequence[dict[str, Any]]) -> Column:
    first = _FIRST.get(table, "").split()
    return Column(
        name,
        NUMBER if any(_is_number(row[name]) for row in rows) else TEXT,
        whole=name not in _PROSE and table != "sources",
        gives_way=first.index(name) - len(first) if name in first else name in _BEHIND_THESE,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    """Return a cell for a reader: thousands separated, four digits that matter."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, int | float):
        return str(value)
    if 0 < abs(value) < _SMALL:
        return f"{value:.4g}"
    return f"{value:,.4f}".rstrip("0").rstrip(".")
