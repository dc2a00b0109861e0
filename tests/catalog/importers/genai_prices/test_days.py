"""Prices from a day on, and which of them still matter."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.importers.genai_prices import read
from planner.catalog.importers.record import Settings
from tests.catalog.importers.genai_prices.data import AS_OF, BASE, DEARER, provider, since, spans


def test_coming_price_ends_the_undated_one_on_its_first_day(run):
    imported = run(provider(prices=[{"prices": BASE}, since("2026-09-01", DEARER)]))

    assert spans(imported) == [
        ("standard", 0.6, AS_OF, "2026-09-01"),
        ("standard", 0.8, "2026-09-01", None),
    ]


def test_undated_price_that_was_replaced_is_superseded(run):
    imported = run(provider(prices=[{"prices": BASE}, since("2026-06-15", DEARER)]))

    assert spans(imported) == [("standard", 0.8, "2026-06-15", None)]
    assert imported.rejected_by_reason() == {"superseded": 1}


def test_dated_prices_of_the_past_are_kept_as_history(run):
    dated = [since("2025-01-01", BASE), since("2025-07-01", DEARER)]

    imported = run(provider(prices=dated))

    assert spans(imported) == [
        ("standard", 0.6, "2025-01-01", "2025-07-01"),
        ("standard", 0.8, "2025-07-01", None),
    ]


def test_price_hidden_by_a_later_entry_is_superseded(run):
    imported = run(provider(prices=[since("2026-09-01", DEARER), since("2026-07-01", BASE)]))

    assert spans(imported) == [("standard", 0.6, "2026-07-01", None)]
    assert imported.rejected_by_reason() == {"superseded": 1}


@given(
    st.lists(st.dates().map(str), min_size=1, max_size=6),
    st.sampled_from(["2026-06-15", "2026", "1999-12"]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_spans_of_dated_prices_never_overlap(tmp_path, context, starts, as_of):
    path = tmp_path / "data.json"
    entries = [{"prices": BASE}, *(since(start, DEARER) for start in starts)]
    path.write_text(json.dumps(provider(prices=entries)), encoding="utf-8")

    rows = read(path, Settings(context.catalog, as_of)).rows["api_offers"]

    assert rows
    assert rows[-1].valid_to is None
    for before, after in pairwise(rows):
        assert before.valid_to == after.valid_from
