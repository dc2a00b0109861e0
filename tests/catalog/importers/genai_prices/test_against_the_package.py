"""Rows of an offer give the price that the package itself computes, at any time and length."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.importers.genai_prices import read
from planner.catalog.importers.record import Settings
from planner.catalog.schema import ApiOffer
from tests.catalog.importers.genai_prices.data import AS_OF, provider

types = pytest.importorskip("genai_prices.types")

MTOK = 1_000_000
MINUTE = st.integers(0, 24 * 60 - 1).map(lambda m: f"{m // 60:02d}:{m % 60:02d}:00Z")
PRICE = st.integers(1, 99).map(float)
TIER = st.fixed_dictionaries({"start": st.sampled_from([1_000, 2_000, 3_000]), "price": PRICE})
FIGURE = PRICE | st.fixed_dictionaries(
    {"base": PRICE, "tiers": st.lists(TIER, max_size=3, unique_by=lambda tier: tier["start"])}
)
PRICES = st.fixed_dictionaries({"input_mtok": FIGURE, "output_mtok": FIGURE})
DATED = st.dates(datetime.date(2026, 6, 10), datetime.date(2026, 6, 20)).map(
    lambda day: {"start_date": str(day)}
)
HOURS = st.fixed_dictionaries({"start_time": MINUTE, "end_time": MINUTE})
ENTRY = st.fixed_dictionaries({"prices": PRICES, "constraint": DATED | HOURS | st.none()})
MOMENT = st.datetimes(datetime.datetime(2026, 6, 15), datetime.datetime(2026, 6, 25))
TOKENS = st.sampled_from([1, 1_000, 1_001, 2_000, 2_001, 3_000, 3_001, 50_000])


def package_price(prices, prompt_tokens: int) -> Decimal:
    usage = types.Usage(input_tokens=prompt_tokens, output_tokens=MTOK)
    return prices.calc_price(usage)["total_price"]


def table_price(rows: tuple[ApiOffer, ...], moment, prompt_tokens: int) -> Decimal | None:
    """Price a request as the table says: the newest list, then the hour, then the length."""
    day = [row for row in rows if row.valid_from <= str(moment.date()) < (row.valid_to or "9")]
    newest = max((row.valid_from for row in day), default="")
    listed = [row for row in day if row.valid_from == newest]
    now = [row for row in listed if row.hours_utc and within(row.hours_utc, moment)]
    hour = now or [row for row in listed if row.hours_utc is None]
    if not hour:
        return None
    reached = [row for row in hour if row.prompt_from_tokens <= prompt_tokens]
    row = max(reached, key=lambda row: row.prompt_from_tokens)
    usd = row.input_usd_per_mtok * prompt_tokens / MTOK + row.output_usd_per_mtok
    return Decimal(str(round(usd, 6)))


def within(hours_utc: str, moment: datetime.datetime) -> bool:
    start, end = hours_utc.split("-")
    now = f"{moment:%H:%M}"
    return start <= now < end if start < end else now >= start or now < end


def as_stated(entries):
    return [{key: value for key, value in entry.items() if value is not None} for entry in entries]


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(entries=st.lists(ENTRY, max_size=5), base=PRICES, moment=MOMENT, prompt_tokens=TOKENS)
def test_price_of_a_request_is_that_of_the_package(
    tmp_path, context, entries, base, moment, prompt_tokens
):
    whole = [{"prices": base, "constraint": None}, *entries]
    model = types._providers_from_raw(
        [
            {
                "id": "p",
                "name": "p",
                "api_pattern": "",
                "models": [{"id": "m", "match": {"equals": "m"}, "prices": as_stated(whole)}],
            }
        ]
    )[0].models[0]
    path = tmp_path / "data.json"
    path.write_text(json.dumps(provider(prices=whole)), encoding="utf-8")

    imported = read(path, Settings(context.catalog, AS_OF))

    assert set(imported.rejected_by_reason()) <= {"superseded"}
    expected = package_price(model.get_prices(moment), prompt_tokens)
    assert table_price(imported.rows["api_offers"], moment, prompt_tokens) == expected
