"""Shipped single figures and price readings: systems, servers, sites, price paths and trends."""

import math
import re
from collections import Counter, defaultdict

import pytest

from planner.catalog.dates import parse_partial_date
from planner.catalog.schema import QUANTITIES

DAYS_PER_YEAR = 365.25
GRAMS_PER_POUND = 453.59237
SYSTEMS = (
    "cerebras-cs-3",
    "groq-lpu-v1",
    "sambanova-sn40l",
    "sambanova-sn40l-8",
    "graphcore-bow",
)
REFERENCE = ("systems", "servers", "sites", "price_paths", "price_trends")


@pytest.fixture(scope="module")
def reference(shipped):
    """Return the rows of the tables of single figures and price readings, by table."""
    return {table: shipped.table(table) for table in REFERENCE}


def _figures(rows, subject):
    return {(row.quantity, row.case): row for row in rows if row.id == subject}


def _value(rows, subject, quantity):
    (row,) = [r for r in rows if r.id == subject and r.quantity == quantity and not r.case]
    return row.value


# Systems


def test_every_system_states_memory_price_and_throughput_or_that_none_is_known(reference):
    for system in SYSTEMS:
        stated = {quantity for quantity, _ in _figures(reference["systems"], system)}
        assert {
            "memory_gb",
            "capex_usd",
            "token_price_provider",
            "decode_tokens_per_s_per_user",
            "decode_tokens_per_s_per_system",
        } <= stated


def test_no_system_pretends_to_know_its_throughput_under_load(reference):
    rows = [r for r in reference["systems"] if r.quantity == "decode_tokens_per_s_per_system"]

    assert {r.id for r in rows} == set(SYSTEMS)
    for row in rows:
        measured = row.source.startswith("argonne-lcf/LLM-Inference-Bench")
        assert measured if row.value is not None else row.notes


@pytest.mark.parametrize(
    ("system", "quantization", "tokens_per_s"),
    [("cerebras-cs-3", "/bf16", 445), ("groq-lpu-v1", "", 250), ("sambanova-sn40l", "/bf16", 457)],
)
def test_speeds_per_user_are_those_of_one_table_of_one_day(
    reference, system, quantization, tokens_per_s
):
    figures = _figures(reference["systems"], system)
    row = figures["decode_tokens_per_s_per_user", f"llama-3.1-70b-instruct{quantization}"]

    assert (row.value, row.as_of) == (tokens_per_s, "2024-09-10")


# Servers and sites


def test_a_server_of_eight_h100_has_the_median_and_range_of_its_quotes(reference):
    quotes_usd = sorted([329736, 296644, 255237.04, 230000, 375000])
    row = _figures(reference["servers"], "hgx-h100-8x")["capex_usd", ""]

    assert (row.low, row.value, row.high) == (quotes_usd[0], quotes_usd[2], quotes_usd[-1])


def test_every_server_names_a_known_accelerator_its_number_and_its_price(shipped, reference):
    servers = {row.id for row in reference["servers"]}
    unpriced = set()

    assert len(servers) >= 12
    for server in servers:
        (count,) = [
            r for r in reference["servers"] if r.id == server and r.quantity == "accelerators"
        ]
        assert shipped.accelerator(count.case) is not None
        assert count.value >= 1
        capex_usd = _value(reference["servers"], server, "capex_usd")
        if capex_usd is None:
            unpriced.add(server)
        else:
            assert capex_usd / count.value > 5_000
    assert unpriced == {"dgx-b300-8x"}


@pytest.mark.parametrize(
    ("server", "ratio"),
    [
        # a used card a year later, over its price now: -28.2 %, -54.5 % and +0.6 %
        ("hgx-a100-80gb-8x", 1 - 0.282),
        ("a100-pcie-card", 1 - 0.545),
        ("hgx-h100-8x", 1 + 0.006),
    ],
)
def test_used_cards_change_in_price_as_measured_on_sold_listings(reference, server, ratio):
    assert _value(reference["servers"], server, "resale_ratio_per_year") == pytest.approx(ratio)


def test_past_lead_times_are_told_apart_from_todays(reference):
    figures = _figures(reference["servers"], "hgx-h100-8x")
    weeks = {case: row.value for (quantity, case), row in figures.items() if "lead" in quantity}

    assert weeks == {"": 44, "dell-2023-q4": 39, "dell-2024-04": 10, "hpe-2024-q1": 20}


def test_power_of_a_server_is_that_of_the_node_in_accelerators(shipped, reference):
    node_w = shipped.accelerator("h100-sxm-80gb").node_it_power_w

    assert _value(reference["servers"], "hgx-h100-8x", "it_power_w") == node_w


def test_the_default_site_states_every_figure_or_that_it_is_unknown(reference):
    stated = {quantity for quantity, _ in _figures(reference["sites"], "default")}

    assert stated == set(QUANTITIES["sites"])


