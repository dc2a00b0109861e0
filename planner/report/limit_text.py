"""Moves of workloads between models, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.report.tables import NUMBER, Column, money, write_table

if TYPE_CHECKING:
    from typing import TextIO

    from planner.plan.document import Plan


def write_moves(out: TextIO, plan: Plan) -> None:
    """Write who moves to which model, and when; nothing where nobody does.

    Parameters
    ----------
    out
        Stream to write to.
    plan
        The plan.
    """
    if not plan.moves:
        return
    out.write("\nmoves between models\n")
    columns = [
        Column("period", NUMBER),
        Column("workload", whole=True),
        Column("to model", whole=True),
        Column("USD", NUMBER),
    ]
    rows = [[str(r.period), r.workload, r.model, money(r.usd)] for r in plan.moves]
    write_table(out, columns, rows)
