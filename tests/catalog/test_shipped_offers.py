"""Shipped prices of nodes: what they cover, how they relate, and single ones by hand."""

import datetime
import re
from collections import Counter, defaultdict

import pytest

from planner.catalog.dates import age_days, parse_partial_date
from planner.catalog.offers import offers_at

TODAY = datetime.date(2026, 11, 25)
START = datetime.date(2027, 1, 1)
HYPERSCALERS = {"aws", "gcp", "azure"}
ANNOUNCED = "announced in advance"
RATIO = re.compile(
    r"^(?P<ratio>0\.\d+) \((?P<then>[\d.]+) of (?P<full>[\d.]+) USD .*\) "
    r"times on-demand (?P<base>[\d.]+) USD/h"
)


@pytest.fixture(scope="module")
def in_force(shipped):
    """Return the prices in force today."""
    return offers_at(shipped, TODAY)


def _by_shape(rows):
    """Return price by tenure for every provider, instance, region and plan."""
    prices = defaultdict(dict)
    for row in rows:
        shape = (row.provider, row.instance, row.region, row.plan)
        prices[shape][row.tenure] = row.price_usd_per_hour
    return prices


def _on_demand(rows):
    return {
        (row.provider, row.instance, row.region): row.price_usd_per_hour
        for row in rows
        if row.tenure == "on_demand"
    }


# Coverage


def test_at_least_120_prices_are_in_force_of_which_90_are_of_the_last_year(in_force):
    fresh = [o for o in in_force if age_days(o.as_of, TODAY) <= 365]

    assert len(in_force) >= 120
    assert len(fresh) >= 90
    assert len(fresh) >= 0.95 * len(in_force)


def test_no_two_rows_have_one_key(shipped):
    keys = Counter(offer.key for offer in shipped.offers)

    assert [key for key, count in keys.items() if count > 1] == []


def test_every_tenure_but_blocks_is_sold_by_all_hyperscalers(in_force):
    sellers = defaultdict(set)
    for row in in_force:
        sellers[row.tenure].add(row.provider)

    for tenure in ("on_demand", "spot", "reserved_1y", "reserved_3y"):
        assert sellers[tenure] >= HYPERSCALERS
    assert sellers["capacity_block"] == {"aws"}


def test_thirteen_clouds_besides_the_hyperscalers_have_a_price_of_the_last_year(in_force):
    sellers = {o.provider for o in in_force if age_days(o.as_of, TODAY) <= 365}

    assert sellers - HYPERSCALERS == {
        "coreweave",
        "crusoe",
        "digitalocean",
        "hotaisle",
        "hyperstack",
        "jarvislabs",
        "lambda",
        "nebius",
        "oci",
        "runpod",
        "scaleway",
        "verda",
        "vultr",
    }


def test_every_accelerator_of_an_offer_has_a_row(shipped):
    assert {o.accelerator for o in shipped.offers} <= {a.id for a in shipped.accelerators}


def test_the_accelerators_that_nobody_was_found_to_rent_out_are_known(shipped, in_force):
    rented = {o.accelerator for o in in_force}

    assert {a.id for a in shipped.accelerators} - rented == {
        "a10-24gb",
        "a30-24gb",
        "a40-48gb",
        "h20-96gb",
        "l20-48gb",
        "rtx-4090-24gb",
        "v100-pcie-32gb",
        "v100s-pcie-32gb",
        "gaudi2-96gb",
        "gaudi3-128gb",
        "trainium3-144gb",
    }


def test_trainium2_can_be_had_as_a_capacity_block_only(in_force):
    tenures = defaultdict(set)
    for row in in_force:
        tenures[row.accelerator].add(row.tenure)

    assert {a for a, sold in tenures.items() if "on_demand" not in sold} == {"trainium2-96gb"}
    assert tenures["trainium2-96gb"] == {"capacity_block"}


def test_accelerators_of_four_vendors_are_sold_on_demand(shipped, in_force):
    sold = {o.accelerator for o in in_force if o.tenure == "on_demand"}

    assert {shipped.accelerator(a).vendor for a in sold} == {"nvidia", "amd", "google", "aws"}


# Commitments


def test_reserved_rows_state_their_term(shipped):
    terms = {(o.tenure, o.term_months) for o in shipped.offers if o.tenure.startswith("reserved")}

    assert terms == {("reserved_1y", 12), ("reserved_3y", 36)}


def test_commitments_bind_what_the_provider_says(shipped):
    binds = defaultdict(set)
    for row in shipped.offers:
        if row.tenure.startswith("reserved"):
            kind = shipped.accelerator(row.accelerator).kind
            binds[row.provider, kind].add(row.commits)

    assert binds["aws", "gpu"] == binds["aws", "asic"] == {"spend"}
    assert binds["azure", "gpu"] == {"spend"}
    assert binds["gcp", "gpu"] == {"both"}
    assert binds["gcp", "tpu"] == {None}, "no page says what a commitment of TPUs binds"


