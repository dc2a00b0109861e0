from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.spec import NumberFormat
from planner.perf.step import StepModel, step_model
from planner.perf.work import step_work
from tests.perf.tiny import (
    BARE,
    ROUND_DEVICE,
    TINY,
    TINY_BODY,
    TINY_HEAD,
    TINY_MOVED_S,
    time_s,
    tiny_spec,
)


def tiny_moe(routed=4, active=2):
    return replace(
        TINY,
        experts_routed=routed,
        experts_active=active,
        moe_intermediate=16,
        intermediate=None,
    )


def test_dense_step_is_weight_read_plus_compute_when_nothing_overlaps():
    read_s = (TINY_BODY + TINY_HEAD) * 2 / 1e9
    compute_s = (2 * 3 * TINY_BODY + 2 * (3 + 1) * TINY_HEAD) / 1e12

    expected_s = read_s + compute_s + 3 * TINY_MOVED_S
    assert time_s(tiny_spec(), 3.0, 0.0, 0.0, 3.0) == pytest.approx(expected_s)


def test_hard_overlap_leaves_the_longer_of_read_and_compute():
    spec = tiny_spec(parameters=replace(BARE, p_overlap=200.0))
    read_s = (TINY_BODY + TINY_HEAD) * 2 / 1e9

    assert time_s(spec, 1.0, 0.0, 0.0, 1.0) == pytest.approx(read_s + TINY_MOVED_S, rel=1e-6)


def test_head_is_read_and_multiplied_in_16_bits():
    # FP8: one byte for weights of the body and two for those of the head, and twice the peak.
    device = replace(ROUND_DEVICE, peak_flops=2e12)
    spec = tiny_spec(device=device, number_format=NumberFormat(1.0, 1.0, 2.0))
    read_s = (TINY_BODY + 2 * TINY_HEAD) / 1e9
    compute_s = 2 * 3 * TINY_BODY / 2e12 + 2 * (3 + 1) * TINY_HEAD / 1e12

    expected_s = read_s + compute_s + 3 * TINY_MOVED_S
    assert time_s(spec, 3.0, 0.0, 0.0, 3.0) == pytest.approx(expected_s)


def test_soft_overlap_is_the_p_norm():
    device = replace(ROUND_DEVICE, peak_flops=1e9, peak_attention_flops=1e9)
    spec = tiny_spec(device=device, parameters=replace(BARE, p_overlap=2.0))
    read_s = (TINY_BODY + TINY_HEAD) * 2 / 1e9
    compute_s = (2 * 5 * TINY_BODY + 2 * TINY_HEAD) / 1e9

    expected_s = math.hypot(read_s, compute_s) + 5 * TINY_MOVED_S
    assert time_s(spec, 5.0, 0.0, 0.0, 0.0) == pytest.approx(expected_s)


def test_decode_attention_reads_the_cache_or_computes_softly_combined():
    model = step_model([tiny_spec()])
    read_s = 2 * (2 * 2 * 2) * 2 / 1e9
    compute_s = 4 * 2 * 4 * 2 / (1e12 * 0.5)

    added_s = model.time_s(1.0, 7.0, 0.0, 1.0) - model.time_s(1.0, 0.0, 0.0, 1.0)

    assert added_s[0] == pytest.approx(7 * math.hypot(read_s, compute_s))


def test_prefill_attention_counts_scores_and_values():
    model = step_model([tiny_spec()])
    pair_s = 2 * 2 * 4 * (2 + 2) / 1e12

    added_s = model.time_s(1.0, 0.0, 9e6, 1.0) - model.time_s(1.0, 0.0, 0.0, 1.0)

    assert added_s[0] == pytest.approx(9e6 * pair_s)


def test_fixed_times_add_per_layer_step_and_request():
    theta = replace(BARE, c_layer_s=1e-3, c_step_s=5e-3, c_req_s=1e-4)

    added_s = time_s(tiny_spec(parameters=theta), 1.0, 0.0, 0.0, 3.0) - time_s(
        tiny_spec(), 1.0, 0.0, 0.0, 3.0
    )

    assert added_s == pytest.approx(2 * 1e-3 + 5e-3 + 3 * 1e-4)


def test_step_with_prompts_takes_at_least_its_launch():
    model = step_model([tiny_spec(parameters=replace(BARE, c_launch_s=1e-3))])

    # Two layers of 1 ms; decode-only steps are replayed and not launched.
    assert model.time_s(5.0, 0.0, 0.0, 1.0)[0] == pytest.approx(2e-3)
    assert model.time_s(5.0, 0.0, 0.0, 5.0)[0] < 1e-4
    assert model.time_s(5000.0, 0.0, 0.0, 1.0)[0] > 4e-3


