from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.arch import total_params
from planner.perf.memory import block_rounded_tokens, memory_fit

LONGEST = 4096.0


def fit(*specs, longest=LONGEST):
    return memory_fit(specs, max_tokens_per_request=longest)


def test_70b_in_bf16_does_not_fit_one_80_gb_device(spec_of):
    memory = fit(spec_of("llama-3.3-70b"))

    assert not memory.fits[0]
    assert memory.kv_capacity_tokens[0] == 0


def test_70b_in_fp8_leaves_little_cache_on_one_device(spec_of):
    memory = fit(spec_of("llama-3.3-70b", weight_bytes=1.0, kv_bytes=1.0, chunk_tokens=2048))

    assert memory.fits[0]
    assert memory.kv_capacity_tokens[0] < 30_000


def test_capacity_is_what_weights_and_runtime_leave(spec_of):
    spec = spec_of("llama-3.1-8b", chunk_tokens=1000)
    usable = 81_559 * 1_048_576 * 0.9
    weights = total_params(spec.architecture) * 2
    other = 2.5e9 + 2 * 1000 * 4096 * 10
    blocks = (usable - weights - other) / 131_072 // 16

    memory = fit(spec)

    assert memory.usable_bytes_per_gpu[0] == pytest.approx(usable)
    assert memory.weight_bytes_per_gpu[0] == pytest.approx(weights)
    assert memory.other_bytes_per_gpu[0] == pytest.approx(other)
    assert memory.kv_capacity_tokens[0] == blocks * 16


@pytest.mark.parametrize(("ranks", "width"), [(1, 10), (2, 6), (4, 5), (8, 5), (16, 5)])
def test_activations_shrink_with_the_number_of_ranks(spec_of, ranks, width):
    spec = spec_of("llama-3.3-70b", tensor_parallel=ranks, chunk_tokens=4096)

    assert fit(spec).other_bytes_per_gpu[0] == pytest.approx(2.5e9 + 2 * 4096 * 8192 * width)


def test_two_devices_hold_more_than_twice_the_cache_of_one(spec_of):
    one, two = (
        fit(spec_of("llama-3.1-8b", tensor_parallel=n)).kv_capacity_tokens[0] for n in (1, 2)
    )

    assert two > 2 * one


def test_latent_cache_does_not_grow_with_ranks_as_memory_does(spec_of):
    eight = spec_of("deepseek-v3", tensor_parallel=8, weight_bytes=0.5, kv_bytes=1.0)
    memory = fit(eight)
    free = memory.usable_bytes_per_gpu - memory.weight_bytes_per_gpu - memory.other_bytes_per_gpu

    # Every rank holds the whole latent, so the replica holds what one rank has room for.
    assert memory.kv_capacity_tokens[0] == free[0] / 35_136 // 16 * 16


def test_experts_are_stored_in_their_own_format(spec_of):
    spec = spec_of("mixtral-8x7b", weight_bytes=2.0)
    light = replace(spec, number_format=replace(spec.number_format, expert_weight_bytes=0.5))
    experts = 32 * 8 * 3 * 4096 * 14336

    saved = fit(spec).weight_bytes_per_gpu - fit(light).weight_bytes_per_gpu

    assert saved[0] == pytest.approx(1.5 * experts)


def test_option_that_cannot_hold_the_longest_request_does_not_fit(spec_of):
    spec = spec_of("llama-3.1-8b")
    capacity = fit(spec).kv_capacity_tokens[0]

    assert fit(spec, longest=capacity).fits[0]
    assert not fit(spec, longest=capacity + 1).fits[0]


def test_empty_requests_do_not_make_oversized_weights_fit(spec_of):
    assert not fit(spec_of("llama-3.3-70b"), longest=0.0).fits[0]


def test_options_are_computed_independently(spec_of):
    specs = [spec_of("llama-3.1-8b"), spec_of("llama-3.3-70b"), spec_of("qwen3-32b")]

    together = fit(*specs).kv_capacity_tokens

    np.testing.assert_array_equal(together, [fit(s).kv_capacity_tokens[0] for s in specs])


@pytest.mark.parametrize(("tokens", "rounded"), [(0, 0), (1, 16), (16, 16), (17, 32)])
def test_tokens_round_up_to_blocks_of_sixteen(tokens, rounded):
    assert block_rounded_tokens(np.array(tokens)) == rounded


@settings(max_examples=40)
@given(more=st.floats(1, 4), chunk=st.integers(256, 16_384))
def test_larger_memory_never_lowers_capacity(spec_of, more, chunk):
    spec = spec_of("llama-3.3-70b", weight_bytes=1.0, chunk_tokens=chunk)
    device = replace(spec.device, memory_bytes=spec.device.memory_bytes * more)

    small, large = fit(spec), fit(replace(spec, device=device))

    assert large.kv_capacity_tokens[0] >= small.kv_capacity_tokens[0]
    assert large.fits[0] >= small.fits[0]


@settings(max_examples=40)
@given(chunk=st.integers(256, 16_384), more=st.integers(1, 16_384))
def test_larger_chunks_never_leave_more_cache(spec_of, chunk, more):
    small = fit(spec_of("llama-3.1-8b", chunk_tokens=chunk))
    large = fit(spec_of("llama-3.1-8b", chunk_tokens=chunk + more))

    assert large.kv_capacity_tokens[0] <= small.kv_capacity_tokens[0]


def test_embedding_and_head_stay_in_16_bits(spec_of):
    # Llama 3.3 70B in FP8: 80 layers of 855.6 million weights (and norms) in one byte each, and
    # twice 128,256 x 8,192 in two.
    memory = fit(spec_of("llama-3.3-70b", weight_bytes=1.0))

    expected = 80 * 855.638e6 + 2 * 2 * 128_256 * 8192
    assert memory.weight_bytes_per_gpu[0] == pytest.approx(expected, rel=1e-4)


def test_format_wider_than_16_bits_holds_for_all_weights(spec_of):
    half, whole = (fit(spec_of("llama-3.1-8b", weight_bytes=w)) for w in (2.0, 4.0))

    ratio = whole.weight_bytes_per_gpu / half.weight_bytes_per_gpu
    assert ratio[0] == pytest.approx(2)


def test_fraction_of_free_memory_goes_to_the_cache(spec_of):
    spec = spec_of("llama-3.3-70b", weight_bytes=1.0, chunk_tokens=2048)
    free = replace(spec, engine=replace(spec.engine, is_fraction_of_free=True))

    whole, left = fit(spec), fit(free)

    held = left.weight_bytes_per_gpu + left.other_bytes_per_gpu
    cache = 0.9 * (81_559 * 1_048_576 - held[0])
    assert left.usable_bytes_per_gpu[0] == pytest.approx(held[0] + cache)
    assert left.kv_capacity_tokens[0] == cache / 327_680 // 16 * 16
    assert left.kv_capacity_tokens[0] > 4 * whole.kv_capacity_tokens[0]


def test_weights_beyond_the_memory_leave_nothing_free(spec_of):
    spec = spec_of("llama-3.3-70b")
    free = replace(spec, engine=replace(spec.engine, is_fraction_of_free=True))

    assert not fit(free).fits[0]
    assert fit(free).kv_capacity_tokens[0] == 0
