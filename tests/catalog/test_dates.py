"""Partial dates read as the earliest day they can mean."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.dates import age_days, parse_partial_date


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026", datetime.date(2026, 1, 1)),
        ("2026-11", datetime.date(2026, 11, 1)),
        ("2026-11-09", datetime.date(2026, 11, 9)),
        ("2024-02-29", datetime.date(2024, 2, 29)),
    ],
)
def test_missing_parts_of_a_date_read_as_the_earliest_day(text, day):
    assert parse_partial_date(text) == day


@pytest.mark.parametrize(
    "text",
    ["", "26", "2026-1", "2026-11-9", "2026/11", "11-2026", "2026-11-09T00", " 2026", "n/a"],
)
def test_another_form_of_date_is_refused(text):
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        parse_partial_date(text)


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2025-02-29", "2026-04-31", "0000"])
def test_a_day_that_no_calendar_has_is_refused(text):
    with pytest.raises(ValueError, match="names no day of the calendar"):
        parse_partial_date(text)


def test_digits_of_other_scripts_are_no_date():
    with pytest.raises(ValueError, match="is not a date"):
        parse_partial_date("٢٠٢٦")


@given(st.dates(min_value=datetime.date(1000, 1, 1)))
def test_a_full_date_reads_as_itself(day):
    assert parse_partial_date(day.isoformat()) == day


@given(st.dates(min_value=datetime.date(1000, 1, 1)))
def test_a_shorter_date_is_never_later(day):
    year, month = day.isoformat()[:4], day.isoformat()[:7]

    assert parse_partial_date(year) <= parse_partial_date(month) <= day


def test_age_counts_days_from_the_earliest_day():
    assert age_days("2026", datetime.date(2026, 1, 31)) == 30
    assert age_days("2026-11", datetime.date(2026, 11, 1)) == 0


def test_a_date_ahead_has_a_negative_age():
    assert age_days("2027-01-01", datetime.date(2026, 12, 31)) == -1
