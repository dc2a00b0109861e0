"""Columns of mixtures of experts."""

import pytest

from tests.catalog.importers.huggingface.configs import DENSE, MIXTURE, without


@pytest.mark.parametrize("name", ["num_local_experts", "n_routed_experts", "num_experts"])
def test_experts_are_found_under_every_name(row_of, name):
    model = row_of(without(MIXTURE, "num_experts") | {name: 64})

    assert (model.experts_routed, model.experts_active) == (64, 8)
    assert (model.moe_intermediate, model.intermediate) == (768, None)


def test_experts_without_a_width_of_their_own_have_the_intermediate_width(row_of):
    model = row_of(without(MIXTURE, "moe_intermediate_size"))

    assert model.moe_intermediate == 6144


def test_single_expert_is_a_dense_model(row_of):
    model = row_of(DENSE | {"num_experts": 1, "num_experts_per_tok": 1})

    assert (model.experts_routed, model.intermediate) == (None, 14336)


@pytest.mark.parametrize(
    ("layout", "dense"),
    [
        ({"first_k_dense_replace": 3}, 3),
        ({"decoder_sparse_step": 2}, 24),
        ({"mlp_only_layers": [0, 5]}, 2),
        ({"moe_layer_freq": [0, 0] + [1] * 46}, 2),
        ({"moe_layer_freq": 2}, 24),
        ({"mlp_layer_types": ["dense"] + ["sparse"] * 47}, 1),
        ({"interleave_moe_layer_step": 3, "decoder_sparse_step": None}, 32),
    ],
)
def test_dense_layers_of_a_mixture_are_counted(row_of, layout, dense):
    model = row_of(MIXTURE | layout)

    assert (model.dense_first_layers, model.intermediate) == (dense, 6144)


@pytest.mark.parametrize(
    ("shared", "experts"),
    [
        ({"n_shared_experts": 2}, 2),
        ({"shared_expert_intermediate_size": 3072}, 4),
        ({"shared_intermediate_size": 0}, None),
        ({"share_expert_dim": 768, "n_shared_experts": 1}, 1),
        ({"model_type": "llama4_text", "attention_chunk_size": None}, 1),
        ({}, None),
    ],
)
def test_shared_experts_are_counted_in_experts(row_of, shared, experts):
    assert row_of(MIXTURE | shared).experts_shared == experts


def test_shared_width_that_is_no_multiple_is_rounded_up_with_a_note(row_of):
    model = row_of(MIXTURE | {"shared_expert_intermediate_size": 1000})

    assert model.experts_shared == 2
    assert "rounded up" in model.notes
