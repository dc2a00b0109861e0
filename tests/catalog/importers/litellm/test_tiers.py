"""Prices of long prompts, and prices of hours."""

from __future__ import annotations

import pytest

from tests.catalog.importers.litellm.entries import KEY, entry, lengths, only


def test_price_above_a_number_of_tokens_is_a_row_of_longer_prompts(run):
    imported = run({KEY: entry(input_cost_per_token_above_128k_tokens=2.7e-06)})

    assert lengths(imported) == [
        ("standard", 0, 1.35, None, 5.4),
        ("standard", 128_001, 2.7, None, 5.4),
    ]
    assert imported.rejected == ()


def test_batch_prices_have_tiers_of_their_own(run):
    costs = {
        "input_cost_per_token_batches": 1e-06,
        "output_cost_per_token_batches": 2e-06,
        "output_cost_per_token_above_512_tokens_batches": 3e-06,
        "cache_read_input_token_cost_above_200k_tokens": 1e-06,
    }

    assert lengths(run({KEY: entry(**costs)})) == [
        ("standard", 0, 1.35, None, 5.4),
        ("standard", 200_001, 1.35, 1.0, 5.4),
        ("batch", 0, 1.0, None, 2.0),
        ("batch", 513, 1.0, None, 3.0),
    ]


def test_price_of_xai_starts_at_the_number_of_tokens(run):
    changes = {"litellm_provider": "xai", "input_cost_per_token_above_200k_tokens": 2e-06}

    imported = run({"xai/deepseek-r1": entry(**changes)})

    assert [row.prompt_from_tokens for row in imported.rows["api_offers"]] == [0, 200_000]


def test_price_of_prompts_that_no_model_takes_is_rejected(run):
    imported = run({KEY: entry(input_cost_per_token_above_999999k_tokens=2.7e-06)})

    assert only(imported).input_usd_per_mtok == 1.35
    assert imported.rejected_by_reason() == {"tier": 1}


def test_list_of_tiers_replaces_the_prices_beside_it(run):
    tiers = [
        {"range": [32_000, 128_000.0], "input_cost_per_token": 2e-06, "output_cost_per_token": 0},
        {
            "range": [0, 32_000],
            "input_cost_per_token": 1e-06,
            "cache_read_input_token_cost": 1e-07,
        },
        {"range": [128_000, None], "input_cost_per_token": 3e-06},
    ]

    imported = run({KEY: entry(tiered_pricing=tiers)})

    assert lengths(imported) == [
        ("standard", 0, 1.0, 0.1, 5.4),
        ("standard", 128_001, 3.0, None, 5.4),
    ]
    assert imported.rejected_by_reason() == {"zero_price": 1}


@pytest.mark.parametrize("tiers", [3, [3], [{}], [{"range": []}], [{"range": ["0", 1]}]])
def test_list_of_tiers_that_cannot_be_read_is_rejected(run, tiers):
    imported = run({KEY: entry(tiered_pricing=tiers)})

    assert only(imported).input_usd_per_mtok == 1.35
    assert imported.rejected_by_reason() == {"tier": 1}


def test_price_that_depends_on_the_day_of_the_week_is_rejected(run):
    hours = {"windows": [{"hours_utc": "00:00-01:00", "weekdays": [1]}], "input_cost_per_token": 1}

    imported = run({KEY: entry(off_peak_pricing=hours)})

    assert only(imported).input_usd_per_mtok == 1.35
    assert imported.rejected_by_reason() == {"time_of_day": 1}
