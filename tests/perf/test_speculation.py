"""Speculative decoding: tokens of a step, what drafts cost, and when they stop to pay."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.memory import memory_fit
from planner.perf.moments import traffic_means
from planner.perf.spec import EngineSettings, NumberFormat, engine_limits
from planner.perf.speculation import (
    Draft,
    acceptance_of,
    draft_bytes,
    draft_spec,
    expected_tokens,
    tokens_cv,
)
from planner.perf.step import step_model
from planner.perf.traffic import LatencyLimit, output_gaps, sample_requests

CONTEXT = 500.0


def head_of(architecture, **changes):
    return replace(architecture, layers=1, **changes)


@pytest.fixture(scope="module")
def dense(spec_of):
    return spec_of("llama-3.1-8b")


@pytest.fixture(scope="module")
def with_head(dense):
    return lambda tokens: replace(dense, draft=Draft(tokens, head_of(dense.architecture)))


def decode_s(spec, batch):
    model = step_model([spec])
    return float(model.time_s(batch, batch * CONTEXT, 0.0, batch)[0])


@pytest.mark.parametrize(
    ("acceptance", "draft_tokens", "tokens"),
    [(0.0, 3, 1.0), (1.0, 3, 4.0), (0.5, 2, 1.75), (0.85, 1, 1.85), (0.8, 0, 1.0)],
)
def test_tokens_of_a_step_by_hand(acceptance, draft_tokens, tokens):
    assert expected_tokens(acceptance, draft_tokens) == pytest.approx(tokens)


@given(st.floats(0.001, 0.999), st.integers(1, 8))
def test_closed_form_and_inverse(acceptance, draft_tokens):
    tokens = expected_tokens(acceptance, draft_tokens)

    assert tokens == pytest.approx((1 - acceptance ** (draft_tokens + 1)) / (1 - acceptance))
    assert acceptance_of(tokens, draft_tokens) == pytest.approx(acceptance, abs=1e-6)


@given(st.floats(0.01, 0.99), st.integers(1, 8))
def test_variation_is_that_of_the_distribution(acceptance, draft_tokens):
    counts = np.arange(1, draft_tokens + 2)
    accepted = acceptance ** (counts - 1.0)
    chance = accepted * np.where(counts <= draft_tokens, 1 - acceptance, 1.0)
    mean = float(chance @ counts)
    deviation = float(chance @ (counts - mean) ** 2) ** 0.5

    assert chance.sum() == pytest.approx(1)
    assert tokens_cv(mean, draft_tokens) == pytest.approx(deviation / mean, abs=1e-6)


@pytest.mark.parametrize(("tokens", "draft_tokens"), [(0.9, 3), (4.1, 3), (1.5, 0)])
def test_impossible_lengths_are_refused(tokens, draft_tokens):
    with pytest.raises(ValueError, match="accepted: 1 to"):
        acceptance_of(tokens, draft_tokens)


@pytest.mark.parametrize(("acceptance", "draft_tokens"), [(-0.1, 1), (1.1, 1), (0.5, -1)])
def test_impossible_acceptances_are_refused(acceptance, draft_tokens):
    with pytest.raises(ValueError, match="accepted: 0 to 1 of 0 or more"):
        expected_tokens(acceptance, draft_tokens)


@pytest.mark.parametrize(("tokens", "params"), [(0, None), (1, 0.0)])
def test_impossible_drafts_are_refused(tokens, params):
    with pytest.raises(ValueError, match="accepted"):
        Draft(tokens, params=params)


def test_step_with_draft_tokens_by_hand(dense, with_head):
    plain, drafting, batch = step_model([dense]), step_model([with_head(3)]), 8.0
    own = draft_spec(with_head(3), head_of(dense.architecture))
    one_pass = step_model([replace(own, draft=None)])
    cached = batch * CONTEXT
    # Attention is one constant per cached token, which computes for four tokens instead of one.
    attention_s = cached * (drafting.kv_token_s - plain.kv_token_s)
    rest = batch * 3 * (plain.activation_token_s + plain.network_token_s)
    compute = 32 * plain.dense_token_s + 33 * plain.head_request_s
    before = 8 * plain.dense_token_s + 9 * plain.head_request_s
    p = plain.overlap
    dense_s = (compute**p + plain.dense_read_s**p) ** (1 / p)
    dense_s -= (before**p + plain.dense_read_s**p) ** (1 / p)
    draft_s = one_pass.time_s(32.0, cached, 0.0, batch) + 2 * one_pass.time_s(
        batch, cached, 0.0, batch
    )

    added_s = drafting.time_s(batch, cached, 0.0, batch) - plain.time_s(batch, cached, 0.0, batch)

    assert added_s == pytest.approx(dense_s + attention_s + rest + draft_s)


def test_published_gain_of_one_request(dense, with_head):
    """Llama-3-8B with an EAGLE head, one request at a time: vllm-project/vllm#16035."""
    plain_s = decode_s(dense, 1.0)
    for tokens, length, gain in ((2, 1.89, 175.49 / 128.64), (4, 2.08, 165.65 / 128.64)):
        modelled = length * plain_s / decode_s(with_head(tokens), 1.0)

        assert modelled == pytest.approx(gain, rel=0.1)


