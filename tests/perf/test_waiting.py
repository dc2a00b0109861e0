from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.draws import stratified_uniforms
from planner.perf.waiting import erlang_c, shared_queue_waits_s, single_queue_waits_s
from tests.perf.renewal import unit_intervals

LONG = 100_000
unit_sample = cache(lambda cv, seed, size=LONG: unit_intervals(cv, size, rng(seed)))


def rng(seed=0):
    return np.random.default_rng(seed)


def waits(service_s, interval_s):
    return single_queue_waits_s(np.atleast_2d(service_s), np.atleast_2d(interval_s))[0]


def test_waits_follow_the_recursion_around_the_ring():
    # After request 0 (2 s of work, next arrival in 1 s) a wait of 1 s, then 1 + 2 - 1 = 2 s, then
    # 2 + 1 - 5 < 0, and the ring starts again without a wait.
    result = waits([2.0, 2.0, 1.0], [1.0, 1.0, 5.0])

    np.testing.assert_allclose(result, [1.0, 2.0, 0.0])


def test_backlog_carries_over_the_end_of_the_ring():
    # The last request leaves 3 s of work that the first ones of the next turn wait for.
    result = waits([1.0, 1.0, 4.0], [3.0, 3.0, 1.0])

    np.testing.assert_allclose(result, [1.0, 0.0, 3.0])


def test_overloaded_queue_waits_for_ever():
    assert np.isinf(waits([2.0, 2.0], [1.0, 1.0])).all()


def test_rows_are_separate_queues():
    service_s, interval_s = rng().random((2, 50)), 1.0 + rng(1).random((2, 50))

    together = single_queue_waits_s(service_s, interval_s)

    for row in range(2):
        np.testing.assert_allclose(together[row], waits(service_s[row], interval_s[row]))


@pytest.mark.parametrize("rho", [0.3, 0.5, 0.7])
def test_poisson_with_fixed_service_waits_as_in_the_closed_formula(rho):
    # M/D/1: rho / (2 (1 - rho)) service times
    intervals = unit_sample(1.0, 0) / rho

    mean = waits(np.ones(LONG), intervals).mean()

    # The relaxation time at 0.7 is about 20 arrivals, so 100,000 leave about 2 %.
    assert mean == pytest.approx(rho / (2 * (1 - rho)), rel=0.04)


@pytest.mark.parametrize("rho", [0.3, 0.5, 0.7])
def test_poisson_with_exponential_service_waits_as_in_the_closed_formula(rho):
    intervals = unit_sample(1.0, 0) / rho
    service = unit_sample(1.0, 1)

    mean = waits(service, intervals).mean()

    assert mean == pytest.approx(rho / (1 - rho), rel=0.05)


def test_tail_of_the_wait_is_exponential_with_exponential_service():
    # M/M/1: P(W > t) = rho exp(-(1 - rho) t), so the 99 % quantile at rho 0.6 is 10.24
    intervals = unit_sample(1.0, 0) / 0.6
    service = unit_sample(1.0, 1)

    p99 = np.quantile(waits(service, intervals), 0.99)

    assert p99 == pytest.approx(np.log(0.6 / 0.01) / 0.4, rel=0.06)


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), rho=st.floats(0.05, 0.9), more=st.floats(1.0, 1.1))
def test_higher_rate_never_shortens_any_wait(seed, rho, more):
    service = unit_intervals(1.0, 256, rng(seed))
    intervals = unit_intervals(1.0, 256, rng(seed + 1)) / rho

    slow, quick = waits(service, intervals), waits(service, intervals / more)

    assert (quick >= slow - 1e-9).all()


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), turn=st.integers(1, 255))
def test_waits_do_not_depend_on_where_the_ring_starts(seed, turn):
    service = unit_intervals(1.0, 256, rng(seed)) * 0.8
    intervals = unit_intervals(2.0, 256, rng(seed + 1))

    turned = waits(np.roll(service, turn), np.roll(intervals, turn))

    np.testing.assert_allclose(turned, np.roll(waits(service, intervals), turn), atol=1e-9)


@pytest.mark.parametrize(
    ("replicas", "utilization", "expected"),
    [
        (1, 0.3, 0.3),
        (2, 0.5, 1 / 3),  # 2 rho^2 / (1 + rho)
        (2, 0.8, 2 * 0.64 / 1.8),
        (3, 2 / 3, 4 / 9),  # a = 2: (8/6) 3 / (1 + 2 + 2 + 4)
        (4, 0.0, 0.0),
        (8, 1.0, 1.0),
        (8, 1.5, 1.0),
    ],
)
def test_erlang_c_gives_known_values(replicas, utilization, expected):
    assert erlang_c(replicas, utilization) == pytest.approx(expected)


