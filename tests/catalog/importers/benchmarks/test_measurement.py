"""The row of a measurement."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from pydantic import ValidationError

from planner.catalog.schema.measurements import Measurement

MEASURED = Path(__file__).parents[5] / "shared" / "measured"
ROW = {
    "source": "a test",
    "source_ref": "a.json",
    "model": "llama-3.1-8b-instruct",
    "metric": "ttft_ms_p99",
    "value": 400.0,
}


def test_columns_stand_in_the_order_of_the_format():
    assert list(Measurement.model_fields) == [
        "source",
        "source_ref",
        "engine",
        "engine_version",
        "model",
        "params_b",
        "gpu",
        "n_gpus",
        "tp",
        "pp",
        "weight_precision",
        "kv_precision",
        "isl",
        "osl",
        "concurrency_or_rate",
        "metric",
        "value",
        "scenario_notes",
    ]


def test_everything_but_the_figure_and_the_notes_is_the_key():
    left_out = set(Measurement.model_fields) - set(Measurement.key_fields)

    assert left_out == {"value", "scenario_notes"}
    one = Measurement.model_validate(ROW)
    assert one.key == one.model_copy(update={"value": 5.0, "scenario_notes": "x"}).key
    assert one.key != one.model_copy(update={"metric": "ttft_ms_p95"}).key


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": 0.0},
        {"value": float("nan")},
        {"metric": ""},
        {"source_ref": ""},
        {"isl": -1},
        {"n_gpus": 0},
        {"more": 1},
    ],
)
def test_cell_that_is_none_of_the_format_is_refused(wrong):
    with pytest.raises(ValidationError):
        Measurement.model_validate(ROW | wrong)


@pytest.mark.shared
@pytest.mark.skipif(not MEASURED.is_dir(), reason="no development data beside the checkout")
def test_published_measurements_are_of_the_format():
    read = 0
    for path in sorted(MEASURED.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if list(row) == list(Measurement.model_fields):
                    Measurement.model_validate({k: v for k, v in row.items() if v})
                    read += 1
    assert read > 1000
