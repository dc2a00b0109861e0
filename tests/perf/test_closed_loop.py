from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.closed_loop import LoopParameters, closed_loop, closed_wait_s, max_load
from planner.perf.memory import memory_fit
from planner.perf.spec import engine_limits
from planner.perf.speculation import DraftSteps
from planner.perf.step import step_model
from tests.perf.loops import PLENTY, simulate_loop, toy_engine, toy_step

STEADY = LoopParameters(mix=1.0, q=1.0, burst=0.0, drain=1.0, poll=0.5)
MODELS = ("llama-3.1-8b", "qwen3-235b-a22b", "deepseek-v3")


def loop(step, engine, isl, osl, clients, *, capacity=PLENTY, params=STEADY):
    return closed_loop(step, engine, capacity, params, isl, osl, clients)


def test_constant_steps_give_a_token_each_to_every_client():
    # Steps of 10 ms whatever they hold: prompts cost nothing, a request takes half a step until
    # the next one starts, one for its prompt and 99 for the other tokens.
    found = loop(toy_step(fixed_s=0.01), toy_engine(), 100.0, 100.0, 8.0)

    assert found.tpot_s[0] == pytest.approx(0.01)
    assert found.ttft_s[0] == pytest.approx(0.015)
    assert found.output_tokens_per_s[0] == pytest.approx(8 * 100 / (0.015 + 0.99))
    assert found.batch[0] == pytest.approx(8 * 0.99 / 1.005)


def test_steps_of_two_tokens_halve_the_time_per_token():
    found = closed_loop(
        toy_step(fixed_s=0.01),
        toy_engine(),
        PLENTY,
        STEADY,
        100.0,
        101.0,
        8.0,
        tokens_per_step=2.0,
    )

    # Half a step until the next one starts, one for the prompt and 50 for the other tokens.
    assert found.tpot_s[0] == pytest.approx(0.005)
    assert found.output_tokens_per_s[0] == pytest.approx(8 * 101 / (0.015 + 0.5))


def test_draft_tokens_take_room_from_prompts():
    drafting = replace(toy_step(fixed_s=0.01), draft=DraftSteps(np.full(1, 3.0), toy_step()))
    engine = toy_engine(chunk=1000.0, seqs=1e6)

    found = max_load(drafting, engine, PLENTY, STEADY, 100.0, 101.0, tokens_per_step=2.0)

    # b / 50 requests end in a step; their prompts and 4 tokens of each decode fill it: 6 b = 1000.
    assert found.batch[0] == pytest.approx(1000 / 6)


def test_single_client_never_waits_for_others():
    step = toy_step(fixed_s=0.01, network_token_s=1e-4)

    found = loop(step, toy_engine(request_s=0.2), 500.0, 50.0, 1.0)

    # Prompt of 500 tokens beside 1 decode at most: 50 ms and the step itself.
    assert found.ttft_s[0] == pytest.approx(0.2 + 0.06 + 0.005, rel=0.01)
    assert found.tpot_s[0] == pytest.approx(0.0101, rel=0.01)


def test_prompts_of_others_fall_into_the_gaps():
    # A prompt of 1,000 tokens adds 0.1 s; of 11 clients 10 others send one in a request's decode.
    step = toy_step(fixed_s=0.01, network_token_s=1e-4)
    found = loop(step, toy_engine(), 1000.0, 1001.0, 11.0)

    decoding_share = found.batch[0] / 11
    expected_s = 0.01 + found.batch[0] * 1e-4 + 10 * decoding_share * 0.1 / 1000

    assert found.tpot_s[0] == pytest.approx(expected_s, rel=1e-3)


def test_mix_weighs_the_prompts_of_others():
    step = toy_step(fixed_s=0.01, network_token_s=1e-4)
    plain, doubled = (
        loop(step, toy_engine(), 1000.0, 1001.0, 11.0, params=replace(STEADY, mix=mix)).tpot_s[0]
        for mix in (0.0, 2.0)
    )

    assert plain == pytest.approx(0.01 + 11 * 1e-4, rel=0.02)
    assert doubled > plain + 0.0015


