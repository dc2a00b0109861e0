"""A parameter is its narrowest value times every multiplier that matches."""

import pytest
from pydantic import ValidationError

from planner.catalog.calibration import combination_key, parameter
from planner.catalog.check import check_catalog
from planner.catalog.load import with_calibration
from planner.errors import InputError

HERE = {"accelerator": "gpu-a", "engine": "engine-a", "quantization": "bf16"}
KEY = "model-a/bf16/engine-a/gpu-a"


@pytest.fixture
def calibrated(row, world):
    """Return a function that makes a catalogue of (scope, key, kind, value, provenance) rows."""

    def build(*rows):
        return world(
            models=[row("models"), row("models", id="model-b", family="b")],
            calibration=[
                row("calibration", scope=s, key_id=k, kind=kind, value=v, provenance=p)
                for s, k, kind, v, p in rows
            ],
        )

    return build


DEFAULT = ("default", "all", "value", 40, "class_default")


def test_a_default_applies_everywhere(calibrated):
    found = parameter(calibrated(DEFAULT), "c_layer_us", **HERE)

    assert (found.value, found.unit, found.provenance) == (40, "us", "class_default")


def test_a_multiplier_of_the_engine_multiplies_the_default(calibrated):
    catalog = calibrated(DEFAULT, ("engine", "engine-a", "multiplier", 1.5, "calibrated"))

    found = parameter(catalog, "c_layer_us", **HERE)

    assert found.value == 60
    assert found.provenance == "class_default"


def test_multipliers_of_several_scopes_multiply_each_other(calibrated):
    catalog = calibrated(
        DEFAULT,
        ("engine", "engine-a", "multiplier", 1.5, "calibrated"),
        ("quantization", "bf16", "multiplier", 0.5, "calibrated"),
        ("accelerator", "gpu-a", "multiplier", 2, "calibrated"),
    )

    assert parameter(catalog, "c_layer_us", **HERE).value == 60


def test_rows_of_other_keys_change_nothing(calibrated):
    catalog = calibrated(
        DEFAULT,
        ("engine", "engine-b", "multiplier", 9, "calibrated"),
        ("accelerator", "gpu-b", "value", 9, "measured"),
    )

    assert parameter(catalog, "c_layer_us", **HERE).value == 40


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("combination", "accelerator"),
        ("accelerator", "engine"),
        ("engine", "quantization"),
        ("quantization", "family"),
        ("family", "default"),
    ],
)
def test_the_narrower_value_wins(calibrated, narrow, wide):
    keys = {
        "combination": KEY,
        "accelerator": "gpu-a",
        "engine": "engine-a",
        "quantization": "bf16",
        "family": "a",
        "default": "all",
    }
    catalog = calibrated(
        (wide, keys[wide], "value", 1, "class_default"),
        (narrow, keys[narrow], "value", 2, "measured"),
    )

    found = parameter(catalog, "c_layer_us", **HERE, combination=KEY)

    assert (found.value, found.provenance) == (2, "measured")


def test_a_parameter_without_any_value_names_the_row_to_add(calibrated):
    catalog = calibrated(DEFAULT)

    with pytest.raises(InputError, match=r"parameter `c_layers_us`; did you mean `c_layer_us`"):
        parameter(catalog, "c_layers_us", **HERE)


def test_a_multiplier_alone_is_no_value(calibrated):
    catalog = calibrated(("engine", "engine-a", "multiplier", 1.5, "calibrated"))

    with pytest.raises(InputError, match="no row of kind `value` and scope `default`"):
        parameter(catalog, "c_layer_us", **HERE)


def test_the_key_of_a_combination_is_that_of_an_option_without_its_parallelism():
    assert combination_key("model-a", "bf16", "engine-a", "gpu-a") == KEY


