"""Lists with filters, and one fact with its provenance."""

import json

import pytest

from planner.catalog.query import column_names, remarks, rows, show
from planner.catalog.schema import TABLES
from planner.errors import InputError


def test_a_list_has_every_column_of_every_row(sound):
    (found,) = rows(sound(), "offers")

    computed = {"usd_per_accelerator_hour", "publisher"}
    assert set(found) == set(TABLES["offers"].model_fields) | computed
    assert found["price_usd_per_hour"] == 16


def test_an_offer_states_the_price_of_one_of_its_accelerators(sound):
    (found,) = rows(sound(), "offers")

    assert found["usd_per_accelerator_hour"] == 16 / 8
    names = list(found)
    assert names.index("usd_per_accelerator_hour") == names.index("price_usd_per_hour") + 1


def test_every_row_names_the_publisher_of_its_source(row, sound):
    catalog = sound(
        offers=[row("offers"), row("offers", region="b", source="nobody has classified this")]
    )

    assert [r["publisher"] for r in rows(catalog, "offers")] == ["us", None]


@pytest.mark.parametrize("kind", [*TABLES, "hardware"])
def test_the_names_of_the_columns_are_those_of_the_rows(sound, kind):
    for found in rows(sound(), kind):
        assert list(found) == column_names(kind)


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


@pytest.fixture
def priced(row, sound):
    """Offers at 2, 10 and 30 USD an hour of two generations, dated 2025, 2026-05, 2026-11-09."""
    return sound(
        accelerators=[
            row("accelerators"),
            row("accelerators", id="gpu9-a-80gb"),
            row("accelerators", id="gpu9-b-40gb"),
        ],
        aliases=[row("aliases", alias="GPU9", accelerator="gpu9-a-80gb")],
        offers=[
            row("offers", region="us-east-1", price_usd_per_hour=2, valid_from="2025"),
            row("offers", region="us-west-2", price_usd_per_hour=10, valid_from="2026-05"),
            row("offers", region="eu.1", price_usd_per_hour=30, valid_from="2026-11-09",
                accelerator="gpu9-a-80gb", term_months=12),
        ],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "regions"),
    [
        ("price_usd_per_hour<10", ["us-east-1"]),
        ("price_usd_per_hour<=10", ["us-east-1", "us-west-2"]),
        ("price_usd_per_hour>2", ["us-west-2", "eu.1"]),
        ("price_usd_per_hour >= 10.0", ["us-west-2", "eu.1"]),
        ("usd_per_accelerator_hour<1", ["us-east-1"]),
        ("term_months>0", ["eu.1"]),
        ("valid_from>=2026", ["us-west-2", "eu.1"]),
        ("valid_from>2025-01-01", ["us-west-2", "eu.1"]),
        ("valid_from<2026-05-01", ["us-east-1"]),
        ("region>us-f", ["us-west-2"]),
        ("region~WEST", ["us-west-2"]),
        ("region=us-*", ["us-east-1", "us-west-2"]),
        ("region=*.1", ["eu.1"]),
        ("region=EU?1", []),
        ("region=*", ["us-east-1", "us-west-2", "eu.1"]),
        ("accelerator=gpu9", ["eu.1"]),
        ("publisher=us", ["us-east-1", "us-west-2", "eu.1"]),
    ],
)
def test_filters_compare_by_size_date_part_pattern_and_alias(priced, condition, regions):
    assert [r["region"] for r in rows(priced, "offers", [condition])] == regions


