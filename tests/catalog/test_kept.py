"""What is kept with a catalogue: worked out once for each question, and gone with it."""

from __future__ import annotations

import datetime
import gc
import weakref

import pytest

from planner.catalog.kept import kept_with_catalog
from planner.catalog.offers import listed_offers_at


@pytest.fixture
def asked():
    return []


@pytest.fixture
def priced(asked):
    @kept_with_catalog
    def priced(catalog, day, *, share=1.0):
        asked.append((day, share))
        return [share * row.price_usd_per_hour for row in catalog.offers]

    return priced


def test_every_question_is_worked_out_once(world, row, priced, asked):
    catalog = world(offers=[row("offers", price_usd_per_hour=16)])

    answers = [priced(catalog, 1), priced(catalog, 1), priced(catalog, 2)]
    answers += [priced(catalog, 1, share=0.5), priced(catalog, 1, share=0.5)]

    assert answers == [[16.0], [16.0], [16.0], [8.0], [8.0]]
    assert asked == [(1, 1.0), (2, 1.0), (1, 0.5)]


def test_another_catalogue_is_another_question(world, row, priced):
    one, other = (world(offers=[row("offers", price_usd_per_hour=usd)]) for usd in (16, 17))

    assert (priced(one, 1), priced(other, 1), priced(one, 1)) == ([16.0], [17.0], [16.0])


def test_a_fault_is_told_every_time(world):
    @kept_with_catalog
    def refuse(_catalog):
        raise ValueError

    catalog = world()

    for _ in range(2):
        with pytest.raises(ValueError):  # noqa: PT011 - it has no message
            refuse(catalog)


def test_nothing_keeps_a_catalogue_alive(world, row, priced):
    catalog = world(offers=[row("offers")])
    priced(catalog, 1)
    listed_offers_at(catalog, datetime.date(2026, 6, 1))
    there = weakref.ref(catalog)

    del catalog
    gc.collect()

    assert there() is None
