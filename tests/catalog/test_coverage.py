"""What the shipped tables cover: hardware, prices, servers, sites, systems and price trends."""

import datetime
import math
from collections import Counter, defaultdict

import pytest

from planner.catalog.dates import parse_partial_date
from planner.catalog.location import shipped_path
from planner.catalog.offers import offers_at
from planner.catalog.schema import QUANTITIES, TABLES

TODAY = datetime.date(2026, 11, 23)
DAYS_PER_YEAR = 365.25
HARDWARE = (
    "t4",
    "a10g",
    "a30",
    "l4",
    "l40s",
    "a100-sxm-40gb",
    "a100-sxm-80gb",
    "a100-pcie-80gb",
    "h100-pcie",
    "h100-sxm",
    "h100-nvl",
    "h200",
    "b200",
    "b300",
    "gb200",
    "gb300",
    "rtx-pro-6000",
    "mi300x",
    "mi325x",
    "mi355x",
    "gaudi2",
    "gaudi3",
    "tpu-v5e",
    "tpu-v5p",
    "tpu-v6e",
    "tpu-v7",
    "inferentia2",
    "trainium2",
    "trainium3",
)
SYSTEMS = ("cerebras-cs-3", "groq-lpu-v1", "sambanova-sn40l", "graphcore-bow")
PROVENANCE = {"source": "a test", "as_of": "2026-06-01"}


REFERENCE = ("systems", "servers", "sites", "price_paths", "price_trends")


@pytest.fixture(scope="module")
def reference(shipped):
    """Return the rows of the tables of single figures and price readings, by table."""
    return {table: shipped.table(table) for table in REFERENCE}


def _figures(rows, subject):
    return {(row.quantity, row.case): row for row in rows if row.id == subject}


def _value(rows, subject, quantity):
    (row,) = [r for r in rows if r.id == subject and r.quantity == quantity]
    return row.value


# Hardware and systems


@pytest.mark.parametrize("part", HARDWARE)
def test_every_part_of_the_market_has_one_row(shipped, part):
    assert (
        len([a for a in shipped.accelerators if a.id.startswith(part + "-") or a.id == part]) == 1
    )


@pytest.mark.parametrize(
    ("name", "accelerator"),
    [
        ("GB300", "gb300-nvl72-288gb"),
        ("Gaudi3", "gaudi3-128gb"),
        ("tpu-v6e", "tpu-v6e-32gb"),
        ("AMD Instinct MI355X", "mi355x-288gb"),
    ],
)
def test_new_parts_resolve_by_their_product_names(shipped, name, accelerator):
    assert shipped.resolve_accelerator(name) == accelerator


def test_the_first_gaudi_is_not_taken_for_the_second(shipped):
    assert shipped.resolve_accelerator("Gaudi HL-205") is None


def test_ethernet_links_are_the_sum_of_their_ports_one_way(shipped):
    """24 ports of 100 and of 200 Gbit/s are 300 and 600 GB/s."""
    links = [shipped.accelerator(g).link_gb_per_s for g in ("gaudi2-96gb", "gaudi3-128gb")]

    assert links == [24 * 100 / 8, 24 * 200 / 8]


def test_memory_of_a_product_figure_is_read_as_decimal_gigabytes(shipped):
    row = shipped.accelerator("trainium2-96gb")

    assert row.memory_basis == "vendor"
    assert row.memory_bytes == pytest.approx(96e9, rel=1e-5)


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

    assert len(rows) == len(SYSTEMS)
    assert all(r.value is None and r.notes for r in rows)


@pytest.mark.parametrize(
    ("system", "tokens_per_s"),
    [("cerebras-cs-3", 445), ("groq-lpu-v1", 250), ("sambanova-sn40l", 457)],
)
def test_speeds_per_user_are_those_of_one_table_of_one_day(reference, system, tokens_per_s):
    figures = _figures(reference["systems"], system)
    row = figures["decode_tokens_per_s_per_user", "llama-3.1-70b-instruct"]

    assert (row.value, row.as_of) == (tokens_per_s, "2024-09-10")


# Offers


def test_at_least_120_offers_of_which_90_are_of_the_last_year(shipped):
    fresh = [o for o in shipped.offers if (TODAY - parse_partial_date(o.as_of)).days <= 365]

    assert len(shipped.offers) >= 120
    assert len(fresh) >= 90


def test_every_tenure_is_offered_by_several_providers(shipped):
    providers = defaultdict(set)
    for row in shipped.offers:
        providers[row.tenure].add(row.provider)

    assert {"aws", "gcp", "azure", "nebius", "verda", "coreweave"} <= providers["spot"]
    assert {"aws", "gcp", "azure"} <= providers["reserved_1y"]
    assert providers["reserved_1y"] == providers["reserved_3y"]


def test_a_spot_price_is_the_lowest_of_the_zones_of_its_region(shipped):
    """Zones of us-east-1 ask 16.95, 18.16, 18.68, 18.73 and twice 55.04 USD/h."""
    (row,) = [o for o in shipped.offers if o.offer_id == "aws:p5.48xlarge:us-east-1:spot"]

    assert row.price_usd_per_hour == 16.9508
    assert "16.9508 to 55.04" in row.notes