def test_gain_falls_to_a_loss_at_the_compute_knee(dense, with_head):
    fast = replace(dense, parameters=replace(dense.parameters, c_req_s=0.0))
    drafting = replace(fast, draft=with_head(3).draft)
    batches = np.geomspace(1, 4096, 13)
    gains = [
        1.9
        * step_model([fast]).time_s(b, 0.0, 0.0, b)[0]
        / step_model([drafting]).time_s(b, 0.0, 0.0, b)[0]
        for b in batches
    ]

    assert gains[0] > 1.25
    assert all(later < earlier * 1.01 for earlier, later in pairwise(gains))
    # Beyond the knee four tokens cost four times as much as one, and 1.9 are kept.
    assert gains[-1] < 0.6


@given(st.floats(1, 512), st.integers(1, 7))
def test_more_draft_tokens_never_make_a_step_faster(dense, batch, tokens):
    head = head_of(dense.architecture)
    fewer, more = (decode_s(replace(dense, draft=Draft(g, head)), batch) for g in (tokens, 8))

    assert decode_s(dense, batch) < fewer <= more


def test_options_without_draft_tokens_keep_their_times(dense, with_head):
    mixed, plain = step_model([dense, with_head(2)]), step_model([dense])
    tokens, batch = np.array([300.0, 4.0]), np.array([2.0, 4.0])

    both = mixed.time_s(tokens, batch * CONTEXT, 0.0, batch)
    alone = plain.time_s(tokens[:1], batch[:1] * CONTEXT, 0.0, batch[:1])

    assert both[0] == alone[0]
    assert both[1] == pytest.approx(decode_s(with_head(2), 4.0))


def test_taking_and_scaling_keep_the_drafts(dense, with_head):
    model = step_model([dense, with_head(2), with_head(5)])

    taken = model.take([2, 1]).scaled(2.0)

    assert taken.decode_tokens.tolist() == [6, 3]
    once = model.time_s(4.0, 4 * CONTEXT, 0.0, 4.0)
    assert taken.time_s(4.0, 4 * CONTEXT, 0.0, 4.0) == pytest.approx(2 * once[[2, 1]])


def test_every_column_of_a_step_is_plain_without_a_draft(dense):
    model = step_model([dense])

    assert model.draft is None
    assert all(len(getattr(model, f.name)) == 1 for f in fields(model) if f.name != "draft")


def test_drafts_from_the_text_cost_the_host_only(dense):
    looked_up = replace(dense, draft=Draft(4))
    plain, model = step_model([dense]), step_model([looked_up])

    assert model.request_s - plain.request_s == pytest.approx(dense.parameters.c_req_s)
    assert model.fixed_s == plain.fixed_s
    assert draft_bytes(looked_up) == (0.0, 0.0)


def test_layers_that_draft_take_weights_and_cache(spec_of, models):
    spec = spec_of("deepseek-v3", tensor_parallel=8, weight_bytes=1.0, kv_bytes=1.0)
    head = head_of(models["deepseek-v3"], dense_first_layers=0)

    weight, token = draft_bytes(replace(spec, draft=Draft(1, head)))

    # One MoE layer of 256 experts is published as 11.5 billion parameters without vocabulary.
    assert weight * 8 == pytest.approx(11.5e9, rel=0.01)
    assert token == 8 * (512 + 64)