def test_a_shape_that_cannot_be_committed_to_has_no_reserved_price(shipped):
    rows = [o for o in shipped.offers if o.instance == "a3-highgpu-1g"]

    assert {o.tenure for o in rows} == {"spot"}


def test_three_years_of_a_plan_cost_less_per_hour_than_one(in_force):
    pairs = [p for p in _by_shape(in_force).values() if {"reserved_1y", "reserved_3y"} <= set(p)]

    assert len(pairs) >= 50
    assert [p for p in pairs if p["reserved_3y"] >= p["reserved_1y"]] == []


def test_commitments_cost_less_per_hour_than_none(in_force):
    full = _on_demand(in_force)
    committed = [
        (row.offer_id, row.price_usd_per_hour / full[shape])
        for row in in_force
        if row.term_months and (shape := (row.provider, row.instance, row.region)) in full
    ]

    assert len(committed) >= 100
    assert [pair for pair in committed if not 0.3 < pair[1] < 0.9] == []


def test_an_old_page_without_a_plan_ends_where_a_dated_list_names_it(in_force):
    plans = defaultdict(set)
    for row in in_force:
        plans[row.provider, row.instance, row.region, row.tenure].add(row.plan)

    assert [shape for shape, named in plans.items() if None in named and len(named) > 1] == []


# Spot and capacity blocks


def test_spot_costs_no_more_than_on_demand_unless_the_notes_say_so(in_force):
    full = _on_demand(in_force)
    spot = [o for o in in_force if o.tenure == "spot"]
    dear = [
        row.offer_id
        for row in spot
        if row.price_usd_per_hour >= full.get((row.provider, row.instance, row.region), 1e9)
        and "reaches on-demand" not in row.notes
    ]

    assert len(spot) >= 80
    assert dear == []


def test_a_spot_price_is_the_lowest_of_the_zones_of_its_region(shipped):
    """Zones of us-east-1 ask 16.95, 18.16, 18.68, 18.73 and twice 55.04 USD/h."""
    (row,) = [o for o in shipped.offers if o.offer_id == "aws:p5.48xlarge:us-east-1:spot"]

    assert row.price_usd_per_hour == 16.9508
    assert "16.9508 to 55.04" in row.notes


def test_no_source_states_interruptions_per_hour(shipped):
    assert {o.interruption_rate_per_h for o in shipped.offers} == {None}


def test_capacity_blocks_commit_capacity_and_are_paid_at_once(in_force):
    blocks = [o for o in in_force if o.tenure == "capacity_block"]

    assert len(blocks) >= 30
    assert {(o.commits, o.upfront_fraction) for o in blocks} == {("capacity", 1)}


@pytest.mark.parametrize(
    ("day", "price_usd_per_hour"),
    [
        (datetime.date(2024, 12, 31), 39.33),
        (datetime.date(2025, 1, 1), None),
        (datetime.date(2026, 10, 6), 41.528),
        (datetime.date(2026, 10, 7), 8 * 5.97),
    ],
)
def test_a_capacity_block_costs_what_the_page_of_its_day_says(shipped, day, price_usd_per_hour):
    offer = "aws:p5.48xlarge:us-east-1:capacity_block"
    found = [o.price_usd_per_hour for o in offers_at(shipped, day) if o.offer_id == offer]

    assert found == ([] if price_usd_per_hour is None else [pytest.approx(price_usd_per_hour)])


# Dates


def test_a_price_starts_at_its_source_unless_it_was_announced_in_advance(shipped):
    early = [
        o
        for o in shipped.offers
        if parse_partial_date(o.valid_from) != parse_partial_date(o.as_of)
    ]

    assert all(parse_partial_date(o.valid_from) > parse_partial_date(o.as_of) for o in early)
    assert early == [o for o in shipped.offers if ANNOUNCED in o.notes]
    assert {(o.provider, o.tenure, o.valid_from) for o in early} == {
        ("aws", "capacity_block", "2026-10-07")
    }


def test_a_list_of_the_provider_ends_the_undated_copies_of_its_shapes(shipped):
    def shapes(day):
        rows = [o for o in offers_at(shipped, day) if o.provider == "verda"]
        return {
            o.instance for o in rows if o.tenure == "on_demand" and o.accelerator[:4] == "h100"
        }

    assert shapes(datetime.date(2026, 10, 3)) == {"1H100.80S.32V"}
    assert shapes(datetime.date(2026, 10, 4)) == {"h100-sxm-80gb.1x"}


# Estimates


def test_no_on_demand_price_is_an_estimate(shipped):
    tenures = {o.tenure for o in shipped.offers if o.evidence == "estimated"}

    assert tenures == {"reserved_1y", "reserved_3y"}


