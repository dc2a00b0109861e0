from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.arch import (
    Architecture,
    active_params,
    attention_params_per_layer,
    dense_ffn_params,
    expert_params,
    kv_bytes_per_token,
    kv_elements_per_token_per_layer,
    routed_params,
    total_params,
)


@pytest.mark.parametrize(
    ("model", "published"),
    [
        ("llama-3.1-8b", 8.03e9),
        ("llama-3.3-70b", 70.55e9),
        ("llama-3.1-405b", 405.8e9),
        ("qwen3-32b", 32.76e9),
        ("mixtral-8x7b", 46.7e9),
        ("qwen3-235b-a22b", 235.09e9),
        ("deepseek-v3", 671.03e9),
        ("gpt-oss-120b", 116.8e9),
    ],
)
def test_total_params_match_the_published_count(models, model, published):
    assert total_params(models[model]) == pytest.approx(published, rel=1e-3)


@pytest.mark.parametrize(
    ("model", "published"),
    [
        ("qwen3-235b-a22b", 22.19e9),
        ("deepseek-v3", 37.55e9),
        ("mixtral-8x7b", 12.88e9),
        ("gpt-oss-120b", 5.71e9),
    ],
)
def test_active_params_match_the_published_count(models, model, published):
    assert active_params(models[model]) == pytest.approx(published, rel=2e-3)


def test_dense_model_uses_all_its_params(models):
    llama = models["llama-3.3-70b"]

    assert active_params(llama) == total_params(llama)


@pytest.mark.parametrize(
    ("model", "published_bytes"),
    [
        ("llama-3.3-70b", 327_680),
        ("llama-3.1-8b", 131_072),
        ("llama-3.1-405b", 516_096),
        ("deepseek-v3", 70_272),
        ("gpt-oss-120b", 73_728),
    ],
)
def test_bf16_cache_of_a_token_matches_the_published_size(models, model, published_bytes):
    assert kv_bytes_per_token(models[model], 2.0) == published_bytes


def test_grouped_query_attention_counts_query_key_value_and_output(models):
    # 8192 x (64 + 2 x 8) x 128 for query, key, value and 64 x 128 x 8192 for the output
    expected = 8192 * 80 * 128 + 8192 * 8192

    assert attention_params_per_layer(models["llama-3.3-70b"]) == expected


def test_latent_attention_counts_both_compressions(models):
    query = 7168 * 1536 + 1536 * 128 * (128 + 64)
    latent = 7168 * (512 + 64) + 512 * 128 * (128 + 128)
    output = 128 * 128 * 7168

    assert attention_params_per_layer(models["deepseek-v3"]) == query + latent + output


def test_latent_attention_without_query_compression_projects_directly(models):
    plain = replace(models["deepseek-v3"], q_lora_rank=None)
    latent = 7168 * (512 + 64) + 512 * 128 * (128 + 128)

    expected = 7168 * 128 * 192 + latent + 128 * 128 * 7168

    assert attention_params_per_layer(plain) == expected


def test_feed_forward_block_has_three_matrices(models):
    assert dense_ffn_params(models["llama-3.1-8b"]) == 3 * 4096 * 14336


def test_expert_has_three_matrices_of_its_own_width(models):
    assert expert_params(models["deepseek-v3"]) == 3 * 7168 * 2048


def test_routed_params_count_only_layers_with_experts(models):
    deepseek = models["deepseek-v3"]

    assert routed_params(deepseek) == 58 * 256 * 3 * 7168 * 2048


def test_tied_embeddings_are_stored_once(models):
    untied = models["llama-3.1-8b"]
    tied = replace(untied, tied_embeddings=True)

    assert total_params(untied) - total_params(tied) == 128256 * 4096


def test_latent_cache_holds_rank_and_rope(models):
    assert kv_elements_per_token_per_layer(models["deepseek-v3"]) == 576


def test_splitting_over_the_kv_heads_copies_nothing(models):
    llama = models["llama-3.3-70b"]

    assert kv_bytes_per_token(llama, 2.0, 8) == kv_bytes_per_token(llama, 2.0, 1)


def test_more_ranks_than_kv_heads_replicate_the_heads(models):
    qwen = models["qwen3-235b-a22b"]

    assert kv_bytes_per_token(qwen, 2.0, 8) == 2 * kv_bytes_per_token(qwen, 2.0, 4)


@given(ranks=st.integers(1, 64))
def test_latent_cache_is_replicated_on_every_rank(ranks, models):
    deepseek = models["deepseek-v3"]

    assert kv_bytes_per_token(deepseek, 1.0, ranks) == ranks * kv_bytes_per_token(deepseek, 1.0)


def test_linear_attention_layers_hold_no_growing_cache(models):
    hybrid = replace(models["qwen3-32b"], full_attention_fraction=0.25)

    assert kv_bytes_per_token(hybrid, 2.0) == kv_bytes_per_token(models["qwen3-32b"], 2.0) / 4


def test_fp8_cache_is_half_of_bf16(models):
    llama = models["llama-3.1-8b"]

    assert kv_bytes_per_token(llama, 1.0) == kv_bytes_per_token(llama, 2.0) / 2


def test_grouped_query_attention_without_kv_heads_is_rejected():
    with pytest.raises(ValueError, match="grouped-query attention needs kv_heads"):
        Architecture(32, 4096, 32, None, 128, 14336, 128256)


def test_latent_attention_names_every_missing_field():
    with pytest.raises(ValueError, match="needs qk_rope_head_dim, qk_nope_head_dim, v_head_dim"):
        Architecture(61, 7168, 128, None, None, 18432, 129280, kv_lora_rank=512)


def test_experts_without_active_count_are_rejected():
    with pytest.raises(ValueError, match="experts needs experts_active, moe_intermediate"):
        Architecture(32, 4096, 32, 8, 128, None, 32000, experts_routed=8)


def test_dense_model_without_feed_forward_width_is_rejected():
    with pytest.raises(ValueError, match="dense feed-forward layers needs intermediate"):
        Architecture(32, 4096, 32, 8, 128, None, 32000)


def test_attention_fraction_above_one_is_rejected(models):
    with pytest.raises(ValueError, match=r"full_attention_fraction is 1\.5"):
        replace(models["llama-3.1-8b"], full_attention_fraction=1.5)