def test_model_that_drafts_takes_its_own_vocabulary(dense, models):
    small = replace(models["llama-3.1-8b"], layers=16, hidden=2048, intermediate=8192)
    stored = draft_bytes(replace(dense, draft=Draft(3, small, own_vocabulary=True)))[0]
    shared = draft_bytes(replace(dense, draft=Draft(3, small)))[0]

    assert stored - shared == 2 * 2 * 2048 * 128256


def test_stated_parameters_replace_the_count(dense):
    head = head_of(dense.architecture)
    spec = replace(dense, draft=Draft(3, head, NumberFormat(2.0, 2.0, 2.0), params=0.4e9))
    plain = replace(spec, draft=Draft(3, head))

    assert draft_bytes(spec)[0] == 0.8e9
    assert (
        step_model([spec]).draft.passes.dense_read_s
        < step_model([plain]).draft.passes.dense_read_s
    )


def test_draft_leaves_less_room_for_requests(dense, with_head):
    fit = memory_fit([dense, with_head(3)], max_tokens_per_request=1000)

    assert fit.weight_bytes_per_gpu[1] > fit.weight_bytes_per_gpu[0]
    assert fit.kv_capacity_tokens[1] < fit.kv_capacity_tokens[0]


def test_no_more_requests_decode_than_a_step_verifies(with_head):
    spec = replace(with_head(3), engine=EngineSettings(chunk_tokens=1024, max_num_seqs=1024))
    alone = replace(spec, engine=replace(spec.engine, scheduler="prefill_priority"))

    assert engine_limits([spec, alone]).max_num_seqs.tolist() == [256, 1024]


def test_one_token_per_step_is_plain_decoding(world):
    same = world.with_traffic(tokens_per_step=1.0)
    plain, other = world.solve(), same.solve()

    for field in fields(plain):
        assert np.array_equal(getattr(plain, field.name), getattr(other, field.name))


def test_steps_of_an_output(chat):
    drafted = replace(chat, tokens_per_step=2.0, tokens_per_step_cv=0.0)

    gaps = output_gaps(drafted, np.array([1.0, 2.0, 3.0, 101.0]))

    # One token thrown away every other time: (100 + 0.5) / 2.
    assert gaps.tolist() == [0.0, 1.0, 1.25, 50.25]


def test_mean_tokens_per_gap_counts_steps(chat):
    drafted = replace(chat, tokens_per_step=2.5, tokens_per_step_cv=0.4)
    plain, means = traffic_means(chat), traffic_means(drafted)

    assert plain.tokens_per_gap == 1
    assert means.output_gaps * means.tokens_per_gap == pytest.approx(plain.output_gaps)
    assert 2.4 < means.tokens_per_gap < 2.5


def test_only_the_steps_of_a_sample_change(chat):
    plain = sample_requests(chat, 256, np.random.default_rng(1))
    drafted = sample_requests(
        replace(chat, tokens_per_step=2.5, tokens_per_step_cv=0.4), 256, np.random.default_rng(1)
    )

    assert plain.gap_share is None
    assert np.array_equal(plain.batch_normal, drafted.batch_normal)
    assert 1 / drafted.gap_share.mean() == pytest.approx(2.5, rel=0.03)


@pytest.mark.parametrize("change", [{"tokens_per_step": 0.5}, {"tokens_per_step_cv": -1.0}])
def test_impossible_traffic_is_refused(chat, change):
    with pytest.raises(ValueError, match="tokens_per_step is"):
        replace(chat, **change)


def test_probe_counts_its_own_tokens(world):
    """A class that accepts fewer draft tokens waits longer for each token in the same load."""
    drafting = replace(world, spec=replace(world.spec, draft=Draft(3)))
    load = drafting.with_traffic(tokens_per_step=2.0)
    limits = (LatencyLimit("tpot", None, 1.0), LatencyLimit("itl", None, 1.0))
    probe = replace(load.traffic, name="text", limits=limits, tokens_per_step=1.0)

    own = load.with_limits(*limits).solve(replicas=(1,)).unloaded_s[0]
    other = load.solve(probes=[probe], replicas=(1,)).unloaded_s[0]

    assert own[0] == own[1]
    assert other == pytest.approx(own * traffic_means(load.traffic).tokens_per_gap)
