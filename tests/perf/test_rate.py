from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf import rate
from planner.perf.memory import memory_fit
from planner.perf.rate import max_rates, unloaded_latencies_s
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from planner.perf.traffic import LatencyLimit, TrafficClass

# Two bisections end within 0.05 % of their own limit each.
SEARCH = 2e-3


def limit_text(result, option=0, column=0):
    return result.limit_texts[result.limit[option, column]]


def test_latency_at_the_rate_is_the_limit_when_it_binds(world):
    result = world.with_limits(LatencyLimit("ttft", 99.0, 0.2)).solve(replicas=(1,))

    assert limit_text(result) == "ttft p99 of chat"
    assert result.ttft_p99_s[0, 0] == pytest.approx(0.2, rel=0.02)
    assert result.ttft_p99_s[0, 0] <= 0.2


def test_mean_gap_at_the_rate_is_the_limit_when_it_binds(world):
    result = world.with_limits(LatencyLimit("tpot", None, 0.012)).solve(replicas=(1,))

    assert limit_text(result) == "tpot mean of chat"
    assert result.tpot_mean_s[0, 0] == pytest.approx(0.012, rel=1e-3)


def test_without_limits_utilization_or_batch_bound_the_rate(world):
    result = world.with_limits().solve(replicas=(1,), max_utilization=0.7)

    assert result.rate_rps[0, 0] == pytest.approx(0.7 * result.saturation_rps[0])
    assert result.unloaded_s.shape == (1, 0)


def test_headroom_is_a_minimum_and_not_a_product(world):
    strict = world.with_limits(LatencyLimit("ttft", 99.0, 0.3))

    full, capped = (strict.rate(max_utilization=u) for u in (1.0, 0.9))

    assert full < 0.9 * strict.solve().saturation_rps[0]
    assert capped == pytest.approx(full, rel=SEARCH)


def test_long_prompts_are_bounded_by_utilization(world):
    prompts = world.with_limits().with_traffic(osl_tokens=np.full(4, 2.0))

    assert limit_text(prompts.solve()) == "utilization"


def test_long_outputs_are_bounded_by_the_batch(world):
    outputs = world.with_limits().with_traffic(osl_tokens=np.full(4, 2000.0))

    assert limit_text(outputs.with_engine(max_num_seqs=16).solve()) == "batch limit"


def test_small_memory_bounds_the_rate(world):
    small = world.with_limits().with_device(memory_bytes=24e9)

    assert limit_text(small.solve()) == "memory"


def test_option_that_does_not_fit_carries_nothing(world):
    result = world.with_device(memory_bytes=16e9).solve()

    assert (result.rate_rps == 0).all()
    assert limit_text(result) == "memory"


@pytest.mark.parametrize("ttft_limit_s", [0.2, 1e-4])
def test_what_was_limited_is_reported_as_if_it_were_computed_again(world, ttft_limit_s):
    first = LatencyLimit("ttft", 99.0, ttft_limit_s)
    counts = {"replicas": (1, 2, 4, 8)}

    again = world.with_limits(first).solve(**counts)
    kept = world.with_limits(LatencyLimit("tpot", None, 1e3), first).solve(**counts)

    assert np.array_equal(kept.rate_rps, again.rate_rps)
    assert np.array_equal(kept.ttft_p99_s, again.ttft_p99_s)
    assert np.array_equal(kept.tpot_mean_s, again.tpot_mean_s)


def test_impossible_limit_is_explained_by_its_unloaded_value(world):
    strict = world.with_limits(LatencyLimit("tpot", None, 1.0), LatencyLimit("ttft", 99.0, 0.05))

    result = strict.solve(replicas=(1, 32))

    assert (result.rate_rps == 0).all()
    assert limit_text(result, column=1) == "ttft p99 of chat"
    assert result.unloaded_s[0, 1] > 0.05
    assert result.ttft_p99_s[0, 0] == pytest.approx(result.unloaded_s[0, 1])


@pytest.mark.parametrize("routing", ["fewest_requests", "fewest_prompts"])
def test_latencies_without_load_need_no_search(world, routing):
    limits = (LatencyLimit("ttft", 95.0, 9.0), LatencyLimit("e2e", 99.0, 9.0))
    asked = {"time_factor": 1.3, "samples": 512, "routing": routing}
    slow = world.with_limits(*limits)

    alone = unloaded_latencies_s(slow.step, slow.memory, slow.engine, slow.traffic, **asked)

    assert np.array_equal(alone, slow.solve(**asked).unloaded_s)
    assert (alone > 0).all()


