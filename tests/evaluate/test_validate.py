"""Folders by hand, with errors that follow from the model's own predictions."""

import io
import itertools
import json
import math
import random
from dataclasses import replace

import pytest

from planner.evaluate.compare import compare
from planner.evaluate.observations import METRICS, collect
from planner.evaluate.text import write_validation
from planner.evaluate.validate import as_records, validate
from tests.evaluate.rows import measured, write
from tests.options.world import catalog

KEYS = [
    "slice",
    "metric",
    "n",
    "n_skipped",
    "median_ape",
    "mape",
    "p90_ape",
    "log_bias",
    "coverage_80",
]
CLOSED = [
    measured(metric=metric, concurrency_or_rate=f"concurrency={clients}", isl=isl)
    for metric in ("tpot_ms", "ttft_ms", "itl_ms_p50")
    for clients in (1, 8, 64)
    for isl in (100, 3000)
]
OFFLINE = [
    measured(metric="output_tokens_per_s_total", concurrency_or_rate=load)
    for load in ("max_load", "max_batch=32", "batch=8")
]


def scaled(rows, factor, world):
    """Return `rows` with `factor` times the model's own prediction as their figures."""
    found = []
    for row in rows:
        (compared,) = compare(collect([row]).observations, world)
        found.append(replace(row, value=repr(compared.predicted * factor)))
    return found


def records(folder, world=None):
    return {(r["slice"], r["metric"]): r for r in as_records(validate(world or catalog(), folder))}


def text(folder):
    out = io.StringIO()
    write_validation(out, validate(catalog(), folder), "here")
    return out.getvalue()


@pytest.mark.parametrize("factor", [1.0, 1.1, 0.5])
def test_errors_are_those_of_figures_at_a_factor_of_the_prediction(tmp_path, factor):
    write(tmp_path / "a.csv", scaled(CLOSED + OFFLINE, factor, catalog()))

    found = records(tmp_path)

    for metric, n in {
        "tpot_ms": 6,
        "ttft_ms": 6,
        "itl_ms": 6,
        "throughput_max_load": 2,
        "throughput_static": 1,
    }.items():
        record = found["all", metric]
        assert (record["n"], record["n_skipped"]) == (n, 0)
        for error in ("median_ape", "mape", "p90_ape"):
            assert record[error] == pytest.approx(abs(1 / factor - 1), abs=1e-9)
        assert record["log_bias"] == pytest.approx(math.log(factor), abs=1e-9)


def test_coverage_follows_the_stated_spread(tmp_path):
    # Class defaults state 0.3 for times and 0.5 for TTFT: factors of 1.47 and 1.90.
    write(tmp_path / "a.csv", scaled(CLOSED, 1.6, catalog()))

    found = records(tmp_path)

    assert found["all", "tpot_ms"]["coverage_80"] == 0
    assert found["all", "ttft_ms"]["coverage_80"] == 1


def test_derived_throughput_is_compared_too(tmp_path):
    write(tmp_path / "a.csv", scaled(CLOSED[:12], 1.0, catalog()))

    record = records(tmp_path)["all", "throughput_closed_loop"]

    assert (record["n"], record["n_skipped"]) == (6, 0)
    assert record["median_ape"] == pytest.approx(0, abs=0.01)


def test_machine_form_has_every_metric_of_all_and_only_numbers_or_null(tmp_path):
    write(tmp_path / "a.csv", [measured()])

    found = json.loads(json.dumps(as_records(validate(catalog(), tmp_path)), allow_nan=False))

    assert [r["metric"] for r in found if r["slice"] == "all"] == list(METRICS)
    for record in found:
        assert list(record)[: len(KEYS)] == KEYS
        assert (record["n"] == 0) == (record["median_ape"] is None)
    assert found[1] | {"slice": "all", "metric": "itl_ms"} == dict.fromkeys(KEYS[4:]) | {
        "slice": "all",
        "metric": "itl_ms",
        "n": 0,
        "n_skipped": 0,
    }


def test_order_of_rows_and_files_changes_nothing(tmp_path):
    rows = scaled(CLOSED + OFFLINE, 1.3, catalog())
    rows += [measured(model="nobody"), measured(value="x"), measured(isl="")]
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    write(one / "a.csv", rows)
    random.Random(7).shuffle(rows)
    for i, part in enumerate(
        itertools.batched(rows, 5) if hasattr(itertools, "batched") else [rows]
    ):
        write(two / f"{i}.csv", part)

    assert as_records(validate(catalog(), one)) == as_records(validate(catalog(), two))


def test_folder_of_strangers_is_skipped_with_reasons(tmp_path):
    strangers = [
        measured(model="nobody-7b"),
        measured(gpu="gpu-z", metric="ttft_ms"),
        measured(engine="llama.cpp"),
    ]
    write(tmp_path / "a.csv", strangers)

    found = validate(catalog(), tmp_path)

    assert found.skipped == {
        ("unknown_model", "tpot_ms"): 1,
        ("unknown_accelerator", "ttft_ms"): 1,
        ("engine", "tpot_ms"): 1,
    }
    record = records(tmp_path)["all", "tpot_ms"]
    assert (record["n"], record["n_skipped"], record["mape"]) == (0, 2, None)
    assert "unknown_model\ttpot_ms\t1" in text(tmp_path)


def test_empty_table_is_no_error(tmp_path):
    write(tmp_path / "a.csv", [])

    assert all(r["n"] == r["n_skipped"] == 0 for r in as_records(validate(catalog(), tmp_path)))


def test_text_shows_errors_decisions_and_what_was_left_out(tmp_path):
    write(
        tmp_path / "a.csv",
        [*scaled(CLOSED, 1.1, catalog()), measured(isl=""), measured(metric="requests_per_s")],
    )
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")

    found = text(tmp_path)

    assert found.startswith("here: 20 rows in 1 file\n")
    assert "tpot_ms\t6\t0\t9.1%\t9.1%\t9.1%\t+0.095\t100.0%\n" in found
    assert "batch:33-128\ttpot_ms\t2\t0\t" in found
    assert "chosen:60ms\t0.5\t" in found
    assert (
        "rows dropped by rule: 0 suspect, 0 pipeline, 0 gpus, 0 overloaded, 1 blank_lengths"
        in found
    )
    assert "rows of metrics that are not compared: 1 requests_per_s\n" in found
    assert "files ignored: 1 (b.csv has no column model" in found


def test_picks_have_how_they_turned_out(tmp_path):
    write(tmp_path / "a.csv", scaled(CLOSED, 1.0, catalog()))

    found = records(tmp_path)

    chosen = found["chosen", "tpot_ms"]
    assert chosen["decisions"] > 0
    assert chosen["slo_kept"] == 1
    assert chosen["throughput_of_best"] == pytest.approx(1, abs=0.01)
    assert chosen["median_ape"] == pytest.approx(0, abs=1e-9)
    assert "decisions" not in found["all", "tpot_ms"]
