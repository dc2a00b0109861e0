"""Rows of the tables: units, identities and what their fields accept."""

import pytest
from pydantic import ValidationError

from planner.catalog.schema import TABLES


def test_memory_converts_from_mebibytes_to_bytes(row):
    assert row("accelerators", memory_mib=1).memory_bytes == 1024 * 1024


def test_bandwidth_converts_from_decimal_gigabytes(row):
    assert row("accelerators", bandwidth_gb_per_s=3350).bandwidth_bytes_per_s == 3.35e12


def test_peak_rate_is_looked_up_by_compute_type_in_operations_per_second(row):
    gpu = row("accelerators", bf16_tflops=989, fp8_tflops=1978)

    assert gpu.peak_flops("bf16") == 989e12
    assert gpu.peak_flops("fp8") == 1978e12


def test_an_unknown_rate_is_none_and_never_zero(row):
    gpu = row("accelerators", fp4_tflops=None, int8_tops=None)

    assert gpu.peak_flops("fp4") is None
    assert gpu.peak_flops("int8") is None


def test_offer_identity_leaves_out_the_date(row):
    old, new = row("offers", valid_from="2025"), row("offers", valid_from="2026")

    assert old.offer_id == new.offer_id == "cloud-a:big.8x:any:on_demand"
    assert old.key != new.key


def test_api_offer_identity_is_provider_name_and_mode(row):
    assert row("api_offers").offer_id == "api-a:a/model-a:standard"


def test_start_up_converts_from_minutes_to_hours(row):
    assert row("offers", startup_minutes=15).startup_h == 0.25
    assert row("offers").startup_h is None


def test_rows_cannot_be_changed(row):
    with pytest.raises(ValidationError, match="frozen"):
        row("offers").price_usd_per_hour = 1


@pytest.mark.parametrize("table", list(TABLES))
def test_every_row_needs_a_source(row, table):
    with pytest.raises(ValidationError, match="at least 1 character"):
        row(table, source="")


@pytest.mark.parametrize("table", list(TABLES))
def test_every_row_needs_a_date_of_the_calendar(row, table):
    with pytest.raises(ValidationError, match="names no day of the calendar"):
        row(table, as_of="2026-02-30")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0, -1])
def test_a_price_is_a_finite_number_above_zero(row, value):
    with pytest.raises(ValidationError, match=r"finite number|greater than 0"):
        row("offers", price_usd_per_hour=value)


@pytest.mark.parametrize("key", ["two words", "-leading", "", "tab\t", "new\nline", "ä"])
def test_a_key_holds_no_spaces_or_accents(row, key):
    with pytest.raises(ValidationError, match=r"pattern|at least 1"):
        row("models", id=key)


@pytest.mark.parametrize("key", ["a", "qwen2.5-7b", "a/b:c", "Standard_ND96", "x@1+2"])
def test_a_key_takes_the_punctuation_of_model_names(row, key):
    assert row("models", id=key).id == key


def test_a_score_above_one_is_refused_because_it_is_a_percentage(row):
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        row("quality", score=68.9)


@pytest.mark.parametrize("table", list(TABLES))
def test_every_key_field_is_a_column(table):
    model = TABLES[table]

    assert set(model.key_fields) <= set(model.model_fields)
