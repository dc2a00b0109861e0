from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.draws import (
    even_ranks,
    ordered_unit_intervals,
    stratified_normals,
    stratified_uniforms,
)
from planner.perf.moments import traffic_means
from planner.perf.traffic import LatencyLimit, TrafficClass, prefill_work, sample_requests


def two_sizes(**changes):
    fields = {
        "name": "chat",
        "isl_tokens": np.array([100.0, 1000.0]),
        "osl_tokens": np.array([11.0, 101.0]),
        "probability": np.array([0.75, 0.25]),
    }
    return TrafficClass(**{**fields, **changes})


def rng(seed=0):
    return np.random.default_rng(seed)


def test_prefix_hits_leave_fewer_tokens_with_longer_reach():
    traffic = two_sizes(prefix_hit_rate=0.5)

    tokens, pairs = prefill_work(traffic)

    # 1000 tokens, half cached: 500 new ones see 500 cached and on average 250 new ones
    np.testing.assert_allclose(tokens, [50, 500])
    np.testing.assert_allclose(pairs, [50 * (50 + 25), 500 * (500 + 250)])


def test_without_hits_pairs_are_half_the_square():
    tokens, pairs = prefill_work(two_sizes())

    np.testing.assert_allclose(pairs, tokens**2 / 2)


def test_means_are_weighted_by_probability():
    means = traffic_means(two_sizes())

    assert means.prefill_tokens == pytest.approx(0.75 * 100 + 0.25 * 1000)
    assert means.prefill_pairs == pytest.approx(0.75 * 5_000 + 0.25 * 500_000)
    assert means.output_gaps == pytest.approx(0.75 * 10 + 0.25 * 100)


def test_prefill_variation_is_that_of_the_prompts():
    means = traffic_means(two_sizes())

    second_moment = 0.75 * 100**2 + 0.25 * 1000**2
    assert means.prefill_cv2 == pytest.approx(second_moment / 325**2 - 1)


def test_context_is_weighted_by_time_in_the_batch():
    means = traffic_means(two_sizes())

    # residence is in proportion to the output: 0.75 x 11 against 0.25 x 101
    short, long = 0.75 * 11, 0.25 * 101
    expected = (short * 105.5 + long * 1050.5) / (short + long)
    blocks = (short * 112 + long * 1056) / (short + long)
    assert means.context_tokens == pytest.approx(expected)
    assert means.resident_tokens == pytest.approx(blocks)


def test_prefix_hits_do_not_shrink_the_cache_of_a_request():
    assert traffic_means(two_sizes(prefix_hit_rate=0.9)).context_tokens == pytest.approx(
        traffic_means(two_sizes()).context_tokens
    )


def test_longest_request_ignores_impossible_atoms():
    traffic = two_sizes(probability=np.array([1.0, 0.0]))

    assert traffic.max_tokens_per_request == 111


@settings(max_examples=40)
@given(
    weights=st.lists(st.floats(0.01, 1), min_size=1, max_size=20),
    samples=st.integers(16, 2000),
    seed=st.integers(0, 99),
)
def test_sampled_atoms_are_right_to_within_one_request(weights, samples, seed):
    share = np.array(weights) / np.sum(weights)
    isl = 10.0 + np.arange(len(weights))
    traffic = TrafficClass("any", isl, np.full(len(weights), 5.0), share)

    requests = sample_requests(traffic, samples, rng(seed))

    counts = np.bincount(requests.prompt, minlength=len(weights))
    assert np.abs(counts - share * samples).max() <= 1 + 1e-9


def test_sampled_lengths_of_one_request_stay_together():
    requests = sample_requests(two_sizes(), 400, rng())

    prompts = requests.prompt_tokens[requests.prompt]
    outputs = requests.output_tokens[requests.output]
    assert set(zip(prompts, outputs, strict=True)) == {(100.0, 11.0), (1000.0, 101.0)}


def test_repeated_prompts_are_evaluated_once():
    traffic = TrafficClass("same", np.full(50, 7.0), 1.0 + np.arange(50.0), np.full(50, 0.02))

    requests = sample_requests(traffic, 100, rng())

    assert len(requests.prompt_tokens) == 1
    assert len(requests.output_tokens) == 50


def test_same_seed_gives_the_same_requests():
    first, again = (sample_requests(two_sizes(), 200, rng(3)) for _ in range(2))

    np.testing.assert_array_equal(first.prompt, again.prompt)
    np.testing.assert_array_equal(first.batch_normal, again.batch_normal)


