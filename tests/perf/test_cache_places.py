"""Requests that a cache holds: by hand, and against replicas that are simulated step by step."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.cache_places import batch_cap, recomputed_tokens
from planner.perf.load_table import load_table
from planner.perf.moments import traffic_means
from planner.perf.one_step import OneStep
from planner.perf.traffic import TrafficClass
from planner.verify.replay.replica import Engine
from planner.verify.replay.requests import Requests
from planner.verify.replay.router import simulate
from tests.perf.loops import toy_engine, toy_step

REQUESTS = 6000
STEP = {"fixed_s": 0.02, "network_token_s": 2e-5}


def means_of(isl, osl):
    equal = np.full(len(isl), 1 / len(isl))
    return traffic_means(TrafficClass("one", np.array(isl), np.array(osl), equal))


def test_half_a_prompt_of_room_stays_unused():
    # Prompts of 800 and outputs of 320 tokens: 960 are resident on average.
    means = means_of([800.0], [320.0])

    cap = batch_cap(toy_engine(), means, np.array([10_000.0]))

    assert cap[0] == pytest.approx((10_000 - 400) / 960)


def test_large_prompts_leave_more_room_unused():
    # Room before prompts of 160 and 1,600 tokens: (160^2 + 1600^2) / (2 (160 + 1600)).
    means = means_of([160.0, 1600.0], [320.0, 320.0])

    cap = batch_cap(toy_engine(), means, np.array([10_000.0]))

    unused = (160**2 + 1600**2) / (2 * 1760)
    assert cap[0] == pytest.approx((10_000 - unused) / (880 + 160))


def test_prompt_that_is_computed_holds_its_blocks():
    # A quarter of the time one prompt of 800 tokens is computed.
    means = means_of([800.0], [320.0])

    cap = batch_cap(toy_engine(), means, np.array([10_000.0]), 0.25)

    assert cap[0] == pytest.approx((10_000 - 400 - 200) / 960)


def test_request_that_fits_always_runs():
    # A cache of 1,120 tokens holds one request of 800 and 320 tokens and half of nothing more.
    means = means_of([800.0], [320.0])

    cap = batch_cap(toy_engine(), means, np.array([1120.0]), 0.1)

    assert cap[0] == pytest.approx(0.9)


def test_batch_limit_of_the_engine_holds():
    means = means_of([800.0], [320.0])

    assert batch_cap(toy_engine(seqs=5.0), means, np.array([10_000.0]))[0] == 5


def test_output_is_had_back_from_prompts_that_are_computed_again():
    means = means_of([800.0], [320.0])

    assert recomputed_tokens(means, np.array([0.0, 0.25]))[:2] == pytest.approx([320, 240])


def test_full_cache_computes_the_tokens_of_an_output_again():
    # Prompts run alone, in 20 ms and 20 us a token, and steps of b decodes in 20 ms and 20 us b.
    means, engine = means_of([992.0], [1001.0]), toy_engine(chunked=False)
    table = load_table(toy_step(**STEP), engine, means, np.array([16_000.0]))
    batch = table.batch_cap[0]
    decoding_s = 1000 * (0.02 + 2e-5 * batch) / batch
    prompt_s = 0.02 + 2e-5 * 992

    # A request takes its decodes and its prompt, and what is computed again in the share of time
    # without prompts: share = prompts / (decodes + prompts) of a request.
    share = 0.0
    for _ in range(50):
        prompts_s = prompt_s + 2e-5 * (1 - share) * 1001
        share = prompts_s / (decoding_s + prompts_s)

    assert table.by_cache[0]
    assert batch == pytest.approx((16_000 - 496 - share * 992) / (992 + 512), rel=1e-3)
    assert table.saturation_rps[0] == pytest.approx(1 / (decoding_s + prompts_s), rel=1e-4)


def drawn(mean, cv, rng):
    if not cv:
        return np.full(REQUESTS, mean)
    sigma = math.sqrt(math.log(1 + cv * cv))
    values = rng.lognormal(math.log(mean) - sigma**2 / 2, sigma, REQUESTS)
    return np.clip(np.round(values), 1, 6 * mean).astype(int)


def finished_rps(engine, requests):
    """Return the rate of the middle half of requests that all wait from the start."""
    ends_s = np.sort(simulate(engine, 1, requests).e2e_s)
    begin, end = REQUESTS // 4, 3 * REQUESTS // 4
    return (end - begin) / (ends_s[end] - ends_s[begin])


@pytest.mark.parametrize(
    ("isl", "isl_cv", "osl", "osl_cv"),
    [(2500, 0.3, 300, 1.0), (1000, 1.0, 1000, 1.0), (500, 0.5, 200, 0.5)],
)
@pytest.mark.parametrize("places", [5, 15, 60])
def test_full_cache_serves_what_a_simulated_replica_does(isl, isl_cv, osl, osl_cv, places):
    rng, nothing = np.random.default_rng(3), np.zeros(REQUESTS, dtype=int)
    prompts, outputs = drawn(isl, isl_cv, rng), drawn(osl, osl_cv, rng)
    means = means_of(prompts.astype(float), outputs.astype(float))
    longest = (prompts + outputs).max() + 17
    cache = math.floor(max(places * means.resident_tokens, longest) / 16) * 16.0
    step = toy_step(**STEP)
    engine = Engine(OneStep(step), True, 2048, 100_000, cache)

    at_once = Requests(nothing.astype(float), prompts, outputs, nothing, nothing)
    found = finished_rps(engine, at_once)
    table = load_table(step, toy_engine(chunk=2048.0), means, np.array([cache]))

    assert table.by_cache[0]
    assert table.saturation_rps[0] == pytest.approx(found, rel=0.03)
    # Without room that stays unused the rate would be too high where few requests fit.
    if places == 5:
        plain = replace(means, computed_tokens=0.0, output_tokens=0.0)
        ignorant = load_table(step, toy_engine(chunk=2048.0), plain, np.array([cache]))
        assert ignorant.saturation_rps[0] > 1.05 * found


@settings(max_examples=50)
@given(
    lengths=st.tuples(st.floats(1, 10_000), st.floats(1, 10_000)),
    cache=st.floats(0, 1e6),
    more=st.floats(1, 10),
)
def test_larger_cache_never_lowers_the_rate(lengths, cache, more):
    means = means_of([lengths[0]], [lengths[1]])
    step, engine = toy_step(2, **STEP), toy_engine(2, chunk=2048.0)

    table = load_table(step, engine, means, np.array([cache, cache * more]))

    # Apart from the grid, where prompts of few tokens share steps with most of the decodes.
    assert table.saturation_rps[1] >= table.saturation_rps[0] * (1 - 1e-3)
