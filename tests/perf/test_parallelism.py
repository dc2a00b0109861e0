"""Data, expert and pipeline parallelism beside tensor parallelism, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.memory import memory_fit
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from planner.perf.work import step_work

HIDDEN = 7168


@pytest.fixture
def deepseek(spec_of):
    """Return DeepSeek-V3 in 4 bits on one device, to be spread over more."""
    return spec_of("deepseek-v3", weight_bytes=0.5, kv_bytes=1.0)


def fit(spec):
    return memory_fit([spec], max_tokens_per_request=0.0)


def test_devices_are_the_product_of_the_degrees(deepseek):
    spec = replace(deepseek, tensor_parallel=2, data_parallel=4, pipeline_parallel=3)

    assert (spec.stage_devices, spec.devices, spec.lanes) == (8, 24, 12)


@pytest.mark.parametrize(
    ("degrees", "message"),
    [
        ({"data_parallel": 0}, "data_parallel is 0; accepted: 1 or more"),
        ({"pipeline_parallel": -1}, "pipeline_parallel is -1; accepted: 1 or more"),
        (
            {"tensor_parallel": 4, "expert_parallel": 3},
            "expert_parallel is 3; accepted: divisors of 4 devices",
        ),
    ],
)
def test_impossible_degrees_are_rejected(deepseek, degrees, message):
    with pytest.raises(ValueError, match=message):
        replace(deepseek, **degrees)


def test_several_groups_need_a_link(deepseek):
    device = replace(deepseek.device, link_bytes_per_s=None)

    with pytest.raises(ValueError, match="data_parallel is 2, which needs link_bytes_per_s"):
        replace(deepseek, device=device, data_parallel=2)


def test_groups_read_whole_weights_and_share_the_tokens(deepseek):
    one = step_work(deepseek)
    groups = step_work(replace(deepseek, data_parallel=8, expert_parallel=8))

    assert groups.dense_read_bytes == one.dense_read_bytes
    assert groups.dense_flop_per_token == one.dense_flop_per_token / 8
    assert groups.kv_read_bytes_per_token == one.kv_read_bytes_per_token / 8
    assert groups.pair_flop == pytest.approx(one.pair_flop / 8)


def test_experts_see_the_tokens_of_all_groups(deepseek):
    one = step_work(deepseek)
    groups = step_work(replace(deepseek, data_parallel=8, expert_parallel=8))

    assert groups.expert_read_bytes == one.expert_read_bytes / 8
    assert groups.expert_flop_per_token == one.expert_flop_per_token / 8
    assert groups.expert_miss_log == one.expert_miss_log


def test_latent_cache_is_not_copied_between_groups(deepseek):
    split = fit(replace(deepseek, tensor_parallel=8)).kv_capacity_tokens[0]
    spec = replace(deepseek, data_parallel=8, expert_parallel=8)
    memory = fit(spec)

    free = memory.usable_bytes_per_gpu - memory.weight_bytes_per_gpu - memory.other_bytes_per_gpu
    assert memory.kv_capacity_tokens[0] == 8 * free[0] / 35_136 // 16 * 16
    assert memory.kv_capacity_tokens[0] > 4 * split


def test_groups_hold_dense_weights_each(deepseek):
    split = fit(replace(deepseek, tensor_parallel=8)).weight_bytes_per_gpu[0]
    groups = fit(replace(deepseek, data_parallel=8)).weight_bytes_per_gpu[0]
    dense = 671.03e9 - 58 * 256 * 3 * HIDDEN * 2048

    # Embedding and head stay in 16 bits.
    wide = 2 * 129_280 * HIDDEN
    held = 0.5 * (dense - wide) + 2 * wide
    assert groups - split == pytest.approx(held * (1 - 1 / 8), rel=1e-3)


def test_exchange_replaces_the_second_all_reduce_of_expert_layers(deepseek):
    work = step_work(replace(deepseek, data_parallel=8, expert_parallel=8))
    others = 7 * (1 - (7 / 8) ** 8)

    # No tensor parallelism: 58 layers exchange twice, each token on one of eight devices.
    assert work.transfers == 2 * 58
    assert work.network_bytes_per_token == pytest.approx(58 * 2 * 2 * HIDDEN * others / 8)


def test_groups_of_two_reduce_attention_and_exchange_experts(deepseek):
    spec = replace(deepseek, tensor_parallel=2, data_parallel=4)

    work = step_work(spec)

    # One all-reduce per layer and a second in the three dense layers; all tokens are gathered.
    reduces = 61 + 3
    assert work.transfers == reduces + 2 * 58
    ring = 2 * 1 / 2 / 4
    expected = 2 * HIDDEN * (reduces * ring + 58 * 2 * 7 / 8)
    assert work.network_bytes_per_token == pytest.approx(expected)


def test_expert_parallelism_alone_keeps_the_all_reduces(deepseek):
    plain = step_work(replace(deepseek, tensor_parallel=8))
    whole = step_work(replace(deepseek, tensor_parallel=8, expert_parallel=8))

    assert whole.transfers == plain.transfers == 2 * 61
    assert whole.network_bytes_per_token == plain.network_bytes_per_token


def test_fullest_device_of_whole_experts_makes_the_step_wait(deepseek):
    plain = step_model([replace(deepseek, tensor_parallel=8)])
    whole = step_model([replace(deepseek, tensor_parallel=8, expert_parallel=8)])

    # The largest of 8 standard normals is 1.42 on average; 8 choices of each of 4,096 tokens.
    excess = 1.43 * math.sqrt(8 / (4096 * 8))
    assert whole.expert_skew[0] / math.sqrt(4096) == pytest.approx(excess, rel=0.01)
    times_s = [m.time_s(64.0, 0.0, 0.0, 64.0)[0] for m in (plain, whole)]
    assert times_s[1] > times_s[0]


def test_single_device_has_no_fullest(deepseek):
    assert step_model([deepseek]).expert_skew[0] == 0


def test_stages_share_layers_and_micro_batches(deepseek):
    one = step_work(replace(deepseek, tensor_parallel=8))
    staged = step_work(replace(deepseek, tensor_parallel=8, pipeline_parallel=2))

    # A micro-batch passes all the layers; it holds half of the tokens.
    assert staged.dense_read_bytes == one.dense_read_bytes
    assert staged.dense_flop_per_token == one.dense_flop_per_token / 2
    assert staged.expert_miss_log == one.expert_miss_log / 2
    assert staged.transfers == one.transfers + 1


def test_stages_halve_the_weights_of_a_device(deepseek):
    one = fit(replace(deepseek, tensor_parallel=8))
    staged = fit(replace(deepseek, tensor_parallel=8, pipeline_parallel=2))

    weights = one.weight_bytes_per_gpu[0]
    assert staged.weight_bytes_per_gpu[0] == pytest.approx(weights / 2)
    assert staged.kv_capacity_tokens[0] > 2 * one.kv_capacity_tokens[0]


def test_limits_of_the_engine_hold_for_every_group(deepseek):
    limits = engine_limits([replace(deepseek, data_parallel=8, expert_parallel=8)])

    assert limits.chunk_tokens[0] == 8 * deepseek.engine.chunk_tokens
    assert limits.max_num_seqs[0] == 8 * deepseek.engine.max_num_seqs


@settings(max_examples=30, deadline=None)
@given(batch=st.floats(1, 512), context=st.floats(1, 16_000))
def test_groups_spend_less_on_a_latent_cache_than_ranks(spec_of, batch, context):
    base = spec_of("deepseek-v3", weight_bytes=0.5, kv_bytes=1.0)
    ranks = step_model([replace(base, tensor_parallel=8)])
    groups = step_model([replace(base, data_parallel=8, expert_parallel=8)])

    spent = [
        m.time_s(batch, batch * context, 0.0, batch) - m.time_s(batch, 0.0, 0.0, batch)
        for m in (ranks, groups)
    ]

    assert spent[1] < spent[0]


@settings(max_examples=30, deadline=None)
@given(tokens=st.floats(1, 8192), more=st.floats(1, 4))
def test_more_tokens_never_take_less_time_on_whole_experts(spec_of, tokens, more):
    base = spec_of("qwen3-235b-a22b", weight_bytes=1.0)
    model = step_model([replace(base, tensor_parallel=8, expert_parallel=8)])

    few_s, many_s = (
        model.time_s(t, 0.0, 0.0, np.float64(1.0))[0] for t in (tokens, tokens * more)
    )

    assert many_s >= few_s * (1 - 1e-9)