def test_probe_of_another_class_limits_the_rate(world):
    strict = TrafficClass(
        "code", np.array([3000.0]), np.array([50.0]), np.ones(1),
        limits=(LatencyLimit("ttft", 99.0, 0.35),),
    )  # fmt: skip

    alone = world.rate()
    pooled = world.solve(probes=[world.traffic, strict], replicas=(1,))

    assert pooled.rate_rps[0, 0] < alone
    assert limit_text(pooled) == "ttft p99 of code"


def test_limits_of_a_probe_apply_to_its_own_prompts_only(world):
    limits = (LatencyLimit("ttft", 99.0, 0.25),)
    short = TrafficClass("short", np.array([50.0]), np.array([50.0]), np.ones(1), limits=limits)
    relaxed = world.with_limits(LatencyLimit("ttft", 99.0, 10.0))

    pooled = relaxed.solve(probes=[relaxed.traffic, short], replicas=(1,)).rate_rps[0, 0]

    # The strictest limit on every class would reject the load's own prompts of 4,000 tokens.
    assert pooled > 0
    assert world.with_limits(*limits).rate() < pooled


def test_identical_probe_changes_nothing(world):
    twin = replace(world.traffic, name="twin")

    assert world.solve(probes=[world.traffic, twin]).rate_rps == pytest.approx(
        world.solve().rate_rps
    )


def test_texts_name_limits_of_all_probes_then_the_bounds(world):
    twin = replace(world.traffic, name="twin")

    texts = world.solve(probes=[world.traffic, twin]).limit_texts

    assert texts == (
        "ttft p99 of chat", "tpot mean of chat", "ttft p99 of twin", "tpot mean of twin",
        "memory", "batch limit", "utilization",
    )  # fmt: skip


def test_tight_ttft_gains_several_fold_from_sharing(world):
    tight = world.with_limits(LatencyLimit("ttft", 99.0, 0.15))

    rates = tight.solve(replicas=(1, 8), routing="fewest_prompts").rate_rps[0]

    assert rates[1] > 2 * rates[0] > 0


def test_router_that_counts_requests_gains_less_than_one_that_sees_prompts(world):
    tight = world.with_limits(LatencyLimit("ttft", 99.0, 0.15))

    usual, best = (
        tight.solve(replicas=(1, 8), routing=way).rate_rps[0]
        for way in ("fewest_requests", "fewest_prompts")
    )

    assert usual[0] == best[0]
    assert usual[0] * 1.2 < usual[1] < best[1]


def test_slower_option_is_a_faster_one_with_scaled_limits(world):
    doubled = world.with_limits(LatencyLimit("ttft", 99.0, 0.8), LatencyLimit("tpot", 99.0, 0.06))
    single = world.with_limits(LatencyLimit("ttft", 99.0, 0.4), LatencyLimit("tpot", 99.0, 0.03))

    assert doubled.rate(time_factor=2.0) == pytest.approx(single.rate() / 2, rel=1e-9)


def test_same_seed_gives_the_same_rates(world):
    first, again = (world.solve(seed=5).rate_rps for _ in range(2))

    np.testing.assert_array_equal(first, again)


def test_sampling_error_of_the_rate_is_small(world):
    tight = world.with_limits(LatencyLimit("ttft", 99.0, 0.5))

    rates = [tight.rate(seed=s, samples=1024) for s in range(6)]

    # One ring of 1,024 requests is one path of a queue: about a tenth at a p99 limit.
    assert np.std(rates) / np.mean(rates) < 0.12


def test_options_are_solved_independently(spec_of, chat):
    specs = [
        spec_of("llama-3.1-8b"),
        spec_of("llama-3.3-70b"),
        spec_of("qwen3-235b-a22b", tensor_parallel=8, weight_bytes=1.0),
        spec_of("llama-3.1-8b", scheduler="prefill_priority"),
    ]
    factors = np.array([1.0, 1.0, 1.2, 0.8])

    def solve(rows):
        chosen = [specs[i] for i in rows]
        memory = memory_fit(chosen, max_tokens_per_request=chat.max_tokens_per_request)
        return max_rates(
            step_model(chosen), memory, engine_limits(chosen), chat, [chat],
            replicas=(1, 4), time_factor=factors[rows], samples=256,
        ).rate_rps  # fmt: skip

    together = solve([0, 1, 2, 3])

    for option in range(4):
        np.testing.assert_allclose(together[option], solve([option])[0], rtol=1e-12)


