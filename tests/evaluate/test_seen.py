from planner.evaluate.names import names_of
from planner.evaluate.seen import seen_in
from tests.options.world import catalog, row

CALIBRATION = {
    "parameter": "sigma_ln_time",
    "kind": "value",
    "value": 0.3,
    "unit": "ln",
}


def default(notes):
    return row(
        "calibration",
        scope="default",
        key_id="all",
        provenance="calibrated",
        notes=notes,
        **CALIBRATION,
    )


def accelerator(provenance):
    return row(
        "calibration",
        scope="accelerator",
        key_id="gpu-a",
        provenance=provenance,
        **CALIBRATION,
    )


def seen(*calibration):
    models = [
        row("models", id="big", hidden=8192),
        row("models", id="big-tuned", hidden=8192),
        row("models", id="small"),
    ]
    world = catalog(calibration=calibration, models=models)
    return seen_in(world, names_of(world)), world


def test_models_are_seen_by_their_architecture():
    found, world = seen(default("fitted to rows; models: big, unheard-of; of 2026"))

    assert [found.has_model(world.model(m)) for m in ("big", "big-tuned", "small")] == [
        True,
        True,
        False,
    ]


def test_no_list_means_that_no_model_was_seen():
    found, world = seen(default("fitted to rows"))

    assert not found.has_model(world.model("big"))


def test_accelerators_are_seen_by_a_calibrated_row_of_their_own():
    fitted, world = seen(accelerator("calibrated"))
    assumed, _ = seen(accelerator("class_default"))

    assert fitted.has_accelerator(world.accelerator("gpu-a"))
    assert not assumed.has_accelerator(world.accelerator("gpu-a"))


def test_the_unknown_was_not_seen():
    found, _ = seen(default("models: big"), accelerator("calibrated"))

    assert not found.has_model(None)
    assert not found.has_accelerator(None)
