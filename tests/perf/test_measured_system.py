"""Replicas on measured systems: step times by hand, bounds, memory and bad figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.measured_system import (
    MeasuredReplica,
    measured_limits,
    measured_memory,
    measured_steps,
)
from planner.perf.rate import max_rates
from planner.perf.traffic import LatencyLimit, TrafficClass

SHARED = MeasuredReplica(
    alone_tokens_per_s=100.0,
    total_tokens_per_s=400.0,
    requests=8.0,
    prefill_tokens_per_s=10_000.0,
    request_s=0.05,
    memory_bytes=100e9,
    weight_bytes=60e9,
    token_bytes=100e3,
    state_tokens=0.0,
    systems=4,
)
PIPELINE = replace(SHARED, total_tokens_per_s=800.0)


def rates(replica, load, **settings):
    fit = measured_memory([replica], max_tokens_per_request=2_000.0)
    steps, limits = measured_steps([replica]), measured_limits([replica])
    return max_rates(steps, fit, limits, load, (load,), replicas=(1,), **settings)


def traffic(isl=500.0, osl=101.0, limits=()):
    one = np.ones(1)
    return TrafficClass("chat", isl * one, osl * one, one, limits=limits)


@pytest.mark.parametrize(("requests", "step_ms"), [(1, 10.0), (4.5, 15.0), (8, 20.0)])
def test_a_step_grows_by_what_each_further_request_adds(requests, step_ms):
    step = measured_steps([SHARED])

    assert step.time_s(requests, 1e6, 0, requests)[0] == pytest.approx(step_ms / 1e3)


def test_a_pipeline_keeps_its_speed_until_it_is_full():
    step = measured_steps([PIPELINE])

    assert step.time_s(8, 1e6, 0, 8)[0] == pytest.approx(step.time_s(1, 0, 0, 1)[0])
    assert PIPELINE.further_s == 0


def test_a_prompt_takes_its_tokens_at_the_measured_rate_and_a_step():
    load = traffic(isl=2_000.0, limits=(LatencyLimit("ttft", None, 10.0),))

    unloaded_s = rates(PIPELINE, load).unloaded_s[0, 0]

    # Outside the machine, 2,000 tokens at 10,000 per second, one step of 10 ms.
    assert unloaded_s == pytest.approx(0.05 + 0.2 + 0.01)


@pytest.mark.parametrize(("replica", "tokens_per_s"), [(SHARED, 400.0), (PIPELINE, 800.0)])
def test_the_highest_rate_makes_the_published_tokens_when_prompts_cost_nothing(
    replica, tokens_per_s
):
    quick = replace(replica, prefill_tokens_per_s=1e12)

    result = rates(quick, traffic(isl=1.0, osl=1_001.0), max_utilization=1.0)

    made = result.rate_rps[0, 0] * 1_000
    assert made == pytest.approx(tokens_per_s, rel=0.02)
    assert made <= tokens_per_s
    assert result.limit_texts[result.limit[0, 0]] == "batch limit"


def test_prompts_take_time_from_decodes():
    """At most what is left of a second after its prompts."""
    rate = rates(PIPELINE, traffic(isl=2_000.0), max_utilization=1.0).rate_rps[0, 0]

    assert rate * 100 / 800 + rate * 2_000 / 10_000 <= 1.0
    assert rate < 0.5 * rates(PIPELINE, traffic(isl=1.0), max_utilization=1.0).rate_rps[0, 0]


@given(
    st.floats(1, 3_000),
    st.floats(0, 1),
    st.integers(1, 500),
)
def test_more_requests_never_make_fewer_tokens(alone, share, requests):
    total = alone + share * alone * (requests - 1)
    replica = replace(
        SHARED, alone_tokens_per_s=alone, total_tokens_per_s=total, requests=float(requests)
    )
    batch = np.linspace(1, requests, 9)

    step_s = measured_steps([replica]).time_s(batch[None, :], 0.0, 0.0, batch[None, :])[0]

    made = batch / step_s
    assert np.all(np.diff(made) >= -1e-9 * made[:-1])
    assert made[-1] == pytest.approx(total, rel=1e-6)


def test_confidence_slows_prompts_and_steps_alike():
    step = measured_steps([SHARED])

    slow = step.scaled(1.5)

    assert slow.time_s(508, 0, 0, 8)[0] == pytest.approx(1.5 * step.time_s(508, 0, 0, 8)[0])


def test_the_cache_is_what_the_weights_leave_and_holds_a_token_once():
    fit = measured_memory([SHARED], max_tokens_per_request=4_000.0)

    assert fit.kv_capacity_tokens[0] == 400_000
    assert fit.weight_bytes_per_gpu[0] == 15e9
    assert fit.fits[0]


@pytest.mark.parametrize("changes", [{"memory_bytes": 60e9}, {"memory_bytes": 60.1e9}])
def test_weights_or_a_request_that_do_not_fit_are_found(changes):
    fit = measured_memory([replace(SHARED, **changes)], max_tokens_per_request=4_000.0)

    assert not fit.fits[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alone_tokens_per_s": 0.0}, "alone_tokens_per_s is 0.0; accepted: above 0"),
        ({"prefill_tokens_per_s": -1.0}, "prefill_tokens_per_s is -1.0"),
        ({"total_tokens_per_s": 99.0}, "total_tokens_per_s is 99.0; accepted: 100.0 to 800.0"),
        ({"total_tokens_per_s": 801.0}, "total_tokens_per_s is 801.0"),
        ({"requests": 0.5, "total_tokens_per_s": 50.0}, "0.5 requests on 4 systems"),
        ({"systems": 0}, "8.0 requests on 0 systems"),
    ],
)
def test_figures_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SHARED, **changes)