def test_erlang_c_takes_arrays_of_replicas():
    together = erlang_c([1, 2, 32], [0.5, 0.5, 0.9])

    np.testing.assert_allclose(together, [erlang_c(1, 0.5), erlang_c(2, 0.5), erlang_c(32, 0.9)])


@given(replicas=st.integers(1, 40), low=st.floats(0, 0.99), more=st.floats(0, 0.5))
def test_chance_of_waiting_grows_with_utilization(replicas, low, more):
    high = min(low + more, 0.999)

    assert erlang_c(replicas, low) <= erlang_c(replicas, high) + 1e-12


@given(replicas=st.integers(1, 40), utilization=st.floats(0.01, 0.99))
def test_chance_of_waiting_falls_with_replicas(replicas, utilization):
    assert erlang_c(replicas + 1, utilization) <= erlang_c(replicas, utilization) + 1e-12


def shared(waits_s, replicas, rho, uniforms):
    return shared_queue_waits_s(
        waits_s[None].copy(), np.array([float(replicas)]), np.array([rho]), uniforms
    )[0]


def test_single_replica_keeps_its_waits():
    base = rng().random(100)

    np.testing.assert_array_equal(shared(base, 1, 0.5, rng(1).random(100)), base)


def test_two_replicas_wait_less_often_and_less_long():
    # C(2, 1) / 0.5 = 2/3 of the waits are kept, each times (1 + 0.5 / 2) / 2
    base, uniforms = np.ones(3000), stratified_uniforms(3000, rng())

    result = shared(base, 2, 0.5, uniforms)

    assert set(result) == {0.0, 0.625}
    assert (result > 0).mean() == pytest.approx(2 / 3, abs=1e-3)


def test_unstable_queue_stays_unstable_when_shared():
    assert np.isinf(shared(np.full(10, np.inf), 8, 0.99, rng().random(10))).all()


@settings(max_examples=40)
@given(replicas=st.integers(1, 31), rho=st.floats(0.05, 0.99), seed=st.integers(0, 99))
def test_no_request_waits_longer_with_one_replica_more(replicas, rho, seed):
    base, uniforms = rng(seed).random(64), rng(seed + 1).random(64)

    here, there = (shared(base, r, rho, uniforms) for r in (replicas, replicas + 1))

    assert (there <= here + 1e-12).all()


@settings(max_examples=40)
@given(
    replicas=st.integers(1, 32),
    low=st.floats(0.05, 0.95),
    more=st.floats(0, 0.5),
    seed=st.integers(0, 99),
)
def test_shared_waits_grow_with_utilization(replicas, low, more, seed):
    # Waits of one replica grow with 1 / (1 - rho), as in every single-server queue.
    base, uniforms = rng(seed).random(64), rng(seed + 1).random(64)
    high = min(low + more, 0.99)

    calm = shared(base / (1 - low), replicas, low, uniforms)
    busy = shared(base / (1 - high), replicas, high, uniforms)

    assert (busy >= calm - 1e-12).all()


def simulated_shortest_queue(service_s, interval_s, replicas):
    """Mean wait when each request joins the replica with the fewest requests."""
    ends = [[] for _ in range(replicas)]
    now, total = 0.0, 0.0
    for work, gap in zip(service_s, interval_s, strict=True):
        now += gap
        for queue in ends:
            while queue and queue[0] <= now:
                queue.pop(0)
        queue = min(ends, key=len)
        start = queue[-1] if queue else now
        total += start - now
        queue.append(start + work)
    return total / len(service_s)


def formula(service_cv, replicas, rho):
    service = unit_sample(service_cv, 5)
    intervals = unit_sample(1.0, 6) / rho
    single = waits(service, intervals)
    return shared(single, replicas, rho, stratified_uniforms(LONG, rng(7))).mean()


def arrivals(service_cv, replicas, rho, requests=50_000):
    service = unit_sample(service_cv, 8, requests)
    return service.tolist(), (unit_sample(1.0, 9, requests) / (rho * replicas)).tolist()


@pytest.mark.parametrize(
    ("service_cv", "replicas", "rho"),
    [(1.0, 2, 0.5), (1.0, 4, 0.7), (1.0, 8, 0.7), (0.5, 4, 0.7), (0.0, 2, 0.85)],
)
def test_shared_wait_matches_simulated_shortest_queue_routing(service_cv, replicas, rho):
    simulated = simulated_shortest_queue(*arrivals(service_cv, replicas, rho), replicas)

    # The formula is good to about 10 %, each of the two samples to about 3 %.
    assert formula(service_cv, replicas, rho) == pytest.approx(simulated, rel=0.14)