def test_burst_adds_its_share_of_the_start():
    step = toy_step(fixed_s=0.01, network_token_s=1e-4)
    calm, sudden = (
        loop(step, toy_engine(), 1000.0, 1001.0, 11.0, params=replace(STEADY, burst=b)).ttft_s[0]
        for b in (0.0, 0.2)
    )

    # A fifth of the wait for half of the 10 others, 0.1 s each.
    assert sudden - calm == pytest.approx(0.2 * 5 * 0.1, rel=0.05)


def test_start_fills_every_step_with_prompts():
    # Two prompts of 100 tokens share a step of 10 ms: at the start each takes half of it.
    step, engine = toy_step(fixed_s=0.01), toy_engine(chunk=210.0)
    calm, sudden = (
        loop(step, engine, 100.0, 1001.0, 21.0, params=replace(STEADY, burst=b)).ttft_s[0]
        for b in (0.0, 0.1)
    )

    # A tenth of the wait for half of the 20 others; 10.5 of 21 clients decode meanwhile.
    assert sudden - calm == pytest.approx(0.1 * 10 * 0.01 / ((210 - 10.5) / 100), rel=1e-3)


def test_one_group_computes_a_prompt_while_the_others_wait():
    # A token takes 0.1 ms when all 4 groups share it, so a prompt alone takes four times as long.
    step = toy_step(fixed_s=0.01, network_token_s=1e-4, groups=4.0)
    waiting, held_back = (
        loop(step, toy_engine(), 1000.0, 2.0, 1.0, params=replace(STEADY, idle=idle)).ttft_s[0]
        for idle in (1.0, 0.0)
    )

    assert held_back == pytest.approx(0.1 + 0.01 + 0.005, rel=0.01)
    assert waiting == pytest.approx(0.4 + 0.01 + 0.005, rel=0.01)


def test_no_group_waits_when_prompts_fill_them_all():
    alone, four = (toy_step(fixed_s=0.01, network_token_s=1e-4, groups=g) for g in (1.0, 4.0))

    found = [max_load(s, toy_engine(), PLENTY, STEADY, 100.0, 101.0) for s in (alone, four)]

    assert found[0].output_tokens_per_s[0] == pytest.approx(found[1].output_tokens_per_s[0])


def test_experts_compute_for_one_group_as_for_all(spec_of):
    # What groups without a prompt leave undone is everything but the experts.
    model = step_model([replace(spec_of("deepseek-v3"), data_parallel=8)])

    plain, waiting = (model.time_s(1000.0, 0.0, 5e5, 0.0, idle)[0] for idle in (0.0, 7000.0))
    everything = model.time_s(8000.0, 0.0, 5e5, 0.0)[0]

    assert plain < waiting < everything


def test_engine_that_looks_rarely_answers_late():
    rare = replace(STEADY, poll=15.0)

    found = loop(toy_step(fixed_s=0.01), toy_engine(), 100.0, 1000.0, 8.0, params=rare)

    assert found.ttft_s[0] == pytest.approx(15 * 0.01 + 0.01)


def test_memory_caps_what_is_held_and_the_rest_waits_outside():
    # 10 requests fit at 100 + 100 / 2 + 8 tokens each; 20 clients ask.
    found = loop(toy_step(fixed_s=0.01), toy_engine(), 100.0, 100.0, 20.0, capacity=1580.0)
    alone = loop(toy_step(fixed_s=0.01), toy_engine(), 100.0, 100.0, 10.0, capacity=1580.0)

    assert found.capped[0]
    assert not alone.capped[0]
    assert found.output_tokens_per_s[0] == pytest.approx(alone.output_tokens_per_s[0])
    cycle_s = 0.015 + 0.99
    assert found.ttft_s[0] == pytest.approx(0.015 + cycle_s)


def test_prompts_saturate_the_steps():
    # 10 ms per step and 0.1 ms per token; steps of 1,000 tokens take 110 ms. Prompts of 500 with
    # outputs of 2: most decodes are 2 of 998 rooms, so a step starts about 2 requests.
    step = toy_step(fixed_s=0.01, network_token_s=1e-4)
    found = loop(step, toy_engine(chunk=1000.0), 500.0, 2.0, 1000.0)

    requests_per_s = found.output_tokens_per_s[0] / 2
    assert requests_per_s == pytest.approx(2 / 0.11, rel=0.02)
    assert found.ttft_s[0] == pytest.approx(1000 / requests_per_s, rel=0.02)


