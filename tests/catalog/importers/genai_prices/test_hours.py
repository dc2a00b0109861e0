"""Prices that change with the hour of the day."""

from __future__ import annotations

import pytest

from tests.catalog.importers.genai_prices.data import (
    AS_OF,
    BASE,
    DEARER,
    during,
    hours,
    provider,
    since,
    spans,
)


def test_hours_of_a_price_become_a_row_beside_that_of_all_other_hours(run):
    imported = run(provider(prices=[{"prices": DEARER}, during("16:30:00Z", "00:30:00Z", BASE)]))

    assert hours(imported) == [(None, 0.8), ("16:30-00:30", 0.6)]
    assert spans(imported) == [("standard", 0.8, AS_OF, None), ("standard", 0.6, AS_OF, None)]
    assert imported.rejected == ()


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("01:00", "04:00", "01:00-04:00"),
        ("01:00:00", "04:00:00+00:00", "01:00-04:00"),
        ("09:00+08:00", "12:00+08:00", "01:00-04:00"),
        ("02:00+08:00", "10:00+08:00", "18:00-02:00"),
        ("23:59", "00:00", "23:59-00:00"),
        ("00:00", "23:59", "00:00-23:59"),
    ],
)
def test_hours_are_those_of_utc(run, start, end, expected):
    imported = run(provider(prices=[{"prices": DEARER}, during(start, end, BASE)]))

    assert hours(imported)[1] == (expected, 0.6)


@pytest.mark.parametrize(
    ("start", "end"),
    [("01:00:30", "04:00"), ("01:00", "25:00"), (1, 4), ("", ""), ("01:00+00:00:30", "04:00")],
)
def test_hours_that_are_no_minutes_of_a_day_are_an_unknown_constraint(run, start, end):
    imported = run(provider(prices=[{"prices": DEARER}, during(start, end, BASE)]))

    assert hours(imported) == [(None, 0.8)]
    assert imported.rejected_by_reason() == {"unknown_constraint": 1}


def test_hours_without_a_length_never_apply(run):
    imported = run(provider(prices=[{"prices": DEARER}, during("04:00", "04:00", BASE)]))

    assert hours(imported) == [(None, 0.8)]
    assert imported.rejected_by_reason() == {"superseded": 1}


def test_several_windows_of_a_day_are_a_row_each(run):
    entries = [{"prices": DEARER}, during("01:00", "04:00", BASE), during("06:00", "10:00", BASE)]

    assert hours(run(provider(prices=entries))) == [
        (None, 0.8),
        ("01:00-04:00", 0.6),
        ("06:00-10:00", 0.6),
    ]


def test_later_window_takes_its_hours_from_an_earlier_one(run):
    entries = [
        {"prices": DEARER},
        during("22:00", "06:00", BASE),
        during("01:00", "03:00", DEARER),
        during("01:30", "02:00", BASE),
    ]

    assert hours(run(provider(prices=entries))) == [
        (None, 0.8),
        ("03:00-06:00", 0.6),
        ("22:00-01:00", 0.6),
        ("01:00-01:30", 0.8),
        ("02:00-03:00", 0.8),
        ("01:30-02:00", 0.6),
    ]


def test_windows_that_fill_the_day_leave_nothing_to_the_other_price(run):
    entries = [{"prices": DEARER}, during("08:00", "20:00", BASE), during("20:00", "08:00", BASE)]

    imported = run(provider(prices=entries))

    assert hours(imported) == [("08:00-20:00", 0.6), ("20:00-08:00", 0.6)]
    assert imported.rejected_by_reason() == {"superseded": 1}


def test_window_ends_on_the_day_of_a_later_price_of_all_hours(run):
    entries = [{"prices": BASE}, during("01:00", "04:00", DEARER), since("2026-09-01", BASE)]

    assert spans(run(provider(prices=entries))) == [
        ("standard", 0.6, AS_OF, "2026-09-01"),
        ("standard", 0.8, AS_OF, "2026-09-01"),
        ("standard", 0.6, "2026-09-01", None),
    ]


def test_every_day_that_changes_a_price_starts_the_whole_list_anew(run):
    entries = [
        {"prices": BASE},
        since("2026-09-01", DEARER),
        during("01:00", "04:00", {"input_mtok": 5, "output_mtok": 9}),
    ]

    imported = run(provider(prices=entries))

    assert hours(imported) == [
        (None, 0.6),
        ("01:00-04:00", 5.0),
        (None, 0.8),
        ("01:00-04:00", 5.0),
    ]
    assert [(row.valid_from, row.valid_to) for row in imported.rows["api_offers"]] == [
        *([(AS_OF, "2026-09-01")] * 2),
        *([("2026-09-01", None)] * 2),
    ]


def test_undated_window_is_not_taken_to_have_held_in_the_past(run):
    entries = [since("2026-01-01", BASE), during("01:00", "04:00", DEARER)]

    imported = run(provider(prices=entries))

    assert hours(imported) == [(None, 0.6), (None, 0.6), ("01:00-04:00", 0.8)]
    assert [(row.valid_from, row.valid_to) for row in imported.rows["api_offers"]] == [
        ("2026-01-01", AS_OF),
        (AS_OF, None),
        (AS_OF, None),
    ]


@pytest.mark.parametrize(
    ("base", "window", "reason"),
    [
        (BASE, {"input_mtok": 0, "output_mtok": 0}, "zero_price"),
        ({"input_mtok": 1e6, "output_mtok": 1}, BASE, "impossible_price"),
        (BASE, {}, "no_price"),
    ],
)
def test_hours_without_a_usable_price_take_the_whole_list(run, base, window, reason):
    entries = [{"prices": base}, during("01:00", "04:00", window)]

    imported = run(provider(prices=[*entries, since("2026-09-01", BASE)]))

    assert spans(imported) == [("standard", 0.6, "2026-09-01", None)]
    assert imported.rejected_by_reason() == {reason: 1, "time_of_day": 1}


def test_batch_price_may_have_hours_too(run):
    batch = {"when": {"processing": "batch"}} | during("01:00", "04:00", DEARER)

    imported = run(provider(prices=BASE, price_variants=[batch]))

    assert hours(imported) == [(None, 0.6), ("01:00-04:00", 0.8)]
    assert spans(imported)[1] == ("batch", 0.8, AS_OF, None)


def test_batch_price_that_leaves_out_what_changes_with_the_hour_is_rejected(run):
    batch = {"when": {"processing": "batch"}, "prices": {"input_mtok": 0.3}}
    entries = [{"prices": BASE}, during("01:00", "04:00", DEARER)]

    imported = run(provider(prices=entries, price_variants=[batch]))

    assert hours(imported) == [(None, 0.6), ("01:00-04:00", 0.8)]
    assert imported.rejected_by_reason() == {"variant": 1}
