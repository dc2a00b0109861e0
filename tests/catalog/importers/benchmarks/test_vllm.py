"""Results of vllm bench serve, and of the benchmarks without a server."""

from __future__ import annotations

import json
import math

import pytest

from planner.catalog.importers.benchmarks.vllm import read
from tests.catalog.importers.benchmarks.results import FIGURES, MODEL, serving

NEWER = {"total_token_throughput", "max_concurrency", "burstiness", "failed", "backend", "label"}
PER_REQUEST = {
    "input_lens": [1000] * 100,
    "output_lens": [200] * 100,
    "ttfts": [0.2] * 100,
    "itls": [[0.03]] * 100,
    "generated_texts": ["a"] * 100,
    "errors": [""] * 100,
}


def test_every_figure_of_a_run_is_a_row(rows):
    values, row = rows(serving())

    assert values == pytest.approx(FIGURES)
    assert row.key_fields[-1] == "metric"
    assert row.model_dump(exclude={"metric", "value"}) == {
        "source": "own run, vllm bench serve",
        "source_ref": "run.json",
        "engine": "vLLM",
        "engine_version": "",
        "model": "llama-3.1-8b-instruct",
        "params_b": 8.03,
        "gpu": "h100-sxm-80gb",
        "n_gpus": 2,
        "tp": 2,
        "pp": None,
        "weight_precision": "bf16",
        "kv_precision": "",
        "isl": 1000.0,
        "osl": 200.0,
        "concurrency_or_rate": "concurrency=16",
        "scenario_notes": "requests=100; duration_s=50; "
        "warm_up=none: the first requests come at once; measured=2026-09-14; lengths=means",
    }


def test_rows_of_a_run_differ_in_metric_and_value_only(run):
    measured = run(serving()).rows["measurements"]

    assert len({row.model_dump_json(exclude={"metric", "value"}) for row in measured}) == 1
    assert len({row.key for row in measured}) == len(measured) == 22


def test_first_layout_has_neither_a_limit_nor_a_count_of_failures(rows):
    old = {k: v for k, v in serving(best_of=1, use_beam_search=False).items() if k not in NEWER}

    values, row = rows(old)

    assert values == pytest.approx(FIGURES)
    assert (row.concurrency_or_rate, row.engine) == ("request_rate=inf", "")


def test_lists_per_request_change_nothing(rows):
    assert rows(serving(**PER_REQUEST)) == rows(serving())


@pytest.mark.parametrize(
    ("request_rate", "limit", "load"),
    [
        ("inf", 64, "concurrency=64"),
        (math.inf, 64, "concurrency=64"),
        ("inf", None, "request_rate=inf"),
        (None, None, "request_rate=inf"),
        (2, None, "request_rate=2"),
        (2.5, None, "request_rate=2.5"),
        ("2.5", None, "request_rate=2.5"),
        (2.0, 64, "request_rate=2"),
    ],
)
def test_load_is_the_limit_where_arrivals_have_none(rows, request_rate, limit, load):
    _, row = rows(serving(request_rate=request_rate, max_concurrency=limit))

    assert row.concurrency_or_rate == load
    capped = limit is not None and load.startswith("request_rate")
    assert ("at most 64 in flight" in row.scenario_notes) == capped


def test_limit_above_the_number_of_requests_is_that_number(rows):
    _, row = rows(serving(max_concurrency=256))

    assert row.concurrency_or_rate == "concurrency=100"
    assert "max_concurrency=256 was above the number of requests" in row.scenario_notes


def test_arrivals_in_bursts_are_noted(rows):
    _, bursts = rows(serving(request_rate=2, burstiness=0.5))
    _, poisson = rows(serving(request_rate=2))

    assert "burstiness=0.5" in bursts.scenario_notes
    assert "burstiness" not in poisson.scenario_notes


@pytest.mark.parametrize("key", ["request_goodput", "request_goodput:"])
def test_goodput_is_a_row_where_goals_were_given(rows, key):
    values, _ = rows(serving(**{key: 1.5}))

    assert values["goodput_requests_per_s"] == 1.5


def test_median_that_stands_twice_is_one_row(rows):
    values, _ = rows(serving(p50_ttft_ms=190.0))

    assert values["ttft_ms_p50"] == 190.0


