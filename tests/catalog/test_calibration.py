"""A parameter is its narrowest value times every multiplier that matches."""

import pytest

from planner.catalog.calibration import parameter
from planner.errors import InputError

HERE = {"accelerator": "gpu-a", "engine": "engine-a", "quantization": "bf16"}


@pytest.fixture
def calibrated(row, world):
    """Return a function that makes a catalogue of (scope, key, kind, value, provenance) rows."""

    def build(*rows):
        return world(
            calibration=[
                row("calibration", scope=s, key_id=k, kind=kind, value=v, provenance=p)
                for s, k, kind, v, p in rows
            ]
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
    [("accelerator", "engine"), ("engine", "quantization"), ("quantization", "default")],
)
def test_the_narrower_value_wins(calibrated, narrow, wide):
    keys = {
        "accelerator": "gpu-a",
        "engine": "engine-a",
        "quantization": "bf16",
        "default": "all",
    }
    catalog = calibrated(
        (wide, keys[wide], "value", 1, "class_default"),
        (narrow, keys[narrow], "value", 2, "measured"),
    )

    found = parameter(catalog, "c_layer_us", **HERE)

    assert (found.value, found.provenance) == (2, "measured")


def test_a_parameter_without_any_value_names_the_row_to_add(calibrated):
    catalog = calibrated(DEFAULT)

    with pytest.raises(InputError, match=r"parameter `c_layers_us`; did you mean `c_layer_us`"):
        parameter(catalog, "c_layers_us", **HERE)


def test_a_multiplier_alone_is_no_value(calibrated):
    catalog = calibrated(("engine", "engine-a", "multiplier", 1.5, "calibrated"))

    with pytest.raises(InputError, match="no row of kind `value` and scope `default`"):
        parameter(catalog, "c_layer_us", **HERE)
