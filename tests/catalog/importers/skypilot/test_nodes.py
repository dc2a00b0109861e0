"""Prices and counts of a line, and accelerators whose host stands on another line."""

import pytest

from tests.catalog.importers.skypilot.price_files import prices


def test_split_lines_are_summed_within_the_zone(import_text):
    imported = import_text(
        "a3-highgpu-8g,,,208,1872,9.46006,3.68077,us-east4,us-east4-a,",
        ",H100,8,,,78.37241,30.4792,us-east4,us-east4-a,",
    )

    assert prices(imported) == {
        ("a3-highgpu-8g", "us-east4", "on_demand"): 87.83247,
        ("a3-highgpu-8g", "us-east4", "spot"): 34.15997,
    }
    assert imported.rejected == ()
    assert {o.notes for o in imported.rows["offers"]} == {"sum of accelerators and host"}


def test_accelerators_without_their_host_are_rejected(import_text):
    imported = import_text(
        "a3-highgpu-8g,,,208,1872,9.46,3.68,us-east4,us-east4-b,",
        "a2-highgpu-8g,,,96,680,5.9,3.1,us-east4,us-east4-a,",
        ",H100,8,,,78.37,30.48,us-east4,us-east4-a,",
        ",H100,3,,,30,10,us-east4,us-east4-b,",
    )

    assert imported.rows["offers"] == ()
    assert imported.rejected_by_reason() == {"no_host": 2, "no_accelerator": 1}


def test_every_host_shape_that_carries_the_accelerators_becomes_an_offer(import_text):
    imported = import_text(
        "g2-standard-4,,,4,16,0.15,0.06,us,a,",
        "g2-standard-8,,,8,32,0.29,0.12,us,a,",
        "g2-standard-24,,,24,96,0.88,0.36,us,a,",
        ",L4,1,,,0.56,0.22,us,a,",
    )

    assert prices(imported) == {
        ("g2-standard-4", "us", "on_demand"): 0.71,
        ("g2-standard-4", "us", "spot"): 0.28,
        ("g2-standard-8", "us", "on_demand"): 0.85,
        ("g2-standard-8", "us", "spot"): 0.34,
    }


def test_sum_needs_the_price_of_the_host_at_the_same_tenure(import_text):
    imported = import_text(
        "a3-megagpu-8g,,,208,1872,9.5,,us,a,",
        ",H100-MEGA,8,,,82.75,45.8,us,a,",
    )

    assert prices(imported) == {("a3-megagpu-8g", "us", "on_demand"): 92.25}
    assert [(r.reason, r.detail) for r in imported.rejected] == [
        ("no_price", "no spot price of its host")
    ]


def test_lines_without_accelerator_are_one_rejection_with_their_number(import_text):
    imported = import_text(
        "cpu-4,,0,4,16,0.2,,us,a,", "cpu-8,,,8,32,0.4,,us,a,", "cpu-9,,,8,32,0.4,,us,a,"
    )

    assert [(r.reason, r.detail.split()[0]) for r in imported.rejected] == [
        ("no_accelerator", "3")
    ]
    assert imported.rejected[0].place.endswith("vms.csv:2")


def test_price_of_700_is_no_price(import_text):
    imported = import_text(
        ",tpu-v6e-8,1,,,700.0,700.0,asia,asia-c,tpu-v6e-8",
        ",tpu-v6e-8,1,,,21.6,700.0,us,us-a,tpu-v6e-8",
    )

    assert prices(imported) == {("tpu-v6e-8", "us", "on_demand"): 21.6}
    assert imported.rejected_by_reason() == {"no_price": 3}


def test_spot_price_stands_without_an_on_demand_price(import_text):
    imported = import_text("p5e,H100,8,,,,26.5,us,a,", cloud="aws")

    assert prices(imported) == {("p5e", "us", "spot"): 26.5}
    assert imported.rejected == ()
    assert any("1 node with spot only" in note for note in imported.notes)


def test_line_without_any_price_is_rejected(import_text):
    imported = import_text("p5e,H100,8,,,,,us,a,", cloud="aws")

    assert imported.rejected_by_reason() == {"no_price": 1}


def test_zero_spot_price_is_no_price(import_text):
    imported = import_text("x,H100,1,,,2.5,0.00,us,a,", cloud="vast")

    assert prices(imported) == {("x", "us", "on_demand"): 2.5}


@pytest.mark.parametrize("count", ["0.125", "", "many", "2.5", "-1", "nan", "1e9"])
def test_count_that_is_no_whole_number_is_rejected(import_text, count):
    imported = import_text(f"x,H100,{count},,,5,,us,a,")

    assert imported.rejected_by_reason() == {"bad_count": 1}


@pytest.mark.parametrize("price", ["free", "-1", "inf", "nan", "1e999", "3,5"])
def test_price_that_is_no_amount_is_rejected(import_text, price):
    imported = import_text(f'x,H100,1,,,"{price}",,us,a,')

    assert imported.rows["offers"] == ()
    assert imported.rejected_by_reason() == {"bad_price": 1}


def test_region_with_spaces_becomes_a_key(import_text):
    imported = import_text('x,H100,1,,,2,,"Bulgaria, BG, EU",,', cloud="vast")

    assert [o.region for o in imported.rows["offers"]] == ["Bulgaria-BG-EU"]


def test_line_without_region_is_rejected(import_text):
    assert import_text("x,H100,1,,,2,,,,").rejected_by_reason() == {"no_region": 1}
