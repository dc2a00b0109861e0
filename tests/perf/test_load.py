"""Samples that do not depend on luck."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.perf.arrivals import Arrivals
from planner.perf.load import paired_probe, sample_load
from planner.perf.traffic import LatencyLimit
from planner.perf.waiting import single_queue_waits_s

SEEDS = range(6)
SAMPLES = 4096


def load_of(chat, seed, **fields):
    return sample_load(replace(chat, **fields), SAMPLES, seed)


def waits(load, service, utilization):
    """Return the waits in mean services at a utilization."""
    service = service / service.mean()
    return load.arrivals.waits_s(service[None], np.array([utilization]))[0]


def tokens(load):
    return load.requests.prompt_tokens[load.requests.prompt]


# Of 4,096 requests 80 wait at a utilization of 0.02; above 0.7 waits are very long ones.
@pytest.mark.parametrize(
    ("utilization", "room"), [(0.02, 0.07), (0.1, 0.03), (0.25, 0.02), (0.55, 0.02), (0.82, 0.03)]
)
def test_every_seed_waits_as_in_the_closed_formula(chat, utilization, room):
    exact = utilization / (1 - utilization) * (1 + load_of(chat, 0).means.prefill_cv2) / 2

    loads = [load_of(chat, seed) for seed in SEEDS]
    found = [waits(load, tokens(load), utilization).mean() for load in loads]

    np.testing.assert_allclose(found, exact, rtol=room)


@pytest.mark.parametrize("utilization", [0.25, 0.55])
def test_service_that_is_not_in_proportion_to_tokens_has_its_own_waits(chat, utilization):
    # M/D/1: half the waits of exponential services, whatever the prompts.
    exact = utilization / (1 - utilization) / 2

    found = [waits(load_of(chat, s), np.ones(SAMPLES), utilization).mean() for s in SEEDS]

    # The ring of 4,096 requests decides here: 4 % for one of them.
    assert np.mean(found) == pytest.approx(exact, rel=0.05)


def test_waits_come_shortest_first_and_grow_with_the_rate(chat):
    load = load_of(chat, 0, interarrival_cv=2.0)
    ladder = np.array([waits(load, tokens(load), u) for u in (0.05, 0.12, 0.3, 0.33, 0.6, 0.9)])

    assert (np.diff(ladder, axis=1) >= 0).all()
    assert (np.diff(ladder.mean(axis=1)) > 0).all()


def test_overload_waits_for_ever(chat):
    load = load_of(chat, 0)

    assert np.isinf(waits(load, tokens(load), 1.1)).all()


def test_recorded_arrivals_wait_request_by_request():
    service, intervals = np.array([[2.0, 2.0, 1.0]]), np.array([1.0, 1.0, 5.0]) * 3 / 7

    found = Arrivals(intervals).waits_s(service, np.array([3 / 7]))

    np.testing.assert_allclose(found, single_queue_waits_s(service, intervals * 7 / 3))
    np.testing.assert_allclose(found, [[1.0, 2.0, 0.0]])


def test_long_waits_meet_long_prompts_in_their_share(chat):
    load = load_of(chat, 1)
    requests = paired_probe(chat, (), load, 1).requests
    long = requests.prompt == len(requests.prompt_tokens) - 1

    # The longest tenth of the prompts, in every 20th part of the waits: 20.48 of 205 requests.
    for part in np.array_split(long, 20):
        assert abs(part.sum() - long.mean() * len(part)) <= 2.5


@pytest.mark.parametrize("factor", [1.5, 2.0, 4.0])
@pytest.mark.parametrize("replicas", [1, 8])
def test_capacity_hardly_depends_on_the_seed(world, factor, replicas):
    far = world.with_limits(LatencyLimit("ttft", 99.0, 1e6))
    unloaded_s = float(far.solve(replicas=(1,)).unloaded_s[0, 0])
    tight = world.with_limits(LatencyLimit("ttft", 99.0, factor * unloaded_s))

    rates = [tight.rate(replicas=(replicas,), samples=SAMPLES, seed=s) for s in SEEDS]

    assert np.std(rates, ddof=1) / np.mean(rates) < 0.02


def test_samples_of_a_class_are_drawn_once(chat):
    again = replace(chat, isl_tokens=chat.isl_tokens.copy())

    assert sample_load(chat, 256, 5) is sample_load(again, 256, 5)
    assert sample_load(chat, 256, 5) is not sample_load(chat, 256, 6)
    assert sample_load(replace(chat, interarrival_cv=1.5), 256, 5) is not sample_load(chat, 256, 5)
