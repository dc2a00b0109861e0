"""models.dev as a folder of TOML files and as api.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.importers.models_dev import read
from planner.catalog.importers.record import Imported, Settings, table_text
from planner.catalog.load import load_catalog
from planner.catalog.schema import Row
from planner.errors import InputError

AS_OF = "2026-06-15"
COST = "[cost]\ninput = 0.59\noutput = 0.79\n"
LLAMA = "providers/novita-ai/models/meta-llama/llama-3.3-70b-instruct.toml"

Write = Callable[[dict[str, str]], Path]


@pytest.fixture(scope="module")
def context() -> Settings:
    return Settings(load_catalog(), AS_OF)


@pytest.fixture
def tree(tmp_path) -> Write:
    """Write a checkout, text by path."""

    def write(files: dict[str, str]) -> Path:
        root = tmp_path / "models.dev"
        root.mkdir(exist_ok=True)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return root

    return write


@pytest.fixture
def api(tmp_path, context):
    """Write an object as api.json and read it."""

    def read_object(value: object) -> Imported:
        path = tmp_path / "api.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return read(path, context)

    return read_object


def only(imported: Imported) -> Row:
    (row,) = imported.rows["api_offers"]
    return row


def test_model_file_becomes_a_row_with_prices_provider_and_source(tree, context):
    row = only(read(tree({LLAMA: COST + "cache_read = 0.1\n"}), context))

    assert (row.provider, row.model) == ("novita", "llama-3.3-70b-instruct")
    assert row.model_ref == "meta-llama/llama-3.3-70b-instruct"
    prices = (row.input_usd_per_mtok, row.cached_input_usd_per_mtok, row.output_usd_per_mtok)
    assert prices == (0.59, 0.1, 0.79)
    assert (row.valid_from, row.valid_to) == (AS_OF, None)
    assert row.source == f"models.dev (MIT) {LLAMA}"


@pytest.mark.parametrize("inside", ["", "providers", "providers/novita-ai"])
def test_any_folder_of_the_checkout_gives_the_same_row(tree, context, inside):
    root = tree({LLAMA: COST})

    assert only(read(root / inside, context)).provider == "novita"


def test_facts_of_makers_and_providers_are_not_models(tree, context):
    files = {
        LLAMA: COST,
        "models/meta/llama-3.3-70b-instruct.toml": 'name = "Llama"\n',
        "providers/novita-ai/provider.toml": 'name = "Novita"\n',
    }

    imported = read(tree(files), context)

    assert len(imported.rows["api_offers"]) == 1
    assert imported.rejected == ()


def test_name_may_have_a_folder_called_models(tree, context):
    name = "providers/fireworks-ai/models/accounts/fireworks/models/gpt-oss-120b.toml"

    row = only(read(tree({name: COST}), context))

    assert (row.provider, row.model) == ("fireworks", "gpt-oss-120b")
    assert row.model_ref == "accounts/fireworks/models/gpt-oss-120b"


def test_base_model_names_a_model_that_the_provider_calls_differently(tree, context):
    text = f'base_model = "openai/gpt-oss-20b"\n{COST}'

    row = only(read(tree({"providers/acme/models/small.toml": text}), context))

    assert (row.model, row.model_ref) == ("gpt-oss-20b", "small")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_price"),
        ("cost = 3\n", "no_price"),
        ("[cost]\ninput = 1\n", "no_price"),
        ("[cost]\ninput = 0\noutput = 0\n", "zero_price"),
        ("[cost]\ninput = 1e-6\noutput = 2e-6\n", "impossible_price"),
        ("[cost]\ninput = inf\noutput = 1\n", "no_price"),
        ("[cost]\ninput = 0x1" + "0" * 5000 + "\noutput = 1\n", "no_price"),
        (f'status = "deprecated"\n{COST}', "deprecated"),
        ("[cost\n", "unreadable"),
        ("a = " + "[" * 20_000, "unreadable"),
    ],
)
def test_unusable_file_is_rejected_with_its_reason(tree, context, text, reason):
    imported = read(tree({LLAMA: text}), context)

    assert imported.rows["api_offers"] == ()
    assert imported.rejected_by_reason() == {reason: 1}
    assert imported.rejected[0].place == LLAMA


def test_file_that_is_not_utf8_is_rejected_and_the_others_are_read(tree, context):
    root = tree({LLAMA: COST, "providers/groq/models/qwen/qwen3-32b.toml": ""})
    (root / "providers/groq/models/qwen/qwen3-32b.toml").write_bytes(b'name = "\xff"')

    imported = read(root, context)

    assert only(imported).provider == "novita"
    assert "is not UTF-8" in imported.rejected[0].detail


def test_unknown_model_is_rejected_with_a_way_out(tree, context):
    imported = read(tree({"providers/acme/models/mystery.toml": COST}), context)

    assert imported.rejected_by_reason() == {"unknown_model": 1}
    assert "add it to models.csv" in imported.rejected[0].detail


def lengths(imported: Imported) -> list[tuple[int, float, float | None, float]]:
    """Return the least prompt length of every row, and its input, cached and output price."""
    return [
        (
            row.prompt_from_tokens,
            row.input_usd_per_mtok,
            row.cached_input_usd_per_mtok,
            row.output_usd_per_mtok,
        )
        for row in imported.rows["api_offers"]
    ]


def test_tier_is_a_row_of_prompts_that_are_longer_than_its_size(tree, context):
    tiers = """
