"""Reading config.json: rows, sizes computed from them, and configs that give no row."""

import contextlib
import dataclasses
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.importers.huggingface import read
from planner.catalog.importers.record import Settings, table_text
from planner.errors import InputError
from planner.perf.arch import Architecture, kv_elements_per_token_per_layer, total_params

AS_OF = "2026-11"
DENSE = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}
MIXTURE = DENSE | {
    "model_type": "qwen3_moe",
    "num_hidden_layers": 48,
    "hidden_size": 2048,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "intermediate_size": 6144,
    "vocab_size": 151936,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
}
LATENT = DENSE | {
    "model_type": "deepseek_v3",
    "num_hidden_layers": 61,
    "hidden_size": 7168,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "intermediate_size": 18432,
    "vocab_size": 129280,
    "max_position_embeddings": 163840,
    "first_k_dense_replace": 3,
    "moe_layer_freq": 1,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 2048,
    "kv_lora_rank": 512,
    "q_lora_rank": 1536,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
}
SHARED_KEY_VALUE = {"num_hidden_layers": 24, "num_attention_heads": 64, "head_dim": 64}
WINDOWED = DENSE | {
    "model_type": "gpt_oss",
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "vocab_size": 201088,
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    **SHARED_KEY_VALUE,
}
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


@pytest.fixture(scope="module")
def catalog(world, row):
    return world(models=[row("models", id="known-model")])


@pytest.fixture
def import_config(tmp_path, catalog):
    """Return a function that imports a config from a folder of a name."""

    def run(config, folder="acme--Model-7B", **options):
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return read(path, Settings(catalog, AS_OF, options))

    return run


@pytest.fixture
def row_of(import_config):
    """Return a function that gives the one row of a config."""

    def run(config, **options):
        imported = import_config(config, **options)
        assert imported.rejected == ()
        (only,) = imported.rows["models"]
        return only

    return run


@pytest.fixture
def rejected(import_config):
    """Return a function that gives the one rejection of a config."""

    def run(config):
        imported = import_config(config)
        assert imported.rows["models"] == ()
        (only,) = imported.rejected
        return only

    return run


def _without(config, *names):
    return {name: value for name, value in config.items() if name not in names}


def _architecture(model):
    names = [f.name for f in dataclasses.fields(Architecture)]
    return Architecture(**{name: getattr(model, name) for name in names})


@pytest.mark.parametrize("name", PUBLISHED_B)
def test_size_computed_from_the_row_is_the_published_size(row_of, name):
    config, published_b = PUBLISHED_B[name]

    computed_b = total_params(_architecture(row_of(config))) / 1e9

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


def test_replacing_a_row_of_the_catalogue_is_noted(import_config):
    imported = import_config(DENSE, id="known-model")

    assert any("replaces the row of the catalogue" in note for note in imported.notes)


def test_left_out_key_value_heads_are_as_many_as_query_heads(row_of):
    model = row_of(_without(DENSE, "num_key_value_heads"))

    assert (model.kv_heads, model.attention) == (32, "mha")


def test_head_width_follows_from_the_hidden_width_unless_stated(row_of):
    assert row_of(DENSE).head_dim == 128
    assert row_of(DENSE | {"head_dim": 64}).head_dim == 64


def test_text_part_of_a_model_with_several_towers_is_read(row_of):
    text = _without(DENSE, "tie_word_embeddings")
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
    model = row_of(_without(DENSE, "tie_word_embeddings") | {"model_type": kind})

    assert model.tied_embeddings is tied
    assert "tie_word_embeddings is not stated" in model.notes


@pytest.mark.parametrize("name", ["num_local_experts", "n_routed_experts", "num_experts"])
def test_experts_are_found_under_every_name(row_of, name):
    model = row_of(_without(MIXTURE, "num_experts") | {name: 64})

    assert (model.experts_routed, model.experts_active) == (64, 8)
    assert (model.moe_intermediate, model.intermediate) == (768, None)


def test_experts_without_a_width_of_their_own_have_the_intermediate_width(row_of):
    model = row_of(_without(MIXTURE, "moe_intermediate_size"))

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
        ({"model_type": "llama4_text"}, 1),
        ({}, None),
    ],
)
def test_shared_experts_are_counted_in_experts(row_of, shared, experts):
    assert row_of(MIXTURE | shared).experts_shared == experts


def test_shared_width_that_is_no_multiple_is_rounded_up_with_a_note(row_of):
    model = row_of(MIXTURE | {"shared_expert_intermediate_size": 1000})

    assert model.experts_shared == 2
    assert "rounded up" in model.notes


def test_latent_attention_keeps_its_ranks_and_no_heads(row_of):
    model = row_of(LATENT)

    assert (model.attention, model.kv_heads, model.head_dim) == ("mla", None, None)
    assert (model.dense_first_layers, model.experts_shared) == (3, 1)
    assert kv_elements_per_token_per_layer(_architecture(model)) == 512 + 64


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
    ],
)
def test_architecture_that_the_size_formula_does_not_cover_is_rejected(rejected, fields):
    assert rejected(DENSE | fields).reason == "unsupported"


def test_full_attention_in_every_entry_of_a_type_list_is_accepted(row_of):
    assert row_of(DENSE | {"attn_type_list": [1] * 32}).full_attention_fraction == 1


def test_model_type_that_only_starts_like_an_ungated_one_is_accepted(row_of):
    assert row_of(DENSE | {"model_type": "phi3", "sliding_window": None}).family == "phi3"


