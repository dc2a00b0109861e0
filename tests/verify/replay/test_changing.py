"""Replicas that come and go: nothing is lost, nothing is served twice, and waits by hand."""

from __future__ import annotations

import numpy as np
import pytest

from planner.verify.replay.changing import Change, simulate_changing
from planner.verify.replay.requests import Window
from planner.verify.replay.router import ROUTINGS, simulate
from tests.verify.replay.world import drawn, engine, requests

ALWAYS = Window()


def run(some, there, changes=(), routing="fewest_requests", **stated):
    return simulate_changing(
        engine(**stated), there, changes, some, routing=routing, window=ALWAYS,
        rng=np.random.default_rng(1),
    )  # fmt: skip


@pytest.mark.parametrize("routing", ROUTINGS)
def test_without_changes_it_is_the_plain_router(routing):
    some = drawn(3, 400, 12.0, isl=40.0)

    plain = simulate(engine(), 3, some, routing=routing, rng=np.random.default_rng(1))
    same = run(some, [True] * 3, routing=routing)

    assert (plain.ttft_s == same.ttft_s).all()
    assert (plain.e2e_s == same.e2e_s).all()
    assert plain.busy_s == same.busy_s


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("seed", range(4))
def test_every_request_is_served_once_whoever_comes_and_goes(routing, seed):
    some = drawn(seed, 300, 15.0, isl=40.0)
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 25, 30))
    changes = [Change(float(t), int(rng.integers(3)), bool(rng.integers(2))) for t in times]
    changes += [Change(26.0, 1, is_there=True)]

    found = run(some, [True, True, False], changes, routing)

    assert np.isfinite(found.e2e_s).all()
    assert (found.e2e_s >= found.ttft_s).all()
    # Every token after the first was made once at least, and again only where a replica went.
    assert found.decoded_tokens >= (some.osl_tokens - 1).sum()


def test_requests_of_a_replica_that_goes_are_computed_again_by_hand():
    # A prompt of 40 tokens takes one step of 50 ms, and each of the 9 tokens after it 10 ms.
    # The first replica goes at 0.095 s; from there the second one does all of it again.
    some = requests([0.0], isl=40, osl=10)

    found = run(some, [True, True], [Change(0.095, 0, is_there=False)])

    assert found.ttft_s[0] == pytest.approx(0.05)
    assert found.e2e_s[0] == pytest.approx(0.095 + 0.05 + 9 * 0.01)


def test_requests_wait_for_the_first_replica_that_comes():
    some = requests([0.0, 0.5, 3.0], isl=40, osl=1)

    found = run(some, [False], [Change(2.0, 0, is_there=True)])

    # The first begins at once when the replica comes, the second one after it.
    assert found.ttft_s == pytest.approx([2.05, 2.1 - 0.5, 0.05])


def test_losing_a_replica_never_makes_the_sum_of_waits_shorter():
    some = drawn(5, 500, 14.0, isl=60.0)

    whole = run(some, [True, True])
    less = run(some, [True, True], [Change(10.0, 1, is_there=False)])

    assert less.e2e_s.sum() > whole.e2e_s.sum()
