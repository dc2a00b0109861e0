"""Facts that cannot be are errors; facts that may mislead are warnings."""

import datetime

import pytest

from planner.catalog.check import check_catalog, newest_as_of

LATE = datetime.date(2026, 12, 1)


def messages(faults):
    return [f"{fault.path} {fault.message}" for fault in faults]


def only(faults):
    (message,) = messages(faults)
    return message


def test_a_sound_catalogue_has_neither_errors_nor_warnings(sound):
    report = check_catalog(sound())

    assert report.errors == ()
    assert report.warnings == ()


def test_an_empty_catalogue_has_nothing_to_report(world):
    report = check_catalog(world())

    assert report.errors == report.warnings == ()


def test_findings_carry_file_and_line(row, sound):
    catalog = sound(models=[row("models"), row("models", id="odd", kv_heads=8)])

    (fault,) = check_catalog(catalog).errors

    assert (fault.file, fault.line, fault.path) == ("models.csv", 3, "models.kv_heads")
    assert fault.message == "odd: 8 key-value heads but 4 query heads"


@pytest.mark.parametrize(
    ("table", "change", "path"),
    [
        ("aliases", {"accelerator": "gpu-b"}, "aliases.accelerator"),
        ("interconnects", {"accelerator": "gpu-b"}, "interconnects.accelerator"),
        ("offers", {"accelerator": "gpu-b"}, "offers.accelerator"),
        ("api_offers", {"model": "model-b"}, "api_offers.model"),
        ("api_offers", {"quantization": "bf15"}, "api_offers.quantization"),
        ("quality", {"quantization": "bf15"}, "quality.quantization"),
        ("calibration", {"key_id": "al"}, "calibration.key_id"),
        ("calibration", {"scope": "accelerator", "key_id": "gpu-b"}, "calibration.key_id"),
        ("calibration", {"scope": "engine", "key_id": "engine-b"}, "calibration.key_id"),
        ("calibration", {"scope": "quantization", "key_id": "bf15"}, "calibration.key_id"),
        ("calibration", {"scope": "family", "key_id": "aa"}, "calibration.key_id"),
    ],
)
def test_a_name_that_leads_nowhere_is_an_error_with_a_near_miss(row, sound, table, change, path):
    report = check_catalog(sound(**{table: [row(table, **change)]}))

    assert only(report.errors).startswith(path)
    assert "is in no table; did you mean" in only(report.errors)


def test_scores_of_models_that_are_not_shipped_are_welcome(row, sound):
    report = check_catalog(sound(quality=[row("quality", model="elsewhere")]))

    assert report.errors == ()


def test_a_source_of_spaces_is_no_source(row, sound):
    report = check_catalog(sound(engines=[row("engines", source="   ")]))

    assert only(report.errors) == "engines.source engine-a: has no source"


@pytest.mark.parametrize(
    ("rates", "column"),
    [
        ({"bf16_tflops": 100, "fp8_tflops": 99}, "fp8_tflops"),
        ({"bf16_tflops": 100, "fp4_tflops": 99}, "fp4_tflops"),
        ({"bf16_tflops": 100, "fp8_tflops": 200, "fp4_tflops": 199}, "fp4_tflops"),
    ],
)
def test_a_narrower_type_that_is_slower_is_an_error(row, sound, rates, column):
    report = check_catalog(sound(accelerators=[row("accelerators", **rates)]))

    assert only(report.errors).startswith(f"accelerators.{column}")
    assert "a narrower type is faster" in only(report.errors)


def test_equal_and_unknown_rates_are_no_error(row, sound):
    gpu = row("accelerators", bf16_tflops=None, fp8_tflops=100, fp4_tflops=100)

    assert check_catalog(sound(accelerators=[gpu])).errors == ()


