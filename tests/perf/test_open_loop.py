from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.load_table import load_table
from planner.perf.moments import traffic_means
from planner.perf.open_loop import batch_steps, replica_state
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from planner.perf.traffic import TrafficClass
from tests.perf.loops import toy_engine, toy_step

OPTION = np.zeros(1, dtype=np.intp)


def table_of(world):
    means = traffic_means(world.traffic)
    return load_table(world.step, world.engine, means, world.memory.kv_capacity_tokens)


def state_of(world, load):
    table = table_of(world)
    rate = table.saturation_rps * load
    means = traffic_means(world.traffic)
    return replica_state(world.step, world.engine, means, rate, table.batch_at(OPTION, rate))


def one_size(world, isl, osl):
    traffic = TrafficClass("one", np.array([isl]), np.array([osl]), np.ones(1))
    return replace(world, traffic=traffic)


def test_long_prompt_is_cut_to_the_room_beside_the_decodes(world):
    small = one_size(world, 4000.0, 100.0).with_engine(chunk_tokens=1000)
    means = traffic_means(small.traffic)

    steps = batch_steps(small.step, small.engine, means, np.array([200.0]))

    assert steps.room_tokens[0] == 800
    assert steps.prefill_steps[0] == 5
    assert steps.spare_share[0] == 0


def test_short_prompt_leaves_room_in_its_step(world):
    small = one_size(world, 100.0, 100.0).with_engine(chunk_tokens=1000)
    means = traffic_means(small.traffic)

    steps = batch_steps(small.step, small.engine, means, np.array([200.0]))

    assert steps.prefill_steps[0] == 1
    assert steps.spare_share[0] == pytest.approx(1 - 100 / 800)


def test_prefill_priority_runs_whole_prompts_alone(world):
    alone = one_size(world, 4000.0, 100.0).with_engine(
        scheduler="prefill_priority", chunk_tokens=1000
    )
    means = traffic_means(alone.traffic)

    steps = batch_steps(alone.step, alone.engine, means, np.array([50.0]))

    whole_s = alone.step.time_s(4000.0, 0.0, 4000.0**2 / 2, 0.0)
    assert steps.riding[0] == 0
    assert steps.prefill_s[0] == pytest.approx(whole_s[0])


@pytest.mark.parametrize("scheduler", ["chunked", "prefill_priority"])
@pytest.mark.parametrize("load", [0.1, 0.5, 0.9])
def test_state_keeps_littles_law(world, scheduler, load):
    state = state_of(world.with_engine(scheduler=scheduler), load)
    gaps = traffic_means(world.traffic).output_gaps

    # The batch is interpolated between grid points 26 % apart.
    assert state.batch[0] == pytest.approx(state.rate_rps[0] * gaps * state.gap_s[0], rel=0.02)


@pytest.mark.parametrize("load", [0.2, 0.7])
def test_time_is_split_between_prefill_and_decode_steps(world, load):
    state = state_of(world.with_engine(scheduler="prefill_priority"), load)
    service_s = state.steps.prefill_s * state.steps.prefill_steps

    assert state.prefill_share == pytest.approx(state.rate_rps * service_s)
    # The gap follows from the batch by Little's law, and the batch is interpolated.
    gap_s = state.steps.decode_s / (1 - state.prefill_share)
    assert state.gap_s == pytest.approx(gap_s, rel=0.01)


def test_single_token_outputs_saturate_when_full_steps_fill_the_time(world):
    prompts = one_size(world, 500.0, 1.0).with_engine(chunk_tokens=2000)
    # Four prompts share a full step, so each takes a quarter of its time.
    full_s = prompts.step.time_s(2000.0, 0.0, 4 * 500.0**2 / 2, 0.0)
    packed_s = full_s / 4

    assert table_of(prompts).saturation_rps == pytest.approx(1 / packed_s, rel=1e-4)


def test_batch_limit_binds_when_outputs_are_long(world):
    long = one_size(world, 10.0, 4000.0).with_engine(max_num_seqs=8)

    table = table_of(long)

    gap_s = long.step.time_s(8.0, 8 * 2010.0, 0.0, 8.0)
    assert table.batch_binds[0]
    assert table.saturation_rps == pytest.approx(8 / (3999 * gap_s), rel=0.02)


