"""Power of a replica: by hand, its bounds, and how it follows the load."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.activity import ideal_step
from planner.perf.load_table import load_table
from planner.perf.moments import traffic_means
from planner.perf.power import LOW_LOAD, PowerParameters, ServingPower, power_model
from planner.perf.traffic import TrafficClass

FITTED = PowerParameters(idle=0.174, run=0.75, memory=0.35, compute=4.3)
TDP_W = 700.0
ACTIVITY = st.floats(0.0, 1.0)


def one(parameters=FITTED, devices=1):
    return power_model([parameters], [TDP_W], [devices])


def serving(world, parameters=FITTED):
    means = traffic_means(world.traffic)
    table = load_table(world.step, world.engine, means, world.memory.kv_capacity_tokens)
    model = power_model([parameters], [TDP_W], [world.spec.devices])
    return ServingPower(world.step, world.engine, ideal_step([world.spec]), model, table, means)


def load_w(world, *loads):
    power = serving(world)
    return [float(power.mean_w(power.table.saturation_rps * load)[0]) for load in loads]


def activity(memory, compute):
    return np.array([memory]), np.array([compute])


def test_running_power_by_hand():
    model = one(PowerParameters(0.2, 0.5, 1.0, 4.0), devices=2)

    watts = model.running_w(*activity(0.5, 0.25))

    # Exponent 0.5 + 0.5 + 1 = 2: 1,400 W (0.2 + 0.8 (1 - e^-2)).
    assert watts[0] == pytest.approx(1_400 * (0.2 + 0.8 * (1 - math.exp(-2))))
    assert model.idle_w[0] == pytest.approx(280)


@given(ACTIVITY, ACTIVITY, ACTIVITY)
def test_running_power_is_between_idle_and_the_rating_and_rises(memory, compute, more):
    model = one()

    watts = model.running_w(*activity(memory, compute))[0]

    assert model.idle_w[0] < watts < TDP_W
    assert model.running_w(*activity(memory + more, compute))[0] >= watts
    assert model.running_w(*activity(memory, compute + more))[0] >= watts


def test_replica_without_load_idles(world):
    power = serving(world)

    assert power.mean_w(np.zeros(1)) == pytest.approx(0.174 * TDP_W)


def test_power_rises_with_the_load_and_stays_below_the_rating(world):
    watts = load_w(world, *np.linspace(0.0, 1.0, 41))

    assert all(b > a for a, b in itertools.pairwise(watts))
    assert watts[0] == pytest.approx(0.174 * TDP_W)
    assert watts[-1] < TDP_W


@settings(max_examples=25, deadline=None)
@given(
    isl=st.floats(50, 8_000),
    osl=st.floats(1, 2_000),
    load=st.floats(0.0, 1.0),
    scheduler=st.sampled_from(["chunked", "prefill_priority"]),
)
def test_any_load_draws_between_idle_and_the_rating(world, isl, osl, load, scheduler):
    traffic = TrafficClass("one", np.array([isl]), np.array([osl]), np.ones(1))
    other = replace(world, traffic=traffic).with_engine(scheduler=scheduler)

    (watts,) = load_w(other, load)

    assert 0.174 * TDP_W * (1 - 1e-9) <= watts <= TDP_W


def test_energy_per_request_falls_with_the_load(world):
    power = serving(world)
    rates = power.table.saturation_rps * np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.0])

    energy_j = [float(power.mean_w(np.array([rate]))[0]) / rate for rate in rates]

    assert all(b < a for a, b in itertools.pairwise(energy_j))


def test_a_tenth_of_the_load_already_draws_most_of_the_power(world):
    """The line from idle to full would say 0.17 + 0.1 x 0.7 of the rating."""
    idle_w, tenth_w, full_w = load_w(world, 0.0, 0.1, 1.0)

    assert tenth_w > idle_w + 0.5 * (full_w - idle_w)


def test_long_prompts_draw_more_than_long_outputs(world):
    prompts, outputs = (
        replace(world, traffic=TrafficClass("one", np.array([i]), np.array([o]), np.ones(1)))
        for i, o in ((4_000.0, 10.0), (100.0, 1_000.0))
    )

    assert load_w(prompts, 1.0)[0] > load_w(outputs, 1.0)[0]


def test_rare_requests_cost_the_energy_of_running_alone(world):
    """Far apart, every request adds its own time at the power of one request alone."""
    traffic = TrafficClass("one", np.array([500.0]), np.array([100.0]), np.ones(1))
    alone = replace(world, traffic=traffic)
    power, rate = serving(alone), 1e-4

    added_w = float((power.mean_w(np.array([rate])) - power.model.idle_w)[0])

    step, ideal = alone.step, power.ideal
    prefill_s = step.time_s(500.0, 0.0, 125_000.0, 0.0)
    decode_s = step.time_s(1.0, 550.0, 0.0, 1.0)
    busy_s = prefill_s + 99 * decode_s
    shares = (
        (p + 99 * d) / busy_s
        for p, d in zip(
            ideal.times_s(500.0, 0.0, 125_000.0, 0.0),
            ideal.times_s(1.0, 550.0, 0.0, 1.0),
            strict=True,
        )
    )
    running_w = power.model.running_w(*shares) - power.model.idle_w
    assert added_w == pytest.approx(float((rate * busy_s * running_w)[0]), rel=0.01)


def test_line_meets_the_model_at_both_ends(world):
    power = serving(world)
    capacity = power.table.saturation_rps * 0.9

    line = power.line(capacity)

    for load in (LOW_LOAD, 1.0):
        straight_w = line.base_w + line.marginal_energy_per_request_j * capacity * load
        assert straight_w == pytest.approx(power.mean_w(capacity * load))
    assert line.capacity_w == pytest.approx(power.mean_w(capacity))
    assert line.idle_w < line.base_w < line.capacity_w
    assert 0 <= line.error[0] < 0.05


def test_line_error_is_the_worst_in_between(world):
    power = serving(world)
    capacity = power.table.saturation_rps

    line = power.line(capacity)

    for load in np.linspace(LOW_LOAD, 1.0, 13):
        straight_w = line.base_w + line.marginal_energy_per_request_j * capacity * load
        assert abs(straight_w / power.mean_w(capacity * load) - 1)[0] < line.error[0] + 0.01


def test_replicas_are_independent_of_each_other():
    model = power_model([FITTED, replace(FITTED, idle=0.3)], [700.0, 350.0], [1, 4])

    assert model.idle_w == pytest.approx([0.174 * 700, 0.3 * 1_400])
    assert model.take(np.array([1])).rated_w == pytest.approx([1_400])


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("idle", -0.1, "0 or more and below 1"),
        ("idle", 1.0, "0 or more and below 1"),
        ("run", -1.0, "0 or more"),
        ("memory", float("nan"), "0 or more"),
        ("compute", float("inf"), "0 or more"),
    ],
)
def test_parameter_outside_its_range_is_refused(name, value, accepted):
    with pytest.raises(ValueError, match=rf"{name} is {value}; accepted: {accepted}$"):
        replace(FITTED, **{name: value})


@pytest.mark.parametrize("tdp_w", [0.0, -1.0, float("nan")])
def test_rated_power_must_be_above_zero(tdp_w):
    with pytest.raises(ValueError, match=r"tdp_w is .*; accepted: above 0"):
        power_model([FITTED, FITTED], [700.0, tdp_w], [1, 1])
