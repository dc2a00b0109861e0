"""Tables of the catalogue: a reader's columns on a terminal, everything in a pipe."""

from __future__ import annotations

import io
import re

import pytest

from planner.catalog.load import load_catalog
from planner.catalog.query import KIND_ALIASES, column_names, rows
from planner.catalog.schema import TABLES
from planner.report.catalog_text import write_rows


@pytest.fixture(scope="module")
def shipped():
    return load_catalog()


@pytest.fixture
def write(shipped, monkeypatch):
    """Return a function that writes a table to a stream of some width."""

    def run(out, kind, *filters, width=100):
        monkeypatch.setenv("COLUMNS", str(width))
        table = KIND_ALIASES.get(kind, kind)
        write_rows(out, rows(shipped, kind, filters), table, column_names(kind))
        return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())

    return run


def heading(text):
    """Return the names of the columns, whose parts may stand in several lines."""
    lines = text.splitlines()
    rule = next(i for i, line in enumerate(lines) if line.startswith("─"))
    return " ".join(lines[:rule])


def test_pipe_gets_every_column_and_every_digit(write):
    text = write(io.StringIO(), "offers", "instance=p4d.24xlarge", "tenure=on_demand")

    lines = [line.split("\t") for line in text.splitlines()]
    assert lines[0] == column_names("offers")
    assert "21.957642" in lines[1]


def test_hardware_shows_memory_bandwidth_and_rates_first(write, terminal):
    text = write(terminal, "hardware", "id=h100-sxm-80gb", width=80)

    row = text.splitlines()[-2].split()
    assert row[:5] == ["h100-sxm-80gb", "81,559", "3,350", "989", "1,978"]
    assert "form_" not in heading(text)


def test_hardware_shows_link_power_date_and_publisher_where_there_is_room(write, terminal):
    text = write(terminal, "hardware", "id=h100-sxm-80gb", width=140)

    row = text.splitlines()[-2].split()
    assert row[5:] == ["nvlink", "450", "700", "hopper", "2026-11", "NVIDIA"]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_offers_show_the_price_of_one_accelerator(write, terminal, width):
    text = write(terminal, "offers", "instance=p4d.24xlarge", "tenure=on_demand", width=width)

    row = next(line for line in text.splitlines() if line.startswith("aws"))
    assert "2.7447" in row.split()
    assert "a100-sxm-40gb" in row.split()


@pytest.mark.parametrize("kind", [table for table in TABLES if table != "discounts"])
@pytest.mark.parametrize("width", [80, 100, 140])
def test_no_table_is_wider_than_the_terminal(write, terminal, kind, width):
    text = write(terminal, kind, width=width)

    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("kind", ["hardware", "offers", "models", "servers", "quality", "aliases"])
def test_numbers_stand_in_the_line_of_their_row(write, terminal, shipped, kind):
    text = write(terminal, kind, width=80)

    lines = text.splitlines()
    below = lines[next(i for i, line in enumerate(lines) if line.startswith("─")) + 1 : -1]
    assert len(below) == len(rows(shipped, kind))
    assert all(line[0] != " " for line in below)


@pytest.mark.parametrize("kind", [table for table in TABLES if table != "discounts"])
def test_every_table_shows_date_and_publisher_where_there_is_room(write, terminal, kind):
    text = write(terminal, kind, width=400)

    assert "as_of" in heading(text)
    assert "publisher" in heading(text)


def test_the_last_line_counts_the_columns_that_are_not_shown(write, terminal):
    text = write(terminal, "hardware", "id=h100-sxm-80gb", width=400)

    # name, vendor, kind, form_factor, memory_basis, int8_tops, accelerators_per_node,
    # node_it_power_w, source, notes
    assert text.splitlines()[-1] == "10 columns left out; --json or a pipe shows all"


def test_columns_without_any_value_are_neither_shown_nor_counted(write, terminal):
    text = write(terminal, "quantizations", "id=bf16", width=400)

    # source; the row has no notes
    assert text.splitlines()[-1] == "1 column left out; --json or a pipe shows all"
    assert "plan" not in heading(write(terminal, "offers", "provider=runpod", width=400))


def test_numbers_are_read_with_separators_and_flags_in_small_letters(terminal):
    one = {"a": 1234567.0, "b": 0.00118761, "c": True, "as_of": "2026", "publisher": "us"}
    write_rows(terminal, [one, one | {"a": None}], "none", list(one))

    assert re.search(r"1,234,567 +0\.001188 +true", terminal.getvalue())
