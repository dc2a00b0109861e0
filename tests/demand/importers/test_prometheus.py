"""Counters of vLLM: growth, restarts, hours, and percentiles inside buckets."""

from __future__ import annotations

import pytest

from planner.demand.importers.prometheus.series import NAMES
from planner.errors import InputError
from tests.demand.importers.range_queries import buckets, requests, response, series, tokens


def test_growth_of_all_series_is_the_rate(read):
    text = response(
        requests([100, 130, 160], finished_reason="stop"),
        requests([5, 5, 25], finished_reason="length"),
    )

    imported = read("prometheus", text, "range.json")

    assert imported.requests == 80
    assert imported.workload["arrival"]["requests_per_day"] == 80 / 120 * 86_400


def test_a_restarted_counter_grows_by_its_new_value(read):
    imported = read("prometheus", response(requests([100, 150, 20, 30])), "range.json")

    assert imported.requests == 80


def test_samples_out_of_order_give_the_same_workload(read):
    forward = requests([0, 10, 30, 60])
    shuffled = {**forward, "values": [forward["values"][i] for i in (2, 0, 3, 1)]}

    first = read("prometheus", response(forward), "range.json")
    second = read("prometheus", response(shuffled), "range.json")

    assert first == second


def test_a_day_of_counters_gives_the_hours_in_utc(read):
    per_hour = [60] * 12 + [180] * 12
    counts = [0]
    for n in per_hour:
        counts += [counts[-1] + n * k / 60 for k in range(1, 61)]

    imported = read("prometheus", response(requests(counts)), "range.json")

    assert imported.workload["arrival"]["profile"] == [0.5] * 12 + [1.5] * 12
    assert imported.workload["arrival"]["requests_per_day"] == 2880
    assert "hours of the profile: UTC" in imported.notes


def test_peak_inside_the_hour_comes_from_ten_minutes(read):
    counts = [0]
    for minute in range(60):
        counts.append(counts[-1] + (5_000 if minute < 50 else 15_000))

    arrival = read("prometheus", response(requests(counts)), "range.json").workload["arrival"]

    assert arrival["peak_factor_in_hour"] == pytest.approx(150 / (400 / 6), rel=1e-3)


def test_a_coarse_step_shows_no_peak(read):
    counts = requests([0, 600, 1200], step_s=1800)

    arrival = read("prometheus", response(counts), "range.json").workload["arrival"]

    assert "peak_factor_in_hour" not in arrival


def test_counters_say_nothing_about_the_cv(read):
    imported = read("prometheus", response(requests([0, 10])), "range.json")

    assert "interarrival_cv" not in imported.workload["arrival"]
    assert any("CV of gaps is the default" in note for note in imported.notes)


def test_means_are_tokens_over_requests(read):
    text = response(requests([0, 10]), *tokens(10, 800, 120))

    lengths = read("prometheus", text, "range.json").workload["lengths"]

    assert lengths == {"isl_tokens": {"mean": 800}, "osl_tokens": {"mean": 120}}


def test_percentiles_are_interpolated_inside_buckets(read):
    isl = buckets(
        "vllm:request_prompt_tokens_bucket",
        {"100": 0, "200": 50, "400": 90, "800": 100, "1600": 100, "+Inf": 100},
    )
    text = response(requests([0, 100]), *tokens(100, 220, 120), *isl)

    lengths = read("prometheus", text, "range.json").workload["lengths"]

    assert lengths["isl_tokens"] == {"mean": 220, "p50": 200, "p95": 600, "p99": 760, "max": 800}


def test_buckets_of_several_servers_add_up(read):
    metric = "vllm:request_prompt_tokens_bucket"
    one = buckets(metric, {"100": 50, "200": 50, "+Inf": 50})
    two = buckets(metric, {"100": 0, "200": 50, "+Inf": 50})
    text = response(requests([0, 100]), *tokens(100, 100, 10), *one, *two)

    isl = read("prometheus", text, "range.json").workload["lengths"]["isl_tokens"]

    assert isl == {"mean": 100, "p50": 100, "p95": 190, "p99": 198, "max": 200}


