"""Results kept by content: the same question is answered once, any other anew."""

from __future__ import annotations

import numpy as np
import pytest

from planner.perf.kept import kept_by_content
from planner.perf.traffic import LatencyLimit


@pytest.fixture
def asked():
    return []


@pytest.fixture
def total(asked):
    @kept_by_content(2)
    def total(values, *, factor=1.0):
        asked.append(list(values))
        return float(np.sum(values)) * factor

    return total


def test_equal_content_is_computed_once(total, asked):
    assert total(np.arange(3.0)) == total(np.arange(3.0)) == 3.0
    assert len(asked) == 1


def test_keyword_arguments_are_part_of_the_question(total, asked):
    assert [total(np.arange(3.0), factor=f) for f in (1.0, 2.0)] == [3.0, 6.0]
    assert len(asked) == 2


def test_array_changed_in_place_is_another_question(total):
    values = np.arange(3.0)
    before = total(values)
    values[0] = 10.0

    assert (before, total(values)) == (3.0, 13.0)


def test_only_the_last_questions_are_kept(total, asked):
    for last in (1.0, 2.0, 1.0, 3.0, 2.0):  # 2 was asked longest ago when 3 came
        total(np.array([last]))

    assert asked == [[1.0], [2.0], [3.0], [2.0]]


def test_results_are_kept_up_to_the_sum_of_their_sizes():
    asked = []

    @kept_by_content(5, size=len)
    def ones(count):
        asked.append(count)
        return [1] * count

    for count in (2, 3, 2, 1, 2, 3, 6, 6, 1):
        assert len(ones(count)) == count

    # 1 drives out 3, which then drives out 1; what is larger than all room drives out everything.
    assert asked == [2, 3, 1, 3, 6, 6, 1]


def test_error_is_raised_again(total):
    for _ in range(2):
        with pytest.raises(TypeError):
            total(None)


def test_rates_follow_every_part_of_a_replica(world):
    rate = world.rate()

    assert world.with_device(bandwidth_bytes_per_s=2e12).rate() < rate
    assert world.with_limits(LatencyLimit("ttft", 99.0, 0.05)).rate() < rate
    assert world.rate(max_utilization=0.01) < rate
    assert world.rate() == rate
