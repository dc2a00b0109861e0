"""Exports of AIPerf and GenAI-Perf."""

from __future__ import annotations

import json

import pytest

from planner.catalog.importers.benchmarks import aiperf as reader
from tests.catalog.importers.benchmarks.results import (
    CONFIGS,
    FIGURES,
    MODEL,
    TPOT,
    TTFT,
    aiperf,
)


@pytest.fixture
def rows(rows):
    return lambda export, **options: rows(export, reader, **options)


@pytest.fixture
def reasons(reasons):
    return lambda export, **options: reasons(export, reader, **options)


@pytest.mark.parametrize("layout", CONFIGS)
def test_latency_of_a_request_is_tpot_and_of_a_chunk_itl(rows, layout):
    values, row = rows(aiperf(layout))

    assert values == pytest.approx(FIGURES)
    assert row.source == f"own run, {'AIPerf 0.13.0' if layout[0] == 'a' else 'GenAI-Perf'}"
    assert (row.model, row.isl, row.osl) == ("llama-3.1-8b-instruct", 1000, 200)
    assert (row.concurrency_or_rate, row.engine) == ("concurrency=16", "")
    assert row.scenario_notes.startswith("requests=100; duration_s=50; warm_up=excluded")
    assert ("measured=2026-09-14" in row.scenario_notes) == (layout[0] == "a")


def load(layout: str, **asked: object) -> dict[str, object]:
    """Return the configuration of a layout with another load."""
    if layout == "aiperf":
        phase = {k: v for k, v in asked.items() if v is not None}
        phase = {"rate" if k == "request_rate" else k: v for k, v in phase.items()}
        return {"models": {"items": [{"name": MODEL}]}, "phases": [{"name": "a", **phase}]}
    if layout == "aiperf to 0.8":
        return {"endpoint": {"model_names": [MODEL]}, "loadgen": asked}
    if layout == "genai-perf":
        return {"model_names": [MODEL], "perf_analyzer": {"stimulus": asked}}
    return {"model": [MODEL], **asked}


@pytest.mark.parametrize("layout", CONFIGS)
@pytest.mark.parametrize(
    ("asked", "column", "note"),
    [
        ({"request_rate": 2.5, "concurrency": None}, "request_rate=2.5", "warm_up=none"),
        ({"request_rate": 2, "concurrency": 20}, "request_rate=2", "at most 20 in flight"),
        ({"concurrency": 500}, "concurrency=100", "concurrency=500 was above the number"),
    ],
)
def test_load_is_the_rate_where_there_is_one(rows, layout, asked, column, note):
    _, row = rows(aiperf(layout, input_config=load(layout, **asked)))

    assert row.concurrency_or_rate == column
    assert note in row.scenario_notes


@pytest.mark.parametrize("layout", CONFIGS)
def test_schedule_without_rate_or_number_is_no_load_to_compare(reasons, layout):
    assert reasons(aiperf(layout, input_config=load(layout, type="fixed_schedule"))) == [
        "unknown_load"
    ]


@pytest.mark.parametrize(
    ("layout", "asked"),
    [
        ("aiperf", {"type": "user_centric", "rate": 2, "concurrency": 20}),
        ("aiperf to 0.8", {"user_centric_rate": 2, "concurrency": 20}),
    ],
)
def test_users_with_pauses_are_no_load_to_compare(reasons, layout, asked):
    assert reasons(aiperf(layout, input_config=load(layout, **asked))) == ["unknown_load"]


def test_units_are_converted(rows):
    ns = {"unit": "ns", "avg": 2e8, "p50": 1.9e8, "p90": 3e8, "p95": 3.5e8, "p99": 4e8}
    us = {"unit": "µs", "avg": 3e4, "p50": 2.9e4, "p90": 3.2e4, "p95": 3.5e4, "p99": 4e4}
    s = {"unit": "s", "avg": 6.17, "p50": 6, "p90": 6.5, "p95": 7, "p99": 8}
    ms = {"unit": "ms", "avg": 50_000}
    changed = {"time_to_first_token": ns, "inter_token_latency": us, "request_latency": s}

    values, row = rows(aiperf(**changed, benchmark_duration=ms))

    assert values == pytest.approx(FIGURES)
    assert "duration_s=50;" in row.scenario_notes


@pytest.mark.parametrize("unit", ["h", "", None, 1, "tokens/sec/user"])
def test_unit_that_is_not_known_takes_the_metric_out(run, unit):
    imported = run(aiperf(time_to_first_token={"unit": unit, "avg": 200.0}), reader)

    assert [r.reason for r in imported.rejected] == ["unknown_unit"]
    assert not any(r.metric.startswith("ttft") for r in imported.rows["measurements"])


