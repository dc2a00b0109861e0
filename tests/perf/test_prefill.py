from __future__ import annotations

import numpy as np
import pytest

from planner.perf.moments import traffic_means
from planner.perf.open_loop import replica_state
from planner.perf.prefill import prompt_times

BATCH = 100.0


def times_of(world, prompts, rate_rps=0.0, batch=BATCH):
    means = traffic_means(world.traffic)
    state = replica_state(world.step, world.engine, means, np.array([rate_rps]), np.array([batch]))
    prompts = np.asarray(prompts, dtype=float)
    return state, prompt_times(world.step, state, means.context_tokens, prompts, prompts**2 / 2)


@pytest.fixture(scope="module")
def chunked(world):
    return world.with_engine(chunk_tokens=1100)


def test_prompt_of_two_and_a_half_chunks_takes_two_full_steps_and_a_rest(chunked):
    context = traffic_means(chunked.traffic).context_tokens
    pairs = 2500.0**2 / 2
    full_s = chunked.step.time_s(1100.0, BATCH * context, pairs * 0.4, BATCH)
    rest_s = chunked.step.time_s(600.0, BATCH * context, pairs * 0.2, BATCH)

    _, times = times_of(chunked, [2500.0])

    assert times.full_steps[0, 0] == 2
    assert times.full_step_s[0, 0] == pytest.approx(full_s[0])
    assert times.rest_step_s[0, 0] == pytest.approx(rest_s[0])
    assert times.latency_s[0, 0] == pytest.approx(2 * full_s[0] + rest_s[0])


def test_prompt_of_whole_chunks_has_no_rest(chunked):
    _, times = times_of(chunked, [2000.0])

    assert times.rest_step_s[0, 0] == 0
    assert times.service_s[0, 0] == times.latency_s[0, 0]


def test_last_step_is_shared_as_often_as_prompts_queue(chunked):
    state, times = times_of(chunked, [500.0], rate_rps=5.0)

    context = traffic_means(chunked.traffic).context_tokens
    alone_s, full_s = (
        chunked.step.time_s(tokens, BATCH * context, 0.0, BATCH)[0] for tokens in (600.0, 1100.0)
    )
    saved_s = state.prefill_share[0] * (alone_s - full_s / 2)
    assert 0 < state.prefill_share[0] < 1
    assert times.latency_s[0, 0] - times.service_s[0, 0] == pytest.approx(saved_s)


def test_idle_replica_shares_no_step(chunked):
    _, times = times_of(chunked, [100.0, 500.0, 3000.0])

    np.testing.assert_array_equal(times.service_s, times.latency_s)


def test_prefill_priority_takes_the_time_of_the_whole_prompt(world):
    alone = world.with_engine(scheduler="prefill_priority", chunk_tokens=1100)

    _, times = times_of(alone, [2500.0], rate_rps=3.0)

    whole_s = alone.step.time_s(2500.0, 0.0, 2500.0**2 / 2, 0.0)
    assert times.latency_s[0, 0] == pytest.approx(whole_s[0])
    assert times.service_s[0, 0] == times.latency_s[0, 0]


def test_longer_prompt_never_takes_less_time(chunked):
    _, times = times_of(chunked, np.arange(1.0, 6000.0, 7.0), rate_rps=5.0)

    assert (np.diff(times.latency_s[0]) > 0).all()
    assert (times.service_s > 0).all()


def test_more_decodes_never_shorten_a_prompt(chunked):
    prompts = np.array([50.0, 900.0, 1000.0, 4000.0])

    _, few = times_of(chunked, prompts, batch=1.0)
    _, many = times_of(chunked, prompts, batch=300.0)

    assert (many.latency_s > few.latency_s).all()
