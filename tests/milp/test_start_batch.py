"""Batch replicas of a start have time to come and to go."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.milp.start_batch import _raised

MOST = np.full(4, 9)


def raised(replicas, load, share=0.25, most=MOST):
    return _raised(np.array(replicas), np.array(load), np.array(most), share, 4).tolist()


def test_a_replica_that_comes_and_goes_loses_its_change_overs_twice():
    # 1 replica, 0.6 of a block of work, half a block lost: 1.1 replicas are needed, so two; each
    # of them loses its own half, so 0.6 + 1.0 still needs two.
    assert raised([0, 1, 0, 0], [0, 0.6, 0, 0]) == [0, 2, 0, 0]


def test_replicas_that_stay_lose_nothing():
    assert raised([2, 2, 2, 2], [2.0, 2.0, 2.0, 2.0]) == [2, 2, 2, 2]


def test_no_more_than_there_may_be():
    assert raised([0, 3, 0, 0], [0, 3.0, 0, 0], share=0.4, most=[9, 4, 9, 9]) == [0, 4, 0, 0]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=8, max_size=8),
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
    st.floats(0.01, 0.3),
)
def test_the_work_and_the_changes_fit_afterwards(replicas, used, share):
    count = np.array(replicas)
    load = count * np.array(used)
    most = np.full(8, 10_000)

    after = _raised(count, load, most, share, 4)

    days = after.reshape(2, 4)
    came = np.maximum(days - np.roll(days, 1, axis=1), 0).ravel()
    left = np.maximum(days - np.roll(days, -1, axis=1), 0).ravel()
    busy = load > 1e-6
    assert np.all(after >= count)
    assert np.all((load + share * (came + left))[busy] <= after[busy] + 1e-5)