@pytest.mark.parametrize("name", ["hidden_size", "vocab_size", "intermediate_size"])
def test_missing_field_is_named(rejected, name):
    rejection = rejected(_without(DENSE, name))

    assert rejection.reason == "missing_field"
    assert name in rejection.detail


def test_all_missing_fields_are_named_at_once(rejected):
    assert rejected({"model_type": "llama", "vocab_size": 7}).detail == (
        "llama needs num_hidden_layers, hidden_size, num_attention_heads, "
        "max_position_embeddings or max_sequence_length or seq_length, intermediate_size; "
        "add them to the config"
    )


@pytest.mark.parametrize("name", ["qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"])
def test_latent_attention_without_a_width_is_rejected(rejected, name):
    assert rejected(_without(LATENT, name)).value == name


def test_head_width_that_does_not_follow_is_missing(rejected):
    assert rejected(DENSE | {"hidden_size": 4100}).value == "head_dim"


def test_window_without_a_rule_for_its_layers_is_missing(rejected):
    assert rejected(DENSE | {"sliding_window": 512}).value == "layer_types"


def test_window_layers_without_a_window_are_missing_it(rejected):
    types = ["sliding_attention"] * 16 + ["full_attention"] * 16

    assert rejected(DENSE | {"layer_types": types}).value == "sliding_window"


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


def test_published_quantization_is_noted(row_of):
    model = row_of(DENSE | {"quantization_config": {"quant_method": "fp8"}})

    assert "weights are published quantized (fp8)" in model.notes


def test_layers_for_multi_token_prediction_are_noted(row_of):
    assert "multi-token" in row_of(DENSE | {"num_nextn_predict_layers": 1}).notes


def test_folder_of_folders_gives_a_row_for_each_and_keeps_the_rejections(tmp_path, catalog):
    for name, config in {"b": DENSE, "a": MIXTURE, "c": {}}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config))

    imported = read(tmp_path, Settings(catalog, AS_OF))

    assert [m.id for m in imported.rows["models"]] == ["a", "b"]
    assert [r.reason for r in imported.rejected] == ["missing_field"]


def test_second_config_of_an_id_is_rejected(tmp_path, catalog):
    for name in ("acme--Model", "other--model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(DENSE))

    imported = read(tmp_path, Settings(catalog, AS_OF))

    assert [m.hf_repo for m in imported.rows["models"]] == ["acme/Model"]
    assert imported.rejected_by_reason() == {"repeated_id": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no JSON: Expecting value"),
        (b"[1, 2]", "holds a list, not an object"),
        (b'{"a": \xff}', "is no JSON in UTF-8"),
        (b"[" * 200_000, "is no JSON"),
        (b'{"hidden_size": ' + b"9" * 5000 + b"}", "is no JSON"),
    ],
)
def test_file_that_is_no_config_is_an_error_with_its_name(tmp_path, catalog, content, message):
    path = tmp_path / "config.json"
    path.write_bytes(content)

    with pytest.raises(InputError, match=message) as caught:
        read(path, Settings(catalog, AS_OF))
    assert str(path) in str(caught.value)


def test_bad_json_is_reported_with_its_position(tmp_path, catalog):
    path = tmp_path / "config.json"
    path.write_text('{\n  "a": 1,\n  b\n}')

    with pytest.raises(InputError, match="is no JSON") as caught:
        read(path, Settings(catalog, AS_OF))
    assert (caught.value.faults[0].line, caught.value.faults[0].column) == (3, 3)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_source_without_a_config_is_an_error(tmp_path, catalog, name):
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError, match=r"cannot be read|has no config\.json"):
        read(tmp_path / name, Settings(catalog, AS_OF))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 300),
    st.floats(),
    st.text(max_size=4),
    st.lists(st.sampled_from(["full_attention", "linear_attention", "x", 0, 1, None]), max_size=5),
    st.dictionaries(st.sampled_from(["quant_method", "a"]), st.none(), max_size=1),
)
FIELDS = st.sampled_from(
    [
        *DENSE,
        *LATENT,
        *WINDOWED,
        *MIXTURE,
        "text_config",
        "quantization_config",
        "moe_layer_freq",
        "mlp_layer_types",
        "attn_type_list",
        "use_sliding_window",
        "_name_or_path",
        "linear_x",
    ]
)


def _imported(text, catalog):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_bytes(text)
        return read(path, Settings(catalog, AS_OF, {"id": "m", "repo": "a/m"}))


@settings(max_examples=150, deadline=None)
@given(
    base=st.sampled_from([DENSE, MIXTURE, LATENT, WINDOWED, {}]),
    changes=st.dictionaries(FIELDS, VALUES, max_size=6),
)
def test_changed_config_gives_a_usable_row_or_one_rejection(catalog, base, changes):
    imported = _imported(json.dumps(base | changes).encode(), catalog)

    assert len(imported.rows["models"]) + len(imported.rejected) == 1
    assert all(total_params(_architecture(m)) > 0 for m in imported.rows["models"])


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 600), noise=st.binary(max_size=6))
def test_damaged_file_fails_only_with_its_own_error(catalog, cut, noise):
    data = json.dumps(LATENT).encode()

    with contextlib.suppress(InputError):
        imported = _imported(data[: len(data) - cut] + noise, catalog)
        assert len(imported.rows["models"]) + len(imported.rejected) == 1


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(list(LATENT)))
def test_order_of_fields_does_not_change_the_row(catalog, order):
    shuffled = {name: LATENT[name] for name in order}

    first, second = (
        _imported(json.dumps(config).encode(), catalog).rows["models"]
        for config in (LATENT, shuffled)
    )

    assert table_text("models", first) == table_text("models", second)
