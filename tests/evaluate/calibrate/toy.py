"""Measured rows that a replica with known parameters would have given, and files of them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from planner.evaluate.calibration.calibrate import calibrate
from planner.evaluate.calibration.model import Asked, log_figures
from planner.evaluate.calibration.moves import MOVES
from planner.evaluate.cases import CaseBuilder
from planner.evaluate.names import names_of
from planner.evaluate.runs import run_of
from tests.evaluate.rows import measured, write
from tests.options.world import catalog

AS_OF = "2026-06-01"
KEY = "model-a/bf16/vllm/gpu-a"
METRICS = {
    "tpot_ms": "tpot_ms",
    "ttft_ms": "ttft_ms",
    "output_tokens_per_s_total": "throughput_closed_loop",
}
STATIC = {"output_tokens_per_s_total": "throughput_static"}
MAX_LOAD = {"output_tokens_per_s_total": "throughput_max_load"}


@lru_cache
def world():
    """Return a catalogue of one model and one accelerator without calibration of its own."""
    return catalog()


def rows(loads, metrics=METRICS, in_world=None, /, changes=None, **moved):
    """Return rows of runs under some loads.

    Parameters
    ----------
    loads
        Cells such as ``concurrency=4``.
    metrics
        Metric of the model by name of the metric.
    changes
        Other cells of the rows.
    moved
        Factors of moves by name, as the runs would have had them.
    """
    place = in_world or world()
    builder = CaseBuilder(place, names_of(place))
    cells = [{"concurrency_or_rate": load, **(changes or {})} for load in loads]
    runs = [run_of(measured(**each)) for each in cells]
    asked = [(run, builder.case(run), metric) for run in runs for metric in metrics.values()]
    moves = [m for m in MOVES if m.name in moved]
    ln = np.log([moved[m.name] for m in moves])
    figures = np.exp(log_figures([Asked(asked, moves, ln)])[0]).tolist()
    named = [(name, each) for each in cells for name in metrics]
    return [
        measured(metric=name, value=figure, **each)
        for (name, each), figure in zip(named, figures, strict=True)
    ]


def clients(*numbers):
    """Return loads of so many clients."""
    return [f"concurrency={n}" for n in numbers]


def calibrated(tmp_path, measurements, in_world=None, name="measured.csv"):
    """Return the calibration of rows written to a file; the same rows are calibrated once."""
    if in_world is not None:
        return calibrate(write(tmp_path / name, measurements), in_world, AS_OF)
    key = (name, *measurements)
    if key not in _CALIBRATED:
        _CALIBRATED[key] = calibrate(write(tmp_path / name, measurements), world(), AS_OF)
    return _CALIBRATED[key]


_CALIBRATED = {}


def only(found):
    """Return the one combination of a calibration, after checking that it is one."""
    (item,) = found.combinations
    return item


def factors(item):
    """Return the factor on every parameter that a combination states."""
    return {p.parameter: p.factor for p in item.parameters}


def worst_error(item, kind="after"):
    """Return the largest relative error of the figures of a combination."""
    return max(abs(getattr(f, kind) / f.reading.measured - 1) for f in item.figures)
