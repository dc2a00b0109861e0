"""genai-prices: its data.json, and the installed package through a stand-in of its shape."""

from __future__ import annotations

import json
import sys
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.importers.genai_prices import INSTALLED, read
from planner.catalog.importers.record import Imported, Settings, table_text
from planner.catalog.load import load_catalog
from planner.errors import InputError

AS_OF = "2026-06-15"
BASE = {"input_mtok": 0.6, "output_mtok": 2.0, "cache_read_mtok": 0.3}
DEARER = {"input_mtok": 0.8, "output_mtok": 3.0}


@pytest.fixture(scope="module")
def context() -> Settings:
    return Settings(load_catalog(), AS_OF)


@pytest.fixture
def run(tmp_path, context):
    """Write an object as data.json and read it."""

    def read_object(value: object) -> Imported:
        path = tmp_path / "data.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return read(path, context)

    return read_object


def provider(**model: object) -> list[object]:
    return [{"id": "huggingface_acme", "models": [{"id": "Qwen/Qwen3-32B"} | model]}]


def since(date: str, prices: object) -> dict[str, object]:
    return {"constraint": {"start_date": date}, "prices": prices}


def spans(imported: Imported) -> list[tuple[str, float, str, str | None]]:
    return [
        (row.mode, row.input_usd_per_mtok, row.valid_from, row.valid_to)
        for row in imported.rows["api_offers"]
    ]


def test_plain_price_becomes_a_standard_offer_from_the_date_of_the_source(run):
    imported = run(provider(prices=BASE))

    (row,) = imported.rows["api_offers"]
    assert (row.provider, row.model) == ("huggingface-acme", "qwen3-32b")
    assert row.model_ref == "Qwen/Qwen3-32B"
    prices = (row.input_usd_per_mtok, row.cached_input_usd_per_mtok, row.output_usd_per_mtok)
    assert prices == (0.6, 0.3, 2.0)
    assert spans(imported) == [("standard", 0.6, AS_OF, None)]
    assert row.source == "genai-prices (MIT) data.json"


def test_base_tier_is_used_and_every_other_tier_rejected(run):
    tiers = [{"start": 128_000, "price": 1.2}, {"start": 256_000, "price": 2.4}]

    imported = run(provider(prices=BASE | {"input_mtok": {"base": 0.6, "tiers": tiers}}))

    assert spans(imported) == [("standard", 0.6, AS_OF, None)]
    assert imported.rejected_by_reason() == {"tier": 2}
    assert "128000" in imported.rejected[0].value


def test_coming_price_ends_the_undated_one_on_its_first_day(run):
    imported = run(provider(prices=[{"prices": BASE}, since("2026-09-01", DEARER)]))

    assert spans(imported) == [
        ("standard", 0.6, AS_OF, "2026-09-01"),
        ("standard", 0.8, "2026-09-01", None),
    ]


def test_undated_price_that_was_replaced_is_superseded(run):
    imported = run(provider(prices=[{"prices": BASE}, since("2026-06-15", DEARER)]))

    assert spans(imported) == [("standard", 0.8, "2026-06-15", None)]
    assert imported.rejected_by_reason() == {"superseded": 1}


def test_dated_prices_of_the_past_are_kept_as_history(run):
    dated = [since("2025-01-01", BASE), since("2025-07-01", DEARER)]

    imported = run(provider(prices=dated))

    assert spans(imported) == [
        ("standard", 0.6, "2025-01-01", "2025-07-01"),
        ("standard", 0.8, "2025-07-01", None),
    ]


def test_price_hidden_by_a_later_entry_is_superseded(run):
    imported = run(provider(prices=[since("2026-09-01", DEARER), since("2026-07-01", BASE)]))

    assert spans(imported) == [("standard", 0.6, "2026-07-01", None)]
    assert imported.rejected_by_reason() == {"superseded": 1}


def test_price_that_depends_on_the_hour_gives_no_offer_at_all(run):
    off_peak = {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}

    imported = run(provider(prices=[{"prices": DEARER}, {"constraint": off_peak, "prices": BASE}]))

    assert imported.rows["api_offers"] == ()
    assert imported.rejected_by_reason() == {"time_of_day": 2}


def test_batch_variant_becomes_a_batch_offer_with_the_prices_it_leaves_out(run):
    batch = {"when": {"processing": "batch"}, "prices": {"input_mtok": 0.3, "output_mtok": 1.0}}

    imported = run(provider(prices=BASE, price_variants=[batch]))

    assert spans(imported) == [("standard", 0.6, AS_OF, None), ("batch", 0.3, AS_OF, None)]
    assert imported.rows["api_offers"][1].cached_input_usd_per_mtok == 0.3


def test_batch_variant_with_a_start_applies_from_that_day(run):
    batch = {"when": {"processing": "batch"}} | since("2026-05-01", DEARER | {"input_mtok": 0.3})

    imported = run(provider(prices=BASE, price_variants=[batch]))

    assert spans(imported)[1] == ("batch", 0.3, "2026-05-01", None)


