"""Figures, price readings and terms that cannot be are named."""

import pytest

from planner.catalog.check import check_catalog


@pytest.mark.parametrize(
    ("table", "changes", "path", "message"),
    [
        (
            "servers",
            {"quantity": "capex", "value": 1},
            "servers.quantity",
            "did you mean `capex_usd`",
        ),
        ("sites", {"quantity": "capex_usd", "value": 1}, "sites.quantity", "no figure here"),
        (
            "servers",
            {"quantity": "accelerators", "case": "gpu-b", "value": 8},
            "servers.case",
            "`gpu-b` is in no table",
        ),
        (
            "systems",
            {"quantity": "token_price_provider", "case": "nobody", "notes": "sold as tokens"},
            "systems.case",
            "`nobody` is in no table",
        ),
        ("sites", {"quantity": "pue"}, "sites.value", "not found"),
        ("sites", {"quantity": "pue", "value": 1.5, "low": 1.6}, "sites.value", "own range 1.6"),
        (
            "sites",
            {"quantity": "staff_usd_per_fte_year", "value": 1e12},
            "sites.value",
            "1e+12 is out of range; it must be at most 1e+07",
        ),
        (
            "servers",
            {"quantity": "capex_usd", "value": 1e15},
            "servers.value",
            "1e+15 is out of range; it must be at most 1e+09",
        ),
        (
            "api_offers",
            {"output_usd_per_mtok": 1e15},
            "api_offers.output_usd_per_mtok",
            "1e+15 USD per million tokens is above 10000; the price is that of a million",
        ),
        (
            "servers",
            {"quantity": "residual_fraction", "value": 30},
            "servers.value",
            "30 is above 1",
        ),
    ],
)
def test_a_wrong_figure_is_named(sound, row, table, changes, path, message):
    blank = {} if table == "api_offers" else {"id": "one", "value": None}

    (fault,) = check_catalog(sound(**{table: [row(table, **blank | changes)]})).errors

    assert fault.path == path
    assert message in fault.message


def test_a_price_whose_trend_is_missing_is_named(sound, row):
    (fault,) = check_catalog(sound(price_paths=[row("price_paths", trend="lost")])).errors

    assert "`lost` is in no row of price_trends" in fault.message


@pytest.mark.parametrize(
    ("changes", "column", "message"),
    [
        ({"term_months": 12}, "term_months", "commits to nothing"),
        ({"upfront_fraction": 0.5}, "upfront_fraction", "commits to nothing"),
        ({"commits": "spend"}, "commits", "commits to nothing"),
        ({"tenure": "reserved_1y", "term_months": 36}, "term_months", "reserved_1y is 12"),
        (
            {"tenure": "reserved_1y", "interruption_rate_per_h": 0.1},
            "interruption_rate_per_h",
            "is not taken away",
        ),
        ({"tenure": "reserved_1y", "evidence": "estimated"}, "notes", "states the ratio"),
    ],
)
def test_terms_that_contradict_the_tenure_are_errors(sound, row, changes, column, message):
    (fault,) = check_catalog(sound(offers=[row("offers", **changes)])).errors

    assert fault.path == f"offers.{column}"
    assert message in fault.message


def test_a_reserved_price_above_on_demand_is_a_doubt(sound, row):
    rows = [row("offers"), row("offers", tenure="reserved_1y", price_usd_per_hour=20)]

    (fault,) = check_catalog(sound(offers=rows)).warnings

    assert "20 USD/h is above on-demand (16)" in fault.message


def test_a_closed_model_needs_no_row_but_an_open_one_does(sound, row):
    def errors(weights):
        offer = row("api_offers", model="hosted-only", weights=weights)
        return check_catalog(sound(api_offers=[offer])).errors

    assert errors("closed") == ()
    assert [fault.path for fault in errors("open")] == ["api_offers.model"]


def test_a_hybrid_model_needs_no_window_but_another_one_does(sound, row):
    def errors(attention):
        model = row("models", attention=attention, full_attention_fraction=0.25)
        return check_catalog(sound(models=[model])).errors

    assert errors("hybrid") == ()
    assert [fault.path for fault in errors("gqa")] == ["models.sliding_window"]
