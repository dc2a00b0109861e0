"""Prices of the catalogue against a second source for the same offer.

The two tables in `data/` hold one reading per row, with its source and day. A reading is compared
with the price in force on its day, or with the first one after it. A row that is known to
disagree says what the second source has in `differs`. The notes of a node that disagrees name
that source; the notes of tokens may settle it in the same way.
"""

import csv
import datetime
from pathlib import Path

import pytest

from planner.catalog.dates import parse_partial_date

DATA = Path(__file__).parent / "data"
FACTS = Path(__file__).parents[3] / "shared" / "facts"
TOKEN_TOLERANCE = 0.005
WITHOUT_A_SECOND_SOURCE = {"oblivus", "vultr"}
"""Providers that only one collection or one program was found to read."""

RENTALS = {
    ("H100 SXM", "Lambda (1x)"): ("lambda", "gpu_1x_h100_sxm5", "any"),
    ("H100 SXM", "Lambda (8x)"): ("lambda", "gpu_8x_h100_sxm5", "any"),
    ("H100 PCIe", "Lambda (1x)"): ("lambda", "gpu_1x_h100_pcie", "any"),
    ("A100 80GB SXM", "Lambda (8x)"): ("lambda", "gpu_8x_a100_80gb_sxm4", "any"),
    ("H100 SXM", "AWS p5 (/8)"): ("aws", "p5.48xlarge", "us-east-1"),
    ("A100 80GB SXM", "AWS p4de (/8)"): ("aws", "p4de.24xlarge", "us-east-1"),
    ("H100 SXM", "GCP a3-highgpu-1g"): ("gcp", "a3-highgpu-8g", "us-east4"),
    ("NVIDIA H100 NVL", "Microsoft Azure"): ("azure", "Standard_NC40ads_H100_v5", "eastus"),
}
"""Rentals of the development data, by item and seller, and the offers that they are."""

RENTALS_THAT_DIFFER = {("H100 SXM", "GCP a3-highgpu-1g")}
"""The reading of Google leaves out the local SSD that the shape always has."""

SINCE = datetime.date(2025, 3, 1)
RENTAL_TOLERANCE = 0.005


def _readings(name):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return [pytest.param(row, id="-".join(list(row.values())[:2])) for row in _rows(file)]


def _rows(file):
    return list(csv.DictReader(file))


def _in_force(rows, day):
    """Return the row in force on a day, or the earliest of those that start after it."""
    starts = {parse_partial_date(row.valid_from): row for row in rows}
    begun = [
        start
        for start, row in starts.items()
        if start <= day and (row.valid_to is None or day < parse_partial_date(row.valid_to))
    ]
    return starts[max(begun) if begun else min(start for start in starts if start > day)]


def _node(catalog, reading, day):
    key = tuple(reading[column] for column in ("provider", "instance", "region", "tenure"))
    rows = [o for o in catalog.offers if (o.provider, o.instance, o.region, o.tenure) == key]
    return _in_force(rows, day)


def _tokens(catalog, reading, day):
    key = (reading["provider"], reading["model_ref"], "standard")
    rows = [
        o
        for o in catalog.api_offers
        if (o.provider, o.model_ref, o.mode) == key
        and o.hours_utc is None
        and not o.prompt_from_tokens
    ]
    return _in_force(rows, day)


def _within(ours, theirs, tolerance):
    return ours == pytest.approx(float(theirs), rel=tolerance)


def _publisher(reading):
    return reading["source"].split(" ")[0]


def _check(reading, agrees):
    if reading["differs"]:
        assert not agrees, f"the sources agree now: drop `differs` ({reading['differs']})"
    else:
        assert agrees, (
            f"{reading['source']} of {reading['day']} has another price: correct the offer, or "
            f"say so in `differs` and name {_publisher(reading)} in its notes"
        )


@pytest.mark.parametrize("reading", _readings("second_source_nodes.csv"))
def test_a_node_costs_what_a_second_source_says(shipped, reading):
    offer = _node(shipped, reading, parse_partial_date(reading["day"]))
    tolerance = float(reading["tolerance"])

    _check(reading, _within(offer.price_usd_per_hour, reading["usd_per_hour"], tolerance))
    if reading["differs"]:
        assert _publisher(reading) in offer.notes, "the notes name who says something else"