@pytest.mark.parametrize("name", ["goodput", "request_goodput"])
def test_goodput_is_a_row(rows, name):
    values, _ = rows(aiperf(**{name: {"unit": "requests/sec", "avg": 1.5}}))

    assert values["goodput_requests_per_s"] == 1.5


def test_errors_count_as_failed_requests(rows, reasons):
    few = {"unit": "requests", "avg": 3.0}
    many = {"unit": "requests", "avg": 19.0}

    assert "succeeded_share=0.971" in rows(aiperf(error_request_count=few))[1].scenario_notes
    assert reasons(aiperf(error_request_count=many)) == ["failed_requests"]


def test_export_without_a_count_says_so(rows):
    values, row = rows(aiperf("genai-perf older", request_count=None, benchmark_duration=None))

    assert values == pytest.approx(FIGURES)
    assert row.scenario_notes == "requests not stated; warm_up=excluded; lengths=means"


def test_duration_follows_from_requests_and_rate_where_it_is_not_stated(rows):
    _, row = rows(aiperf("genai-perf", benchmark_duration=None))

    assert "duration_s=50" in row.scenario_notes


def test_warm_up_has_a_file_of_its_own_that_is_not_measured(tmp_path, settings):
    for folder, tpot in (("phases/warmup", 31.0), ("phases/profiling", 30.0), (".", 30.0)):
        path = tmp_path / "out" / folder / "profile_export_aiperf.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        latency = {"unit": "ms", "avg": tpot}
        path.write_text(json.dumps(aiperf(inter_token_latency=latency)), encoding="utf-8")

    imported = reader.read(tmp_path / "out", settings())

    assert {r.source_ref for r in imported.rows["measurements"]} == {
        "phases/profiling/profile_export_aiperf.json"
    }
    assert {r.place: r.reason for r in imported.rejected} == {
        "phases/warmup/profile_export_aiperf.json": "warm_up",
        "profile_export_aiperf.json": "duplicate",
    }
    alone = tmp_path / "out/phases/warmup/profile_export_aiperf.json"
    assert [r.reason for r in reader.read(alone, settings()).rejected] == ["warm_up"]


def test_figures_of_several_phases_or_models_do_not_come_apart(reasons):
    phases = [{"name": name, "concurrency": 16} for name in ("a", "b")]
    both = {"models": {"items": [{"name": MODEL}]}, "phases": phases}
    two = CONFIGS["aiperf to 0.8"] | {"endpoint": {"model_names": [MODEL, "Qwen/Qwen3-32B"]}}

    assert reasons(aiperf(input_config=both)) == ["several_phases"]
    assert reasons(aiperf(input_config=both | {"phases": []})) == ["several_phases"]
    assert reasons(aiperf(input_config=two)) == ["several_models"]


def test_telemetry_names_the_accelerator_where_it_saw_one_kind(rows, reasons):
    def seen(*names: str) -> dict[str, object]:
        gpus = {f"gpu_{i}": {"gpu_name": name} for i, name in enumerate(names)}
        return {"telemetry_data": {"endpoints": {"localhost:9400": {"gpus": gpus}}}}

    l4 = aiperf(**seen("NVIDIA L4", "NVIDIA L4"))
    assert rows(l4, hardware=None)[1].gpu == "l4-24gb"
    assert rows(l4)[1].gpu == "h100-sxm-80gb"
    assert reasons(aiperf(**seen("NVIDIA L4", "Tesla T4")), hardware=None) == ["no_hardware"]


def test_cancelled_run_is_noted(rows):
    assert "cancelled before its end" in rows(aiperf(was_cancelled=True))[1].scenario_notes


def test_other_percentiles_and_rates_per_user_are_not_read(rows):
    more = {"unit": "ms", "avg": TTFT["mean"], "p1": 1.0, "p75": 2.0, "min": 1.0, "max": 9e9}
    values, _ = rows(aiperf(time_to_first_token=more))

    assert [m for m in values if m.startswith("ttft")] == ["ttft_ms_mean"]
    assert values["tpot_ms_mean"] == TPOT["mean"]


@pytest.mark.parametrize(
    ("layout", "asked"),
    [
        ("aiperf", {"type": "poisson", "rate": 2}),
        ("aiperf to 0.8", {"arrival_pattern": "poisson", "request_rate": 2}),
        ("aiperf to 0.8", {"request_rate_mode": "poisson", "request_rate": 2}),
    ],
)
def test_arrivals_are_noted_where_they_are_stated(rows, layout, asked):
    _, row = rows(aiperf(layout, input_config=load(layout, **asked)))

    assert "arrivals=poisson" in row.scenario_notes
