"""Names that others give to models of the catalogue."""

from __future__ import annotations

import pytest

from planner.catalog.importers.names import ModelNames
from planner.catalog.importers.offer_rows import OfferRows
from planner.catalog.importers.record import Settings, table_text
from planner.catalog.importers.token_prices import TokenPrice
from planner.catalog.load import Catalog, load_catalog


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.mark.parametrize(
    ("provider", "name", "model"),
    [
        ("x", "meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b-instruct"),
        ("x", "Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b-instruct"),
        ("x", "us.meta.llama3-1-8b-instruct-v1:0", "llama-3.1-8b-instruct"),
        ("x", "accounts/fireworks/models/llama-v3p1-8b-instruct", "llama-3.1-8b-instruct"),
        ("x", "deepseek/deepseek_v3", "deepseek-v3"),
        ("x", "alibaba/qwen-3-32b", "qwen3-32b"),
        ("groq", "llama-3.1-8b-instant", "llama-3.1-8b-instruct"),
    ],
)
def test_name_of_a_provider_stands_for_our_model(catalog, provider, name, model):
    assert ModelNames(catalog).match(provider, name).model == model


@pytest.mark.parametrize(
    "name",
    [
        "llama-3.1-8b",
        "llama-3.1-8b-instant",
        "llama-3.1-8b-instruct-turbo",
        "llama-31-8b-instruct",
        "qwen-332b",
        "deepseek-v3.1",
        "openai/gpt-oss-20b:free",
        "llama-3.1-8b-instruct\ud800",
        "-fp8",
        "",
    ],
)
def test_name_that_may_be_another_model_stands_for_none(catalog, name):
    match = ModelNames(catalog).match("x", name)

    assert match.model is None
    assert "not a model of the catalogue" in match.why


def test_name_of_two_models_is_rejected_with_both(catalog, tmp_path):
    folder = tmp_path / "overlay"
    folder.mkdir()
    twin = catalog.model("qwen3-32b").model_copy(update={"id": "Qwen3_32B", "hf_repo": ""})
    key_safe = twin.model_copy(update={"id": "qwen3.32b"})
    (folder / "models.csv").write_text(table_text("models", (key_safe,)), encoding="utf-8")

    known = load_catalog([folder])
    match = ModelNames(known).match("x", "Qwen/Qwen3-32B")

    assert match.model is None
    assert match.why == "stands for `qwen3-32b` and `qwen3.32b`"
    rows = OfferRows(Settings(known, "2026-06"))
    price = TokenPrice(place="a", provider="x", names=("Qwen/Qwen3-32B",), source="b")
    assert not rows.knows(price)
    (rejected,) = rows.imported().rejected
    assert rejected.detail.endswith("under this name in api_offers.csv of an overlay says which")