def test_prefill_binds_when_prompts_are_long(world):
    assert not table_of(one_size(world, 20_000.0, 2.0)).batch_binds[0]


def test_steps_filled_to_the_brim_are_the_peak():
    # Prompts of 190 and outputs of 101 tokens: of b decodes b / 100 end in a step, whose prompts
    # and b fill 2,048 tokens at b = 706. Every step takes 20 ms and 20 us a token.
    means = traffic_means(TrafficClass("one", np.array([190.0]), np.array([101.0]), np.ones(1)))
    step = toy_step(2, fixed_s=0.02, network_token_s=2e-5)
    cache = np.array([2e5, 1e6])

    table = load_table(step, toy_engine(2, chunk=2048.0), means, cache)

    most = 2048 / (190 / 100 + 1)
    assert table.saturation_rps == pytest.approx(most / (100 * (0.02 + 2e-5 * 2048)), rel=1e-9)
    assert not table.batch_binds.any()


def test_batch_at_saturation_is_the_cap_when_it_binds(world):
    table = table_of(one_size(world, 10.0, 4000.0).with_engine(max_num_seqs=8))

    assert table.batch_at(OPTION, table.saturation_rps) == pytest.approx(8)


def test_no_arrivals_mean_no_decodes(world):
    assert table_of(world).batch_at(OPTION, np.zeros(1)) == 0


def test_no_cache_means_no_rate(world):
    means = traffic_means(world.traffic)

    table = load_table(world.step, world.engine, means, np.zeros(1))

    assert table.saturation_rps == 0


def test_prefix_hits_raise_the_saturation_rate(world):
    prompts = one_size(world, 8000.0, 50.0)

    cached = prompts.with_traffic(prefix_hit_rate=0.8)

    assert table_of(cached).saturation_rps > 1.5 * table_of(prompts).saturation_rps


def test_options_are_tabulated_independently(spec_of, chat):
    specs = [
        spec_of("llama-3.1-8b"),
        spec_of("qwen3-235b-a22b", tensor_parallel=8, weight_bytes=1.0),
        spec_of("llama-3.1-8b", scheduler="prefill_priority"),
    ]
    means, cache = traffic_means(chat), np.full(3, 4e5)

    together = load_table(step_model(specs), engine_limits(specs), means, cache)

    for row, spec in enumerate(specs):
        single = load_table(step_model([spec]), engine_limits([spec]), means, cache[:1])
        np.testing.assert_allclose(together.rate_rps[row], single.rate_rps[0], rtol=1e-12)


@settings(max_examples=40)
@given(
    lengths=st.tuples(st.floats(1, 30_000), st.floats(1, 3000)),
    chunk=st.sampled_from([512, 2048, 8192]),
    scheduler=st.sampled_from(["chunked", "prefill_priority"]),
    loads=st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)),
)
def test_busier_replica_is_never_faster(world, lengths, chunk, scheduler, loads):
    replica = one_size(world, *lengths).with_engine(chunk_tokens=chunk, scheduler=scheduler)
    low, high = sorted(loads)

    calm, busy = state_of(replica, low), state_of(replica, high)

    assert busy.batch >= calm.batch - 1e-12
    assert busy.prefill_share >= calm.prefill_share - 1e-12
    assert busy.gap_s >= calm.gap_s * (1 - 1e-3)
    assert busy.prefill_share <= 1


@settings(max_examples=40)
@given(
    isl=st.floats(1, 30_000),
    osl=st.floats(1, 3000),
    more=st.floats(1, 4),
    field=st.sampled_from(["bandwidth_bytes_per_s", "peak_flops", "memory_bytes"]),
)
def test_better_device_never_lowers_the_saturation_rate(world, isl, osl, more, field):
    replica = one_size(world, isl, osl)
    better = replica.with_device(**{field: getattr(replica.spec.device, field) * more})

    base, improved = (table_of(r).saturation_rps[0] for r in (replica, better))

    assert improved >= base * (1 - 1e-9)