def test_an_estimate_is_its_stated_ratio_times_the_stated_price(shipped):
    rows = [o for o in shipped.offers if o.evidence == "estimated"]

    assert len(rows) == 14
    for row in rows:
        stated = RATIO.match(row.notes)
        ratio, then, full, base = (float(stated[g]) for g in ("ratio", "then", "full", "base"))
        assert ratio == pytest.approx(then / full, abs=5e-5)
        assert row.price_usd_per_hour == pytest.approx(then / full * base, abs=1e-3)
        assert "ratio: " in row.source
        assert "; on-demand: " in row.source


def test_an_estimate_starts_from_the_price_on_demand_of_its_shape(shipped):
    full = _on_demand(offers_at(shipped, TODAY))

    for row in (o for o in shipped.offers if o.evidence == "estimated"):
        base = float(RATIO.match(row.notes)["base"])
        assert base == pytest.approx(full[row.provider, row.instance, row.region], abs=1e-4)


def test_an_estimate_gives_way_to_a_quoted_price(in_force):
    quoted = {
        (o.provider, o.instance, o.region, o.tenure) for o in in_force if o.evidence == "quoted"
    }
    estimated = {
        (o.provider, o.instance, o.region, o.tenure) for o in in_force if o.evidence == "estimated"
    }

    assert quoted & estimated == set()


@pytest.mark.parametrize(
    ("offer", "price_usd_per_hour"),
    [
        # 1.45 of 4.1 USD in March 2025, times 21.957642 today
        ("aws:p4d.24xlarge:us-east-1:reserved_3y", 7.7655),
        # 4.31 of 6.98 USD in March 2025, times 17.64 today
        ("azure:Standard_NC80adis_H100_v5:eastus:reserved_3y", 10.8924),
    ],
)
def test_an_old_reserved_price_is_its_ratio_times_todays_price(shipped, offer, price_usd_per_hour):
    (row,) = [o for o in offers_at(shipped, TODAY) if o.offer_id == offer]

    assert row.price_usd_per_hour == pytest.approx(price_usd_per_hour, abs=1e-4)
    assert row.evidence == "estimated"


@pytest.mark.parametrize(
    ("offer", "price_usd_per_hour"),
    [
        # 12.8533 and 60.9109 as estimates before these two price lists were read
        ("aws:p4d.24xlarge:us-east-1:reserved_1y:ri-standard-no-upfront", 13.921094),
        ("gcp:a3-highgpu-8g:us-east4:reserved_1y:cud-resource", 61.425103),
    ],
)
def test_a_quoted_price_took_the_place_of_an_estimate(shipped, offer, price_usd_per_hour):
    (row,) = [o for o in offers_at(shipped, TODAY) if o.offer_id == offer]

    assert (row.price_usd_per_hour, row.evidence) == (price_usd_per_hour, "quoted")


# Single prices


@pytest.mark.parametrize(
    ("offer", "price_usd_per_hour", "accelerators"),
    [
        ("aws:p5.48xlarge:us-east-1:on_demand", 55.04, 8),
        ("aws:inf2.48xlarge:us-east-1:on_demand", 12.98127, 12),
        # sum of the SKUs, local SSD included; 87.83247 without it
        ("gcp:a3-highgpu-8g:us-east4:on_demand", 88.555756, 8),
        # 12 USD per chip, times the four of a host
        ("gcp:tpu7x-standard-4t:us-central1:on_demand", 48, 4),
        ("azure:Standard_NC24ads_A100_v4:eastus:on_demand", 3.673, 1),
        ("azure:Standard_ND96isr_MI300X_v5:eastus2:on_demand", 48, 8),
        ("oci:BM.GPU.MI355X.8:any:on_demand", 68.8, 8),
        ("digitalocean:gpu-mi325x8-2048gb:tor1:on_demand", 30.4, 8),
        ("lambda:gpu_8x_h100_sxm5:any:on_demand", 31.92, 8),
        # price page of 2026-09-25; 1.5484 in an undated copy of the interface
        ("nebius:gpu-l40s-a_1gpu:eu-north1:on_demand", 1.55, 1),
        # 3.85 USD per accelerator of the page, times eight
        ("nebius:gpu-h100-sxm_8gpu:eu-north1:on_demand", 30.8, 8),
        ("runpod:secure-h100-sxm-80gb:any:on_demand", 3.99, 1),
        ("runpod:community-h100-sxm-80gb:any:on_demand", 2.69, 1),
        ("coreweave:gb200-nvl72-4gpu:NA:on_demand", 42, 4),
    ],
)
def test_prices_are_those_of_the_sources(shipped, offer, price_usd_per_hour, accelerators):
    (row,) = [o for o in offers_at(shipped, START) if o.offer_id == offer]

    assert row.price_usd_per_hour == price_usd_per_hour
    assert row.accelerators == accelerators


def test_pods_of_one_provider_are_not_listed_twice(shipped):
    pods = {o.instance for o in shipped.offers if o.instance.startswith("pod-")}

    assert pods == {"pod-b300-sxm-288gb"}, "the others are sold as secure pods"
