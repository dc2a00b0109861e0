"""Slices of compared figures.

Figures that count are in ``all`` and in one slice of each kind: source, model and accelerator
(``seen`` or ``unseen`` in calibration), precision, engine, tensor parallelism, batch (clients or
requests of a batch) and prompt length. The others are in the slices of their parts only.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.evaluate.engines import engine_of
from planner.evaluate.errors import Errors, Pair, errors_of
from planner.evaluate.formats import stated_format
from planner.evaluate.observations import DISAGGREGATED, METRICS, OPEN_LOOP, PERCENTILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.evaluate.compare import Compared
    from planner.evaluate.observations import Metric
    from planner.evaluate.runs import Run

ALL = "all"
_BATCH_ENDS = (1, 8, 32, 128)
_ISL_ENDS = (512, 2048, 8192)
_KINDS = (
    ALL,
    "source",
    "model",
    "accelerator",
    "precision",
    "engine",
    "tp",
    "batch",
    "isl",
    PERCENTILE,
    OPEN_LOOP,
    DISAGGREGATED,
)
_SOURCE = re.compile(r"[^(,;]+")


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """A named part of the figures; slices sort by kind, position and name."""

    kind: int
    position: float
    name: str


@dataclass(frozen=True, slots=True)
class SliceErrors:
    """Errors of one metric in one slice.

    Parameters
    ----------
    name
        Name of the slice.
    metric
        What was compared.
    errors
        Summary of the predictions.
    n_skipped
        Figures without a prediction.
    """

    name: str
    metric: Metric
    errors: Errors
    n_skipped: int


def slice_errors(compared: Iterable[Compared]) -> list[SliceErrors]:
    """Return the errors of every slice and metric; ``all`` has every metric."""
    groups: dict[tuple[Slice, Metric], list[Compared]] = defaultdict(list)
    everything = _slice(ALL)
    for metric in METRICS:
        groups[everything, metric] = []
    for item in compared:
        for part in slices_of(item):
            groups[part, item.observation.metric].append(item)
    order = sorted(groups, key=lambda key: (key[0], METRICS.index(key[1])))
    return [
        SliceErrors(part.name, metric, errors_of(pairs_of(items)), _skipped(items))
        for part, metric in order
        for items in [groups[part, metric]]
    ]


def pairs_of(compared: Iterable[Compared]) -> list[Pair]:
    """Return the predictions beside their measured figures."""
    return [
        Pair(c.predicted, c.observation.measured, c.sigma_ln)
        for c in compared
        if c.predicted is not None and c.observation.measured is not None
    ]


def slices_of(item: Compared) -> list[Slice]:
    """Return the slices of a figure."""
    observation, run = item.observation, item.observation.run
    if observation.parts:
        return [_slice(part) for part in observation.parts]
    return [
        _slice(ALL),
        _slice("source", _source(run)),
        _slice("model", "seen" if item.model_seen else "unseen"),
        _slice("accelerator", "seen" if item.accelerator_seen else "unseen"),
        _slice("precision", stated_format(run.row.weight_precision, run.notes)),
        _slice("engine", engine_of(run.row.engine) or "not_serving"),
        _parallel(run),
        _batch(run),
        _bucket("isl", run.isl_tokens, _ISL_ENDS),
    ]


def _skipped(items: Sequence[Compared]) -> int:
    return sum(1 for item in items if item.predicted is None)


def _slice(kind: str, value: str = "", position: float = 0.0) -> Slice:
    return Slice(_KINDS.index(kind), position, f"{kind}:{value}" if value else kind)


def _source(run: Run) -> str:
    match = _SOURCE.match(run.row.source)
    return match[0].strip() if match else "unstated"


def _parallel(run: Run) -> Slice:
    degree = run.tensor_parallel or run.gpus
    return _slice("tp", "unstated" if degree is None else str(degree), degree or 0)


def _batch(run: Run) -> Slice:
    if run.load.kind in {"closed", "static"}:
        return _bucket("batch", run.load.amount, _BATCH_ENDS)
    return _slice("batch", run.load.kind, float("inf"))


def _bucket(kind: str, value: float | None, ends: Sequence[int]) -> Slice:
    if value is None:
        return _slice(kind, "unstated")
    place = bisect_left(ends, value)
    if place == len(ends):
        return _slice(kind, f">{ends[-1]}", place)
    low = ends[place - 1] + 1 if place else 1
    high = ends[place]
    return _slice(kind, str(high) if low == high else f"{low}-{high}", place)
