"""From rows to requests in order: what is sorted, what is a stray, and which span they cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.importers.assemble import LATEST_S, Rows, workload_of
from planner.demand.importers.lines import Rejections, UnusableError
from planner.demand.importers.record import Settings
from planner.errors import InputError
from planner.problem.schema import Workload

DAY_S = 86_400


def rows_at(times, hit_tokens=None):
    rows = Rows(Rejections("a.csv"))
    for index, time_s in enumerate(times):
        rows.add(index + 2, time_s, 10, 5, hit_tokens)
    return rows


def stray_lines(rows):
    rows.traffic()
    return [int(r.place.rpartition(":")[2]) for r in rows.rejections.in_order()]


def test_requests_come_in_the_order_of_their_times():
    traffic = rows_at([5, 1, 3]).traffic()

    assert traffic.time_s.tolist() == [1, 3, 5]


def test_lengths_stay_with_their_request():
    rows = Rows(Rejections("a.csv"))
    rows.add(2, 9, 100, 7, 50)
    rows.add(3, 1, 200, 8, 60)

    traffic = rows.traffic()

    assert traffic.isl_tokens.tolist() == [200, 100]
    assert traffic.osl_tokens.tolist() == [8, 7]
    assert traffic.hit_tokens.tolist() == [60, 50]


def test_hits_known_for_some_requests_only_are_unknown():
    rows = rows_at([1], hit_tokens=5)
    rows.add(3, 2, 10, 5, None)

    assert rows.traffic().hit_tokens is None


def test_no_row_is_an_error_that_names_the_file():
    with pytest.raises(InputError, match=r"a\.csv\n    no request can be used"):
        rows_at([]).traffic()


@pytest.mark.parametrize(("time_s", "reason"), [(-1, "negative"), (LATEST_S + 1, "absurd")])
def test_a_time_outside_its_range_has_a_reason(time_s, reason):
    with pytest.raises(UnusableError, match="the time is") as caught:
        rows_at([time_s])

    assert caught.value.reason == reason


def test_a_row_years_away_is_a_stray():
    assert stray_lines(rows_at([0, 1, 2, 500 * DAY_S])) == [5]


def test_a_small_group_behind_a_day_of_silence_is_stray():
    assert stray_lines(rows_at([*range(1000), 3 * DAY_S])) == [1002]


def test_a_large_group_behind_a_day_of_silence_is_kept():
    later = [3 * DAY_S + i for i in range(50)]

    assert stray_lines(rows_at([*range(1000), *later])) == []


def test_rare_requests_are_not_strays_of_each_other():
    assert stray_lines(rows_at([2 * DAY_S * i for i in range(150)])) == []


def test_of_two_rows_decades_apart_one_is_kept():
    assert stray_lines(rows_at([0, 1_700_000_000])) == [3]


def test_a_night_of_silence_makes_no_stray():
    assert stray_lines(rows_at([*range(1000), 0.9 * DAY_S])) == []


@pytest.mark.parametrize(("start_s", "is_calendar"), [(0, False), (1_700_000_000, True)])
def test_times_since_1970_are_recognised(start_s, is_calendar):
    assert rows_at([start_s, start_s + 60]).traffic().is_calendar is is_calendar


@given(times=st.lists(st.floats(0, 4e9), min_size=1, max_size=60))
def test_every_row_is_a_request_or_a_rejection(times):
    rows = rows_at(times)

    traffic = rows.traffic()

    assert len(traffic.time_s) + len(rows.rejections.in_order()) == len(times)
    assert np.all(np.diff(traffic.time_s) >= 0)


@given(
    times=st.lists(st.floats(0, 4e9) | st.floats(0, 1e5), min_size=1, max_size=60),
    hit_tokens=st.none() | st.integers(0, 10),
)
def test_any_times_give_a_workload_that_a_problem_accepts(times, hit_tokens):
    imported = workload_of(rows_at(times, hit_tokens), Settings("chat", "2026"))

    workload = Workload.model_validate(dict(imported.workload))

    assert workload.arrival.requests_per_day >= 1
    assert imported.requests + len(imported.rejected) == len(times)


def test_prompts_found_whole_leave_the_hit_rate_below_one():
    imported = workload_of(rows_at([0, 60], hit_tokens=10), Settings("chat", "2026"))

    assert imported.workload["prefix_cache"] == {"hit_rate": 0.9999}


def test_the_span_ends_one_gap_after_the_last_request():
    imported = workload_of(rows_at(np.arange(1440) * 60.0), Settings("chat", "2026"))

    assert imported.workload["arrival"]["requests_per_day"] == 1440
    assert imported.workload["arrival"]["profile"] == [1.0] * 24


def test_what_the_format_has_to_say_comes_last():
    imported = workload_of(rows_at([0, 60]), Settings("chat", "2026"), ("said by the format",))

    assert imported.notes[-1] == "said by the format"