def test_sites_span_the_power_prices_of_the_country(reference):
    prices = {r.id: r.value for r in reference["sites"] if r.quantity == "electricity_usd_per_kwh"}

    assert len(prices) >= 14
    assert min(prices, key=prices.get) == "us-texas"
    assert max(prices, key=prices.get) == "us-california"


def test_an_engineer_costs_the_wage_times_compensation_over_wages(reference):
    """46.60 USD of compensation per 32.60 USD of wages; the low end is the wage alone."""
    rows = [r for r in reference["sites"] if r.quantity == "staff_usd_per_fte_year"]

    assert len(rows) >= 10
    for row in rows:
        assert row.value == pytest.approx(row.low * 46.60 / 32.60, rel=1e-4)
        assert row.value < row.high


def test_carbon_of_a_state_is_its_pounds_per_megawatt_hour(reference):
    rows = {r.id: r for r in reference["sites"] if r.quantity == "carbon_g_per_kwh"}
    stated = {site: re.search(r"([\d.]+) lb per MWh", row.notes) for site, row in rows.items()}
    states = {site: float(found[1]) for site, found in stated.items() if found}

    assert len(rows) >= 30
    assert len(states) >= 10
    for site, pounds in states.items():
        assert rows[site].value == pytest.approx(pounds * GRAMS_PER_POUND / 1000, abs=0.06)


# Price paths and trends


def log_linear_trend(groups):
    """Return points, groups, slope and its standard error of ln(usd) over years.

    Every group of (year, usd) has a level of its own: both are measured from the group's mean,
    and each mean costs a degree of freedom.
    """
    years, logs = [], []
    for group in groups:
        mean_year = sum(year for year, _ in group) / len(group)
        mean_log = sum(math.log(usd) for _, usd in group) / len(group)
        years += [year - mean_year for year, _ in group]
        logs += [math.log(usd) - mean_log for _, usd in group]
    spread = sum(year**2 for year in years)
    slope = sum(year * log for year, log in zip(years, logs, strict=True)) / spread
    residual = sum((log - slope * year) ** 2 for year, log in zip(years, logs, strict=True))
    freedom = len(years) - len(groups) - 1
    return len(years), len(groups), slope, math.sqrt(residual / freedom / spread)


def _groups(rows, trend):
    groups = defaultdict(list)
    for row in rows:
        if row.trend == trend:
            year = parse_partial_date(row.date).toordinal() / DAYS_PER_YEAR
            groups[row.series, row.item, row.seller].append((year, row.usd))
    return list(groups.values())


def test_the_fit_finds_a_known_rate_and_no_error_in_exact_prices():
    halving = [[(year, level * 0.5**year) for year in range(4)] for level in (1, 30)]

    points, groups, slope, error = log_linear_trend(halving)

    assert (points, groups) == (8, 2)
    assert slope == pytest.approx(math.log(0.5))
    assert error == pytest.approx(0, abs=1e-9)


def test_the_error_of_the_fit_is_that_of_a_hand_computed_line():
    """ln(usd) 0, 1, 1 at years 0, 1, 2: slope 1/2, residuals -1/6, 1/3, -1/6, error sqrt(1/12)."""
    _, _, slope, error = log_linear_trend([[(0, 1), (1, math.e), (2, math.e)]])

    assert slope == pytest.approx(0.5)
    assert error == pytest.approx(math.sqrt(1 / 12))


def test_every_shipped_trend_is_reproduced_from_the_shipped_prices(reference):
    assert len(reference["price_trends"]) == 7
    for row in reference["price_trends"]:
        groups = _groups(reference["price_paths"], row.id)
        points, count, slope, error = log_linear_trend(groups)
        assert (row.points, row.groups) == (points, count)
        assert row.log_rate_per_year == pytest.approx(slope, abs=1e-4)
        assert row.log_rate_se == pytest.approx(error, abs=1e-4)
        assert row.annual_change == pytest.approx(math.expm1(slope), abs=1e-4)
        low, high = math.expm1(slope - 2 * error), math.expm1(slope + 2 * error)
        assert (row.annual_change_low, row.annual_change_high) == pytest.approx(
            (low, high), abs=1e-4
        )


def test_products_get_cheaper_more_slowly_than_tiers(reference):
    change = {row.id: row.annual_change for row in reference["price_trends"]}

    assert change["tokens-openai-flagship"] < change["tokens-same-product"] < 0


def test_rental_of_an_h100_has_no_trend_that_the_data_can_tell_from_none(reference):
    (row,) = [r for r in reference["price_trends"] if r.id == "rental-h100-sxm-80gb"]

    assert row.annual_change_low < 0 < row.annual_change_high


def test_price_paths_hold_tokens_rentals_and_purchases(reference):
    series = Counter(row.series for row in reference["price_paths"])

    assert series["tokens-input"] == series["tokens-output"] >= 90
    assert series["rental"] >= 100
    assert series["purchase"] >= 30
