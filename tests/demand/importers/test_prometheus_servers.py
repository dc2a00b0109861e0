"""Means and hit rates of several servers, of which some count only a part."""

from __future__ import annotations

from tests.demand.importers.range_queries import requests, response, series, tokens


def pod(name, *series):
    """Series of one pod."""
    return [{**one, "metric": {**one["metric"], "pod": name}} for one in series]


def histogram(requests_n, isl_mean, osl_mean):
    isl, osl = "vllm:request_prompt_tokens", "vllm:request_generation_tokens"
    return [
        series(f"{name}_{end}", [0, value])
        for name, mean in ((isl, isl_mean), (osl, osl_mean))
        for end, value in (("sum", requests_n * mean), ("count", requests_n))
    ]


def means(imported):
    return {name: length["mean"] for name, length in imported.workload["lengths"].items()}


def test_pod_that_counts_no_tokens_does_not_lower_the_means(read):
    text = response(
        *pod("a", requests([0, 10]), *tokens(10, 800, 120)), *pod("b", requests([0, 10]))
    )

    imported = read("prometheus", text, "range.json")

    assert imported.requests == 20
    assert means(imported) == {"isl_tokens": 800, "osl_tokens": 120}
    left_out = "without servers that do not count both requests and tokens: pod=b"
    assert f"lengths.isl_tokens: {left_out}" in imported.notes
    assert f"lengths.osl_tokens: {left_out}" in imported.notes


def test_pod_that_counts_no_requests_does_not_raise_the_means(read):
    text = response(
        *pod("a", requests([0, 10]), *tokens(10, 800, 120)), *pod("b", *tokens(10, 800, 120))
    )

    imported = read("prometheus", text, "range.json")

    assert means(imported) == {"isl_tokens": 800, "osl_tokens": 120}
    assert any(note.endswith("requests and tokens: pod=b") for note in imported.notes)


def test_pods_that_count_everything_weigh_by_their_requests(read):
    text = response(
        *pod("a", requests([0, 30], finished_reason="stop"), *tokens(40, 800, 120)),
        *pod("a", requests([0, 10], finished_reason="length")),
        *pod("b", requests([0, 10]), *tokens(10, 300, 20)),
    )

    imported = read("prometheus", text, "range.json")

    assert means(imported) == {"isl_tokens": 700, "osl_tokens": 100}
    assert not any("without servers" in note for note in imported.notes)


def test_tokens_of_no_known_pod_give_no_lengths(read):
    text = response(*pod("a", requests([0, 10])), *tokens(10, 800, 120))

    imported = read("prometheus", text, "range.json")

    assert "lengths" not in imported.workload
    assert any(
        note.startswith("no lengths: no server counts a token per request in each of ")
        and note.endswith("told apart by namespace, job, pod, instance, model_name")
        for note in imported.notes
    )


def test_sum_and_count_of_the_histogram_stand_in_for_missing_counters(read):
    imported = read("prometheus", response(requests([0, 10]), *histogram(10, 800, 120)), "r.json")

    assert means(imported) == {"isl_tokens": 800, "osl_tokens": 120}
    assert (
        "lengths.isl_tokens: mean from vllm:request_prompt_tokens_sum where "
        "vllm:prompt_tokens_total is missing"
    ) in imported.notes


def test_counters_come_before_the_histogram(read):
    text = response(requests([0, 10]), *tokens(10, 800, 120), *histogram(9, 500, 50))

    imported = read("prometheus", text, "range.json")

    assert means(imported) == {"isl_tokens": 800, "osl_tokens": 120}
    assert not any("mean from" in note for note in imported.notes)


def test_only_the_first_servers_that_are_left_out_are_named(read):
    silent = [one for name in "bcdef" for one in pod(name, requests([0, 10]))]
    text = response(*pod("a", requests([0, 10]), *tokens(10, 800, 120)), *silent)

    imported = read("prometheus", text, "range.json")

    assert any(note.endswith("pod=b; pod=c; pod=d and 2 more") for note in imported.notes)


def test_hits_count_at_servers_that_count_queries_too(read):
    queries, hits = "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"
    text = response(
        requests([0, 10]),
        *pod("a", series(queries, [0, 1000]), series(hits, [0, 300])),
        *pod("b", series(queries, [0, 1000])),
    )

    imported = read("prometheus", text, "range.json")

    assert imported.workload["prefix_cache"] == {"hit_rate": 0.3}
    assert (
        "prefix_cache: without servers that do not count both hits and queries: pod=b"
    ) in imported.notes
