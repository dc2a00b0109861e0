"""Errors of the performance model as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from planner.errors import counted
from planner.evaluate.runs import DROP_RULES
from planner.evaluate.slices import ALL
from planner.report.tables import NUMBER, Column, number, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from planner.evaluate.slices import SliceErrors
    from planner.evaluate.validate import Validation

_ERROR_COLUMNS = (
    Column("metric"),
    Column("n", NUMBER),
    Column("skipped", NUMBER),
    Column("median APE", NUMBER),
    Column("MAPE", NUMBER),
    Column("p90 APE", NUMBER),
    Column("log bias", NUMBER),
    Column("in 80% interval", NUMBER),
)
_LEGEND = (
    "APE: |predicted / measured - 1|. Log bias: mean ln(measured / predicted). A model or "
    "accelerator is seen when the calibration was fitted to rows of its architecture or of it."
)
_SHOWN_FILES = 8
_Key = TypeVar("_Key")


def write_validation(out: TextIO, validation: Validation, where: str) -> None:
    """Write the errors by metric and slice, decisions, and what was left out.

    Parameters
    ----------
    out
        Stream to write to.
    validation
        The errors.
    where
        What was read, as the user named it.
    """
    data = validation.data
    out.write(f"{where}: {counted(len(data.rows), 'row')} in {counted(data.files, 'file')}\n")
    parts = [s for s in validation.slices if s.name != ALL and (s.errors.n or s.n_skipped)]
    overall = [s for s in validation.slices if s.name == ALL]
    write_table(out, _ERROR_COLUMNS, [_cells(s) for s in overall], "Error by metric")
    columns = (Column("slice", whole=True), *_ERROR_COLUMNS)
    write_table(out, columns, [[s.name, *_cells(s)] for s in parts], "Error by slice")
    _write_choices(out, validation)
    _write_skipped(out, validation)
    _write_left_out(out, validation)
    out.write(f"{_LEGEND}\n")


def _cells(item: SliceErrors) -> list[str]:
    errors = item.errors
    return [
        item.metric,
        f"{errors.n:,}",
        f"{item.n_skipped:,}",
        share(errors.median_ape),
        share(errors.mape),
        share(errors.p90_ape),
        "-" if errors.log_bias is None else f"{errors.log_bias:+.3f}",
        share(errors.coverage_80),
    ]


def _write_choices(out: TextIO, validation: Validation) -> None:
    rows = [
        [
            choices.name,
            number(choices.confidence, 1),
            f"{choices.decisions:,}",
            f"{choices.picks:,}",
            share(choices.kept),
            number(choices.best_median),
            number(choices.best_mean),
            number(choices.best_p10),
        ]
        for choices in validation.choices
        if choices.decisions
    ]
    if not rows:
        return
    columns = (
        Column("limit on TPOT", whole=True),
        Column("confidence", NUMBER),
        Column("decisions", NUMBER),
        Column("picks", NUMBER),
        Column("kept within 10%", NUMBER),
        Column("output of best: median", NUMBER),
        Column("mean", NUMBER),
        Column("p10", NUMBER),
    )
    title = "Decisions: highest predicted output per accelerator among configurations in the limit"
    write_table(out, columns, rows, title)


def _write_skipped(out: TextIO, validation: Validation) -> None:
    if not validation.skipped:
        return
    rows = [[reason, metric, f"{n:,}"] for (reason, metric), n in _by_size(validation.skipped)]
    columns = (Column("not predicted", whole=True), Column("metric"), Column("figures", NUMBER))
    write_table(out, columns, rows, "Without a prediction")


def _write_left_out(out: TextIO, validation: Validation) -> None:
    collected, data = validation.collected, validation.data
    dropped = ", ".join(f"{collected.dropped.get(rule, 0):,} {rule}" for rule in DROP_RULES)
    out.write(f"\nrows dropped by rule: {dropped}\n")
    if collected.unscored:
        metrics = ", ".join(f"{n:,} {metric}" for metric, n in _by_size(collected.unscored))
        out.write(f"rows of metrics that are not compared: {metrics}\n")
    if data.malformed:
        out.write(f"rows whose cells do not match their header: {len(data.malformed):,}\n")
    if data.ignored:
        shown = "; ".join(f"{item.file} {item.reason}" for item in data.ignored[:_SHOWN_FILES])
        out.write(f"files ignored: {len(data.ignored)} ({shown})\n")


def _by_size(counts: Mapping[_Key, int]) -> list[tuple[_Key, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def share(fraction: float | None) -> str:
    """Return a fraction in per cent, `-` when it is unknown."""
    return "-" if fraction is None else f"{fraction:.1%}"