def test_prompts_share_a_step_that_takes_as_long_as_its_launch():
    # Every step with a prompt takes 50 ms: eight clients' prompts cost less than eight launches.
    step = toy_step(fixed_s=0.001, launch_s=0.05)
    few, many = (loop(step, toy_engine(), 100.0, 20.0, n) for n in (1.0, 64.0))

    assert few.ttft_s[0] == pytest.approx(0.05, rel=0.05)
    assert many.output_tokens_per_s[0] > 64 * 20 / (64 * 0.05)


def test_prompts_with_priority_stop_the_decodes():
    step = toy_step(fixed_s=0.01, network_token_s=1e-4)
    mixed, alone = (
        loop(step, toy_engine(chunked=chunked), 1000.0, 101.0, 8.0) for chunked in (True, False)
    )

    # Alone a prompt takes its own step of 10 ms as well.
    assert alone.tpot_s[0] > mixed.tpot_s[0]


def test_options_are_computed_independently(spec_of):
    specs = [spec_of(m, tensor_parallel=8, weight_bytes=0.5) for m in MODELS]
    capacity = memory_fit(specs, max_tokens_per_request=0.0).kv_capacity_tokens
    step, engine = step_model(specs), engine_limits(specs)
    clients = np.array([4.0, 64.0, 16.0])

    together = closed_loop(step, engine, capacity, STEADY, 1000.0, 300.0, clients)

    for i in range(3):
        rows = np.array([i])
        single = closed_loop(
            step.take(rows), engine.take(rows), capacity[rows], STEADY, 1000.0, 300.0, clients[i]
        )
        assert together.tpot_s[i] == pytest.approx(single.tpot_s[0])
        assert together.ttft_s[i] == pytest.approx(single.ttft_s[0])


def test_output_of_one_token_has_no_gap():
    found = loop(toy_step(fixed_s=0.01, network_token_s=1e-5), toy_engine(), 1000.0, 1.0, 4.0)

    assert np.isfinite(found.tpot_s[0])
    assert found.output_tokens_per_s[0] == pytest.approx(4 / found.ttft_s[0], rel=1e-3)


def lengths(isl, osl, rng):
    return lambda: (int(rng.integers(0.8 * isl, isl)), int(rng.integers(0.8 * osl, osl)))


@pytest.mark.parametrize(
    ("isl", "osl", "clients"), [(1000, 200, 4), (1000, 200, 32), (4000, 100, 16), (200, 400, 64)]
)
def test_formula_agrees_with_a_simulated_engine(isl, osl, clients):
    step = toy_step(fixed_s=0.005, network_token_s=2e-5, kv_token_s=2e-8, request_s=1e-5)
    engine = toy_engine(chunk=2048.0)
    rng = np.random.default_rng(5)

    real = simulate_loop(step, engine, lengths(isl, osl, rng), clients, requests=20 * clients)
    found = loop(step, engine, 0.9 * isl, 0.9 * osl, float(clients))

    assert found.tpot_s[0] == pytest.approx(real["tpot_s"], rel=0.08)
    rate = real["output_tokens_per_s"]
    assert found.output_tokens_per_s[0] == pytest.approx(rate, rel=0.08)
    assert found.ttft_s[0] == pytest.approx(real["ttft_s"], rel=0.5)


WORK = st.tuples(st.floats(16, 8000), st.floats(16, 2000), st.integers(1, 512))


@settings(max_examples=25, deadline=None)
@given(work=WORK, more=st.floats(1, 8), model=st.sampled_from(MODELS))
def test_more_clients_never_speed_up_one_nor_slow_down_all(spec_of, work, more, model):
    isl, osl, clients = work
    spec = spec_of(model, tensor_parallel=8, weight_bytes=0.5)
    step, engine = step_model([spec]), engine_limits([spec])

    few, many = (loop(step, engine, isl, osl, n) for n in (clients, clients * more))

    # A step that prompts share costs each of them slightly more than one of its own.
    assert many.tpot_s[0] >= few.tpot_s[0] * (1 - 0.03)
    assert many.output_tokens_per_s[0] >= few.output_tokens_per_s[0] * (1 - 0.03)