def test_activations_of_the_blocks_are_split_and_those_of_norms_are_not():
    one = step_work(tiny_spec()).activation_bytes_per_token
    two = step_work(tiny_spec(tensor_parallel=2)).activation_bytes_per_token

    assert one == pytest.approx(TINY_MOVED_S * 1e9)
    assert two == pytest.approx((one - 2 * 2 * 10 * 8) / 2 + 2 * 2 * 10 * 8)


def test_experts_copy_every_token_that_chose_them():
    dense = replace(tiny_moe(), experts_active=1)

    more = step_work(tiny_spec(architecture=tiny_moe())).activation_bytes_per_token
    less = step_work(tiny_spec(architecture=dense)).activation_bytes_per_token

    # One more expert per token and layer: four copies of 8 and five of 16.
    assert more - less == 2 * 2 * (4 * 8 + 5 * 16)


@pytest.mark.parametrize(("tokens", "expected_hit"), [(1, 2.0), (2, 3.0), (3, 3.5)])
def test_experts_hit_grow_with_tokens(tokens, expected_hit):
    # four experts, two per token: 4 (1 - (1/2)^T)
    spec = tiny_spec(architecture=tiny_moe())
    model = step_model([spec])
    expert = 3 * 8 * 16
    compute_s = 2 * tokens * 2 * 2 * expert / 1e12
    read_s = 2 * expected_hit * expert * 2 / 1e9
    dense = replace(model, expert_read_s=np.zeros(1))

    added_s = model.time_s(tokens, 0.0, 0.0, 1.0) - dense.time_s(tokens, 0.0, 0.0, 1.0)

    assert added_s[0] == pytest.approx(read_s + compute_s)


@pytest.mark.parametrize("tokens", [1, 2, 30])
def test_experts_that_are_chosen_unevenly_are_hit_less(tokens):
    # four experts, two per token, shares with a coefficient of variation of 1: 1 / (1 + T ln 2)
    even, uneven = (
        tiny_spec(architecture=tiny_moe(), parameters=replace(BARE, e_c_moe=1.1, expert_cv=cv))
        for cv in (0.0, 1.0)
    )
    added = 0.5**tokens - 1.0 / (1.0 + tokens * math.log(2.0))
    expected_s = 4 * added * 2 * 3 * 8 * 16 * 2 / 1e9

    difference_s = time_s(uneven, tokens, 0.0, 0.0, 1.0) - time_s(even, tokens, 0.0, 0.0, 1.0)

    assert difference_s == pytest.approx(expected_s, rel=1e-6)
    assert difference_s < 0


@given(tokens=st.floats(1, 1e4), low=st.floats(0, 3), high=st.floats(0, 3))
def test_more_uneven_experts_never_take_longer(tokens, low, high):
    low, high = sorted((low, high))
    even, uneven = (
        tiny_spec(architecture=tiny_moe(64, 4), parameters=replace(BARE, expert_cv=cv))
        for cv in (low, high)
    )

    assert time_s(uneven, tokens, 0.0, 0.0, 1.0) <= time_s(even, tokens, 0.0, 0.0, 1.0) * (
        1 + 1e-6
    )


def test_every_expert_is_read_when_each_token_uses_all():
    spec = tiny_spec(architecture=tiny_moe(routed=2, active=2))
    model = step_model([spec])
    none = replace(model, expert_read_s=np.zeros(1))
    expert = 3 * 8 * 16

    added_s = model.time_s(1.0, 0.0, 0.0, 1.0) - none.time_s(1.0, 0.0, 0.0, 1.0)

    assert added_s[0] == pytest.approx(2 * 2 * expert * 2 / 1e9 + 2 * 2 * 2 * expert / 1e12)


def test_dense_and_expert_options_mix_in_one_model():
    dense, sparse = tiny_spec(), tiny_spec(architecture=tiny_moe())

    mixed_s = step_model([dense, sparse, dense]).time_s(4.0, 10.0, 8.0, 2.0)

    assert mixed_s[0] == mixed_s[2] == time_s(dense, 4.0, 10.0, 8.0, 2.0)
    assert mixed_s[1] == time_s(sparse, 4.0, 10.0, 8.0, 2.0)


def test_latent_attention_is_read_whole_by_every_rank(spec_of):
    one = step_work(spec_of("deepseek-v3", tensor_parallel=1))
    eight = step_work(spec_of("deepseek-v3", tensor_parallel=8))

    assert eight.kv_read_bytes_per_token == one.kv_read_bytes_per_token == 70_272
    assert eight.dense_read_bytes == pytest.approx(one.dense_read_bytes / 8)


def test_window_caps_what_a_decode_reads():
    windowed = replace(TINY, sliding_window=16, full_attention_fraction=0.5)
    model = step_model([tiny_spec(architecture=windowed)])

    near_s = model.time_s(2.0, 32.0, 0.0, 2.0)[0]
    far_s = model.time_s(2.0, 320.0, 0.0, 2.0)[0]
    token_s = step_model([tiny_spec()]).kv_token_s[0]

    assert far_s - near_s == pytest.approx((320 - 32) * token_s / 2)


