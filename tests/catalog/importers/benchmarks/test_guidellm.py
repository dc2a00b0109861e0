"""Reports of GuideLLM."""

from __future__ import annotations

import pytest

from planner.catalog.importers.benchmarks import guidellm as reader
from tests.catalog.importers.benchmarks.results import FIGURES, MODEL, guidellm, guidellm_old

ITL = "itl_ms"
OURS = {metric: value for metric, value in FIGURES.items() if not metric.startswith(ITL)}


@pytest.fixture
def rows(rows):
    return lambda report, **options: rows(report, reader, **options)


@pytest.fixture
def reasons(reasons):
    return lambda report, **options: reasons(report, reader, **options)


def test_inter_token_latency_of_a_request_is_our_tpot(rows):
    values, row = rows(guidellm())

    assert values == pytest.approx(OURS)
    assert (row.source, row.source_ref) == ("own run, GuideLLM 0.6.0", "run.json#1")
    assert (row.model, row.isl, row.osl) == ("llama-3.1-8b-instruct", 1000, 200)
    assert row.concurrency_or_rate == "concurrency=16"
    assert row.scenario_notes == (
        "requests=100; duration_s=50; warm_up=none; measured=2026-09-14; lengths=means"
    )


def test_old_layout_has_the_median_outside_the_percentiles(rows):
    values, row = rows(guidellm_old())

    assert values == pytest.approx(OURS)
    assert (row.source, row.concurrency_or_rate) == ("own run, GuideLLM", "concurrency=16")
    assert "warm_up=excluded" in row.scenario_notes


@pytest.mark.parametrize("layout", [guidellm, guidellm_old])
@pytest.mark.parametrize(
    ("strategy", "load", "note"),
    [
        ({"type_": "concurrent", "streams": 64}, "concurrency=64", "fewer than 4 requests"),
        ({"type_": "throughput", "max_concurrency": None}, "request_rate=inf", ""),
        ({"type_": "throughput", "max_concurrency": 14}, "concurrency=14", ""),
        ({"type_": "throughput", "max_concurrency": 512}, "request_rate=inf", ""),
        ({"type_": "constant", "rate": 2.0}, "request_rate=2", "arrivals=constant"),
        ({"type_": "poisson", "rate": 2.1}, "request_rate=2.1", "arrivals=poisson"),
        (
            {"type_": "constant", "rate": 2, "max_concurrency": 10240},
            "request_rate=2",
            "arrivals=constant",
        ),
        (
            {"type_": "constant", "rate": 2, "max_concurrency": 20},
            "request_rate=2",
            "at most 20 in flight",
        ),
    ],
)
def test_load_is_what_the_strategy_says(rows, layout, strategy, load, note):
    _, row = rows(layout(strategy))

    assert row.concurrency_or_rate == load
    assert note in row.scenario_notes
    assert ("in flight" in row.scenario_notes) == ("in flight" in note or "fewer" in note)


def test_one_request_after_the_other_is_a_concurrency_of_one(rows):
    report = guidellm({"type_": "synchronous", "max_concurrency": 1})
    stated = report["benchmarks"][0]["metrics"]
    stated["requests_per_second"]["successful"]["mean"] = 0.16
    stated["output_tokens_per_second"]["successful"]["mean"] = 32.0

    assert rows(report)[1].concurrency_or_rate == "concurrency=1"


@pytest.mark.parametrize(
    "strategy",
    [
        {"type_": "trace", "time_scale": 1.0},
        {"type_": "concurrent"},
        {"type_": "constant", "rate": 0},
        {"type_": None},
    ],
)
def test_load_that_is_neither_a_number_nor_a_rate_is_rejected(reasons, strategy):
    assert reasons(guidellm(strategy)) == ["unknown_load"]


def test_benchmarks_of_a_sweep_are_runs_of_their_own(run):
    report = guidellm()
    for rate in (1.0, 2.0):
        strategy = {"type_": "constant", "rate": rate}
        report["benchmarks"] += guidellm(strategy)["benchmarks"]
    imported = run(report, reader)

    loads = {row.source_ref: row.concurrency_or_rate for row in imported.rows["measurements"]}
    assert loads == {
        "run.json#1": "concurrency=16",
        "run.json#2": "request_rate=1",
        "run.json#3": "request_rate=2",
    }


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"errored": 12}, "failed_requests"),
        ({"incomplete": 16}, "cut_off"),
        ({"successful": 0, "errored": 100}, "no_requests"),
    ],
)
def test_too_few_requests_that_succeeded_are_rejected(reasons, counts, reason):
    assert reasons(guidellm(**counts)) == [reason]


def test_few_that_were_cut_off_are_noted(rows):
    values, row = rows(guidellm(incomplete=4))

    assert values == pytest.approx(OURS)
    assert "requests=100; succeeded_share=0.962" in row.scenario_notes


def test_model_that_was_found_out_at_run_time_has_to_be_said(rows, reasons):
    report = guidellm()
    report["benchmarks"][0]["config"]["backend"]["model"] = None

    assert reasons(report) == ["no_model"]
    assert rows(report, model=MODEL)[1].model == "llama-3.1-8b-instruct"


def test_model_stands_in_the_scenario_of_newer_reports(rows):
    report = guidellm()
    del report["benchmarks"][0]["config"]["backend"]
    report["config"] = {"spec": {"backend": {"kind": "openai_http", "model": MODEL}}}

    assert rows(report)[1].model == "llama-3.1-8b-instruct"


def test_warm_up_and_ramp_up_are_noted(rows):
    report = guidellm({"type_": "concurrent", "streams": 16, "rampup_duration": 5.0})
    report["benchmarks"][0]["warmup_duration"] = 3.2

    _, row = rows(report)
    assert "warm_up=excluded; ramp_up_s=5" in row.scenario_notes


def test_latencies_of_answers_in_one_piece_are_not_measured(run):
    report = guidellm()
    for name in ("time_to_first_token_ms", "inter_token_latency_ms"):
        nothing = {"mean": 0.0, "median": 0.0, "percentiles": {"p90": 0, "p95": 0, "p99": 0.0}}
        report["benchmarks"][0]["metrics"][name]["successful"] = nothing
    imported = run(report, reader)

    assert [(r.reason, r.value) for r in imported.rejected] == [("zero", "10 figures of 0")]
    assert {row.metric.split("_")[0] for row in imported.rows["measurements"]} == {
        "e2e",
        "requests",
        "output",
    }


def test_report_of_single_requests_is_too_old(reasons):
    old = {"benchmarks": [{"benchmarks": [{"mode": "synchronous", "results": []}]}]}

    assert reasons(old) == ["old_layout"]


@pytest.mark.parametrize("benchmarks", [[], [1], [{}], {}, "x", [{"metrics": {"tokens": {}}}]])
def test_other_things_called_benchmarks_are_unknown(reasons, benchmarks):
    assert reasons({"benchmarks": benchmarks}) == ["unknown_layout"]


def test_benchmark_without_metrics_beside_others_is_reported(run):
    report = guidellm()
    report["benchmarks"].append({"type_": "generative_benchmark"})

    imported = run(report, reader)
    assert [(r.value, r.reason) for r in imported.rejected] == [("1 benchmarks", "unknown_layout")]
    assert imported.rows["measurements"]