def test_latency_without_a_unit_is_rejected_and_rates_are_kept(run):
    other = {k: v for k, v in serving().items() if not k.endswith("_ms")}
    imported = run(other | {"median_ttft": 0.19, "p99_tpot": 0.04})

    assert [(r.value, r.reason) for r in imported.rejected] == [
        ("median_ttft, p99_tpot", "unknown_unit")
    ]
    kept = {row.metric for row in imported.rows["measurements"]}
    assert kept == {"requests_per_s", "output_tokens_per_s_total"}


def test_rising_rate_and_embeddings_are_no_run_to_compare(reasons):
    assert reasons(serving(ramp_up_strategy="linear", ramp_up_start_rps=1)) == ["ramp"]
    pooling = serving(input_sequence_throughput=3.0, total_output_tokens=None)
    assert reasons(pooling) == ["not_generation"]


def test_speculative_decoding_is_noted(rows):
    _, row = rows(serving(spec_decode_acceptance_length=2.345))

    assert "speculative decoding with 2.35 tokens per step" in row.scenario_notes


def test_data_set_with_fewer_prompts_than_asked_for_is_no_failure(rows, reasons):
    assert reasons(serving(num_prompts=1000, failed=None)) == ["failed_requests"]
    _, row = rows(serving(num_prompts=1000, failed=None, **PER_REQUEST))
    assert row.scenario_notes.startswith("requests=100; duration_s")


def test_appended_runs_and_arrays_are_runs_of_their_own(tmp_path, settings):
    first, second = serving(), serving(request_throughput=2.01)
    lines, array = tmp_path / "lines.json", tmp_path / "array.json"
    lines.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n", encoding="utf-8")
    array.write_text(json.dumps([first, second]), encoding="utf-8")

    for path in (lines, array):
        imported = read(path, settings())
        references = dict.fromkeys(row.source_ref for row in imported.rows["measurements"])
        assert list(references) == [f"{path.name}#1", f"{path.name}#2"]
        assert imported.rejected == ()


def test_lines_of_sglang_have_the_same_keys(rows):
    line = serving(model_id=None, tokenizer_id=None, num_prompts=None, date=None, failed=None)
    line |= {"backend": "sglang", "dataset_name": "random", "request_rate": math.inf}
    line = {k.replace("_e2el_", "_e2e_latency_"): v for k, v in line.items()}

    values, row = rows(line, model=MODEL)

    assert values == pytest.approx(FIGURES)
    assert (row.engine, row.source) == ("SGLang", "own run, sglang.bench_serving")


def test_throughput_counts_prompts_too_and_states_no_lengths(run):
    result = {
        "elapsed_time": 40.0,
        "num_requests": 80,
        "total_num_tokens": 96_000,
        "requests_per_second": 2.0,
        "tokens_per_second": 2400.0,
    }
    imported = run(result, model=MODEL)

    values = {row.metric: row.value for row in imported.rows["measurements"]}
    assert values == {"total_tokens_per_s_in_plus_out": 2400.0, "requests_per_s": 2.0}
    row = imported.rows["measurements"][0]
    assert (row.engine, row.concurrency_or_rate, row.isl) == ("vLLM", "request_rate=inf", None)
    assert imported.notes == (
        "isl is blank: say --option isl=N",
        "osl is blank: say --option osl=N",
    )
    row = run(result, model=MODEL, isl="1000", osl="200").rows["measurements"][0]
    assert (row.isl, row.osl) == (1000, 200)


LATENCY = {
    "avg_latency": 2.5,
    "latencies": [2.4, 2.6],
    "percentiles": {"10": 2.4, "50": 2.5, "90": 2.55, "99": 2.6},
}


def test_latency_of_a_batch_is_in_milliseconds(rows):
    values, row = rows(LATENCY, model=MODEL, batch="8")

    assert values == {
        "e2e_latency_ms_mean": 2500.0,
        "e2e_latency_ms_p50": 2500.0,
        "e2e_latency_ms_p90": 2550.0,
        "e2e_latency_ms_p99": 2600.0,
    }
    assert row.concurrency_or_rate == "batch=8"
    assert row.scenario_notes == "requests=8; offline; iterations=2"


def test_latency_without_a_batch_says_what_to_add(run):
    (rejected,) = run(LATENCY, model=MODEL).rejected

    assert rejected.reason == "no_batch"
    assert "--option batch=N" in rejected.detail
