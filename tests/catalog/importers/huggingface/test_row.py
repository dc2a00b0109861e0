"""Rows of whole configs: sizes, identity and remarks."""

import json

import pytest

from planner.catalog.importers.huggingface import read
from planner.catalog.importers.record import Settings
from planner.perf.arch import total_params
from tests.catalog.importers.huggingface.configs import (
    AS_OF,
    DENSE,
    LATENT,
    MIXTURE,
    WINDOWED,
    architecture,
    without,
)

PUBLISHED_B = {
    "llama-3.1-8b": (DENSE, 8.03),
    "llama-3.1-70b": (
        DENSE
        | {
            "num_hidden_layers": 80,
            "hidden_size": 8192,
            "num_attention_heads": 64,
            "intermediate_size": 28672,
        },
        70.55,
    ),
    "llama-3.2-1b": (
        DENSE
        | {
            "num_hidden_layers": 16,
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "tie_word_embeddings": True,
        },
        1.24,
    ),
    "mixtral-8x7b": (
        DENSE | {"vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2},
        46.7,
    ),
    "qwen3-30b-a3b": (MIXTURE, 30.5),
    "deepseek-v3": (LATENT, 671.0),
    "gpt-oss-20b": (WINDOWED, 20.9),
}
"""Config and published parameters in billions."""


@pytest.mark.parametrize("name", PUBLISHED_B)
def test_size_computed_from_the_row_is_the_published_size(row_of, name):
    config, published_b = PUBLISHED_B[name]

    computed_b = total_params(architecture(row_of(config))) / 1e9

    assert computed_b == pytest.approx(published_b, rel=4e-3)


def test_dense_config_gives_its_row(row_of):
    model = row_of(DENSE)

    assert (model.attention, model.layers, model.hidden, model.heads) == ("gqa", 32, 4096, 32)
    assert (model.kv_heads, model.head_dim, model.intermediate) == (8, 128, 14336)
    assert (model.vocab, model.context_tokens, model.tied_embeddings) == (128256, 131072, False)
    assert model.experts_routed is None
    assert model.full_attention_fraction == 1


def test_identity_comes_from_the_folder(row_of):
    model = row_of(DENSE)

    assert (model.id, model.hf_repo) == ("model-7b", "acme/Model-7B")
    assert (model.source, model.as_of) == ("config.json of acme/Model-7B", AS_OF)


def test_identity_can_be_given(row_of):
    model = row_of(DENSE, id="mine", repo="acme/Other")

    assert (model.id, model.hf_repo) == ("mine", "acme/Other")


def test_identity_comes_from_a_download_cache(tmp_path, catalog):
    folder = tmp_path / "models--acme--Model-7B" / "snapshots" / "0123abc"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(DENSE))

    (model,) = read(folder, Settings(catalog, AS_OF)).rows["models"]

    assert (model.id, model.hf_repo) == ("model-7b", "acme/Model-7B")


def test_identity_comes_from_the_config_in_a_folder_without_owner(row_of):
    model = row_of(DENSE | {"_name_or_path": "acme/Model-7B"}, folder="download")

    assert model.hf_repo == "acme/Model-7B"


def test_local_path_in_the_config_is_no_identity(row_of):
    model = row_of(DENSE | {"_name_or_path": "/data/me/secret"}, folder="download")

    assert (model.id, model.hf_repo) == ("download", "")


def test_text_part_of_a_model_with_several_towers_is_read(row_of):
    text = without(DENSE, "tie_word_embeddings")
    wrapped = {
        "model_type": "wrapper",
        "text_config": text,
        "tie_word_embeddings": True,
        "vision_config": {"hidden_size": 1},
    }

    model = row_of(wrapped)

    assert (model.hidden, model.tied_embeddings, model.family) == (4096, True, "llama")
    assert "text part only" in model.notes


@pytest.mark.parametrize(("kind", "tied"), [("llama", False), ("gemma2", True)])
def test_unstated_tie_of_embeddings_is_assumed_with_a_note(row_of, kind, tied):
    model = row_of(without(DENSE, "tie_word_embeddings") | {"model_type": kind})

    assert model.tied_embeddings is tied
    assert "tie_word_embeddings is not stated" in model.notes


def test_published_quantization_is_noted(row_of):
    model = row_of(DENSE | {"quantization_config": {"quant_method": "fp8"}})

    assert "weights are published quantized (fp8)" in model.notes


def test_layers_for_multi_token_prediction_are_noted(row_of):
    assert "multi-token" in row_of(DENSE | {"num_nextn_predict_layers": 1}).notes
