"""Small schedules by hand, and the same fleet step by step."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from planner.perf.one_step import OneStep
from planner.verify.replay.replica import Engine, Replica
from planner.verify.replay.requests import Log, Window
from planner.verify.replay.router import simulate
from tests.perf import fleet
from tests.verify.replay.world import (
    EACH_S,
    drawn,
    engine,
    requests,
    serve_all,
    step_model,
)


def ttft_s(asked, replicas=1, routing="fewest_requests", **settings):
    return simulate(engine(**settings), replicas, asked, routing=routing).ttft_s


def test_one_request_takes_its_chunks_and_its_decode_steps():
    seen = simulate(engine(), 1, requests([1.0], 150, 4))

    # 100 and 50 tokens: 0.11 + 0.06 s, then three gaps of 10 ms.
    assert seen.ttft_s == pytest.approx([0.17])
    assert seen.tpot_s == pytest.approx([EACH_S])
    assert seen.e2e_s == pytest.approx([0.20])
    assert seen.gaps[0].total == 3
    assert seen.busy_s == pytest.approx(0.20)
    assert seen.prompts_s == pytest.approx(0.17)


def test_second_prompt_fills_the_free_part_of_a_step():
    # The second arrives inside the first step (0.07 s) and starts when it ends.
    assert ttft_s(requests([1.0, 1.05], 60, 1)) == pytest.approx([0.07, 0.09])


def test_prompt_cuts_a_run_of_decodes_short_at_the_end_of_a_step():
    seen = simulate(engine(), 1, requests([1.0, 1.234], [50, 20], [100, 2]))

    # First token at 1.06; the 18th decode step ends at 1.24, the prompt takes 0.03 with it.
    assert seen.ttft_s[1] == pytest.approx(1.27 - 1.234)
    assert seen.e2e_s[0] == pytest.approx(0.06 + 99 * EACH_S + 0.02)


def test_prompts_with_priority_make_decodes_wait():
    seen = simulate(engine(chunked=False), 1, requests([1.0, 1.075], 60, 3))

    # First token at 1.07, step to 1.08 makes the second token, then the other prompt until 1.15.
    assert seen.e2e_s[0] == pytest.approx(0.16)
    lengths_s, counts = seen.gaps[0].values()
    assert counts.tolist() == [3, 1]
    assert lengths_s == pytest.approx([0.01, 0.08], rel=2e-3)


def test_prompts_with_priority_are_never_cut():
    # 150 tokens exceed the budget of 100 and run alone; 60 and 30 share a step, 60 more do not.
    seen = ttft_s(requests([0.0, 0.001, 0.002, 0.003], [150, 60, 30, 60], 1), chunked=False)

    assert seen == pytest.approx([0.16, 0.26 - 0.001, 0.26 - 0.002, 0.33 - 0.003])


def test_no_seat_means_waiting_for_one():
    seen = ttft_s(requests([1.0, 1.0], 10, 11), seats=1)

    # The first decodes until 1.02 + 0.1; then the second prompt takes 20 ms.
    assert seen == pytest.approx([0.02, 0.14])


def test_prefix_hits_are_not_computed_but_attended_and_held():
    asked = requests([0.0], 90, 1, hit=60)

    # 30 tokens that attend to 60 + 15 each on average.
    seen = ttft_s(asked, pair_s=1e-5)

    assert seen == pytest.approx([EACH_S + 0.03 + 30 * 75 * 1e-5])


def test_prompt_that_does_not_fit_waits_until_blocks_are_free():
    # 4 blocks of 16: the first holds 3 (40 + 1 tokens), the second needs 2.
    seen = ttft_s(requests([0.0, 0.0], [40, 20], [5, 1]), cache=64)

    # 0.05 for the first prompt, four decodes, then the second prompt.
    assert seen == pytest.approx([0.05, 0.05 + 4 * EACH_S + 0.03])


def test_newest_request_gives_way_when_the_cache_is_full():
    # 5 blocks: two prompts of 31 tokens hold 2 each, with a token more; at 33 both need a third.
    asked = requests([0.0, 0.0], 31, [10, 4])
    seen = simulate(engine(cache=80), 1, asked)

    # Both prompts end at 0.072. At 0.082 both have 33 tokens to hold: the second gives way, comes
    # back when the first ends at 0.072 + 9 steps, and computes its 33 tokens again.
    assert seen.preempted == 1
    assert seen.e2e_s[0] == pytest.approx(0.072 + 9 * EACH_S)
    assert seen.e2e_s[1] == pytest.approx(0.162 + 0.043 + EACH_S)
    assert seen.decoded_tokens + 2 + seen.preempted == 14


def test_partly_computed_prompt_gives_way_first():
    # 6 blocks: 2 for 31 tokens and one more, 4 for 60.
    asked = requests([0.0, 0.0], [31, 60], [20, 1])
    seen = simulate(engine(cache=96, budget=20), 1, asked)

    # 20 tokens, 11 and 9, then 19 with a decode, at 0.089: the first has 33 tokens and needs a
    # block, so the second is dropped. 18 decodes later it begins anew: three steps of 20.
    assert seen.preempted == 0
    assert seen.ttft_s[0] == pytest.approx(0.06)
    assert seen.e2e_s[0] == pytest.approx(0.089 + 18 * EACH_S)
    assert seen.ttft_s[1] == pytest.approx(0.269 + 3 * 0.03)


def test_router_counts_outstanding_requests_and_takes_turns():
    # A long job at the first replica and a short one at the second; then it is the first's turn.
    asked = requests([0.0, 0.001, 0.002, 0.07], [50, 10, 10, 10], [100, 1, 1, 1])

    # The third waits until 0.06 and rides with a decode; the fourth finds the second empty.
    assert ttft_s(asked, replicas=2) == pytest.approx([0.06, 0.02, 0.078, 0.02])


def test_router_that_knows_prompts_avoids_the_long_one():
    asked = requests([0.0, 0.001, 0.002], [90, 10, 10], [1, 1, 1])

    by_prompts = ttft_s(asked, replicas=2, routing="fewest_prompts")
    in_turn = ttft_s(asked, replicas=2, routing="round_robin")

    assert by_prompts[2] == pytest.approx(0.039)
    assert in_turn[2] == pytest.approx(0.118)


def test_same_numbers_as_the_fleet_that_forms_every_step():
    """Where no cache is short, both simulations agree to rounding, request by request."""
    columns = {
        "dense_read_s": 0.006, "dense_token_s": 4e-5, "head_request_s": 2e-6, "overlap": 1.3,
        "kv_token_s": 4e-8, "pair_s": 2e-9, "fixed_s": 0.003, "request_s": 1e-5,
    }  # fmt: skip
    model = step_model(**columns)
    settings = product((1, 4), ("fewest_requests", "fewest_prompts", "round_robin"))
    for replicas, routing in settings:
        asked = drawn(3, 1500, 9.0 * replicas, isl=900, osl=120, kinds=2)
        seen = simulate(
            Engine(OneStep(model), True, 512, 200, 1e7), replicas, asked, routing=routing,
            window=Window(0.0, asked.arrival_s[-1]),
        )  # fmt: skip
        old = fleet.simulate(
            fleet.Engine(fleet.step_time(model), True, 512, 200, 1e7),
            replicas,
            fleet.Arrivals(asked.arrival_s, asked.isl_tokens, asked.osl_tokens, asked.kind),
            routing={"fewest_requests": "requests", "fewest_prompts": "prompts"}.get(routing, ""),
            warm_up=0.0,
        )
        for kind in (0, 1):
            picked = asked.kind == kind
            assert seen.ttft_s[picked] == pytest.approx(old.ttft_s[kind], rel=1e-6)
            assert seen.e2e_s[picked] == pytest.approx(old.e2e_s[kind], rel=1e-6)
            mean_s = seen.gaps[kind].total_s / seen.gaps[kind].total
            assert mean_s == pytest.approx(old.value(kind, "itl", None), rel=0.01)


def test_a_short_cache_costs_what_it_costs_step_by_step():
    """With preemptions the fleet counts half a block per request where this counts blocks."""
    model = step_model(dense_read_s=0.006, dense_token_s=4e-5, kv_token_s=4e-8, fixed_s=0.003)
    asked = drawn(5, 3000, 10.0, isl=600, osl=150)
    seen = simulate(Engine(OneStep(model), True, 512, 200, 9_600), 1, asked)
    old = fleet.simulate(
        fleet.Engine(fleet.step_time(model), True, 512, 200, 9_600), 1,
        fleet.Arrivals(asked.arrival_s, asked.isl_tokens, asked.osl_tokens, asked.kind),
        warm_up=0.0,
    )  # fmt: skip

    assert seen.preempted > 50
    assert np.mean(seen.ttft_s) == pytest.approx(np.mean(old.ttft_s[0]), rel=0.1)
    assert np.mean(seen.e2e_s) == pytest.approx(np.mean(old.e2e_s[0]), rel=0.05)


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("cache", [3_000, 5_000, 1e7])
def test_replica_is_empty_when_all_is_done(chunked, cache):
    asked = drawn(7, 800, 30.0, isl=400, osl=60)
    log = Log(asked, Window())
    replica = Replica(engine(chunked, 256, 40, cache, dense_token_s=1e-4, request_s=-1e-4), log)
    serve_all(replica, asked)

    assert replica.is_empty
    assert replica.prompt_tokens == 0
    assert np.isfinite(log.done_s).all()
    # Every token is made once: the first of each computation of a prompt, the others by decodes.
    assert log.token_steps + len(asked) + log.preempted == asked.osl_tokens.sum()