@pytest.mark.parametrize("when", [{"service_tier": "priority"}, {"speed": "fast"}, {}, None, 3])
def test_variant_that_is_not_batch_is_rejected(run, when):
    imported = run(provider(prices=BASE, price_variants=[{"when": when, "prices": DEARER}]))

    assert spans(imported) == [("standard", 0.6, AS_OF, None)]
    assert imported.rejected_by_reason() == {"variant": 1}


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

    with pytest.raises(InputError, match=r"data\.json:\d+\n.*is not JSON"):
        read(path, context)


def test_missing_package_is_refused_with_the_extra_to_install(monkeypatch, tmp_path, context):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)

    with pytest.raises(InputError, match=r"install inference-planner\[genai-prices\]"):
        read(type(tmp_path)(INSTALLED), context)


STAND_IN = """
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

class ModelPrice:
    def __init__(self, **prices):
        self.__dict__.update(prices)

@dataclass
class Tier:
    start: int
    price: Decimal

@dataclass
class TieredPrices:
    base: Decimal
    tiers: list

@dataclass
class StartDateConstraint:
    start_date: date

@dataclass
class ConditionalPrice:
    prices: ModelPrice
    constraint: StartDateConstraint | None = None

@dataclass
class PriceVariant:
    when: dict
    prices: ModelPrice
    constraint: StartDateConstraint | None = None

@dataclass
class ModelInfo:
    id: str
    match: object
    prices: object
    price_variants: list | None = None

@dataclass
class Provider:
    id: str
    models: list = field(default_factory=list)

two = Decimal("2")
tiered = TieredPrices(Decimal("0.6"), [Tier(128000, two)])
providers = [Provider("acme", [ModelInfo(
    "Qwen/Qwen3-32B", object(),
    [
        ConditionalPrice(ModelPrice(input_mtok=Decimal("0.5"), output_mtok=two)),
        ConditionalPrice(
            ModelPrice(input_mtok=tiered, output_mtok=two, cache_read_mtok=None),
            StartDateConstraint(date(2026, 9, 1)),
        ),
    ],
    [PriceVariant({"processing": "batch"}, ModelPrice(input_mtok=Decimal("0.3")))],
)])]
"""


def test_installed_package_is_read_like_its_file(monkeypatch, tmp_path, context):
    package = tmp_path / "genai_prices"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "data.py").write_text(STAND_IN)
    info = tmp_path / "genai_prices-9.8.7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: genai-prices\nVersion: 9.8.7\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("genai_prices", "genai_prices.data"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    imported = read(type(tmp_path)(INSTALLED), context)

    assert spans(imported) == [
        ("standard", 0.5, AS_OF, "2026-09-01"),
        ("standard", 0.6, "2026-09-01", None),
        ("batch", 0.3, AS_OF, None),
    ]
    assert imported.rejected_by_reason() == {"tier": 1}
    assert imported.rows["api_offers"][0].source == "genai-prices 9.8.7 (MIT) bundled data"


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
FIGURE = LEAF | st.fixed_dictionaries({"base": LEAF, "tiers": LEAF | st.lists(LEAF, max_size=2)})
PRICES = LEAF | st.dictionaries(st.sampled_from([*BASE, "other"]), FIGURE)
DATES = st.dates().map(str) | LEAF
CONSTRAINT = LEAF | st.dictionaries(st.sampled_from(["start_date", "start_time", "x"]), DATES)
DATED = LEAF | st.fixed_dictionaries(
    {"prices": PRICES, "constraint": CONSTRAINT}, optional={"when": LEAF | st.just({})}
)
BATCH = st.fixed_dictionaries({"when": st.just({"processing": "batch"}), "prices": PRICES})
MODEL = LEAF | st.fixed_dictionaries(
    {
        "id": st.sampled_from(["qwen3-32b", "gpt-oss-20b", "x\ud800"]) | LEAF,
        "prices": PRICES | st.lists(DATED, max_size=4),
    },
    optional={"price_variants": LEAF | st.lists(BATCH | DATED, max_size=3)},
)
PROVIDER = LEAF | st.fixed_dictionaries({"id": LEAF | st.just("p"), "models": st.lists(MODEL)})


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PROVIDER, max_size=4))
def test_any_list_is_read_without_a_crash_and_nothing_is_lost(run, document):
    imported = run(document)

    table_text("api_offers", imported.rows["api_offers"]).encode()
    assert len(imported.rows["api_offers"]) + len(imported.rejected) >= len(
        [p for p in document if not isinstance(p, dict) or p["models"]]
    )


@given(
    st.lists(st.dates().map(str), min_size=1, max_size=6),
    st.sampled_from(["2026-06-15", "2026", "1999-12"]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_spans_of_dated_prices_never_overlap(tmp_path, context, starts, as_of):
    path = tmp_path / "data.json"
    entries = [{"prices": BASE}, *(since(start, DEARER) for start in starts)]
    path.write_text(json.dumps(provider(prices=entries)), encoding="utf-8")

    rows = read(path, Settings(context.catalog, as_of)).rows["api_offers"]

    assert rows
    assert rows[-1].valid_to is None
    for before, after in pairwise(rows):
        assert before.valid_to == after.valid_from