@pytest.mark.parametrize("reading", _readings("second_source_tokens.csv"))
def test_tokens_cost_what_a_second_source_says(shipped, reading):
    offer = _tokens(shipped, reading, parse_partial_date(reading["day"]))
    columns = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")
    given = {column: reading[column] for column in columns if reading[column]}

    agrees = all(
        _within(getattr(offer, column), price, TOKEN_TOLERANCE) for column, price in given.items()
    )

    if _publisher(reading) not in offer.notes:
        _check(reading, agrees)


@pytest.mark.parametrize(
    ("table", "name"),
    [("offers", "second_source_nodes.csv"), ("api_offers", "second_source_tokens.csv")],
)
def test_every_provider_is_compared_at_least_once(shipped, table, name):
    compared = {reading.values[0]["provider"] for reading in _readings(name)}
    providers = {offer.provider for offer in shipped.table(table)}

    assert compared - providers == set()
    assert providers - compared - WITHOUT_A_SECOND_SOURCE == set(), (
        "a provider without any second reading: add one to the table, or name the provider in "
        "WITHOUT_A_SECOND_SOURCE"
    )


def test_providers_said_to_have_no_second_source_have_none():
    names = ("second_source_nodes.csv", "second_source_tokens.csv")
    compared = {reading.values[0]["provider"] for name in names for reading in _readings(name)}

    assert compared & WITHOUT_A_SECOND_SOURCE == set()


@pytest.mark.parametrize("name", ["second_source_nodes.csv", "second_source_tokens.csv"])
def test_a_second_source_is_another_one(shipped, name):
    find = _node if name == "second_source_nodes.csv" else _tokens
    for (reading,) in (entry.values for entry in _readings(name)):
        offer = find(shipped, reading, parse_partial_date(reading["day"]))

        assert not offer.source.startswith(_publisher(reading)), reading


def test_most_readings_agree():
    names = ("second_source_nodes.csv", "second_source_tokens.csv")
    rows = [reading.values[0] for name in names for reading in _readings(name)]

    assert len(rows) >= 150
    assert sum(not row["differs"] for row in rows) >= 0.85 * len(rows)


def test_prices_of_nodes_that_two_sources_state_differently_are_known():
    rows = [reading.values[0] for reading in _readings("second_source_nodes.csv")]

    assert {(row["provider"], row["instance"]) for row in rows if row["differs"]} == {
        ("crusoe", "a100-pcie-80gb.1x"),
        ("crusoe", "a100-sxm-80gb.1x"),
        ("gcp", "a3-highgpu-8g"),
        ("nebius", "gpu-h100-sxm_1gpu"),
        ("nebius", "gpu-h200-sxm_1gpu"),
        ("runpod", "secure-a100-pcie-80gb"),
        ("verda", "h100-sxm-80gb.1x"),
        ("verda", "h200-sxm-141gb.1x"),
    }


@pytest.mark.shared
@pytest.mark.skipif(not FACTS.is_dir(), reason="the development data are not beside the checkout")
def test_nodes_cost_what_the_rental_readings_say(shipped):
    with (FACTS / "price_history.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in _rows(file) if (row["item"], row["provider"]) in RENTALS]
    compared = set()
    for row in rows:
        seller = (row["item"], row["provider"])
        day = parse_partial_date(row["date"])
        provider, instance, region = RENTALS[seller]
        reading = {"provider": provider, "instance": instance, "region": region}
        offer = _node(shipped, reading | {"tenure": "on_demand"}, day)
        if day < SINCE or offer.source.startswith(row["source"].split(" ")[0]):
            continue
        compared.add(seller)
        price = offer.price_usd_per_hour / offer.accelerators
        agrees = _within(price, row["usd"], RENTAL_TOLERANCE)

        assert agrees != (seller in RENTALS_THAT_DIFFER), (row, offer)

    assert compared == set(RENTALS)
