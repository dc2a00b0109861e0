"""Lists with filters, and one fact with its provenance."""

import json

import pytest

from planner.catalog.query import rows, show
from planner.catalog.schema import TABLES
from planner.errors import InputError


def test_a_list_has_every_column_of_every_row(sound):
    (found,) = rows(sound(), "offers")

    assert set(found) == set(TABLES["offers"].model_fields)
    assert found["price_usd_per_hour"] == 16


def test_the_fact_stands_before_its_provenance(sound):
    (found,) = rows(sound(), "models")

    assert next(iter(found)) == "id"
    assert list(found)[-3:] == ["source", "as_of", "notes"]


def test_hardware_is_another_name_of_the_accelerators(sound):
    catalog = sound()

    assert rows(catalog, "hardware") == rows(catalog, "accelerators")


@pytest.mark.parametrize("kind", [*TABLES, "hardware"])
def test_every_table_can_be_listed_as_json(shipped, kind):
    found = rows(shipped, kind)

    assert json.loads(json.dumps(found)) == found
    # Discounts are for users to state; the table is shipped empty.
    assert bool(found) == (kind != "discounts")


def test_filters_select_by_value(row, sound):
    catalog = sound(offers=[row("offers"), row("offers", provider="cloud-b")])

    assert [r["provider"] for r in rows(catalog, "offers", ["provider=cloud-b"])] == ["cloud-b"]


def test_filters_compare_text_without_case_and_numbers_by_value(sound):
    catalog = sound()

    assert len(rows(catalog, "offers", ["provider=CLOUD-A"])) == 1
    assert len(rows(catalog, "offers", ["price_usd_per_hour=16.00"])) == 1
    assert len(rows(catalog, "models", ["tied_embeddings=false"])) == 1
    assert rows(catalog, "offers", ["price_usd_per_hour=cheap"]) == []


def test_all_filters_must_hold(sound):
    assert rows(sound(), "offers", ["provider=cloud-a", "region=mars"]) == []


def test_an_empty_filter_selects_unknown_cells(row, sound):
    catalog = sound(offers=[row("offers"), row("offers", region="b", startup_minutes=5)])

    assert [r["region"] for r in rows(catalog, "offers", ["startup_minutes="])] == ["any"]
    assert [r["region"] for r in rows(catalog, "offers", ["startup_minutes=5"])] == ["b"]


def test_an_unknown_table_is_answered_with_a_near_miss(sound):
    with pytest.raises(InputError, match="no table `ofers` in the catalogue; did you mean"):
        rows(sound(), "ofers")


def test_an_unknown_table_without_near_miss_lists_the_tables(sound):
    with pytest.raises(InputError, match=r"tables are accelerators, .*, hardware"):
        rows(sound(), "zzz")


def test_an_unknown_column_is_answered_with_a_near_miss(sound):
    with pytest.raises(
        InputError, match="no column `providor` in offers; did you mean `provider`"
    ):
        rows(sound(), "offers", ["providor=aws"])


def test_every_bad_filter_is_reported(sound):
    with pytest.raises(InputError, match="`aws` is not a filter; write column=value") as caught:
        rows(sound(), "offers", ["aws", "zzz=1"])

    assert len(caught.value.faults) == 2


def test_a_fact_is_shown_with_position_and_source(sound):
    fact = show(sound(), "models", "model-a")

    assert (fact.kind, fact.key, fact.file, fact.line) == ("models", "model-a", "models.csv", 2)
    assert (fact.source, fact.as_of) == ("a test", "2026-06-01")
    assert fact.values["layers"] == 2


def test_a_fact_of_a_composite_key_joins_the_parts_with_colons(sound):
    assert show(sound(), "calibration", "c_layer_us:default:all").values["value"] == 40


def test_hardware_is_shown_by_any_alias(sound):
    assert show(sound(), "hardware", "gpu-a-rack").key == "gpu-a"


def test_an_offer_without_date_shows_its_newest_row(row, sound):
    catalog = sound(
        offers=[
            row("offers", valid_from="2026-05", price_usd_per_hour=2),
            row("offers", valid_from="2026-11", price_usd_per_hour=3),
            row("offers", valid_from="2025", price_usd_per_hour=1),
        ]
    )

    newest = show(catalog, "offers", "cloud-a:big.8x:any:on_demand")
    dated = show(catalog, "offers", "cloud-a:big.8x:any:on_demand:2025")

    assert newest.values["price_usd_per_hour"] == 3
    assert dated.values["price_usd_per_hour"] == 1


def test_a_row_that_does_not_exist_is_answered_with_a_near_miss(sound):
    with pytest.raises(InputError, match="no row `model-b` in models; did you mean `model-a`"):
        show(sound(), "models", "model-b")


def test_a_shipped_fact_names_its_file_and_line(shipped):
    fact = show(shipped, "hardware", "NVIDIA H100 80GB HBM3")

    assert fact.key == "h100-sxm-80gb"
    assert fact.file == "catalogs/accelerators.csv"
    assert fact.line > 1