def test_int8_below_bf16_is_only_doubtful_because_it_exists(row, sound):
    gpu = row("accelerators", bf16_tflops=2250, int8_tops=153.5)

    report = check_catalog(sound(accelerators=[gpu]))

    assert report.errors == ()
    assert "153.5 TOPS is below bf16_tflops (2250)" in only(report.warnings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"experts_routed": 8, "experts_active": 9, "moe_intermediate": 64},
            "9 of 8 experts active",
        ),
        ({"experts_active": 2}, "2 of 0 experts active"),
        ({"kv_heads": 5}, "5 key-value heads but 4 query heads"),
        ({"kv_heads": 3}, "4 query heads do not divide by 3 key-value heads"),
        ({"kv_heads": None}, "kv_heads model-a: is blank; needed unless attention is mla"),
        ({"head_dim": None}, "head_dim model-a: is blank; needed unless attention is mla"),
        ({"intermediate": None}, "is blank; dense feed-forward layers need it"),
        ({"full_attention_fraction": 0.5}, "some layers do not attend to the whole context"),
        ({"dense_first_layers": 3}, "3 of 2 layers"),
        (
            {"index_heads": 32, "index_head_dim": 128},
            "index_tokens model-a: is blank; an indexer of sparse attention needs it",
        ),
    ],
)
def test_an_architecture_that_contradicts_itself_is_an_error(row, sound, change, message):
    report = check_catalog(sound(models=[row("models", **change)]))

    assert message in only(report.errors)


def test_latent_attention_needs_no_key_value_heads(row, sound):
    latent = {
        "kv_lora_rank": 512,
        "qk_rope_head_dim": 64,
        "qk_nope_head_dim": 128,
        "v_head_dim": 128,
    }
    model = row("models", attention="mla", kv_heads=None, head_dim=None, **latent)

    assert check_catalog(sound(models=[model])).errors == ()


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        (
            {"attention": "mla"},
            ["kv_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"],
        ),
        ({"experts_routed": 64}, ["experts_active", "moe_intermediate"]),
        (
            {"experts_routed": 64, "dense_first_layers": 1, "intermediate": None},
            ["experts_active", "moe_intermediate", "intermediate"],
        ),
    ],
)
def test_every_width_that_a_size_needs_is_asked_for_at_once(row, sound, change, columns):
    errors = check_catalog(sound(models=[row("models", **change)])).errors

    assert [fault.path for fault in errors] == [f"models.{column}" for column in columns]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameter": "c_layr_us"}, "did you mean `c_layer_us`"),
        ({"parameter": "e_c", "unit": "fraction", "value": 7.2}, "7.2 fraction is outside 0.01"),
        ({"kind": "multiplier", "value": 430, "unit": "factor"}, "is outside 0.02 to 50"),
    ],
)
def test_a_parameter_that_cannot_be_is_an_error(row, sound, change, message):
    scope = {"scope": "accelerator", "key_id": "gpu-a"}
    rows = [row("calibration"), row("calibration", parameter="e_c", value=0.7, unit="fraction")]

    report = check_catalog(sound(calibration=[*rows, row("calibration", **scope | change)]))

    assert message in only(report.errors)


def test_an_architecture_that_no_engine_runs_on_is_a_doubt(row, sound):
    gpu = row("accelerators", architecture="arch-b")

    report = check_catalog(sound(accelerators=[gpu], format_support=[]))

    assert "no engine is known to run anything on `arch-b`" in only(report.warnings)


@pytest.mark.parametrize("bounds", [{"low": 41}, {"high": 39}, {"low": 50, "high": 60}])
def test_a_parameter_outside_its_own_range_is_an_error(row, sound, bounds):
    report = check_catalog(sound(calibration=[row("calibration", **bounds)]))

    assert "40 is outside its own range" in only(report.errors)


@pytest.mark.parametrize(
    ("price", "fine"), [(0.39, False), (0.4, True), (1600, True), (1601, False)]
)
def test_prices_lie_between_five_cents_and_two_hundred_dollars_per_accelerator(
    row, sound, price, fine
):
    report = check_catalog(sound(offers=[row("offers", price_usd_per_hour=price)]))

    assert (report.errors == ()) is fine


def test_an_impossible_price_says_that_the_node_is_meant(row, sound):
    report = check_catalog(sound(offers=[row("offers", price_usd_per_hour=0.01)]))

    assert only(report.errors).endswith(
        "0.00125 USD per accelerator-hour is outside 0.05 to 200; "
        "the price is that of the whole node"
    )


