from __future__ import annotations

import io
import re

import pytest

from planner.report.tables import NUMBER, Column, money, number, percent, write_table

COLUMNS = [Column("name"), Column("USD", NUMBER)]
ROWS = [["a", "1"], ["b", "20"]]
OFFERS = [
    Column("provider", whole=True),
    Column("instance", whole=True),
    Column("price_usd_per_hour", NUMBER),
    Column("as_of", whole=True),
    Column("notes"),
]
OFFER_ROWS = [
    ["runpod", "community-h100-pcie-80gb", "108.64", "2026-11-09", "price per GPU and " * 6],
    ["aws", "p5.48xlarge", "55.04", "2026-01", "billed by the second"],
]


def drawn(terminal):
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())


@pytest.fixture(params=[60, 80, 100, 140])
def width(request, monkeypatch):
    """Cells of a line of the terminal."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    return request.param


def test_pipe_gets_tab_separated_text():
    out = io.StringIO()

    write_table(out, COLUMNS, ROWS)

    assert out.getvalue() == "name\tUSD\na\t1\nb\t20\n"


def test_pipe_gets_one_line_per_row_and_one_cell_between_tabs():
    out = io.StringIO()

    write_table(out, COLUMNS, [["two\nlines", "1"], ["a\ttab", "2"]], left_out=3)

    assert out.getvalue() == "name\tUSD\ntwo lines\t1\na tab\t2\n"


def test_terminal_gets_a_drawn_table_with_the_same_cells(terminal):
    write_table(terminal, COLUMNS, ROWS, "Costs")

    assert "Costs" in terminal.getvalue()
    assert "─" in terminal.getvalue()
    assert all(cell in terminal.getvalue() for row in ROWS for cell in row)


def test_no_line_is_wider_than_the_terminal(terminal, width):
    write_table(terminal, OFFERS, OFFER_ROWS)

    assert max(len(line) for line in drawn(terminal).splitlines()) <= width


def test_names_numbers_and_dates_are_whole_at_every_width(terminal, width):
    write_table(terminal, OFFERS, OFFER_ROWS)

    lines = drawn(terminal).splitlines()
    for row in OFFER_ROWS:
        shown = [line for line in lines if line.startswith(row[0])]
        assert len(shown) == 1
        assert row[1] in shown[0]
        assert row[2] in shown[0]


def test_text_wraps_at_words_in_the_room_that_is_left(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")

    write_table(terminal, OFFERS, OFFER_ROWS)

    lines = drawn(terminal).splitlines()
    notes = [line.split("  ")[-1].strip() for line in lines if "price per" in line]
    assert len(notes) > 1
    assert set(" ".join(notes).split()) == {"price", "per", "GPU", "and"}


def test_columns_that_find_no_room_are_counted_in_the_last_line(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")

    write_table(terminal, OFFERS, OFFER_ROWS)

    assert "notes" not in drawn(terminal)
    assert drawn(terminal).endswith("\n1 column left out; --json or a pipe shows all\n")


def test_columns_the_caller_left_out_are_counted_too(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")

    write_table(terminal, OFFERS, OFFER_ROWS, left_out=2)

    assert drawn(terminal).endswith("\n3 columns left out; --json or a pipe shows all\n")


def test_a_table_with_room_for_all_says_nothing_of_columns(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    write_table(terminal, OFFERS, OFFER_ROWS)

    assert "left out" not in drawn(terminal)


def test_cells_are_never_read_as_markup(terminal):
    write_table(terminal, COLUMNS, [["day [lean] :cat:", "1"]])

    assert "day [lean] :cat:" in drawn(terminal)


def test_one_name_wider_than_the_terminal_is_kept_whole(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")

    write_table(terminal, [Column("id", whole=True), Column("n", NUMBER)], [["x" * 50, "1"]])

    assert "x" * 50 in drawn(terminal)
    assert "1 column left out" in drawn(terminal)


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "-"), (0.5, "0.50"), (999.9, "999.90"), (1000.4, "1,000"), (1234567.0, "1,234,567")],
)
def test_money_keeps_cents_only_where_they_matter(usd, text):
    assert money(usd) == text


def test_money_with_stated_digits_keeps_them():
    assert money(1234.5, 2) == "1,234.50"


def test_nothing_has_no_sign():
    assert (number(-0.001), money(-0.001)) == ("0.00", "0.00")


def test_percent_and_number_show_missing_as_a_dash():
    assert (percent(None), percent(0.456), number(None), number(1.234)) == (
        "-",
        "46%",
        "-",
        "1.23",
    )
