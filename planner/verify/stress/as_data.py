"""The stable machine form of a stress table."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.verify.stress.records import Level, StressRow, StressTable


def stress_data(table: StressTable) -> dict[str, object]:
    """Return the settings, one record for every row, and what is not in the table.

    Parameters
    ----------
    table
        What the stresses do.
    """
    return {
        "settings": asdict(table.settings),
        "rows": [_row(row) for row in table.rows],
        "not_applied": [asdict(item) for item in table.not_applied],
        "requests": table.requests,
    }


def _row(row: StressRow) -> dict[str, object]:
    return {
        "stress": row.stress,
        "text": row.text,
        "workload": row.workload,
        "answer": row.answer,
        "promised": row.promised,
        "before": _level(row.before),
        "after": _level(row.after),
        "loss_kept": row.loss_kept,
    }


def _level(level: Level) -> dict[str, object]:
    period, block = level.worst_place
    return {
        "slo_attainment": level.attainment,
        "worst_slo_attainment": level.worst,
        "worst_place": {"period": period, "block": block},
        "missed_blocks": level.missed,
        "blocks": level.blocks,
        "completed_share": level.completed_share,
        "unserved_blocks": level.unserved,
        "limits": [asdict(limit) for limit in level.limits],
    }
