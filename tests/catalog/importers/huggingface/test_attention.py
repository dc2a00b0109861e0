"""Attention columns: heads, ranks, windows, linear layers."""

import pytest

from planner.perf.arch import kv_elements_per_token_per_layer
from tests.catalog.importers.huggingface.configs import DENSE, LATENT, architecture, without


def test_left_out_key_value_heads_are_as_many_as_query_heads(row_of):
    model = row_of(without(DENSE, "num_key_value_heads"))

    assert (model.kv_heads, model.attention) == (32, "mha")


def test_head_width_follows_from_the_hidden_width_unless_stated(row_of):
    assert row_of(DENSE).head_dim == 128
    assert row_of(DENSE | {"head_dim": 64}).head_dim == 64


def test_latent_attention_keeps_its_ranks_and_no_heads(row_of):
    model = row_of(LATENT)

    assert (model.attention, model.kv_heads, model.head_dim) == ("mla", None, None)
    assert (model.dense_first_layers, model.experts_shared) == (3, 1)
    assert kv_elements_per_token_per_layer(architecture(model)) == 512 + 64


def test_latent_attention_may_have_no_rank_of_the_query(row_of):
    assert row_of(LATENT | {"q_lora_rank": None}).q_lora_rank is None


@pytest.mark.parametrize(
    ("fields", "window", "fraction"),
    [
        ({"layer_types": ["sliding_attention"] * 24 + ["full_attention"] * 8}, 512, 0.25),
        ({"layer_types": ["full_attention"] * 32}, None, 1),
        ({"layer_types": ["deepseek_sparse_attention"] * 32}, None, 1),
        ({"use_sliding_window": False, "max_window_layers": 8}, None, 1),
        ({"use_sliding_window": True, "max_window_layers": 8}, 512, 0.25),
        ({"sliding_window_pattern": 6}, 512, 5 / 32),
        ({"model_type": "gemma2"}, 512, 0.5),
        ({"model_type": "mistral"}, 512, 0),
        ({"sliding_window": None}, None, 1),
    ],
)
def test_windows_give_the_share_of_layers_with_full_attention(row_of, fields, window, fraction):
    model = row_of(DENSE | {"sliding_window": 512} | fields)

    assert model.sliding_window == window
    assert model.full_attention_fraction == pytest.approx(fraction)


def test_chunks_are_windows(row_of):
    types = (["chunked_attention"] * 3 + ["full_attention"]) * 8

    model = row_of(DENSE | {"layer_types": types, "attention_chunk_size": 8192})

    assert (model.sliding_window, model.full_attention_fraction) == (8192, 0.25)


def test_linear_attention_is_accepted_when_every_layer_has_a_type(row_of):
    types = (["linear_attention"] * 3 + ["full_attention"]) * 8

    model = row_of(DENSE | {"layer_types": types, "linear_num_key_heads": 16})

    assert (model.attention, model.sliding_window) == ("hybrid", None)
    assert model.full_attention_fraction == 0.25
    assert "as if they were full attention" in model.notes


def test_full_attention_in_every_entry_of_a_type_list_is_accepted(row_of):
    assert row_of(DENSE | {"attn_type_list": [1] * 32}).full_attention_fraction == 1


@pytest.mark.parametrize("name", ["qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"])
def test_latent_attention_without_a_width_is_rejected(rejected, name):
    assert rejected(without(LATENT, name)).value == name


def test_head_width_that_does_not_follow_is_missing(rejected):
    assert rejected(DENSE | {"hidden_size": 4100}).value == "head_dim"


def test_window_without_a_rule_for_its_layers_is_missing(rejected):
    assert rejected(DENSE | {"sliding_window": 512}).value == "layer_types"


def test_window_layers_without_a_window_are_missing_it(rejected):
    types = ["sliding_attention"] * 16 + ["full_attention"] * 16

    assert rejected(DENSE | {"layer_types": types}).value == "sliding_window"


INDEXER = {"index_n_heads": 64, "index_head_dim": 128, "index_topk": 2048}


def test_the_indexer_of_sparse_attention_is_kept(row_of):
    model = row_of(LATENT | INDEXER)

    assert (model.index_heads, model.index_head_dim, model.index_tokens) == (64, 128, 2048)
    assert "sized with their own" not in model.notes


def test_attention_to_the_whole_context_has_no_indexer(row_of):
    assert row_of(LATENT).index_tokens is None


def test_layers_that_share_an_indexer_are_noted(row_of):
    model = row_of(LATENT | INDEXER | {"index_topk_freq": 4})

    assert "layers that share the choice of an indexer are sized with their own" in model.notes


@pytest.mark.parametrize("name", list(INDEXER))
def test_an_indexer_without_one_of_its_widths_is_rejected(rejected, name):
    assert rejected(LATENT | without(INDEXER, name)).value == name


@pytest.mark.parametrize(
    ("fields", "norm"),
    [
        ({}, None),
        ({"use_qk_norm": False}, None),
        ({"use_qk_norm": True}, "head"),
        ({"use_qk_norm": True, "qk_norm_type": "per_layer"}, "layer"),
        ({"model_type": "qwen3"}, "head"),
    ],
)
def test_norm_of_queries_and_keys(row_of, fields, norm):
    assert row_of(DENSE | fields).qk_norm == norm
