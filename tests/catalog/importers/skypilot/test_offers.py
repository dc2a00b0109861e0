"""Offers of a region, and prices that are flagged or no price of any market."""

import pytest

from tests.catalog.importers.skypilot.price_files import prices


def test_zones_collapse_to_the_lowest_price_of_the_region_with_the_spread(import_text):
    imported = import_text(
        "p5,H100,8,,,55.04,30.5,us-east-1,a,",
        "p5,H100,8,,,55.04,17.25,us-east-1,b,",
        "p5,H100,8,,,55.04,,us-east-1,c,",
        "p5,H100,8,,,60,,eu,a,",
        cloud="aws",
    )

    notes = {(o.region, o.tenure): o.notes for o in imported.rows["offers"]}
    assert prices(imported)["p5", "us-east-1", "spot"] == 17.25
    assert notes["us-east-1", "spot"] == "lowest of 2 zones, 17.25 to 30.5 USD/h"
    assert notes["eu", "on_demand"] == ""


def test_spot_above_on_demand_is_flagged_on_both_offers(import_text):
    imported = import_text("p5,H100,8,,,33.61,42.71,us,a,", cloud="aws")

    assert [o.notes for o in imported.rows["offers"]] == [
        "doubtful price: spot 42.71 is above on-demand 33.61 USD/h"
    ] * 2


def test_leaked_price_is_flagged_in_other_regions_too(import_text):
    hosts = [f"a3-highgpu-8g,,,208,1872,9,4,{region},{region}-a," for region in ("us", "eu", "jp")]

    imported = import_text(
        *hosts,
        ",H100,8,,,33.6,42.7,us,us-a,",
        ",H100,8,,,33.6,24.1,eu,eu-a,",
        ",H100,8,,,78.4,30.5,jp,jp-a,",
    )

    flagged = {
        (o.region, o.tenure) for o in imported.rows["offers"] if "doubtful price" in o.notes
    }
    assert flagged == {("us", "on_demand"), ("us", "spot"), ("eu", "on_demand")}


def test_spot_equal_to_on_demand_is_not_flagged(import_text):
    imported = import_text("1x,H100,1,,,1.39,1.39,US,a,", cloud="runpod")

    assert {o.notes for o in imported.rows["offers"]} == {""}


@pytest.mark.parametrize("price", ["0.01", "900"])
def test_price_outside_any_market_is_rejected(import_text, price):
    imported = import_text(f"x,H100,1,,,{price},,us,a,")

    assert imported.rejected_by_reason() == {"implausible_price": 1}


def test_instance_with_two_shapes_is_a_contradiction(import_text):
    imported = import_text("x,H100,1,,,2,,us,,", "x,H100,2,,,4,,eu,,")

    assert prices(imported) == {("x", "us", "on_demand"): 2}
    assert imported.rejected_by_reason() == {"contradiction": 1}
