"""What a provider bills for nodes that follow the hour, by hand and in general."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.verify.incurred.meter import Terms, metered

HALF = Terms(startup_h=0.5)


def test_nodes_are_billed_from_their_launch_by_hand():
    # Blocks of 6 h; two nodes are launched in the second to serve in the third, half an hour each.
    day = metered([1, 1, 3, 1], [0, 2, 0, 0], HALF)

    assert day.paid_h.tolist() == [6.0, 7.0, 18.0, 6.0]
    assert day.lost_h.sum() == day.interruptions == 0


def test_nodes_that_end_too_early_are_billed_for_the_shortest_time_by_hand():
    # The two run 6.5 h, of 10 h that are billed at least: 7 h more in the block they served in.
    # The node that is there all day would have ended first, but is always there.
    day = metered([0, 0, 2, 0], [0, 2, 0, 0], Terms(0.5, shortest_h=10.0))

    assert day.paid_h.tolist() == [0.0, 1.0, 12.0 + 7.0, 0.0]


def test_those_that_were_launched_first_end_first():
    # One node serves from 6 h to 18 h, another from 12 h to midnight: each runs 12.5 h.
    enough = metered([0, 1, 2, 1], [1, 1, 0, 0], Terms(0.5, shortest_h=12.5))
    more = metered([0, 1, 2, 1], [1, 1, 0, 0], Terms(0.5, shortest_h=13.0))

    assert enough.paid_h.tolist() == [0.5, 6.5, 12.0, 6.0]
    assert more.paid_h.tolist() == [0.5, 6.5, 12.5, 6.5]


def test_days_wrap_at_midnight():
    # The node that serves in the first block is launched before midnight and runs 6.5 h.
    day = metered([1, 0, 0, 0], [0, 0, 0, 1], Terms(0.5, shortest_h=7.0))

    assert day.paid_h.tolist() == [6.5, 0.0, 0.0, 0.5]


def test_a_node_that_gives_way_to_a_new_one_is_billed_to_that_moment():
    day = metered([1, 1, 1, 1], [1, 0, 0, 0], Terms(0.5, shortest_h=24.5))

    assert day.paid_h.tolist() == [6.5, 6.0, 6.0, 6.0]


FLEETS = st.lists(st.integers(0, 5), min_size=1, max_size=8).filter(lambda n: 24 % len(n) == 0)


@given(nodes=FLEETS, extra=st.integers(0, 2), shortest_h=st.floats(0.0, 40.0))
@settings(max_examples=60, deadline=None)
def test_a_bill_is_never_less_than_the_hours_that_nodes_are_there(nodes, extra, shortest_h):
    count = len(nodes)
    after = [nodes[(b + 1) % count] for b in range(count)]
    starting = [
        min(max(a - n, 0) + extra, a) if count > 1 else 0
        for n, a in zip(nodes, after, strict=True)
    ]
    there = sum(nodes) * 24 / count + 0.5 * sum(starting)

    plain = metered(nodes, starting, HALF).paid_h.sum()
    billed = metered(nodes, starting, Terms(0.5, shortest_h)).paid_h.sum()

    assert plain == pytest.approx(there)
    # As many end in a day as start.
    assert there - 1e-9 <= billed <= there + shortest_h * sum(starting) + 1e-9


def test_successors_of_spot_nodes_are_billed_while_they_start():
    terms = Terms(0.25, interruptions_per_h=0.2)

    day = metered([3, 3, 3, 3], [0, 0, 0, 0], terms, 2_000, np.random.default_rng(1))

    assert day.interruptions == pytest.approx(3 * 24 * 0.2, rel=0.03)
    assert day.lost_h.sum() == pytest.approx(0.25 * day.interruptions)
    assert day.paid_h.tolist() == [18.0] * 4  # the hours on the bill do not change


def test_successors_that_end_too_early_are_billed_for_the_shortest_time():
    # A node is launched for 6 h and once it is taken away its successor runs for less than 5 h.
    def billed(rate_per_h):
        terms = Terms(0.0, shortest_h=5.0, interruptions_per_h=rate_per_h)
        rng = np.random.default_rng(1)
        return float(metered([0, 1, 0, 0], [1, 0, 0, 0], terms, 4_000, rng).paid_h.sum())

    # At rate r the time t since the last interruption is below 5 h with density r exp(-r t), and
    # 5 - t h are billed beyond what runs: 5 - (1 - exp(-5 r)) / r in the mean.
    assert billed(0.0) == 6.0
    assert billed(0.2) == pytest.approx(6.0 + 5.0 - (1 - np.exp(-1.0)) / 0.2, rel=0.01)


def test_random_numbers_are_of_the_seed():
    def lost(seed):
        terms = Terms(0.25, interruptions_per_h=0.2)
        return metered([2], [0], terms, 10, np.random.default_rng(seed)).lost_h.tolist()

    assert lost(1) == lost(1) != lost(2)
