"""Batch variants, and variants that are none."""

from __future__ import annotations

import pytest

from tests.catalog.importers.genai_prices.data import AS_OF, BASE, DEARER, provider, since, spans


def test_batch_variant_becomes_a_batch_offer_with_the_prices_it_leaves_out(run):
    batch = {"when": {"processing": "batch"}, "prices": {"input_mtok": 0.3, "output_mtok": 1.0}}

    imported = run(provider(prices=BASE, price_variants=[batch]))

    assert spans(imported) == [("standard", 0.6, AS_OF, None), ("batch", 0.3, AS_OF, None)]
    assert imported.rows["api_offers"][1].cached_input_usd_per_mtok == 0.3


def test_batch_variant_with_a_start_applies_from_that_day(run):
    batch = {"when": {"processing": "batch"}} | since("2026-05-01", DEARER | {"input_mtok": 0.3})

    imported = run(provider(prices=BASE, price_variants=[batch]))

    assert spans(imported)[1] == ("batch", 0.3, "2026-05-01", None)


@pytest.mark.parametrize("when", [{"service_tier": "priority"}, {"speed": "fast"}, {}, None, 3])
def test_variant_that_is_not_batch_is_rejected(run, when):
    imported = run(provider(prices=BASE, price_variants=[{"when": when, "prices": DEARER}]))

    assert spans(imported) == [("standard", 0.6, AS_OF, None)]
    assert imported.rejected_by_reason() == {"variant": 1}


def test_batch_variant_leaves_out_a_price_that_a_later_day_changes(run):
    entries = [{"prices": BASE}, since("2027-01-01", BASE | {"cache_read_mtok": 0.1})]
    batch = {"when": {"processing": "batch"}, "prices": {"input_mtok": 0.3, "output_mtok": None}}

    imported = run(provider(prices=entries, price_variants=[batch]))

    row = imported.rows["api_offers"][-1]
    assert (row.mode, row.cached_input_usd_per_mtok, row.output_usd_per_mtok) == ("batch", 0.3, 2)
