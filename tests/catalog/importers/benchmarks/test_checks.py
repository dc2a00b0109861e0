"""Figures that cannot be, and runs to be careful with."""

from __future__ import annotations

import math

import pytest

from planner.catalog.importers.benchmarks.checks import LEAST_SHARE
from planner.catalog.importers.benchmarks.rows import MeasuredRows
from planner.catalog.importers.benchmarks.run import Load, Run
from tests.catalog.importers.benchmarks.results import FIGURES, serving


def without(*names: str) -> dict[str, None]:
    """Return changes that take the latencies of these names away."""
    return {key: None for key in serving() for name in names if f"_{name}_ms" in key}


@pytest.mark.parametrize(
    ("completed", "failed", "share"), [(100, 0, None), (97, 3, "0.970"), (90, 10, "0.900")]
)
def test_requests_that_failed_are_noted_while_they_are_few(rows, completed, failed, share):
    values, row = rows(serving(completed=completed, failed=failed))

    assert values == pytest.approx(FIGURES)
    assert ("succeeded_share" in row.scenario_notes) == (share is not None)
    assert share is None or f"succeeded_share={share}" in row.scenario_notes
    assert row.isl == pytest.approx(100_000 / completed)


@pytest.mark.parametrize("stated", [{"failed": 11}, {"failed": None, "num_prompts": 101}])
def test_run_with_too_many_failed_requests_is_rejected(run, stated):
    imported = run(serving(completed=89, **stated))

    assert imported.rows["measurements"] == ()
    (rejected,) = imported.rejected
    assert (rejected.value, rejected.reason) == ("89", "failed_requests")
    assert LEAST_SHARE > 0.89


@pytest.mark.parametrize("completed", [0, None, math.nan, -5, "many"])
def test_run_without_a_request_that_succeeded_is_one_rejection(reasons, completed):
    zero = {key: 0 for key in serving() if key.endswith("_ms")}
    stated = serving(**zero) | {"completed": completed}

    assert reasons(stated) == ["no_requests"]


def test_figures_of_zero_are_one_rejection_and_the_others_rows(run):
    zero = {key: 0.0 for key in serving() if "_itl_" in key or "_tpot_" in key}
    imported = run(serving(**zero, request_goodput=0))

    assert [(r.value, r.reason) for r in imported.rejected] == [("11 figures of 0", "zero")]
    assert len(imported.rows["measurements"]) == 22 - 10


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, "fast", [1.0], {}, True])
def test_value_that_is_no_number_above_zero_is_rejected_with_its_metric(run, value):
    imported = run(serving(mean_ttft_ms=value))

    assert [r.reason for r in imported.rejected] == ["not_a_number"]
    assert "ttft_ms_mean" in imported.rejected[0].detail
    assert len(imported.rows["measurements"]) == 21


def test_null_is_not_stated_and_text_is_read_as_a_number(rows):
    values, _ = rows(serving() | {"mean_ttft_ms": None, "p99_ttft_ms": "400.0"})

    assert "ttft_ms_mean" not in values
    assert values["ttft_ms_p99"] == 400


@pytest.mark.parametrize(
    ("changes", "metric"),
    [
        # 2 requests/s of 9 s each keep 18 requests in flight, and 16 were at most.
        ({"mean_e2el_ms": 9000.0}, "requests_per_s"),
        # 1800 tokens/s * 199/200 * 10 ms = 17.9.
        ({"output_throughput": 1800.0, "mean_tpot_ms": 10.0}, "output_tokens_per_s_total"),
        # Without gaps and E2E a mixture of lengths may explain a quarter, not 700 * 30 ms = 21.
        ({**without("itl", "e2el"), "output_throughput": 700.0}, "output_tokens_per_s_total"),
        ({"p90_ttft_ms": 100.0}, "ttft_ms_p50"),
        ({"p99_e2el_ms": 6999.0, "p95_e2el_ms": 7500.0}, "e2e_latency_ms_p95"),
    ],
)
def test_run_that_contradicts_itself_is_rejected(run, changes, metric):
    imported = run(serving(**changes))

    assert [(r.value, r.reason) for r in imported.rejected] == [(metric, "contradiction")]
    assert imported.rows["measurements"] == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"mean_e2el_ms": 8390.0},
        {**without("itl", "e2el"), "output_throughput": 600.0},
        # Short answers were slower: the mean over requests is above the mean over tokens.
        {**without("e2el"), "output_throughput": 540.0, "mean_tpot_ms": 36.0},
        # Chunks of two tokens: a gap takes twice the time of a token.
        {**without("e2el"), "mean_itl_ms": 61.0},
        {"mean_e2el_ms": 9000.0, "max_concurrency": None},
    ],
)
def test_what_can_be_is_no_contradiction(rows, changes):
    assert rows(serving(**changes))


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"max_concurrency": 26}, "fewer than 4 requests per request in flight"),
        ({"duration": 29.9}, "duration_s=29.9; shorter than 30 s"),
        ({"request_rate": 2.0}, "fewer than 10 requests above p95"),
        ({"request_rate": 2.3}, "only 2 requests/s served"),
    ],
)
def test_poor_run_is_kept_with_a_note(rows, changes, note):
    assert note in rows(serving(**changes))[1].scenario_notes
    assert note not in rows(serving(max_concurrency=25))[1].scenario_notes


@pytest.mark.parametrize(
    ("requests", "note"),
    [(99, "above p90"), (100, "above p95"), (200, "above p99"), (999, "above p99"), (1000, "")],
)
def test_tail_of_an_open_load_needs_requests_above_it(rows, requests, note):
    changes = {"request_rate": 2.0, "completed": requests, "num_prompts": requests}
    _, row = rows(serving(**changes))

    assert ("fewer than 10 requests" in row.scenario_notes) == bool(note)
    assert note in row.scenario_notes


def test_run_that_is_no_row_of_the_format_is_rejected(settings):
    rows = MeasuredRows(settings())
    rows.add(
        Run(
            place="a.json",
            tool="a tool",
            model="acme-7b",
            load=Load(),
            requests=None,
            figures={"requests_per_s": 2.0},
            isl_tokens=math.inf,
        )
    )

    (rejected,) = rows.imported().rejected
    assert (rejected.value, rejected.reason) == ("inf", "invalid")
    assert rejected.detail.startswith("isl: ")
