from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.closed_loop import LoopParameters, closed_loop
from planner.perf.spec import engine_limits
from planner.perf.static_batch import static_batch
from planner.perf.step import step_model
from tests.perf.loops import toy_engine, toy_step

PLAIN = LoopParameters(mix=1.0, q=1.0, burst=0.0, poll=0.0)


def test_constant_steps_count_one_prefill_and_the_other_tokens():
    found = static_batch(toy_step(fixed_s=0.01), toy_engine(), PLAIN, 100.0, 50.0, 8.0)

    assert found.ttft_s[0] == pytest.approx(0.01)
    assert found.e2e_s[0] == pytest.approx(0.01 + 49 * 0.01)
    assert found.output_tokens_per_s[0] == pytest.approx(8 * 50 / 0.5)
    assert found.total_tokens_per_s[0] == pytest.approx(8 * 150 / 0.5)


def test_prompts_of_the_batch_are_cut_to_chunks():
    # 8 prompts of 300 tokens are 2,400: two chunks of 1,000 and one of 400.
    step = toy_step(fixed_s=0.01, network_token_s=1e-5)
    found = static_batch(step, toy_engine(chunk=1000.0), PLAIN, 300.0, 1.0, 8.0)

    assert found.ttft_s[0] == pytest.approx(3 * 0.01 + 2400 * 1e-5)
    assert found.e2e_s[0] == pytest.approx(found.ttft_s[0])


def test_context_grows_with_the_output():
    # 10 requests read 100 + j tokens each at 1 us: the mean over j of 0 .. 200 is 200.
    found = static_batch(toy_step(kv_token_s=1e-6), toy_engine(), PLAIN, 100.0, 200.0, 10.0)

    assert found.e2e_s[0] == pytest.approx(199 * 10 * 200 * 1e-6)


def test_window_stops_the_growth():
    step = toy_step(kv_window_token_s=1e-6)
    step = replace(step, window_tokens=np.array([150.0]))

    found = static_batch(step, toy_engine(), PLAIN, 100.0, 200.0, 10.0)

    # A quarter of the output grows from 100 to 150 tokens of context, the rest sees 150.
    assert found.e2e_s[0] == pytest.approx(199 * 10 * (0.25 * 125 + 0.75 * 150) * 1e-6, rel=0.01)


def test_scripts_reach_a_share_of_the_speed():
    step = toy_step(fixed_s=0.01)
    full, part = (
        static_batch(step, toy_engine(), replace(PLAIN, static=s), 100.0, 50.0, 8.0)
        for s in (1.0, 0.8)
    )

    assert part.e2e_s[0] == pytest.approx(full.e2e_s[0] / 0.8)
    assert part.output_tokens_per_s[0] == pytest.approx(0.8 * full.output_tokens_per_s[0])


@pytest.mark.parametrize("model", ["llama-3.1-8b", "gpt-oss-120b"])
def test_batch_of_one_is_a_loop_of_one_without_its_overhead(spec_of, model):
    spec = spec_of(model, weight_bytes=0.5)
    step, engine = step_model([spec]), engine_limits([spec])
    quiet = replace(engine, request_s=np.zeros(1))

    batch = static_batch(step, engine, PLAIN, 1000.0, 200.0, 1.0)
    loop = closed_loop(step, quiet, 1e9, PLAIN, 1000.0, 200.0, 1.0)

    assert batch.e2e_s[0] == pytest.approx(loop.ttft_s[0] + 199 * loop.tpot_s[0], rel=0.02)


@settings(max_examples=30, deadline=None)
@given(
    isl=st.floats(1, 8000), osl=st.floats(1, 2000), size=st.floats(1, 256), more=st.floats(1, 4)
)
def test_larger_batches_take_longer_and_make_more(spec_of, isl, osl, size, more):
    spec = spec_of("llama-3.1-8b")
    step, engine = step_model([spec]), engine_limits([spec])

    small, large = (static_batch(step, engine, PLAIN, isl, osl, b) for b in (size, size * more))

    assert large.e2e_s[0] >= small.e2e_s[0] * (1 - 1e-9)
    assert large.ttft_s[0] >= small.ttft_s[0] * (1 - 1e-9)
