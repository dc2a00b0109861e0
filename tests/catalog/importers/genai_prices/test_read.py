"""data.json: plain prices, unusable ones, and files that are none."""

from __future__ import annotations

import json

import pytest

from planner.catalog.importers.genai_prices import read
from planner.errors import InputError
from tests.catalog.importers.genai_prices.data import AS_OF, BASE, provider, since, spans


def test_plain_price_becomes_a_standard_offer_from_the_date_of_the_source(run):
    imported = run(provider(prices=BASE))

    (row,) = imported.rows["api_offers"]
    assert (row.provider, row.model) == ("huggingface-acme", "qwen3-32b")
    assert row.model_ref == "Qwen/Qwen3-32B"
    prices = (row.input_usd_per_mtok, row.cached_input_usd_per_mtok, row.output_usd_per_mtok)
    assert prices == (0.6, 0.3, 2.0)
    assert spans(imported) == [("standard", 0.6, AS_OF, None)]
    assert row.source == "genai-prices (MIT) data.json"


@pytest.mark.parametrize(
    ("prices", "reason"),
    [
        ({}, "no_price"),
        ([], "no_price"),
        (None, "no_price"),
        ([3], "no_price"),
        ({"input_mtok": 0.1}, "no_price"),
        ({"requests_kcount": 12}, "no_price"),
        ({"input_mtok": {"tiers": []}, "output_mtok": 1}, "no_price"),
        ({"input_mtok": 0, "output_mtok": 0}, "zero_price"),
        ({"input_mtok": 20_000, "output_mtok": 1}, "impossible_price"),
        ([{"constraint": {"weekday": 1}, "prices": BASE}], "unknown_constraint"),
        ([since("2026-13-01", BASE)], "unknown_constraint"),
    ],
)
def test_unusable_price_is_rejected_with_its_reason(run, prices, reason):
    imported = run(provider(prices=prices))

    assert imported.rows["api_offers"] == ()
    assert imported.rejected_by_reason() == {reason: 1}
    assert imported.rejected[0].place.startswith("huggingface_acme:Qwen/Qwen3-32B")


def test_prices_without_a_column_are_counted_in_a_note(run):
    imported = run(provider(prices=BASE | {"cache_write_mtok": 1.0}))

    assert any("1 cache_write_mtok" in note for note in imported.notes)


def test_unknown_model_is_one_rejection_whatever_its_prices(run):
    imported = run(provider(id="acme-1", prices=[{"prices": BASE}, since("2026-09-01", BASE)]))

    assert imported.rejected_by_reason() == {"unknown_model": 1}


def test_what_is_no_provider_or_model_is_rejected(run):
    imported = run([3, {"id": "a"}, {"id": "b", "models": [{"id": 4}, "x"]}])

    assert imported.rejected_by_reason() == {"not_a_provider": 2, "not_a_model": 2}


def test_object_instead_of_a_list_of_providers_is_refused(run):
    with pytest.raises(InputError, match=r"no list of providers; accepted: data\.json"):
        run({"providers": []})


def test_truncated_file_is_refused_with_its_line(tmp_path, context):
    path = tmp_path / "data.json"
    path.write_text(json.dumps(provider(prices=BASE), indent=1)[:60], encoding="utf-8")

    with pytest.raises(InputError, match=r"data\.json:\d+:\d+\n.*is not JSON"):
        read(path, context)