@pytest.mark.parametrize(
    ("offer", "price_usd_per_hour"),
    [
        # 2.4 of 4.1 and 1.45 of 4.1 USD in March 2025, times 21.957642 today
        ("aws:p4d.24xlarge:us-east-1:reserved_1y", 12.8533),
        ("aws:p4d.24xlarge:us-east-1:reserved_3y", 7.7655),
        # 7.67 of 11.06 USD in March 2025, times 87.83247 today
        ("gcp:a3-highgpu-8g:us-east4:reserved_1y", 60.9109),
        # 4.31 of 6.98 USD in March 2025, times 17.64 today
        ("azure:Standard_NC80adis_H100_v5:eastus:reserved_3y", 10.8924),
    ],
)
def test_an_old_reserved_price_is_its_ratio_times_todays_price(shipped, offer, price_usd_per_hour):
    (row,) = [o for o in offers_at(shipped, TODAY) if o.offer_id == offer]

    assert row.price_usd_per_hour == pytest.approx(price_usd_per_hour, abs=1e-4)
    assert row.evidence == "estimated"


def test_every_estimate_names_the_source_of_its_ratio_and_of_its_base(shipped):
    rows = [o for o in shipped.offers if o.evidence == "estimated"]

    assert len(rows) == 18
    assert all("ratio: " in o.source and "; on-demand: " in o.source for o in rows)
    assert all("times on-demand" in o.notes for o in rows)


def test_no_on_demand_price_is_an_estimate(shipped):
    assert {o.evidence for o in shipped.offers if o.tenure in ("on_demand", "spot")} == {"quoted"}


def test_three_years_cost_less_per_hour_than_one_and_one_less_than_none(shipped):
    prices = defaultdict(dict)
    for row in offers_at(shipped, TODAY):
        prices[row.provider, row.instance, row.region][row.tenure] = row.price_usd_per_hour

    reserved = [p for p in prices.values() if "reserved_1y" in p]
    assert len(reserved) >= 20
    assert all(p["reserved_3y"] < p["reserved_1y"] for p in reserved)
    assert all(p["reserved_1y"] < p.get("on_demand", math.inf) for p in reserved)


def test_the_capacity_block_has_expired_and_commits_capacity(shipped):
    (row,) = [o for o in shipped.offers if o.tenure == "capacity_block"]

    assert row.commits == "capacity"
    assert row not in offers_at(shipped, TODAY)


def test_reserved_rows_state_their_term(shipped):
    terms = {(o.tenure, o.term_months) for o in shipped.offers if o.tenure.startswith("reserved")}

    assert terms == {("reserved_1y", 12), ("reserved_3y", 36)}


# Tokens


def test_tokens_are_sold_by_twelve_providers_in_standard_batch_and_cached_prices(shipped):
    rows = shipped.api_offers

    assert len({o.provider for o in rows if o.weights == "open"}) >= 12
    assert {o.mode for o in rows if o.weights == "open"} == {"standard", "batch"}
    assert sum(o.cached_input_usd_per_mtok is not None for o in rows if o.weights == "open") >= 10


def test_closed_models_are_a_few_reference_prices_without_an_architecture(shipped):
    closed = [o for o in shipped.api_offers if o.weights == "closed"]

    assert {o.provider for o in closed} == {"openai", "anthropic", "google"}
    assert all(shipped.model(o.model) is None for o in closed)


def test_cached_input_costs_no_more_than_fresh_input(shipped):
    rows = [o for o in shipped.api_offers if o.cached_input_usd_per_mtok is not None]

    assert all(o.cached_input_usd_per_mtok <= o.input_usd_per_mtok for o in rows)


# Servers and sites


def test_a_server_of_eight_h100_has_the_median_and_range_of_its_quotes(reference):
    quotes_usd = sorted([329736, 296644, 255237.04, 230000, 375000])
    row = _figures(reference["servers"], "hgx-h100-8x")["capex_usd", ""]

    assert (row.low, row.value, row.high) == (quotes_usd[0], quotes_usd[2], quotes_usd[-1])


def test_every_server_names_a_known_accelerator_its_number_and_its_price(shipped, reference):
    servers = {row.id for row in reference["servers"]}

    assert len(servers) >= 12
    for server in servers:
        (count,) = [
            r for r in reference["servers"] if r.id == server and r.quantity == "accelerators"
        ]
        assert shipped.accelerator(count.case) is not None
        assert count.value >= 1
        assert _value(reference["servers"], server, "capex_usd") / count.value > 5_000


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


# Provenance, coherence and cost of all of it


@pytest.mark.parametrize("table", REFERENCE)
def test_every_row_of_every_new_table_has_a_source_and_a_past_date(reference, table):
    assert reference[table]
    for row in reference[table]:
        assert row.source.strip()
        assert parse_partial_date(row.as_of) <= TODAY


def test_every_table_has_a_section_of_the_guide():
    guide = (shipped_path("catalogs") / "README.md").read_text(encoding="utf-8")

    assert [t for t in TABLES if f"`{t}.csv`" not in guide] == []