def test_window_caps_the_pairs_of_prefill():
    windowed = replace(TINY, sliding_window=16, full_attention_fraction=0.0)
    model = step_model([tiny_spec(architecture=windowed)])

    assert model.time_s(10.0, 0.0, 160.0, 0.0) == model.time_s(10.0, 0.0, 5000.0, 0.0)


def test_linear_attention_does_not_slow_with_context():
    linear = replace(TINY, full_attention_fraction=0.0)
    model = step_model([tiny_spec(architecture=linear)])

    assert model.time_s(2.0, 1e6, 1e6, 1.0) == model.time_s(2.0, 0.0, 0.0, 1.0)


def test_efficiency_is_capped_where_fits_stop_to_carry_over():
    capped = tiny_spec(parameters=replace(BARE, e_m=1.1))
    beyond = tiny_spec(parameters=replace(BARE, e_m=3.0))

    assert time_s(beyond, 1.0, 0.0, 0.0, 1.0) == time_s(capped, 1.0, 0.0, 0.0, 1.0)


def test_trailing_axes_give_the_same_times_as_single_calls(spec_of):
    model = step_model([spec_of("llama-3.1-8b"), spec_of("gpt-oss-120b")])
    tokens, cached = np.array([1.0, 64.0, 2048.0]), np.array([100.0, 5e4, 1e6])

    table_s = model.time_s(tokens[None, :], cached[None, :], 1e5, np.array([4.0, 8.0]))

    for column in range(3):
        single_s = model.time_s(tokens[column], cached[column], 1e5, np.array([4.0, 8.0]))
        np.testing.assert_allclose(table_s[:, column], single_s, rtol=1e-14)


def test_take_selects_and_repeats_options(spec_of):
    model = step_model([spec_of("llama-3.1-8b"), spec_of("qwen3-32b")])

    taken = model.take([1, 0, 1])

    times_s = model.time_s(1.0, 0.0, 0.0, 1.0)
    assert taken.options == 3
    np.testing.assert_array_equal(taken.time_s(1.0, 0.0, 0.0, 1.0), times_s[[1, 0, 1]])


@pytest.mark.parametrize("model", ["llama-3.1-8b", "deepseek-v3", "gpt-oss-120b"])
def test_scaling_multiplies_every_step_time(spec_of, model):
    step = step_model([spec_of(model, tensor_parallel=2)])

    slow_s = step.scaled(1.7).time_s(300.0, 4e5, 2e6, 32.0)

    np.testing.assert_allclose(slow_s, 1.7 * step.time_s(300.0, 4e5, 2e6, 32.0), rtol=1e-12)


def test_no_options_give_an_empty_model():
    model = step_model([])

    assert model.options == 0
    assert all(len(getattr(model, f.name)) == 0 for f in fields(StepModel) if f.name != "draft")
    assert model.draft is None


def test_splitting_without_a_link_is_rejected():
    with pytest.raises(ValueError, match="tensor_parallel is 2, which needs link_bytes_per_s"):
        tiny_spec(tensor_parallel=2, device=replace(ROUND_DEVICE, link_bytes_per_s=None))


def test_zero_ranks_are_rejected():
    with pytest.raises(ValueError, match="tensor_parallel is 0; accepted: 1 or more"):
        tiny_spec(tensor_parallel=0)


WORK = st.tuples(st.floats(1, 8192), st.floats(0, 1e6), st.floats(0, 1e8), st.floats(0, 256)).map(
    lambda w: (w[0] + w[3], w[1], w[2], w[3])
)


@settings(max_examples=50)
@given(work=WORK, factor=st.floats(1, 5), axis=st.integers(0, 2))
def test_more_work_never_takes_less_time(spec_of, work, factor, axis):
    models = ("llama-3.1-8b", "deepseek-v3", "gpt-oss-120b")
    model = step_model([spec_of(m, tensor_parallel=4) for m in models])
    more = list(work)
    more[axis] *= factor

    assert (model.time_s(*more) >= model.time_s(*work) * (1 - 1e-12)).all()


@settings(max_examples=50)
@given(
    work=WORK,
    factor=st.floats(1, 4),
    field=st.sampled_from(
        ["bandwidth_bytes_per_s", "peak_flops", "peak_attention_flops", "link_bytes_per_s"]
    ),
)
def test_better_device_is_never_slower(spec_of, work, factor, field):
    spec = spec_of("gpt-oss-120b", tensor_parallel=4)
    better = replace(
        spec, device=replace(spec.device, **{field: getattr(spec.device, field) * factor})
    )

    assert time_s(better, *work) <= time_s(spec, *work) * (1 + 1e-12)
