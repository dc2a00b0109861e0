"""The installed package: a stand-in of its shape."""

from __future__ import annotations

import sys

import pytest

from planner.catalog.importers.genai_prices import read
from planner.catalog.importers.genai_prices.installed import INSTALLED
from planner.errors import InputError
from tests.catalog.importers.genai_prices.data import AS_OF, hours, spans

STAND_IN = """
from dataclasses import dataclass, field
from datetime import date, time, timezone
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
class TimeOfDateConstraint:
    start_time: time
    end_time: time

@dataclass
class ConditionalPrice:
    prices: ModelPrice
    constraint: StartDateConstraint | TimeOfDateConstraint | None = None

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
        ConditionalPrice(
            ModelPrice(input_mtok=two, output_mtok=two),
            TimeOfDateConstraint(time(16, 30, tzinfo=timezone.utc), time(0, 30)),
        ),
    ],
    [PriceVariant({"processing": "batch"}, ModelPrice(input_mtok=Decimal("0.3")))],
)])]
"""


def test_missing_package_is_refused_with_the_extra_to_install(monkeypatch, tmp_path, context):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)

    with pytest.raises(InputError, match=r"install inference-planner\[genai-prices\]"):
        read(type(tmp_path)(INSTALLED), context)


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
        ("standard", 2.0, AS_OF, "2026-09-01"),
        ("standard", 0.6, "2026-09-01", None),
        ("standard", 2.0, "2026-09-01", None),
        ("standard", 2.0, "2026-09-01", None),
    ]
    assert hours(imported)[1] == hours(imported)[4] == ("16:30-00:30", 2.0)
    assert [row.prompt_from_tokens for row in imported.rows["api_offers"]] == [0, 0, 0, 128_001, 0]
    assert imported.rejected_by_reason() == {"variant": 1}
    assert imported.rows["api_offers"][0].source == "genai-prices 9.8.7 (MIT) bundled data"
