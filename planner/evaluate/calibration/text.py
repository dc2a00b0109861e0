"""A calibration as tables: errors, moved parameters, every figure, and what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.evaluate.calibration.reasons import WAYS_OUT
from planner.evaluate.calibration.records import (
    is_moved,
    median_errors,
    metrics_of,
    unused_lines,
)
from planner.evaluate.text import share
from planner.report.tables import NUMBER, Column, number, write_table

if TYPE_CHECKING:
    from typing import TextIO

    from planner.evaluate.calibration.calibrate import Calibrations, Checked

_SHOWN_LINES = 8
_WHOLE = 100.0
"""Figures from here on are shown without decimals."""
_LEGEND = (
    "Errors are |predicted / measured - 1|. Left out: predicted by a fit that did not see the "
    "point. Sigma: standard deviation of ln(measured / predicted time), with which plans keep "
    "their confidence."
)


def write_calibration(out: TextIO, found: Calibrations, where: str) -> None:
    """Write what a calibration found.

    Parameters
    ----------
    out
        Stream to write to.
    found
        The calibration.
    where
        What was read, as the user named it.
    """
    used = sum(len(c.figures) for c in found.combinations)
    out.write(
        f"{where}: {counted(used, 'figure')} of {counted(found.rows, 'row')} used in "
        f"{counted(len(found.combinations), 'combination')}\n"
    )
    if found.combinations:
        _write_errors(out, found)
        _write_moved(out, found)
        _write_figures(out, found)
    _write_refused(out, found, where)
    _write_unused(out, found)
    for combination in (item.combination for item in found.combinations):
        if combination.formats:
            formats = ", ".join(combination.formats)
            out.write(
                f"note: {combination.key}: holds for {formats} too, whose cache was measured\n"
            )
    if found.foreign:
        names = ", ".join(found.foreign)
        out.write(f"note: {names}: known from an overlay only; give --catalog both to planner\n")
    if found.combinations:
        out.write(f"{_LEGEND}\n")


def _write_errors(out: TextIO, found: Calibrations) -> None:
    rows = []
    for item in found.combinations:
        for metric in metrics_of(item):
            count = sum(f.reading.metric == metric for f in item.figures)
            errors = [share(e) for e in median_errors(item.figures, metric)]
            known = (item.provenance, number(item.sigma_ln))
            points = str(len(item.combination.points))
            rows.append([item.combination.key, points, *known, metric, str(count), *errors])
    columns = (
        Column("combination", whole=True),
        Column("points", NUMBER, gives_way=1),
        Column("known", whole=True, gives_way=3),
        Column("sigma", NUMBER, gives_way=2),
        Column("metric", whole=True),
        Column("figures", NUMBER, gives_way=4),
        Column("before", NUMBER),
        Column("after", NUMBER),
        Column("left out", NUMBER),
    )
    write_table(out, columns, rows, "Median error by combination")


def _write_moved(out: TextIO, found: Calibrations) -> None:
    rows = [
        [
            item.combination.key,
            p.parameter,
            f"{p.shipped:.4g}",
            f"{p.calibrated:.4g}",
            f"{p.factor - 1.0:+.1%}",
        ]
        for item in found.combinations
        for p in item.parameters
        if is_moved(p)
    ]
    columns = (
        Column("combination", whole=True),
        Column("parameter", whole=True),
        Column("shipped", NUMBER),
        Column("calibrated", NUMBER),
        Column("moved by", NUMBER),
    )
    if rows:
        write_table(out, columns, rows, "Moved parameters")
    else:
        out.write("\nno parameter moved by more than 0.5%\n")


def _write_figures(out: TextIO, found: Calibrations) -> None:
    rows = [
        [str(f.reading.line), item.combination.key, *_load(f), *_predictions(f)]
        for item in found.combinations
        for f in item.figures
    ]
    columns = (
        Column("line", NUMBER),
        Column("combination", whole=True, gives_way=1),
        Column("isl/osl", whole=True),
        Column("load", whole=True),
        Column("metric", whole=True),
        Column("measured", NUMBER),
        Column("before", NUMBER),
        Column("after", NUMBER),
        Column("left out", NUMBER),
    )
    write_table(out, columns, rows, "Every figure")


def _load(figure: Checked) -> list[str]:
    run = figure.reading.run
    lengths = f"{run.isl_tokens or 0:g}/{run.osl_tokens or 0:g}"
    return [lengths, run.row.concurrency_or_rate, figure.reading.metric]


def _predictions(figure: Checked) -> list[str]:
    values = (figure.reading.measured, figure.before, figure.after, figure.left_out)
    return [_figure(value) for value in values]


def _write_refused(out: TextIO, found: Calibrations, where: str) -> None:
    if not found.refused:
        return
    out.write(f"\n{counted(len(found.refused), 'figure')} refused, against physics:\n")
    for r in found.refused:
        word = "at least" if r.unit == "ms" else "at most"
        out.write(
            f"  {where}:{r.line}  {r.metric} {_figure(r.measured)} {r.unit}, {word} "
            f"{_figure(r.bound)} {r.unit} is possible: {r.law}\n"
        )


def _write_unused(out: TextIO, found: Calibrations) -> None:
    if not found.unused:
        return
    out.write(f"\n{counted(len(found.unused), 'row')} not used:\n")
    for reason, lines in unused_lines(found).items():
        shown = ", ".join(str(line) for line in lines[:_SHOWN_LINES])
        more = ", ..." if len(lines) > _SHOWN_LINES else ""
        word = "line" if len(lines) == 1 else "lines"
        out.write(f"  {len(lines):,} x {reason}: {WAYS_OUT[reason]} ({word} {shown}{more})\n")


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= _WHOLE else f"{value:.3g}"
