"""Mooncake traces: lines, prefix hits, and the cache of limited size."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.importers.mooncake import BLOCK_TOKENS, lru_hit_tokens
from planner.errors import InputError


def line(time_ms, isl, osl, blocks=None):
    record = {"timestamp": time_ms, "input_length": isl, "output_length": osl}
    return json.dumps(record if blocks is None else {**record, "hash_ids": blocks}) + "\n"


def test_milliseconds_become_seconds(read):
    imported = read("mooncake", line(0, 100, 10, [0]) + line(60_000, 100, 10, [1]), "t.jsonl")

    assert imported.workload["arrival"]["requests_per_day"] == 1440


def test_leading_known_blocks_are_hits(read):
    text = line(0, 1024, 5, [1, 2]) + line(1000, 2048, 5, [1, 2, 3, 4])

    imported = read("mooncake", text, "t.jsonl")

    assert imported.workload["prefix_cache"] == {"curve": [[50_000, round(1024 / 3072, 4)]]}
    assert (
        "prefix_cache.curve: sizes below its first point are read on a straight line from zero"
    ) in imported.notes


def test_a_known_block_after_an_unknown_one_is_no_hit():
    assert lru_hit_tokens([(1024, [1, 2]), (1024, [9, 2])], None) == [0, 0]


def test_a_hit_is_never_longer_than_its_prompt():
    assert lru_hit_tokens([(600, [1, 2]), (600, [1, 2])], None) == [0, 600]


def test_hits_follow_time_not_the_order_of_lines(read):
    text = line(1000, 512, 5, [1]) + line(0, 512 * 3, 5, [1, 2, 3])

    imported = read("mooncake", text, "t.jsonl")

    assert imported.workload["prefix_cache"] == {"curve": [[50_000, 0.25]]}


def test_the_least_recently_used_block_is_dropped_first():
    prompts = [(512, [1]), (512, [2]), (512, [1]), (512, [3]), (512, [1]), (512, [2])]

    hits = lru_hit_tokens(prompts, 2 * BLOCK_TOKENS)

    assert hits == [0, 0, 512, 0, 512, 0]


def test_the_end_of_a_prompt_is_dropped_before_its_start():
    prompts = [(1536, [1, 2, 3]), (1536, [1, 2, 3])]

    assert lru_hit_tokens(prompts, 2 * BLOCK_TOKENS) == [0, 1024]


@given(
    prompts=st.lists(
        st.lists(st.integers(0, 5), max_size=6, unique=True).map(lambda b: (len(b) * 512.0, b)),
        max_size=30,
    ),
    small=st.integers(0, 4),
)
def test_a_cache_without_limit_hits_at_least_as_much(prompts, small):
    limited = lru_hit_tokens(prompts, small * BLOCK_TOKENS)
    unlimited = lru_hit_tokens(prompts, None)

    assert all(a <= b for a, b in zip(limited, unlimited, strict=True))


def test_the_curve_rises_with_the_size_of_the_cache(read):
    # 100 blocks are 51,200 tokens: a cache of 50,000 loses two of the last, one of 100,000 none.
    text = line(0, 51_200, 5, list(range(100))) + line(9, 51_200, 5, list(range(100)))

    imported = read("mooncake", text, "t.jsonl")

    assert imported.workload["prefix_cache"] == {
        "curve": [[50_000, round(97 * 512 / 102_400, 4)], [100_000, 0.5]]
    }
    assert "a cache without limit would find 50.0% of the prompt tokens" in imported.notes


def test_a_curve_that_starts_late_is_found(read):
    # The prefix comes back after 250,000 other tokens.
    filler = "".join(
        line(1000 * (1 + i), 51_200, 5, list(range(1000 * i, 1000 * i + 100))) for i in range(1, 6)
    )
    text = line(0, 512, 5, [1_000_000]) + filler + line(9_000, 512, 5, [1_000_000])

    curve = read("mooncake", text, "t.jsonl").workload["prefix_cache"]["curve"]

    assert curve == [[50_000, 0.0], [500_000, round(512 / (5 * 51_200 + 1024), 4)]]


def test_without_hashes_the_hit_rate_is_unknown(read):
    imported = read("mooncake", line(0, 10, 10, [1]) + line(9, 10, 10), "t.jsonl")

    assert "prefix_cache" not in imported.workload
    assert "not every line has hash_ids: the prefix-hit rate is unknown" in imported.notes


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"timestamp": 0, "input_le\n', "not_json"),
        ("[1, 2]\n", "not_an_object"),
        (line(None, 10, 10), "missing"),
        (line(True, 10, 10), "not_a_number"),
        (line(0, [10], 10), "not_a_number"),
        (line(0, float("nan"), 10), "not_a_number"),
        (line(0, -10, 10), "negative"),
        (line(0, 10, 0), "no_tokens"),
        (line(10**20, 10, 10), "absurd"),
        (line(0, 10, 10, ["a"]), "bad_hashes"),
        (line(0, 10, 10, [True]), "bad_hashes"),
        ("[" * 100_000 + "\n", "not_json"),
        ('{"timestamp": ' + "9" * 5000 + "}\n", "not_json"),
    ],
)
def test_a_line_that_cannot_be_used_is_reported(read, bad, reason):
    good = line(0, 10, 10, [1])

    imported = read("mooncake", good + bad + line(60_000, 10, 10, [1]), "t.jsonl")

    assert [(r.place, r.reason) for r in imported.rejected] == [("t.jsonl:2", reason)]
    assert imported.requests == 2
    assert len(imported.rejected[0].value) <= 60


def test_a_csv_is_answered_with_what_is_accepted(read):
    with pytest.raises(InputError, match="one with `timestamp`, `input_length`, `output_length`"):
        read("mooncake", "timestamp_s,input_tokens,output_tokens\n", "t.jsonl")
