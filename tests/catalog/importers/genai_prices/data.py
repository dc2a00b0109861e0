"""Prices in the form of data.json, and the days that rows of them apply."""

from __future__ import annotations

from planner.catalog.importers.record import Imported

AS_OF = "2026-06-15"
BASE = {"input_mtok": 0.6, "output_mtok": 2.0, "cache_read_mtok": 0.3}
DEARER = {"input_mtok": 0.8, "output_mtok": 3.0}


def provider(**model: object) -> list[object]:
    """Return a list of one provider of one model."""
    return [{"id": "huggingface_acme", "models": [{"id": "Qwen/Qwen3-32B"} | model]}]


def since(date: str, prices: object) -> dict[str, object]:
    """Return prices that apply from a day on."""
    return {"constraint": {"start_date": date}, "prices": prices}


def during(start: str, end: str, prices: object) -> dict[str, object]:
    """Return prices that apply at some hours."""
    return {"constraint": {"start_time": start, "end_time": end}, "prices": prices}


def spans(imported: Imported) -> list[tuple[str, float, str, str | None]]:
    """Return mode, input price and days of every row."""
    return [
        (row.mode, row.input_usd_per_mtok, row.valid_from, row.valid_to)
        for row in imported.rows["api_offers"]
    ]


def hours(imported: Imported) -> list[tuple[str | None, float]]:
    """Return hours and input price of every row."""
    return [(row.hours_utc, row.input_usd_per_mtok) for row in imported.rows["api_offers"]]


def lengths(imported: Imported) -> list[tuple[int, float, float | None, float]]:
    """Return the least prompt length of every row, and its input, cached and output price."""
    return [
        (
            row.prompt_from_tokens,
            row.input_usd_per_mtok,
            row.cached_input_usd_per_mtok,
            row.output_usd_per_mtok,
        )
        for row in imported.rows["api_offers"]
    ]
