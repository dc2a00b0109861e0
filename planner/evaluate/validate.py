"""The whole of ``planner validate``: a folder of measured rows to errors by slice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.location import shipped_path
from planner.evaluate.choices import choices_of, chosen_errors
from planner.evaluate.compare import compare
from planner.evaluate.decisions import MEDIAN_CONFIDENCE, decide
from planner.evaluate.measurements import read_folder
from planner.evaluate.observations import collect
from planner.evaluate.slices import slice_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from planner.catalog.load import Catalog
    from planner.evaluate.choices import Choices
    from planner.evaluate.measurements import MeasuredData
    from planner.evaluate.observations import Collected, Metric
    from planner.evaluate.slices import SliceErrors

PLANNING_CONFIDENCE = 0.8
"""Confidence of plans unless a problem says otherwise; decisions are shown at it too."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Errors of the performance model on measured rows.

    Parameters
    ----------
    data
        What was read.
    collected
        What of it is compared, and what is not.
    slices
        Errors by slice and metric, those of picks last.
    choices
        Decisions at the median and at the confidence of plans.
    skipped
        Figures without a prediction by (reason, metric).
    """

    data: MeasuredData
    collected: Collected
    slices: tuple[SliceErrors, ...]
    choices: tuple[Choices, ...]
    skipped: Mapping[tuple[str, Metric], int]


def sample_path() -> Path:
    """Return the sample of measured rows that travels with the planner."""
    return shipped_path("catalogs") / "measured_sample.csv"


def validate(catalog: Catalog, folder: Path | None = None) -> Validation:
    """Return the errors of the performance model on the rows of `folder`.

    Parameters
    ----------
    catalog
        The catalogue whose model is judged.
    folder
        Folder with CSV files, or one such file; ``None`` for the shipped sample.

    Raises
    ------
    InputError
        When `folder` does not exist or holds no measurements.
    """
    data = read_folder(sample_path() if folder is None else folder)
    collected = collect(data.rows)
    compared = compare(collected.observations, catalog)
    nominal, planned = decide(compared), decide(compared, PLANNING_CONFIDENCE)
    return Validation(
        data=data,
        collected=collected,
        slices=(*slice_errors(compared), *chosen_errors(nominal)),
        choices=(
            *choices_of(nominal, MEDIAN_CONFIDENCE),
            *choices_of(planned, PLANNING_CONFIDENCE),
        ),
        skipped=Counter((c.reason, c.observation.metric) for c in compared if c.reason),
    )


def as_records(validation: Validation) -> list[dict[str, object]]:
    """Return the stable machine form: one mapping for every slice and metric."""
    choices = {c.name: c for c in reversed(validation.choices)}
    return [_record(item, choices.get(item.name)) for item in validation.slices]


def _record(item: SliceErrors, choices: Choices | None) -> dict[str, object]:
    errors = item.errors
    record: dict[str, object] = {
        "slice": item.name,
        "metric": item.metric,
        "n": errors.n,
        "n_skipped": item.n_skipped,
        "median_ape": errors.median_ape,
        "mape": errors.mape,
        "p90_ape": errors.p90_ape,
        "log_bias": errors.log_bias,
        "coverage_80": errors.coverage_80,
    }
    if choices is not None:
        record |= {
            "decisions": choices.decisions,
            "slo_kept": choices.kept,
            "throughput_of_best": choices.best_mean,
        }
    return record