@pytest.mark.parametrize("bytes_of_a_block", [1, 5 * 8, 300 * 8])
def test_size_of_blocks_changes_nothing(spec_of, chat, monkeypatch, bytes_of_a_block):
    specs = [spec_of("llama-3.1-8b"), spec_of("llama-3.3-70b"), spec_of("qwen3-32b")]
    memory = memory_fit(specs, max_tokens_per_request=chat.max_tokens_per_request)
    limits = LatencyLimit("ttft", 99.0, 0.5), LatencyLimit("itl", 90.0, 0.1)
    other = replace(chat, name="other", isl_tokens=chat.isl_tokens + 7.0, limits=limits[:1])

    def solve():
        load = replace(chat, limits=limits, rate_factors=(0.5, 1.5))
        # Without its store, which would know the second answer already.
        return max_rates.__wrapped__(
            step_model(specs), memory, engine_limits(specs), load, [load, other],
            replicas=(1, 4), samples=128,
        )  # fmt: skip

    whole = solve()
    monkeypatch.setattr(rate, "BLOCK_BYTES", bytes_of_a_block)

    parts = solve()

    np.testing.assert_array_equal(parts.rate_rps, whole.rate_rps)
    np.testing.assert_array_equal(parts.ttft_p99_s, whole.ttft_p99_s)


@pytest.mark.parametrize("replicas", [(), (0, 1), (2, 1), (1, 1)])
def test_replicas_out_of_order_are_rejected(world, replicas):
    with pytest.raises(ValueError, match="accepted: ascending whole numbers from 1"):
        world.solve(replicas=replicas)


@pytest.mark.parametrize("utilization", [0.0, 1.1, -1.0])
def test_utilization_outside_its_range_is_rejected(world, utilization):
    with pytest.raises(ValueError, match="accepted: above 0 and at most 1"):
        world.solve(max_utilization=utilization)


LIMITS = st.tuples(
    st.sampled_from(["ttft", "tpot", "itl", "e2e"]),
    st.sampled_from([None, 50.0, 95.0, 99.0]),
    st.floats(0.005, 10),
)


@settings(max_examples=25, deadline=None)
@given(limit=LIMITS, looser=st.floats(1, 10))
def test_looser_limit_never_lowers_the_rate(world, limit, looser):
    metric, percentile, limit_s = limit
    strict = world.with_limits(LatencyLimit(metric, percentile, limit_s))
    loose = world.with_limits(LatencyLimit(metric, percentile, limit_s * looser))

    assert loose.rate() >= strict.rate() * (1 - SEARCH)


@settings(max_examples=25, deadline=None)
@given(limit=LIMITS, slower=st.floats(1, 5))
def test_longer_times_never_raise_the_rate(world, limit, slower):
    limited = world.with_limits(LatencyLimit(*limit))

    assert limited.rate(time_factor=slower) <= limited.rate() * (1 + SEARCH)


@settings(max_examples=25, deadline=None)
@given(limit=LIMITS, cv=st.sampled_from([0.0, 1.0, 2.5]), seed=st.integers(0, 50))
def test_more_replicas_never_lower_the_rate(world, limit, cv, seed):
    limited = world.with_limits(LatencyLimit(*limit)).with_traffic(interarrival_cv=cv)

    rates = limited.solve(seed=seed, samples=256).rate_rps[0]

    assert (np.diff(rates) >= 0).all()


@settings(max_examples=25, deadline=None)
@given(
    limit=LIMITS,
    more=st.floats(1, 4),
    field=st.sampled_from(["bandwidth_bytes_per_s", "peak_flops", "memory_bytes"]),
)
def test_better_device_never_lowers_the_rate(world, limit, more, field):
    limited = world.with_limits(LatencyLimit(*limit))
    better = limited.with_device(**{field: getattr(limited.spec.device, field) * more})

    assert better.rate() >= limited.rate() * (1 - SEARCH)


@settings(max_examples=25, deadline=None)
@given(limit=LIMITS, extra=LIMITS)
def test_further_probe_never_raises_the_rate(world, limit, extra):
    limited = world.with_limits(LatencyLimit(*limit))
    other = TrafficClass(
        "other", np.array([700.0]), np.array([80.0]), np.ones(1), limits=(LatencyLimit(*extra),)
    )

    alone = limited.solve(replicas=(1,)).rate_rps[0, 0]
    pooled = limited.solve(probes=[limited.traffic, other], replicas=(1,)).rate_rps[0, 0]

    assert pooled <= alone * (1 + SEARCH)
