"""A calibration as text and in the machine form, and the text of its overlay."""

import io
import json

import pytest

from planner.catalog.load import load_catalog
from planner.evaluate.calibration.records import as_record
from planner.evaluate.calibration.rows import overlay_text
from planner.evaluate.calibration.text import write_calibration
from planner.yaml_io import parse_yaml
from tests.evaluate.calibrate.toy import KEY, calibrated, clients, rows
from tests.evaluate.rows import measured


@pytest.fixture
def found(tmp_path):
    useless = [measured(metric="tpot_ms_p99"), measured(value=0.5, isl=900)]
    return calibrated(tmp_path, [*rows(clients(1, 16, 64), time=1.3), *useless])


def text_of(found):
    out = io.StringIO()
    write_calibration(out, found, "m.csv")
    return out.getvalue()


def test_headline_counts_what_was_used(found):
    assert text_of(found).startswith("m.csv: 9 figures of 11 rows used in 1 combination\n")


def test_errors_stand_before_after_and_left_out(found):
    assert f"{KEY}\t3\ttwo_point\t0.09\ttpot_ms\t3\t23.1%\t0.0%\t0.0%" in text_of(found)
    assert f"{KEY}\t3\ttwo_point\t0.09\tthroughput_closed_loop\t3\t30.0%\t0.0%" in text_of(found)


def test_moved_parameters_stand_with_both_values(found):
    assert f"{KEY}\tthroughput_factor\t" in text_of(found)
    assert "\t-23.1%\n" in text_of(found)
    assert "c_layer_us" not in text_of(found)


def test_nothing_moved_is_said(tmp_path):
    found = calibrated(tmp_path, rows(clients(1, 64)))

    assert "no parameter moved by more than 0.5%" in text_of(found)


def test_every_figure_stands_with_its_line_and_load(found):
    lines = [x for x in text_of(found).splitlines() if x.startswith("2\t")]

    assert lines[0].split("\t")[1:5] == [KEY, "1000/200", "concurrency=1", "tpot_ms"]


def test_refused_figures_name_line_value_and_bound(found):
    text = text_of(found)

    assert "1 figure refused, against physics:\n  m.csv:12  tpot_ms 0.5 ms, at least " in text
    assert " ms is possible: reading weights and cache once per step" in text


def test_unused_rows_stand_by_reason_with_the_way_out(found):
    assert "1 row not used:\n  1 x percentile: only means and medians" in text_of(found)
    assert "(line 11)\n" in text_of(found)


def test_machine_form_has_everything(found):
    record = json.loads(json.dumps(as_record(found, "m.csv", "c.yaml"), allow_nan=False))

    (item,) = record["combinations"]
    assert (item["key"], item["n_points"], item["provenance"]) == (KEY, 3, "two_point")
    assert {e["metric"]: e["n"] for e in item["errors"]} == {
        "tpot_ms": 3,
        "ttft_ms": 3,
        "throughput_closed_loop": 3,
    }
    assert item["errors"][0]["median_ape_before"] == pytest.approx(1 - 1 / 1.3, rel=1e-3)
    assert item["errors"][0]["median_ape_after"] < 1e-3
    assert [p["parameter"] for p in item["parameters"]] == ["throughput_factor"]
    assert len(item["figures"]) == 9
    assert record["refused"][0]["line"] == 12
    assert record["refused"][0]["value"] < record["refused"][0]["bound"]
    assert record["unused"] == [
        {"reason": "percentile", "way_out": record["unused"][0]["way_out"], "lines": [11]}
    ]


def test_two_points_have_no_left_out_error(tmp_path):
    found = calibrated(tmp_path, rows(clients(1, 64)))

    record = as_record(found, "m.csv", "c.yaml")
    assert record["combinations"][0]["errors"][0]["median_ape_left_out"] is None
    assert record["combinations"][0]["figures"][0]["left_out"] is None


def test_the_overlay_is_read_back_as_the_same_rows(tmp_path, found):
    path = tmp_path / "c.yaml"
    path.write_text(overlay_text(found.table, "a title"), encoding="utf-8")

    read = [r for r in load_catalog([path]).calibration if r.scope == "combination"]

    assert read == list(found.table)


def test_columns_of_the_overlay_stand_as_in_the_table(found):
    text = overlay_text(found.table, "a title")

    assert text.startswith("# a title\ncalibration:\n- parameter: throughput_factor\n  scope: ")
    first = parse_yaml(text, "c.yaml").data["calibration"][0]
    assert list(first)[-3:] == ["source", "as_of", "notes"]
