"""Entries of a price file, and the rows that they give."""

from __future__ import annotations

from planner.catalog.importers.record import Imported
from planner.catalog.schema import Row

AS_OF = "2026-06-15"
KEY = "together_ai/deepseek-ai/DeepSeek-R1"


def entry(**changes: object) -> dict[str, object]:
    """Return an entry of the file, with changes; `None` takes a field away."""
    base = {
        "litellm_provider": "together_ai",
        "mode": "chat",
        "input_cost_per_token": 1.35e-06,
        "output_cost_per_token": 5.4e-06,
    }
    return {key: value for key, value in (base | changes).items() if value is not None}


def only(imported: Imported) -> Row:
    """Return the one row."""
    (row,) = imported.rows["api_offers"]
    return row


def lengths(imported: Imported) -> list[tuple[str, int, float, float | None, float]]:
    """Return mode, least prompt length, and input, cached and output price of every row."""
    return [
        (
            row.mode,
            row.prompt_from_tokens,
            row.input_usd_per_mtok,
            row.cached_input_usd_per_mtok,
            row.output_usd_per_mtok,
        )
        for row in imported.rows["api_offers"]
    ]
