"""Measured rows for tests: one valid row with changes, and folders of them."""

from __future__ import annotations

import csv

from planner.evaluate.measurements import COLUMNS, MeasuredRow

DEFAULTS = {
    "source": "a bench (2026)",
    "source_ref": "page 1",
    "engine": "vLLM",
    "model": "model-a",
    "gpu": "gpu-a",
    "n_gpus": "1",
    "tp": "1",
    "pp": "1",
    "weight_precision": "bf16",
    "isl": "1000",
    "osl": "200",
    "concurrency_or_rate": "concurrency=16",
    "metric": "tpot_ms",
    "value": "20",
}


def measured(**changes):
    """Return a valid row, with changes."""
    return MeasuredRow(**DEFAULTS | {name: str(value) for name, value in changes.items()})


def write(path, rows, columns=COLUMNS, extra=()):
    """Write rows as CSV, with further columns that hold `x`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, *extra])
        for row in rows:
            writer.writerow([*(getattr(row, name) for name in columns), *("x" for _ in extra)])
    return path