[[cost.tiers]]
tier = { type = "context", size = 256_000 }
input = 1.2
cache_read = 0.2
[[cost.tiers]]
tier = { size = 128_000 }
output = 0.9
cache_write = 1
"""

    imported = read(tree({LLAMA: f"{COST}{tiers}"}), context)

    assert lengths(imported) == [
        (0, 0.59, None, 0.79),
        (128_001, 0.59, None, 0.9),
        (256_001, 1.2, 0.2, 0.9),
    ]
    assert imported.rejected == ()
    assert any("1 cache_write" in note for note in imported.notes)


def test_older_field_is_a_tier_of_200000_tokens(api):
    cost = {"input": 0.59, "output": 0.79, "context_over_200k": {"input": 1.2, "output": 1.5}}

    imported = api({"acme": {"models": {"qwen3-32b": {"cost": cost}}}})

    assert lengths(imported) == [(0, 0.59, None, 0.79), (200_001, 1.2, None, 1.5)]


def test_older_field_is_not_read_beside_the_tiers_that_it_repeats(api):
    tier = {"tier": {"type": "context", "size": 272_000}, "input": 1.2, "output": 1.5}
    cost = {"input": 0.59, "output": 0.79, "tiers": [tier], "context_over_200k": {"input": 9}}

    imported = api({"acme": {"models": {"qwen3-32b": {"cost": cost}}}})

    assert lengths(imported) == [(0, 0.59, None, 0.79), (272_001, 1.2, None, 1.5)]
    assert imported.rejected == ()


@pytest.mark.parametrize(
    "field",
    [
        {"tiers": 3},
        {"tiers": [{"input": 1.2}]},
        {"tiers": [{"tier": {"size": -1}, "input": 1.2}]},
        {"tiers": [{"tier": {"type": "time", "size": 1}, "input": 1.2}]},
        {"context_over_200k": 1.2},
    ],
)
def test_tier_that_is_no_length_of_a_prompt_is_rejected(api, field):
    cost = {"input": 0.59, "output": 0.79} | field

    imported = api({"acme": {"models": {"qwen3-32b": {"cost": cost}}}})

    assert only(imported).input_usd_per_mtok == 0.59
    assert imported.rejected_by_reason() == {"tier": 1}


def test_other_price_that_is_no_number_is_rejected(api):
    cost = {"input": 0.59, "output": 0.79, "cache_write": "much"}

    imported = api({"acme": {"models": {"qwen3-32b": {"cost": cost}}}})

    assert only(imported).input_usd_per_mtok == 0.59
    assert imported.rejected_by_reason() == {"no_price": 1}


@pytest.mark.parametrize("name", ["", " ", "x\ud800", "a\nb", " a"])
def test_name_that_is_no_cell_of_a_table_is_rejected(api, name):
    model = {"base_model": "openai/gpt-oss-20b", "cost": {"input": 1, "output": 2}}

    imported = api({"acme": {"models": {name: model}}})

    assert imported.rows["api_offers"] == ()
    assert imported.rejected_by_reason() == {"invalid": 1}


def test_prices_without_a_column_are_counted_in_a_note(tree, context):
    imported = read(tree({LLAMA: COST + "cache_write = 1\n"}), context)

    assert any("1 cache_write" in note for note in imported.notes)


def test_api_json_gives_the_same_rows_as_the_folder(tree, api, context):
    cost = {"input": 0.59, "output": 0.79}
    models = {"meta-llama/llama-3.3-70b-instruct": {"cost": cost}}

    from_api = api({"novita-ai": {"id": "novita-ai", "models": models}})

    assert from_api.rows == read(tree({LLAMA: COST}), context).rows


def test_parts_of_api_json_without_models_are_rejected(api):
    cost = {"input": 1, "output": 2}
    document = {
        "a": 3,
        "b": {"models": []},
        "c": {"models": {"qwen3-32b": {"cost": cost}, "x": 1}},
    }

    imported = api(document)

    assert len(imported.rows["api_offers"]) == 1
    assert imported.rejected_by_reason() == {"not_a_provider": 2, "not_a_model": 1}


@pytest.mark.parametrize("document", [{}, [], {"a": {"models": {}}}])
def test_api_json_without_models_is_refused(api, document):
    with pytest.raises(InputError, match="has no models; accepted: a folder with providers"):
        api(document)


def test_folder_without_models_is_refused(tree, context):
    with pytest.raises(InputError, match="has no models; accepted: a folder with providers"):
        read(tree({"README.toml": "a = 1"}), context)


def test_missing_source_is_refused(tmp_path, context):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read(tmp_path / "none", context)


def test_reading_twice_gives_the_same_bytes(tree, context):
    root = tree({LLAMA: COST, "providers/groq/models/qwen/qwen3-32b.toml": COST})

    first, second = (
        table_text("api_offers", read(root, context).rows["api_offers"]) for _ in "ab"
    )

    assert first == second
    assert first.count("\n") == 3


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
COSTS = st.dictionaries(st.sampled_from(["input", "output", "cache_read", "tiers"]), LEAF)
MODELS = st.dictionaries(
    st.sampled_from(["qwen3-32b", "gpt-oss-20b", "x\ud800"]),
    LEAF | st.fixed_dictionaries({"cost": LEAF | COSTS}, optional={"base_model": LEAF}),
    min_size=1,
)
PROVIDERS = st.sampled_from(["groq", "novita-ai", " novita_ai\n", "a b", ""])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(PROVIDERS, st.fixed_dictionaries({"models": MODELS}), min_size=1))
def test_any_api_json_is_read_without_a_crash_and_nothing_is_lost(api, document):
    imported = api(document)

    models = sum(len(provider["models"]) for provider in document.values())
    table_text("api_offers", imported.rows["api_offers"]).encode()
    assert len(imported.rows["api_offers"]) + len(imported.rejected) >= models


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_in_a_model_file_are_a_row_or_a_rejection(tree, context, data):
    root = tree({LLAMA: COST})
    (root / LLAMA).write_bytes(data)

    imported = read(root, context)

    assert len(imported.rows["api_offers"]) + len(imported.rejected) == 1
