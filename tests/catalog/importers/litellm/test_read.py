"""litellm's price file, and the judgement of token prices that it shares with others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.importers.litellm import read
from planner.catalog.importers.record import Settings, table_text
from planner.catalog.load import load_catalog
from planner.errors import InputError
from tests.catalog.importers.litellm.entries import AS_OF, KEY, entry, only


def test_price_per_token_becomes_exact_price_per_million_tokens(run):
    row = only(run({KEY: entry(cache_read_input_token_cost=1.4e-07)}))

    assert row.input_usd_per_mtok == 1.35
    assert row.output_usd_per_mtok == 5.4
    assert row.cached_input_usd_per_mtok == 0.14


def test_row_carries_our_provider_and_model_and_the_providers_name_of_it(run):
    row = only(run({KEY: entry()}))

    assert (row.provider, row.model) == ("together", "deepseek-r1")
    assert row.model_ref == "deepseek-ai/DeepSeek-R1"
    assert (row.mode, row.valid_from, row.as_of) == ("standard", AS_OF, AS_OF)
    assert row.source == "litellm model_prices_and_context_window.json (MIT)"


def test_price_page_is_cited_in_the_source(run):
    row = only(run({KEY: entry(source="https://example.org/prices")}))

    assert row.source.endswith("citing https://example.org/prices")


def test_batch_prices_become_a_second_offer(run):
    imported = run(
        {KEY: entry(input_cost_per_token_batches=6.75e-07, output_cost_per_token_batches=2.7e-06)}
    )

    prices = {row.mode: row.input_usd_per_mtok for row in imported.rows["api_offers"]}
    assert prices == {"standard": 1.35, "batch": 0.675}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mode": "embedding"}, "mode"),
        ({"mode": None}, "mode"),
        ({"litellm_provider": None}, "not_a_model"),
        ({"litellm_provider": "no such/ provider!"}, "invalid"),
        ({"input_cost_per_token": 0.0}, "zero_price"),
        ({"output_cost_per_token": 0}, "zero_price"),
        ({"input_cost_per_token": 1.35}, "impossible_price"),
        ({"input_cost_per_token": -1.35e-06}, "impossible_price"),
        ({"input_cost_per_token": 1.35e-12}, "impossible_price"),
        ({"output_cost_per_token": None}, "no_price"),
        ({"output_cost_per_token": "5.4e-06"}, "no_price"),
        ({"output_cost_per_token": True}, "no_price"),
        ({"output_cost_per_token": float("nan")}, "no_price"),
        ({"output_cost_per_token": 10**400}, "no_price"),
        ({"deprecation_date": "2026-06-15"}, "deprecated"),
    ],
)
def test_unusable_entry_is_rejected_with_its_reason(run, changes, reason):
    imported = run({KEY: entry(**changes)})

    assert imported.rows["api_offers"] == ()
    assert imported.rejected_by_reason() == {reason: 1}
    assert imported.rejected[0].place == f"prices.json:{KEY}"


def test_highest_possible_price_is_still_read(run):
    row = only(run({KEY: entry(output_cost_per_token=0.01)}))

    assert row.output_usd_per_mtok == 10_000


def test_offer_with_a_coming_deprecation_ends_on_that_day(run):
    assert only(run({KEY: entry(deprecation_date="2026-06-16")})).valid_to == "2026-06-16"


def test_unreadable_deprecation_date_ends_nothing(run):
    assert only(run({KEY: entry(deprecation_date="next spring")})).valid_to is None


def test_prices_without_a_column_are_counted_in_a_note(run):
    costs = {"input_cost_per_image": 0.01, "input_cost_per_token_above_200k_tokens_priority": 1}

    imported = run({KEY: entry(**costs, search_context_cost_per_query={"low": 0.1})})

    assert imported.notes[-1].endswith(
        "1 input_cost_per_image, 1 input_cost_per_token_above_200k_tokens_priority, "
        "1 search_context_cost_per_query"
    )


@pytest.mark.parametrize("cached_usd_per_token", [0, 2e-06, -1e-07, "cheap"])
def test_impossible_cached_price_is_left_blank_and_reported(run, cached_usd_per_token):
    imported = run({KEY: entry(cache_read_input_token_cost=cached_usd_per_token)})

    assert only(imported).cached_input_usd_per_mtok is None
    assert imported.rejected_by_reason() == {"cached_price": 1}


def test_description_of_the_fields_is_not_a_model(run):
    assert run({"sample_spec": entry()}).rejected_by_reason() == {"not_a_model": 1}


def test_same_price_under_two_keys_gives_one_row(run):
    imported = run({KEY: entry(), "deepseek-ai/DeepSeek-R1": entry()})

    assert len(imported.rows["api_offers"]) == 1
    assert imported.rejected_by_reason() == {"duplicate": 1}


def test_two_prices_of_one_model_give_no_row(run):
    other = entry(input_cost_per_token=2e-06)

    imported = run({KEY: entry(), "deepseek-ai/DeepSeek-R1": other})

    assert imported.rows["api_offers"] == ()
    assert imported.rejected_by_reason() == {"contradiction": 2}


def test_contradiction_takes_the_whole_price_list(run):
    changes = {"input_cost_per_token_above_128k_tokens": 2.7e-06}
    other = entry(input_cost_per_token=2e-06, **changes)

    imported = run({KEY: entry(**changes), "deepseek-ai/DeepSeek-R1": other})

    assert imported.rows["api_offers"] == ()
    assert imported.rejected_by_reason() == {"contradiction": 4}


def test_model_that_matches_nothing_is_answered_with_the_way_in_for_open_and_closed_weights(run):
    (rejected,) = run({"gpt-4o": entry(litellm_provider="openai")}).rejected

    assert rejected.reason == "unknown_model"
    assert rejected.detail.endswith(
        "with open weights, add it to models.csv of an overlay; with closed ones, add a first row "
        "of it to api_offers.csv of an overlay, with weights closed; then import again with "
        "--catalog OVERLAY"
    )


def test_closed_model_gets_in_by_a_first_row_in_an_overlay(tmp_path):
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "api_offers.csv").write_text(
        "provider,model,model_ref,mode,weights,input_usd_per_mtok,output_usd_per_mtok,valid_from,"
        "source,as_of\nopenai,gpt-4o,gpt-4o,standard,closed,2.5,10,2026-01-01,mine,2026-01-01\n"
    )
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"azure/gpt-4o": entry(litellm_provider="azure")}))

    row = only(read(path, Settings(load_catalog([overlay]), AS_OF)))

    assert (row.provider, row.model, row.weights) == ("azure", "gpt-4o", "closed")


def test_unknown_model_is_one_rejection_whatever_its_prices(run):
    prices = entry(input_cost_per_token_batches=1e-06, input_cost_per_token_above_9_tokens=1e-06)

    assert run({"acme-1": prices}).rejected_by_reason() == {"unknown_model": 1}


def test_repeated_key_is_reported(catalog, tmp_path):
    path = tmp_path / "prices.json"
    text = json.dumps({KEY: entry()})
    path.write_text(f"{text[:-1]}, {text[1:]}", encoding="utf-8")

    imported = read(path, Settings(catalog, AS_OF))

    assert imported.rejected_by_reason() == {"repeated_key": 1}
    assert len(imported.rows["api_offers"]) == 1


def test_order_of_the_file_does_not_change_the_table(run):
    entries = {
        KEY: entry(),
        "groq/llama-3.3-70b-versatile": entry(litellm_provider="groq"),
        "deepseek-ai/DeepSeek-R1": entry(source="https://example.org"),
    }
    shuffled = dict(reversed(entries.items()))

    first = table_text("api_offers", run(entries).rows["api_offers"])
    second = table_text("api_offers", run(shuffled).rows["api_offers"])

    assert first == second
    assert first.count("\n") == 3


def test_number_format_at_the_end_of_a_name_is_the_stated_format(run):
    row = only(run({"lambda/llama3.1-8b-instruct-fp8": entry(litellm_provider="lambda")}))

    assert (row.model, row.quantization) == ("llama-3.1-8b-instruct", "fp8")


def test_hosted_model_with_closed_weights_is_known_by_its_id(catalog, tmp_path):
    folder = tmp_path / "overlay"
    folder.mkdir()
    hosted = catalog.api_offers[0].model_copy(
        update={"provider": "acme", "model": "acme-large", "weights": "closed"}
    )
    (folder / "api_offers.csv").write_text(table_text("api_offers", (hosted,)), encoding="utf-8")
    path = tmp_path / "prices.json"
    prices = {"cloud/Acme-Large": entry(litellm_provider="cloud"), KEY: entry()}
    path.write_text(json.dumps(prices), encoding="utf-8")

    rows = read(path, Settings(load_catalog([folder]), AS_OF)).rows["api_offers"]

    found = {row.model: row.weights for row in rows}
    assert found == {"acme-large": "closed", "deepseek-r1": "open"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not JSON"),
        (b'{"a": ', "is not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a": 1' + b"0" * 5_000 + b"}", "is not JSON"),
        ('{"a": "é"}'.encode("utf-16"), "is not UTF-8"),
        (b"[]", "is JSON but not an object"),
        (b"3", "neither an object nor an array"),
    ],
)
def test_file_that_is_no_price_list_is_refused(catalog, tmp_path, data, message):
    path = tmp_path / "prices.json"
    path.write_bytes(data)

    with pytest.raises(InputError, match=f"prices.json.*\n.*{message}.*accepted: litellm"):
        read(path, Settings(catalog, AS_OF))


def test_missing_file_is_refused(catalog, tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "none.json", Settings(catalog, AS_OF))


def test_byte_order_mark_is_tolerated(catalog, tmp_path):
    path = tmp_path / "prices.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({KEY: entry()}).encode())

    assert len(read(path, Settings(catalog, AS_OF)).rows["api_offers"]) == 1


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUE = st.sampled_from([1e-06, 2e-06, 0, "chat", "groq", 10**400, -1]) | LEAF
FIELDS = st.sampled_from(
    [*entry(), "deprecation_date", "source", "input_cost_per_token_batches", "tiered_pricing"]
)
ENTRY = LEAF | st.dictionaries(FIELDS, VALUE).map(lambda changes: entry() | changes)
NAMES = st.sampled_from([KEY, "deepseek-r1", "groq/qwen3-32b", "sample_spec"]) | st.text(
    max_size=9
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, ENTRY, max_size=6))
def test_any_object_is_read_without_a_crash_and_nothing_is_lost(run, entries):
    imported = run(entries)
    text = table_text("api_offers", imported.rows["api_offers"])

    text.encode()
    assert len(imported.rows["api_offers"]) + len(imported.rejected) >= len(entries)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 400), st.binary(max_size=4))
def test_damaged_file_is_read_or_refused(catalog, tmp_path, cut, junk):
    data = json.dumps({KEY: entry(), "x": entry(mode="rerank")}).encode()
    path = tmp_path / "prices.json"
    path.write_bytes(data[:cut] + junk)

    outcome = outcome_of(path, Settings(catalog, AS_OF))

    assert outcome == "read" or "accepted: litellm" in outcome


def outcome_of(path: Path, settings: Settings) -> str:
    """Return `read`, or the message of the refusal."""
    try:
        read(path, settings)
    except InputError as error:
        return str(error)
    return "read"