def test_hardware_is_filtered_by_any_alias(priced):
    assert [r["id"] for r in rows(priced, "hardware", ["id=GPU9"])] == ["gpu9-a-80gb"]


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (
            "price_usd_per_hour<cheap",
            "`cheap` is no end of a range of price_usd_per_hour; write a n",
        ),
        (
            "valid_from>=May",
            "`May` is no end of a range of valid_from; write a date as YYYY-MM-DD",
        ),
        ("<3", "`<3` is not a filter; write column=value, column<value"),
    ],
)
def test_a_range_without_an_end_is_refused(priced, condition, says):
    with pytest.raises(InputError) as caught:
        rows(priced, "offers", [condition])

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("filters", "sentences"),
    [
        ([], ()),
        (["provider=cloud-a"], ()),
        (["provider=cloud"], ("no row of offers has provider=cloud; did you mean `cloud-a`?",)),
        (["tenure=lease"], ("no row of offers has tenure=lease; it holds `on_demand`",)),
        (["accelerator=GPU8"], ("no row of offers has accelerator=GPU8; "
                                 "did you mean `GPU9` or `gpu-a`?",)),
        (["accelerator=gpu9"], ("`gpu9` means gpu9-a-80gb; other forms are gpu9-b-40gb",)),
        (["accelerator=GPU9-A-80gb"], ()),
        (["price_usd_per_hour>99"], ("no row of offers has price_usd_per_hour>99; "
                                     "it is 2.0 to 30.0",)),
        (["price_usd_per_hour=low"], ("no row of offers has price_usd_per_hour=low; "
                                      "it is 2.0 to 30.0",)),
        (["region=eu.1", "valid_from<2026"], ("no row of offers matches",)),
    ],
)  # fmt: skip
def test_a_reader_is_told_what_an_alias_means_and_which_value_no_row_has(
    priced, filters, sentences
):
    assert remarks(priced, "offers", filters) == sentences


def test_a_table_without_rows_says_so(sound):
    assert remarks(sound(discounts=[]), "discounts", []) == ("discounts has no row",)


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


def test_an_alias_is_explained_with_the_other_forms_of_the_name(priced):
    assert show(priced, "hardware", "Gpu9").remark == (
        "`Gpu9` means gpu9-a-80gb; other forms are gpu9-b-40gb"
    )
    assert show(priced, "hardware", "GPU9-A-80GB").remark is None


@pytest.mark.parametrize("key", ["model-a", "MODEL-A", "acme/Model-A", "Acme/model-a"])
def test_a_model_is_shown_by_id_or_repository_in_any_case(row, sound, key):
    catalog = sound(models=[row("models", id="other"), row("models", hf_repo="acme/Model-A")])

    assert show(catalog, "models", key).key == "model-a"


def test_tokens_without_date_show_the_newest_price_for_every_hour_and_prompt(row, sound):
    catalog = sound(
        api_offers=[
            row("api_offers", valid_from="2025", input_usd_per_mtok=9),
            row("api_offers", prompt_from_tokens=200_001, input_usd_per_mtok=5),
            row("api_offers", hours_utc="01:00-04:00", input_usd_per_mtok=3),
            row("api_offers", input_usd_per_mtok=2),
        ]
    )

    for key in ("api-a:model-a:standard:a/model-a", "api-a:a/model-a:standard"):
        assert show(catalog, "api_offers", key).values["input_usd_per_mtok"] == 2
    night = show(catalog, "api_offers", "api-a:model-a:standard:a/model-a:01:00-04:00")
    assert night.values["input_usd_per_mtok"] == 3


def test_hardware_that_does_not_exist_is_answered_with_near_aliases(priced):
    with pytest.raises(InputError, match="no row `GPU8` in accelerators; did you mean `GPU9`"):
        show(priced, "hardware", "GPU8")


def test_a_row_that_does_not_exist_is_answered_with_a_near_miss(sound):
    with pytest.raises(InputError, match="no row `model-b` in models; did you mean `model-a`"):
        show(sound(), "models", "model-b")


def test_a_shipped_fact_names_its_file_and_line(shipped):
    fact = show(shipped, "hardware", "NVIDIA H100 80GB HBM3")

    assert fact.key == "h100-sxm-80gb"
    assert fact.file == "catalogs/accelerators.csv"
    assert fact.line > 1
