"""What the shipped tables cover: hardware, hosted tokens, sources and dates of every row."""

import datetime
import re

import pytest

from planner.catalog.dates import parse_partial_date
from planner.catalog.location import shipped_path
from planner.catalog.schema import TABLES
from planner.units import BYTES_PER_GB, BYTES_PER_GIB

TODAY = datetime.date(2026, 11, 27)
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


# Hardware


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


@pytest.mark.parametrize(
    ("accelerator", "memory_mib"),
    [
        ("a30-24gb", 24576),
        ("mi355x-288gb", 294896),
        ("gaudi2-96gb", 98304),
        ("gaudi3-128gb", 131072),
        ("tpu-v5p-95gb", 97280),
    ],
)
def test_memory_is_what_the_driver_or_the_maker_reports_as_visible(
    shipped, accelerator, memory_mib
):
    row = shipped.accelerator(accelerator)

    assert (row.memory_mib, row.memory_basis) == (memory_mib, "driver")


@pytest.mark.parametrize(
    ("unit", "accelerators"),
    [
        (
            BYTES_PER_GB,
            {
                "mi325x-256gb",
                "tpu-v5e-16gb",
                "h20-96gb",
                "rtx-4090-24gb",
                "v100-pcie-32gb",
                "v100s-pcie-32gb",
                "a10-24gb",
                "a40-48gb",
                "l20-48gb",
            },
        ),
        (
            BYTES_PER_GIB,
            {
                "tpu-v6e-32gb",
                "tpu-v7-192gb",
                "inferentia2-32gb",
                "trainium2-96gb",
                "trainium3-144gb",
            },
        ),
    ],
)
def test_a_product_figure_is_decimal_unless_the_page_of_the_maker_prints_gib(
    shipped, unit, accelerators
):
    found = set()
    for row in shipped.accelerators:
        size = float(row.id.rsplit("-", 1)[1].removesuffix("gb"))
        if row.memory_basis == "vendor" and row.memory_bytes == pytest.approx(size * unit, 1e-5):
            found.add(row.id)

    assert found == accelerators
    assert all(
        ("GiB" in shipped.accelerator(a).notes) == (unit == BYTES_PER_GIB) for a in accelerators
    )


def test_links_of_tpus_are_half_of_what_the_maker_prints_for_both_directions(shipped):
    printed = {
        "tpu-v5e-16gb": 400,
        "tpu-v5p-95gb": 1200,
        "tpu-v6e-32gb": 800,
        "tpu-v7-192gb": 1200,
    }

    assert {t: 2 * shipped.accelerator(t).link_gb_per_s for t in printed} == printed


def test_two_links_are_blank_because_their_direction_is_not_stated(shipped):
    blank = {
        a.id
        for a in shipped.accelerators
        if a.link_gb_per_s is None and a.link not in ("pcie", "none")
    }

    assert blank == {"inferentia2-32gb", "trainium2-96gb"}


def test_notes_of_hardware_deny_nothing_that_the_row_states(shipped):
    for row in shipped.accelerators:
        assert ("link is blank" in row.notes) == (
            row.link_gb_per_s is None and row.link not in ("pcie", "none")
        )
        assert ("product figure" in row.notes) == (row.memory_basis == "vendor")
        assert "not in the source" not in row.notes


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


# Provenance


@pytest.mark.parametrize("table", [t for t in TABLES if t != "discounts"])
def test_every_row_of_every_table_has_a_source_and_a_past_date(shipped, table):
    assert shipped.table(table)
    for row in shipped.table(table):
        assert row.source.strip()
        assert parse_partial_date(row.as_of) <= TODAY


def test_no_discount_is_shipped(shipped):
    assert shipped.discounts == ()


@pytest.mark.parametrize("table", list(TABLES))
def test_no_row_points_at_a_copy_that_a_reader_cannot_find(shipped, table):
    cells = [f"{row.source} {row.notes}" for row in shipped.table(table)]

    assert [cell for cell in cells if "stored file" in cell or "copied in;" in cell] == []


def test_every_table_has_a_section_of_the_guide():
    guide = (shipped_path("catalogs") / "README.md").read_text(encoding="utf-8")

    assert [t for t in TABLES if f"`{t}.csv`" not in guide] == []


def test_the_guide_states_the_key_of_every_table():
    guide = (shipped_path("catalogs") / "README.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^\| `(\w+)\.csv` \| ([a-z_, ]+) \|", guide, re.MULTILINE))

    assert stated == {name: ", ".join(model.key_fields) for name, model in TABLES.items()}


def test_the_guide_names_every_figure_that_a_table_of_figures_added_since():
    guide = (shipped_path("catalogs") / "README.md").read_text(encoding="utf-8")

    for name in ("resale_ratio_per_year", "used_price_usd", "carbon_g_per_kwh"):
        assert f"`{name}`" in guide
