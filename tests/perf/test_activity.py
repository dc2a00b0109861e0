"""Ideal times of a step, by hand from the shape of a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.perf.activity import ideal_step, steady_activity

LAYERS, HIDDEN, WIDE, VOCAB = 32, 4096, 14336, 128256
BODY = LAYERS * (2 * HIDDEN * HIDDEN + 2 * HIDDEN * 1024 + 3 * HIDDEN * WIDE)
HEAD = VOCAB * HIDDEN
BANDWIDTH, PEAK = 3.35e12, 989e12
CACHED = 2 * 8 * 128 * 2 * LAYERS
MOVED = 2 * LAYERS * (10 * HIDDEN + 3 * (32 + 16) * 128 + 32 * 128 + 5 * WIDE)


@pytest.fixture
def llama(spec_of):
    return ideal_step([spec_of("llama-3.1-8b")])


def test_decode_step_reads_weights_and_cache_once(llama):
    memory_s, compute_s = llama.times_s(8.0, 8_000.0, 0.0, 8.0)

    moved = 2 * (BODY + HEAD) + 8_000 * CACHED + 8 * MOVED
    flop = 2 * 8 * BODY + 2 * 9 * HEAD + 8_000 * 4 * LAYERS * 32 * 128
    assert memory_s[0] == pytest.approx(moved / BANDWIDTH)
    assert compute_s[0] == pytest.approx(flop / PEAK)


def test_prompt_attends_to_pairs_and_reads_no_cache(llama):
    memory_s, compute_s = llama.times_s(1_000.0, 0.0, 500_000.0, 0.0)

    flop = 2 * 1_000 * BODY + 2 * HEAD + 500_000 * 2 * LAYERS * 32 * 256
    assert memory_s[0] == pytest.approx((2 * (BODY + HEAD) + 1_000 * MOVED) / BANDWIDTH)
    assert compute_s[0] == pytest.approx(flop / PEAK)


def test_attention_computes_at_its_own_peak(spec_of, llama):
    spec = spec_of("llama-3.1-8b")
    fast = ideal_step([replace(spec, device=replace(spec.device, peak_flops=2 * PEAK))])
    products_s = (2 * 8 * BODY + 2 * 9 * HEAD) / PEAK

    _, slow_s = llama.times_s(8.0, 8_000.0, 0.0, 8.0)
    _, fast_s = fast.times_s(8.0, 8_000.0, 0.0, 8.0)

    assert slow_s[0] - fast_s[0] == pytest.approx(products_s / 2)


def test_few_tokens_read_the_experts_they_choose(spec_of):
    mixtral = ideal_step([spec_of("mixtral-8x7b", tensor_parallel=2)])
    expert = 3 * 4096 * 14336 * 2 / 2 / BANDWIDTH
    # Two tokens choose two of eight: 8 (1 - (6/8)^2) = 3.5 experts of each layer are hit.
    one, _ = mixtral.times_s(1.0, 0.0, 0.0, 1.0)
    two, _ = mixtral.times_s(2.0, 0.0, 0.0, 2.0)

    assert two[0] - one[0] == pytest.approx(
        LAYERS * 1.5 * expert + mixtral.activation_s[0], rel=1e-9
    )


def test_layers_with_a_window_read_at_most_the_window(spec_of):
    oss = ideal_step([spec_of("gpt-oss-120b", tensor_parallel=2)])

    short, _ = oss.times_s(4.0, 4 * 128.0, 0.0, 4.0)
    long, _ = oss.times_s(4.0, 4 * 1_000.0, 0.0, 4.0)

    assert long[0] - short[0] == pytest.approx(4 * (1_000 - 128) * oss.kv_read_s[0])


def test_split_over_devices_divides_the_work_of_each(spec_of):
    single, pair = (ideal_step([spec_of("llama-3.1-8b", tensor_parallel=t)]) for t in (1, 2))

    _, one_s = single.times_s(64.0, 64_000.0, 0.0, 64.0)
    _, half_s = pair.times_s(64.0, 64_000.0, 0.0, 64.0)

    assert half_s[0] == pytest.approx(one_s[0] / 2)


def test_options_keep_their_order(spec_of):
    both = ideal_step([spec_of("llama-3.1-8b"), spec_of("qwen3-32b")])

    assert both.take(np.array([1])).dense_read_s[0] == both.dense_read_s[1] > both.dense_read_s[0]


def test_activity_of_a_replica_that_never_waits_follows_its_tokens(llama):
    lengths = np.array([1_000.0]), np.array([200.0])
    batch = np.array([16.0])

    memory, compute = steady_activity(llama, batch, np.array([800.0]), *lengths)

    # 50 steps a second with 16 decodes and the 80 prompt tokens that they bring.
    step_s = llama.times_s(16.0 + 80.0, 16 * 1_100.0, 80 * 500.0, 16.0)
    assert memory[0] == pytest.approx(50 * step_s[0][0])
    assert compute[0] == pytest.approx(50 * step_s[1][0])
    twice = steady_activity(llama, batch, np.array([1_600.0]), *lengths)
    assert twice[0][0] == pytest.approx(2 * memory[0])


def test_model_time_never_beats_the_ideal(world):
    ideal, step = ideal_step([world.spec]), world.step

    for batch in (1.0, 8.0, 64.0, 512.0):
        work = (batch, batch * 1_000.0, 0.0, batch)
        assert max(t[0] for t in ideal.times_s(*work)) < step.time_s(*work)[0]
