"""Any list of providers."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.importers.record import table_text
from tests.catalog.importers.genai_prices.data import BASE

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


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PROVIDER, max_size=4))
def test_any_list_is_read_without_a_crash_and_nothing_is_lost(run, document):
    imported = run(document)

    table_text("api_offers", imported.rows["api_offers"]).encode()
    assert len(imported.rows["api_offers"]) + len(imported.rejected) >= len(
        [p for p in document if not isinstance(p, dict) or p["models"]]
    )