def test_a_multiplier_of_the_combination_multiplies_those_of_wider_scopes(calibrated):
    catalog = calibrated(
        DEFAULT,
        ("engine", "engine-a", "multiplier", 1.5, "calibrated"),
        ("combination", KEY, "multiplier", 1.1, "two_point"),
    )

    found = parameter(catalog, "c_layer_us", **HERE, combination=KEY)

    assert found.value == pytest.approx(66)
    assert found.provenance == "class_default"


def test_rows_of_a_combination_are_left_aside_when_none_is_asked_for(calibrated):
    catalog = calibrated(DEFAULT, ("combination", KEY, "value", 9, "two_point"))

    assert parameter(catalog, "c_layer_us", **HERE).value == 40


@pytest.mark.parametrize("other", ["model-b/bf16/engine-a/gpu-a", "model-a/bf16/engine-a/gpu-b"])
def test_rows_of_another_combination_change_nothing(calibrated, other):
    catalog = calibrated(DEFAULT, ("combination", other, "value", 9, "two_point"))

    assert parameter(catalog, "c_layer_us", **HERE, combination=KEY).value == 40


def test_a_multiplier_of_a_family_is_for_its_models_alone(calibrated):
    catalog = calibrated(DEFAULT, ("family", "b", "multiplier", 1.5, "calibrated"))
    keys = [f"{model}/bf16/engine-a/gpu-a" for model in ("model-a", "model-b", "model-c")]

    found = [parameter(catalog, "c_layer_us", **HERE, combination=key).value for key in keys]

    assert found == [40, 60, 40]
    assert parameter(catalog, "c_layer_us", **HERE).value == 40


@pytest.mark.parametrize("key", ["model-a", "a/b/c", "a/b/c/d/tp1", "a//c/d", ""])
def test_a_combination_names_four_parts(row, key):
    with pytest.raises(ValidationError, match="use model/quantization/engine/accelerator"):
        row("calibration", scope="combination", key_id=key)


def test_keys_of_wider_scopes_have_one_part(row):
    assert row("calibration", scope="engine", key_id="a/b").key_id == "a/b"


def test_names_of_a_combination_are_checked_part_by_part(row, sound):
    good = row("calibration", scope="combination", key_id=KEY)
    bad = row("calibration", scope="combination", key_id="model-b/bf16/engine-a/gpu-b")

    assert check_catalog(sound(calibration=[row("calibration"), good])).errors == ()
    errors = check_catalog(sound(calibration=[row("calibration"), bad])).errors
    assert [e.message.partition(" is in no table")[0].rpartition(" ")[2] for e in errors] == [
        "`model-b`",
        "`gpu-b`",
    ]
    assert {e.path for e in errors} == {"calibration.key_id"}


def test_a_catalogue_with_another_calibration_keeps_everything_else(row, sound):
    before = sound(calibration=[row("calibration")])

    after = with_calibration(before, [row("calibration", value=50)], "mine.yaml")

    assert after.calibration_row("c_layer_us", "default", "all").value == 50
    assert after.models == before.models
    assert after.sha256 != before.sha256
    assert with_calibration(after, before.calibration).sha256 == before.sha256
    assert after.origin("models", after.models[0]) == before.origin("models", before.models[0])


def test_of_one_key_the_last_row_of_another_calibration_wins(row, sound):
    rows = [row("calibration", value=value) for value in (50, 60)]

    assert with_calibration(sound(), rows).calibration == (rows[1],)


@pytest.mark.parametrize(("kind", "value"), [("value", 1.0), ("value", 120), ("multiplier", 0.5)])
def test_an_idle_share_is_a_value_below_one(row, kind, value):
    with pytest.raises(ValidationError, match="row of kind value, above 0 and below 1"):
        row("calibration", parameter="power_idle", kind=kind, value=value, unit="fraction")


def test_an_idle_share_below_one_is_taken(row):
    found = row("calibration", parameter="power_idle", kind="value", value=0.3, unit="fraction")

    assert found.value == 0.3