def test_order_of_requests_depends_on_the_seed():
    first, other = (sample_requests(two_sizes(), 200, rng(seed)) for seed in (3, 4))

    assert (first.prompt != other.prompt).any()


@pytest.mark.parametrize("cv", [0.5, 1.0, 2.0, 4.0])
def test_intervals_have_unit_mean_and_the_stated_variation(cv):
    intervals = ordered_unit_intervals(cv, 4096)

    assert intervals.mean() == pytest.approx(1.0)
    # Averages of slices lose the spread inside the slices, mostly that of the last one.
    assert intervals.std() == pytest.approx(cv, rel=0.05)


def test_poisson_intervals_have_exponential_quantiles():
    intervals = ordered_unit_intervals(1.0, 1000)

    assert intervals[500] == pytest.approx(np.log(2), rel=0.02)
    assert intervals[900] == pytest.approx(np.log(10), rel=0.02)


def test_zero_variation_is_a_clock():
    np.testing.assert_array_equal(ordered_unit_intervals(0.0, 10), np.ones(10))


def test_stratified_uniforms_are_the_midpoints_of_slices():
    uniforms = stratified_uniforms(4, rng())

    assert sorted(uniforms) == [0.125, 0.375, 0.625, 0.875]


def test_stratified_normals_are_symmetric_with_unit_spread():
    normals = stratified_normals(2000, rng())

    assert normals.mean() == pytest.approx(0, abs=1e-9)
    assert normals.std() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (LatencyLimit("ttft", 99.0, 1.0), "ttft p99"),
        (LatencyLimit("tpot", None, 1.0), "tpot mean"),
        (LatencyLimit("e2e", 99.9, 1.0), "e2e p99.9"),
    ],
)
def test_limit_names_metric_and_percentile(limit, text):
    assert limit.text == text


def test_unknown_metric_is_rejected():
    with pytest.raises(ValueError, match="metric is 'tbt'; accepted: ttft, tpot, itl, e2e"):
        LatencyLimit("tbt", 99.0, 1.0)


@pytest.mark.parametrize("percentile", [0.0, 100.0, -5.0])
def test_percentile_outside_the_open_range_is_rejected(percentile):
    with pytest.raises(ValueError, match="accepted: above 0 and below 100, or None"):
        LatencyLimit("ttft", percentile, 1.0)


def test_zero_limit_is_rejected():
    with pytest.raises(ValueError, match="limit_s is 0; accepted: above 0"):
        LatencyLimit("ttft", 99.0, 0)


def test_lengths_of_different_shape_are_rejected():
    with pytest.raises(ValueError, match="chat: lengths and probabilities must be vectors"):
        two_sizes(osl_tokens=np.array([1.0]))


def test_empty_prompt_is_rejected():
    with pytest.raises(ValueError, match="chat: isl_tokens and osl_tokens must be 1 or more"):
        two_sizes(isl_tokens=np.array([0.0, 10.0]))


def test_probabilities_that_do_not_sum_to_one_are_rejected():
    with pytest.raises(ValueError, match=r"sum to 1, they sum to 1\.5"):
        two_sizes(probability=np.array([0.75, 0.75]))


def test_negative_variation_is_rejected():
    with pytest.raises(ValueError, match="interarrival_cv is -1; accepted: 0 or more"):
        two_sizes(interarrival_cv=-1)


def test_cache_that_holds_every_token_is_rejected():
    with pytest.raises(ValueError, match=r"prefix_hit_rate is 1\.0; accepted: 0 to below 1"):
        two_sizes(prefix_hit_rate=1.0)


@pytest.mark.parametrize(("samples", "base"), [(64, 2), (1024, 2), (1000, 3), (7, 5), (1, 2)])
@pytest.mark.parametrize("seed", [None, 0, 1])
def test_even_ranks_are_a_permutation_in_which_every_run_covers_all(samples, base, seed):
    ranks = even_ranks(samples, base, None if seed is None else rng(seed))

    assert sorted(ranks) == list(range(samples))
    below = np.cumsum(ranks < samples / 3)
    assert np.abs(below - np.arange(1, samples + 1) / 3).max() <= 4


def test_classes_with_the_same_numbers_are_equal():
    assert two_sizes() == two_sizes()
    assert hash(two_sizes()) == hash(two_sizes())
    assert two_sizes() != two_sizes(interarrival_cv=2.0)
    assert two_sizes() != "chat"
