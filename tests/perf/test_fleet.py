"""The simulated fleet by hand: it judges the formulas, so it has to be right itself."""

from __future__ import annotations

import numpy as np
import pytest

from planner.perf.traffic import TrafficClass
from tests.perf.fleet import Arrivals, Engine, draw_arrivals, simulate

EACH_S = 0.01


def engine(chunked=True, budget=100, seats=10, cache=1e6):
    """Return an engine whose steps take 10 ms, and 1 ms more for each new token of a prompt."""

    def time_s(tokens, cached, pairs, decodes):
        return EACH_S + 0.001 * (tokens - decodes)

    return Engine(time_s, chunked, budget, seats, cache)


def arrivals(times, isl, osl):
    count = len(times)
    return Arrivals(
        np.array(times, dtype=float), np.full(count, float(isl)), np.full(count, osl),
        np.zeros(count, dtype=int),
    )  # fmt: skip


def run(asked, replicas=1, routing="requests", **settings):
    return simulate(engine(**settings), replicas, asked, routing=routing, warm_up=0.0)


def test_one_request_takes_its_chunks_and_its_decode_steps():
    seen = run(arrivals([1.0], 150, 4))

    # 100 and 50 tokens: 0.11 + 0.06 s, then three gaps of 10 ms.
    assert seen.ttft_s[0] == pytest.approx([0.17])
    assert seen.tpot_s[0] == pytest.approx([EACH_S])
    assert seen.e2e_s[0] == pytest.approx([0.20])


def test_second_prompt_fills_the_free_part_of_a_step():
    seen = run(arrivals([1.0, 1.05], 60, 1))

    # The second arrives inside the first step (0.07 s) and starts when it ends.
    assert seen.ttft_s[0] == pytest.approx([0.07, 0.09])


def test_prompts_with_priority_make_decodes_wait():
    seen = run(arrivals([1.0, 1.075], 60, 3), chunked=False)

    # First token at 1.07, step to 1.08 makes the second token, then the other prompt until 1.15.
    assert seen.e2e_s[0][0] == pytest.approx(0.16)


def test_first_gap_of_a_prompt_that_came_among_decodes_is_one_step():
    seen = run(arrivals([1.0, 1.075, 9.0], 60, 3), chunked=False)

    # Gaps until the last arrival: the first one waits 0.08 s for its third token, both gaps of
    # the other are plain steps.
    gaps = np.repeat(seen.gap_s, seen.gap_count[:, 0].astype(int))
    assert sorted(gaps) == pytest.approx([EACH_S, EACH_S, EACH_S, 0.08])


def test_no_seat_means_waiting_for_one():
    seen = run(arrivals([1.0, 1.0], 10, 11), seats=1)

    # 0.02 s of prompt and 10 gaps for the first, then 0.02 s for the second.
    assert seen.ttft_s[0] == pytest.approx([0.02, 0.14])


def test_full_cache_sends_the_newest_back():
    seen = run(arrivals([1.0, 1.0], 40, 60), cache=140)

    assert seen.preempted >= 1
    assert np.isfinite(seen.e2e_s[0]).all()
    assert seen.e2e_s[0][1] > seen.e2e_s[0][0]


def test_requests_go_where_fewest_are():
    seen = run(arrivals([1.0, 1.0, 1.0], 60, 1), replicas=3)

    assert seen.ttft_s[0] == pytest.approx([0.07] * 3)


def test_router_that_sees_prompts_avoids_the_long_one():
    asked = Arrivals(
        np.array([1.0, 1.02, 1.08]), np.array([90.0, 10.0, 10.0]), np.array([1, 50, 1]),
        np.zeros(3, dtype=int),
    )  # fmt: skip
    counted = run(asked, replicas=2)
    seen = run(asked, replicas=2, routing="prompts")

    # The decoding request holds its replica as busy as the long prompt does the other.
    assert seen.ttft_s[0][2] < counted.ttft_s[0][2]


def test_rates_and_requests_are_as_asked():
    one = TrafficClass("a", np.array([10.0]), np.array([5.0]), np.ones(1), 2.0)

    asked = draw_arrivals([one, one], [30.0, 10.0], 40_000, 3)

    assert len(asked.time_s) / asked.time_s[-1] == pytest.approx(40, rel=0.05)
    assert (asked.kind == 0).mean() == pytest.approx(0.75, abs=0.02)