def test_a_profile_without_some_hours_is_an_error(row, sound):
    hours = [row("profiles", hour=hour) for hour in range(24) if hour not in {3, 7}]

    report = check_catalog(sound(profiles=hours))

    assert "profile `even` of 24 hours lacks hour 3, 7" in only(report.errors)


def test_a_weekly_profile_has_168_hours(row, sound):
    week = [row("profiles", hour=hour) for hour in range(168)]

    assert check_catalog(sound(profiles=week)).errors == ()
    assert "of 168 hours lacks hour 24" in only(
        check_catalog(sound(profiles=week[:24] + week[25:])).errors
    )


def test_a_profile_whose_mean_is_off_by_more_than_a_hundredth_is_an_error(row, sound):
    def profile(peak):
        return [row("profiles", hour=h, multiplier=peak if h == 12 else 1) for h in range(24)]

    within = check_catalog(sound(profiles=profile(1.23)))
    beyond = check_catalog(sound(profiles=profile(1.30)))

    assert within.errors == ()
    assert "has mean 1.0125; multipliers have mean 1" in only(beyond.errors)


def test_probabilities_that_do_not_sum_to_one_are_an_error(row, sound):
    cells = [row("lengths", probability=0.5), row("lengths", cell=1, probability=0.4)]

    assert "probabilities of `short` sum to 0.900000" in only(
        check_catalog(sound(lengths=cells)).errors
    )


def test_memory_from_a_product_name_is_doubtful(row, sound):
    gpu = row("accelerators", memory_basis="vendor")

    assert "1024 MiB comes from the product name" in only(
        check_catalog(sound(accelerators=[gpu])).warnings
    )


def test_prices_age_against_the_newest_date_of_the_catalogue(row, sound):
    offers = [row("offers", as_of="2025-05-31"), row("offers", region="b", as_of="2025-06-01")]

    report = check_catalog(sound(offers=offers))

    assert "price of 2025-05-31 is 366 days old on 2026-06-01 (limit 365)" in only(report.warnings)


def test_prices_age_against_a_given_day_and_limit(sound):
    late = check_catalog(sound(), on=LATE, max_age_days=100)

    assert len(late.warnings) == 2
    assert all("is 183 days old on 2026-12-01 (limit 100)" in m for m in messages(late.warnings))
    assert {f.path for f in late.warnings} == {"offers.as_of", "api_offers.as_of"}


def test_a_superseded_price_may_be_old(row, sound):
    offers = [row("offers", valid_from="2024", as_of="2024"), row("offers", valid_from="2026")]

    assert check_catalog(sound(offers=offers)).warnings == ()


def test_spot_above_on_demand_is_doubtful(row, sound):
    offers = [row("offers"), row("offers", tenure="spot", price_usd_per_hour=16.5)]

    assert "16.5 USD/h is above on-demand (16)" in only(
        check_catalog(sound(offers=offers)).warnings
    )


def test_spot_at_the_on_demand_price_is_accepted(row, sound):
    offers = [row("offers"), row("offers", tenure="spot")]

    assert check_catalog(sound(offers=offers)).warnings == ()


def test_spot_is_compared_in_its_own_region_only(row, sound):
    offers = [row("offers"), row("offers", tenure="spot", region="b", price_usd_per_hour=99)]

    assert check_catalog(sound(offers=offers)).warnings == ()


def test_two_sources_that_disagree_about_one_day_are_doubtful(row, sound):
    offers = [
        row("offers", valid_from="2026", source="page one"),
        row("offers", valid_from="2026-01-01", source="page two", price_usd_per_hour=17),
    ]

    message = only(check_catalog(sound(offers=offers)).warnings)

    assert "17 USD/h from page two, but 16 from page one, for the same day" in message


def test_two_sources_that_agree_are_fine(row, sound):
    offers = [row("offers", valid_from="2026"), row("offers", valid_from="2026-01")]

    assert check_catalog(sound(offers=offers)).warnings == ()


def test_the_newest_date_is_taken_over_all_tables(row, sound):
    catalog = sound(engines=[row("engines", as_of="2026-07")])

    assert newest_as_of(catalog) == datetime.date(2026, 7, 1)


def test_an_empty_catalogue_has_no_newest_date(world):
    assert newest_as_of(world()) is None
