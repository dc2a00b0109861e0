"""Llama 4: experts between dense layers, and attention inside chunks."""

import pytest

from planner.perf.arch import total_params
from tests.catalog.importers.huggingface.configs import LLAMA4, architecture, without

MAVERICK = LLAMA4 | {"num_local_experts": 128, "interleave_moe_layer_step": 2}
VISION_B = 0.87
"""Parameters of the vision tower and its projector, which the published totals include."""


@pytest.mark.parametrize(("config", "published_b"), [(LLAMA4, 109), (MAVERICK, 402)])
def test_size_computed_from_the_row_is_the_published_size(row_of, config, published_b):
    computed_b = total_params(architecture(row_of(config))) / 1e9

    assert round(computed_b + VISION_B) == published_b


def test_experts_and_dense_layers_have_their_own_widths(row_of):
    model = row_of(MAVERICK)

    assert (model.experts_routed, model.experts_active, model.experts_shared) == (128, 1, 1)
    assert (model.moe_intermediate, model.intermediate) == (8192, 16384)
    assert model.dense_first_layers == 24


def test_list_of_expert_layers_comes_before_the_step(row_of):
    model = row_of(LLAMA4 | {"moe_layers": list(range(1, 48, 2))})

    assert (model.dense_first_layers, model.intermediate) == (24, 16384)


@pytest.mark.parametrize(
    ("fields", "window", "fraction"),
    [
        ({}, 8192, 0.25),
        ({"no_rope_layer_interval": 2}, 8192, 0.5),
        ({"no_rope_layers": [1, 1, 0] * 16}, 8192, 1 / 3),
        ({"layer_types": ["chunked_attention"] * 24 + ["full_attention"] * 24}, 8192, 0.5),
        ({"attention_chunk_size": None}, None, 1),
    ],
)
def test_layers_with_a_chunk_are_found(row_of, fields, window, fraction):
    model = row_of(LLAMA4 | fields)

    assert model.sliding_window == window
    assert model.full_attention_fraction == pytest.approx(fraction)
    assert ("chunks of attention are sized as a window" in model.notes) == (window is not None)


def test_chunk_size_that_is_left_out_is_missing(rejected):
    assert rejected(without(LLAMA4, "attention_chunk_size")).value == "attention_chunk_size"
