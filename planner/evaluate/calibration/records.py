"""A calibration in the stable machine form; errors are fractions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.evaluate.calibration.reasons import WAYS_OUT
from planner.evaluate.errors import Pair, errors_of
from planner.evaluate.observations import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.evaluate.calibration.calibrate import Calibrated, Calibrations, Checked
    from planner.evaluate.calibration.rows import Moved
    from planner.evaluate.observations import Metric

_SHOWN_LN = 0.005


def as_record(found: Calibrations, measurements: str, output: str) -> dict[str, object]:
    """Return everything that a calibration says.

    Parameters
    ----------
    found
        The calibration.
    measurements, output
        File read and file written, as the user named them.
    """
    return {
        "measurements": measurements,
        "output": output,
        "rows": found.rows,
        "combinations": [_combination(item) for item in found.combinations],
        "refused": [
            {
                "line": r.line,
                "metric": r.metric,
                "value": r.measured,
                "bound": r.bound,
                "unit": r.unit,
                "law": r.law,
            }
            for r in found.refused
        ],
        "unused": [
            {"reason": reason, "way_out": WAYS_OUT[reason], "lines": lines}
            for reason, lines in unused_lines(found).items()
        ],
        "only_in_an_overlay": list(found.foreign),
    }


def unused_lines(found: Calibrations) -> dict[str, list[int]]:
    """Return the lines that are not used by reason, the most frequent first."""
    lines: dict[str, list[int]] = {}
    for item in found.unused:
        lines.setdefault(item.reason, []).append(item.line)
    return dict(sorted(lines.items(), key=lambda item: (-len(item[1]), item[0])))


def metrics_of(item: Calibrated) -> list[Metric]:
    """Return the metrics that were used, in the order of ``planner validate``."""
    used = {figure.reading.metric for figure in item.figures}
    return [metric for metric in METRICS if metric in used]


def median_errors(
    figures: Sequence[Checked], metric: Metric
) -> tuple[float | None, float | None, float | None]:
    """Return the median absolute percentage errors before, after, and left out, as fractions."""
    pairs: list[list[Pair]] = [[], [], []]
    for figure in figures:
        if figure.reading.metric != metric:
            continue
        guesses = (figure.before, figure.after, figure.left_out)
        for kind, predicted in zip(pairs, guesses, strict=True):
            if predicted is not None:
                kind.append(Pair(predicted, figure.reading.measured, None))
    before, after, left_out = (errors_of(kind).median_ape for kind in pairs)
    return before, after, left_out


def is_moved(parameter: Moved) -> bool:
    """Return whether a parameter moved by more than half a per cent."""
    return abs(parameter.factor - 1.0) > _SHOWN_LN


def _combination(item: Calibrated) -> dict[str, object]:
    combination = item.combination
    return {
        "key": combination.key,
        "model": combination.model,
        "quantization": combination.quantization,
        "engine": combination.engine,
        "accelerator": combination.accelerator,
        "also_for": list(combination.keys[1:]),
        "n_points": len(combination.points),
        "provenance": item.provenance,
        "sigma_ln_time": item.sigma_ln,
        "errors": [_errors(item, metric) for metric in metrics_of(item)],
        "parameters": [
            {
                "parameter": p.parameter,
                "shipped": p.shipped,
                "calibrated": p.calibrated,
                "factor": p.factor,
            }
            for p in item.parameters
            if is_moved(p)
        ],
        "figures": [_figure(figure) for figure in item.figures],
    }


def _errors(item: Calibrated, metric: Metric) -> dict[str, object]:
    before, after, left_out = median_errors(item.figures, metric)
    count = sum(figure.reading.metric == metric for figure in item.figures)
    return {
        "metric": metric,
        "n": count,
        "median_ape_before": before,
        "median_ape_after": after,
        "median_ape_left_out": left_out,
    }


def _figure(figure: Checked) -> dict[str, object]:
    reading = figure.reading
    return {
        "line": reading.line,
        "isl_tokens": reading.run.isl_tokens,
        "osl_tokens": reading.run.osl_tokens,
        "load": reading.run.row.concurrency_or_rate,
        "metric": reading.metric,
        "measured": reading.measured,
        "before": figure.before,
        "after": figure.after,
        "left_out": figure.left_out,
        "unit": reading.unit,
    }
