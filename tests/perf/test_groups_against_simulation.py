"""Replicas with data-parallel attention against groups that are simulated step by step."""

from __future__ import annotations

from dataclasses import replace
from math import lgamma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.lockstep import grouped_step_s, longest_of, longest_ratios
from planner.perf.traffic import LatencyLimit
from tests.perf.fleet import draw_arrivals, simulate
from tests.perf.test_against_simulation import REQUESTS, engine_of, predicted

FAR_S = 1e6
LIMITS = tuple(
    LatencyLimit(metric, percentile, FAR_S)
    for metric, percentile in (
        ("ttft", None), ("ttft", 50.0), ("ttft", 95.0), ("ttft", 99.0),
        ("tpot", None), ("tpot", 95.0), ("itl", 95.0), ("itl", 99.0), ("e2e", None),
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def grouped(world):
    def build(groups, **engine):
        spec = replace(world.spec, data_parallel=groups)
        return replace(world, spec=spec).with_engine(**engine)

    return build


def simulated(world, replicas, rate_rps, groups):
    asked = draw_arrivals([world.traffic], [rate_rps * replicas], REQUESTS, 1)
    seen = simulate(engine_of(world), replicas, asked, groups=groups)
    return np.array([seen.value(0, k.metric, k.percentile) for k in LIMITS])


@pytest.mark.parametrize(("groups", "replicas"), [(2, 1), (8, 4)])
@pytest.mark.parametrize(("share", "within"), [(0.3, 0.15), (0.85, 0.27)])
def test_latencies_agree_with_groups_that_step_together(grouped, groups, replicas, share, within):
    world = grouped(groups, chunk_tokens=2048)
    rate, formulas_s = predicted(world, replicas, share, limits=LIMITS)

    found_s = simulated(world, replicas, rate, groups)

    np.testing.assert_allclose(formulas_s, found_s, rtol=within)


def test_prompts_with_priority_are_computed_together(grouped):
    world = grouped(8, scheduler="prefill_priority")
    rate, formulas_s = predicted(world, 1, 0.3, limits=LIMITS)

    np.testing.assert_allclose(formulas_s, simulated(world, 1, rate, 8), rtol=0.15)


@pytest.mark.parametrize("groups", [2, 8])
def test_highest_rate_is_what_overloaded_groups_finish(grouped, groups):
    world = grouped(groups, chunk_tokens=2048)
    rate = predicted(world, 1, 1.0)[0]
    asked = draw_arrivals([world.traffic], [1.5 * rate], REQUESTS, 1)

    seen = simulate(engine_of(world), 1, asked, warm_up=0.2, groups=groups)

    assert rate == pytest.approx(seen.finished_per_s, rel=0.05)


def test_one_long_prompt_holds_all_groups_up(grouped, world):
    """A prompt alone takes the time of a group, not that of all devices together."""
    whole, (eight,) = world.step, (grouped(8).step,)
    nothing = np.zeros(1)
    tokens = np.array([4000.0])

    alone_s = grouped_step_s(eight, tokens, tokens, nothing, nothing, nothing)

    same_s = whole.time_s(tokens, 0.0, 0.0, 0.0)
    assert alone_s[0] == pytest.approx(same_s[0], rel=0.02)


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.floats(1.0, 1e5), min_size=1, max_size=6, unique=True),
    expected=st.sampled_from([2.0**k for k in range(-6, 8)]),
)
def test_the_longest_of_a_poisson_number_is_that_of_drawn_prompts(lengths, expected):
    tokens = np.array(lengths)
    weight = np.full(len(lengths), 1 / len(lengths))
    counts = np.arange(1, 400)
    chance = np.exp(
        counts * np.log(expected) - expected - np.array([lgamma(n + 1) for n in counts])
    )
    ordered = np.sort(tokens)
    at_most = np.arange(1, len(lengths) + 1) / len(lengths)
    longest = [np.diff(at_most**n, prepend=0.0) @ ordered for n in counts]

    ratio = longest_of(longest_ratios(tokens, weight), np.array(expected))

    assert ratio == pytest.approx(chance @ longest / chance.sum() / tokens.mean(), rel=1e-6)
