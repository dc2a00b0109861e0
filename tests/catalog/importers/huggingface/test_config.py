"""Values of fields, missing fields, and architectures that give no row."""

import pytest

from tests.catalog.importers.huggingface.configs import DENSE, MIXTURE, without


@pytest.mark.parametrize(
    "fields",
    [
        {"linear_num_key_heads": 16},
        {"linear_attn_config": {"kda_layers": [1]}},
        {"mamba_num_heads": 8},
        {"hybrid_override_pattern": "M-M*"},
        {"attn_type_list": [0, 0, 1]},
        {"compress_ratios": [0, 4]},
        {"global_head_dim": 512},
        {"block_configs": [{}]},
        {"moe_latent_size": 1024},
        {"model_type": "gpt2"},
        {"model_type": "falcon"},
        {"layer_types": ["recurrent"] * 32},
        {"layer_types": ["linear_attention"] * 16 + ["sliding_attention"] * 16},
        {"layer_types": ["linear_attention"] * 16 + ["chunked_attention"] * 16},
        {"state_size": 128},
        {"conv_kernel": 4},
        {"time_step_rank": 256},
        {"lru_width": 2560},
        {"block_types": ["recurrent", "recurrent", "attention"]},
    ],
)
def test_architecture_that_the_size_formula_does_not_cover_is_rejected(rejected, fields):
    assert rejected(DENSE | fields).reason == "unsupported"


@pytest.mark.parametrize("kind", ["mamba", "mamba2", "falcon_mamba", "rwkv", "rwkv7", "xlstm"])
def test_model_without_attention_is_unsupported_whatever_its_fields_are_called(rejected, kind):
    config = {"model_type": kind, "hidden_size": 4096, "num_hidden_layers": 64, "vocab_size": 9}

    rejection = rejected(config)

    assert (rejection.value, rejection.reason) == (kind, "unsupported")
    assert rejection.detail.startswith("it has no attention, and models.csv has no columns")


def test_model_type_that_only_starts_like_an_ungated_one_is_accepted(row_of):
    assert row_of(DENSE | {"model_type": "phi3", "sliding_window": None}).family == "phi3"


@pytest.mark.parametrize("name", ["hidden_size", "vocab_size", "intermediate_size"])
def test_missing_field_is_named(rejected, name):
    rejection = rejected(without(DENSE, name))

    assert rejection.reason == "missing_field"
    assert name in rejection.detail


def test_all_missing_fields_are_named_at_once(rejected):
    assert rejected({"model_type": "llama", "vocab_size": 7}).detail == (
        "llama needs num_hidden_layers, hidden_size, num_attention_heads, "
        "max_position_embeddings or max_sequence_length or seq_length, intermediate_size; "
        "add them to the config"
    )


@pytest.mark.parametrize("value", ["4096", 0.5, -1, True, [4096], 1e300, 10**12])
def test_value_that_is_no_count_is_rejected_with_its_name(rejected, value):
    rejection = rejected(DENSE | {"hidden_size": value})

    assert rejection.reason == "bad_value"
    assert rejection.value.startswith("hidden_size: ")


def test_absurd_number_of_layers_is_rejected_before_anything_is_made_per_layer(rejected):
    assert rejected(MIXTURE | {"num_hidden_layers": 10**9}).reason == "bad_value"


@pytest.mark.parametrize(
    "fields",
    [
        {"num_key_value_heads": 64},
        {"num_experts": 4, "num_experts_per_tok": 8},
        {"layer_types": ["full_attention"] * 3},
    ],
)
def test_contradiction_is_rejected(rejected, fields):
    assert rejected(DENSE | fields).reason == "contradiction"