def test_lengths_above_the_last_bucket_are_noted(read):
    isl = buckets("vllm:request_prompt_tokens_bucket", {"100": 40, "200": 90, "+Inf": 100})
    text = response(requests([0, 100]), *tokens(100, 120, 10), *isl)

    imported = read("prometheus", text, "range.json")

    assert imported.workload["lengths"]["isl_tokens"]["max"] == 200
    assert any("some are above the last bucket" in note for note in imported.notes)


def test_buckets_that_contradict_the_mean_leave_the_mean(read):
    isl = buckets("vllm:request_prompt_tokens_bucket", {"100": 100, "+Inf": 100})
    text = response(requests([0, 100]), *tokens(100, 900, 10), *isl)

    imported = read("prometheus", text, "range.json")

    assert imported.workload["lengths"]["isl_tokens"] == {"mean": 900}
    assert any("buckets contradict the mean" in note for note in imported.notes)


def test_prefix_cache_counters_give_the_hit_rate(read):
    text = response(
        requests([0, 10]),
        series("vllm:prefix_cache_queries_total", [1000, 2000]),
        series("vllm:prefix_cache_hits_total", [100, 400]),
    )

    imported = read("prometheus", text, "range.json")

    assert imported.workload["prefix_cache"] == {"hit_rate": 0.3}


def test_hit_rate_stays_below_one(read):
    text = response(
        requests([0, 10]),
        series("vllm:prefix_cache_queries_total", [0, 1000]),
        series("vllm:prefix_cache_hits_total", [0, 1000]),
    )

    imported = read("prometheus", text, "range.json")

    assert imported.workload["prefix_cache"] == {"hit_rate": 0.9999}


def test_other_metrics_are_answered_with_those_that_are_read(read):
    text = response(requests([0, 10]), series("vllm:num_requests_running", [1, 2]))

    (rejected,) = read("prometheus", text, "range.json").rejected

    assert rejected.detail == f"not one of {', '.join(NAMES)}"
    assert "vllm:request_generation_tokens_sum" in NAMES


def test_a_list_of_responses_is_one_export(read):
    isl, osl = tokens(10, 800, 120)
    text = f"[{response(requests([0, 10]))},{response(isl)},{response(osl)}]"

    imported = read("prometheus", text, "range.json")

    assert imported.workload["lengths"]["isl_tokens"] == {"mean": 800}


def test_what_is_not_used_is_reported_with_its_place(read):
    bad = requests([0, 10, 20])
    bad["values"][1] = [60, "NaN"]
    text = response(
        bad,
        series("vllm:num_requests_running", [1, 2]),
        {"metric": {"model_name": "m"}, "values": []},
        requests([7]),
        {"metric": {"__name__": "vllm:request_success_total"}, "value": [0, "1"]},
        7,
        requests([0, "-1", 10]),
        requests([0, True, 10]),
    )

    imported = read("prometheus", text, "range.json")

    assert [(r.place.removeprefix("range.json:"), r.reason) for r in imported.rejected] == [
        ("result[0].values[1]", "not_a_number"),
        ("result[1]", "unused_metric"),
        ("result[2]", "no_name"),
        ("result[3]", "one_sample"),
        ("result[4]", "no_values"),
        ("result[5]", "no_name"),
        ("result[6].values[1]", "absurd"),
        ("result[7].values[1]", "not_a_number"),
    ]
    assert imported.requests == 40


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (response(requests([0, 10]))[:-30], r"range\.json:1:\d+\n.*is not complete JSON"),
        ("", "is not complete JSON"),
        ("7", "is no response of /api/v1/query_range"),
        ('{"status": "error", "error": "bad"}', "is no response of /api/v1/query_range"),
        ("[" * 100_000, "is no response of /api/v1/query_range"),
        (response(), "no growth of vllm:request_success_total; .*read: vllm:request_success_tot"),
        (response(), "vllm:request_prompt_tokens_sum, vllm:request_prompt_tokens_count"),
        (response(requests([5, 5])), "no growth of vllm:request_success_total"),
        (response({"metric": {}, "values": []}), r"export the counter itself"),
    ],
)
def test_a_source_without_requests_is_an_error(read, text, message):
    with pytest.raises(InputError, match=message):
        read("prometheus", text, "range.json")