@settings(max_examples=25, deadline=None)
@given(work=WORK, factor=st.floats(0.2, 5))
def test_scaling_all_times_scales_all_results(spec_of, work, factor):
    isl, osl, clients = work
    spec = spec_of("llama-3.1-8b")
    step, engine = step_model([spec]), engine_limits([spec])
    slower = replace(engine, request_s=engine.request_s * factor)

    plain = loop(step, engine, isl, osl, clients)
    scaled = loop(step.scaled(factor), slower, isl, osl, clients)

    assert scaled.tpot_s[0] == pytest.approx(plain.tpot_s[0] * factor)
    assert scaled.ttft_s[0] == pytest.approx(plain.ttft_s[0] * factor)
    rate = plain.output_tokens_per_s[0] / factor
    assert scaled.output_tokens_per_s[0] == pytest.approx(rate)


def test_full_load_is_what_many_clients_reach(spec_of):
    spec = spec_of("llama-3.1-8b", max_num_seqs=64)
    step, engine = step_model([spec]), engine_limits([spec])

    found = max_load(step, engine, PLENTY, STEADY, 1000.0, 500.0)
    looped = loop(step, engine, 1000.0, 500.0, 1e4)

    assert found.batch[0] == 64
    assert found.output_tokens_per_s[0] == pytest.approx(looped.output_tokens_per_s[0], rel=0.1)


def test_full_load_counts_prompts_and_decodes_by_hand():
    # 100 requests: 100 gaps of 10 ms + 100 decodes' tokens of 10 us; every prompt of 1,000 adds
    # 10 ms, and all 100 prompts fall into one request's decode.
    step = toy_step(fixed_s=0.01, network_token_s=1e-5)
    found = max_load(step, toy_engine(seqs=100.0), PLENTY, STEADY, 1000.0, 101.0)

    decoding_s = 100 * (0.01 + 100 * 1e-5) + 100 * 1000 * 1e-5
    assert found.output_tokens_per_s[0] == pytest.approx(100 * 101 / decoding_s)


def test_drain_lowers_the_rate_of_a_run():
    step, engine = toy_step(fixed_s=0.01), toy_engine(seqs=100.0)
    whole, part = (
        max_load(step, engine, PLENTY, replace(STEADY, drain=d), 100.0, 100.0) for d in (1.0, 0.9)
    )

    assert part.output_tokens_per_s[0] == pytest.approx(0.9 * whole.output_tokens_per_s[0])


def test_full_load_of_prompts_fills_every_step():
    # Outputs of 2 tokens: steps of 8,192 tokens carry nearly only prompts.
    step = toy_step(fixed_s=0.01, network_token_s=1e-5)
    found = max_load(step, toy_engine(), PLENTY, STEADY, 1000.0, 2.0)

    full_s = 0.01 + 8192 * 1e-5
    assert found.output_tokens_per_s[0] / 2 == pytest.approx(8192 / 1001 / full_s, rel=0.01)


def test_the_wait_at_a_closed_queue_solves_its_equation():
    rng = np.random.default_rng(7)
    customers = np.floor(np.exp(rng.uniform(0.0, np.log(2000.0), 4000)))
    think_s = np.exp(rng.uniform(-3.0, 4.0, 4000))
    service_s = think_s / customers * np.exp(rng.uniform(-4.0, 2.0, 4000))
    response_s = service_s + closed_wait_s(service_s, think_s, customers)
    per_s = customers / (think_s + response_s)
    ahead = (customers - 1.0) / customers * per_s * response_s
    busy = np.minimum(per_s * service_s, 1.0)
    np.testing.assert_allclose(
        response_s, service_s * (1.0 + np.maximum(ahead - busy / 2, 0.0)), rtol=1e-9
    )


def test_a_customer_alone_never_waits_and_one_of_two_without_pause_waits_half_a_service():
    one, two = np.array([1.0]), np.array([2.0])
    assert closed_wait_s(np.array([0.7]), np.array([2.0]), one) == pytest.approx(0.0, abs=1e-12)
    # r = 1 + r / r - 1 / 2 without any time to think: the server is busy all the time.
    assert closed_wait_s(np.array([1.0]), np.array([0.0]), two) == pytest.approx(0.5)
