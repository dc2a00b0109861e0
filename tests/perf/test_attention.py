"""Linear and sparse attention: parameters, cache, state and work, by hand."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from planner.perf.arch import (
    Architecture,
    SparseArchitecture,
    kv_bytes_per_token,
    total_params,
)
from planner.perf.attention import Indexer, layer_kernels, linear_share, state_bytes
from planner.perf.memory import memory_fit
from planner.perf.spec import engine_limits, state_tokens
from planner.perf.step import step_model
from planner.perf.work import step_work

HYBRID = Architecture(
    60, 4096, 32, 2, 256, None, 248320,
    experts_routed=512, experts_active=10, experts_shared=1, moe_intermediate=1024,
    full_attention_fraction=0.25,
)  # fmt: skip


def sparse(arch, **index):
    values = {f.name: getattr(arch, f.name) for f in fields(Architecture)}
    chosen = {"heads": 64, "head_dim": 128, "tokens": 2048} | index
    return SparseArchitecture(**values, index=Indexer(**chosen))


@pytest.mark.parametrize(
    ("arch", "published_b"),
    [
        (HYBRID, 397),
        (Architecture(64, 5120, 24, 4, 256, 17408, 248320, full_attention_fraction=0.25), 27),
    ],
)
def test_totals_with_linear_layers_match_the_published_ones(arch, published_b):
    assert total_params(arch) / 1e9 == pytest.approx(published_b, rel=0.01)


def test_linear_layers_replace_projections_and_full_ones_have_a_gate():
    small = Architecture(4, 64, 2, 1, 16, 128, 10, full_attention_fraction=0.25)
    plain = replace(small, full_attention_fraction=1.0)
    full = 64 * (2 * 32 + 2 * 16) + 64 * 32
    linear = 64 * (2 * 2048 + 3 * 32)

    added = total_params(small) - total_params(plain)

    assert added == pytest.approx(1 * 64 * 32 + 3 * (linear - (full - 64 * 32)))


def test_state_of_linear_layers_is_values_by_keys():
    # 45 layers of 128 x 8,192 values in 4 bytes
    assert state_bytes(HYBRID) == 45 * 128 * 8192 * 4


def test_windowed_layers_are_not_linear(models):
    assert linear_share(models["gpt-oss-120b"]) == 0
    assert state_bytes(models["gpt-oss-120b"]) == 0


def test_state_takes_the_place_of_cached_tokens(spec_of):
    spec = replace(spec_of("llama-3.1-8b"), architecture=replace(HYBRID, layers=8))
    per_token = 2 * 2 * 2 * 256 * 2

    expected = 6 * 128 * 8192 * 4 / per_token

    assert state_tokens(spec) == pytest.approx(expected)
    assert engine_limits([spec]).state_tokens[0] == pytest.approx(expected)


def test_request_that_leaves_no_room_for_its_state_does_not_fit(spec_of):
    arch = replace(HYBRID, layers=8, experts_routed=16)
    spec = replace(spec_of("llama-3.1-8b"), architecture=arch)
    capacity = memory_fit([spec], max_tokens_per_request=0.0).kv_capacity_tokens[0]
    room = np.floor(capacity - state_tokens(spec))

    assert memory_fit([spec], max_tokens_per_request=room - 16).fits[0]
    assert not memory_fit([spec], max_tokens_per_request=room + 16).fits[0]


def test_state_is_read_and_written_for_every_decode(spec_of):
    spec = replace(spec_of("llama-3.1-8b"), architecture=replace(HYBRID, layers=8))

    work = step_work(spec)
    model = step_model([spec])

    assert work.state_bytes_per_request == 2 * 6 * 128 * 8192 * 4
    bandwidth = spec.device.bandwidth_bytes_per_s * spec.parameters.e_kv
    added_s = model.request_s[0] - spec.parameters.c_req_s
    assert added_s == pytest.approx(work.state_bytes_per_request / bandwidth)


def test_indexer_adds_its_parameters_and_keys(models):
    deepseek = models["deepseek-v3"]
    indexed = sparse(deepseek)

    added = total_params(indexed) - total_params(deepseek)
    keys = kv_bytes_per_token(indexed, 1.0) - kv_bytes_per_token(deepseek, 1.0)

    assert added == 61 * (1536 * 64 * 128 + 7168 * (128 + 64))
    assert keys == 61 * 132


def test_sparse_attention_reads_no_more_than_it_chooses(spec_of, models):
    dense = spec_of("deepseek-v3", tensor_parallel=8, weight_bytes=0.5)
    spec = replace(dense, architecture=sparse(models["deepseek-v3"]))
    full, chosen = step_model([dense]), step_model([spec])

    near = [m.time_s(1.0, 1000.0, 0.0, 1.0)[0] for m in (full, chosen)]
    far = [m.time_s(1.0, 100_000.0, 0.0, 1.0)[0] for m in (full, chosen)]

    # Beyond 2,048 tokens only the keys of the indexer grow with the context.
    assert far[1] - near[1] < 0.3 * (far[0] - near[0])
    assert near[1] > near[0]


def test_kernels_count_every_kind_of_attention(models):
    assert layer_kernels(models["llama-3.1-8b"]) == 1
    assert layer_kernels(models["deepseek-v3"]) == 2
    assert layer_kernels(HYBRID) == pytest.approx(1 + 0.75 * 3 / 9)
    assert layer_kernels(sparse(models["deepseek-v3"])) == pytest.approx(1 + 19 / 9)


def test_fixed_times_grow_with_the_kernels(spec_of):
    plain, latent = spec_of("qwen3-32b"), spec_of("deepseek-v3")
    fixed_s = [step_model([s]).fixed_s[0] for s in (plain, latent)]
    theta = plain.parameters

    assert fixed_s[0] == pytest.approx(64 * theta.c_layer_s + theta.c_step_s)
    expected_s = 2 * 61 * theta.c_layer_s + 58 * theta.c_moe_s + theta.c_step_s
    assert fixed_s[1] == pytest.approx(expected_s)


def test_norms_of_queries_and_keys_are_two_kernels_of_full_attention():
    dense = Architecture(64, 5120, 24, 4, 256, 17408, 248320, qk_norm="head")

    assert layer_kernels(dense) == pytest.approx(11 / 9)
    hybrid = replace(HYBRID, qk_norm="head")
    assert layer_kernels(hybrid) - layer_kernels(HYBRID) == pytest.approx(0.25 * 2 / 9)
