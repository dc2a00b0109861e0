"""Sentences about cells and values, each with a way out."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from planner.catalog.messages import listing_command, means, no_such_value, sentence
from planner.catalog.schema import TABLES
from planner.errors import Fault


@pytest.fixture
def said(row):
    """Return a function that gives the sentence about one bad cell of a row."""

    def say(table, **cell):
        with pytest.raises(ValidationError) as caught:
            row(table, **cell)
        (error,) = caught.value.errors()
        return sentence(error)

    return say


@pytest.mark.parametrize("hours", ["8-10", "08:00", "24:00-01:00", "night"])
def test_hours_name_the_form_of_hours(said, hours):
    assert said("api_offers", hours_utc=hours) == (
        f"`{hours}` is not accepted; write hours as HH:MM-HH:MM in UTC, such as 22:00-06:30"
    )


def test_hours_of_no_length_name_their_own_way_out(said):
    assert said("api_offers", hours_utc="08:00-08:00") == (
        "`08:00-08:00` starts and ends at once; leave it blank for the whole day"
    )


@pytest.mark.parametrize(
    ("table", "cell", "form"),
    [
        ("offers", {"valid_from": "May"}, "write a date as YYYY, YYYY-MM or YYYY-MM-DD"),
        ("offers", {"valid_from": "2026-13"}, "write a date as YYYY, YYYY-MM or YYYY-MM-DD"),
        ("offers", {"instance": "p5 large"}, "no spaces"),
        ("engines", {"chunk_tokens_choices": "1024, 2048"}, "separated by one space"),
    ],
)
def test_other_cells_name_their_own_form(said, table, cell, form):
    assert said(table, **cell).endswith(form)


def fault(path):
    return Fault("f.csv", 1, None, path, "m")


@pytest.mark.parametrize("table", TABLES)
def test_the_list_of_the_table_of_a_fault_comes_next(table):
    shown = {"accelerators": "hardware"}.get(table, table)

    assert listing_command([fault(f"{table}.price")]) == f"planner catalog list {shown}"
    assert listing_command([fault(table)]) == f"planner catalog list {shown}"


def test_the_first_table_counts_and_other_places_have_no_list():
    assert listing_command([fault("--on"), fault("models.id"), fault("offers")]) == (
        "planner catalog list models"
    )
    assert listing_command([fault("workloads.chat.slo")]) == ""


def test_a_value_that_nothing_comes_near_is_answered_with_all_when_they_are_few():
    assert no_such_value("offers", "tenure=", "x", ["spot", "on_demand", "spot"]) == (
        "no row of offers has tenure=x; it holds `on_demand`, `spot`"
    )
    many = [f"instance-{i}" for i in range(50)]
    assert no_such_value("offers", "instance=", "x", many) == "no row of offers has instance=x"


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("A100", "a100-sxm-80gb, a100-pcie-80gb"),
        ("h100", "h100-pcie-80gb, h100-nvl-94gb"),
        ("TPU-v5e", ""),
        ("L4", ""),
    ],
)
def test_other_forms_are_of_the_same_generation(shipped, name, others):
    text = means(shipped, name)

    assert text.startswith(f"`{name}` means {shipped.resolve_accelerator(name)}")
    assert text.partition("other forms are ")[2] == others


@pytest.mark.parametrize("name", ["h100-sxm-80gb", "H100-SXM-80GB", "nobody"])
def test_an_id_and_a_name_nobody_uses_mean_nothing_else(shipped, name):
    assert means(shipped, name) is None
