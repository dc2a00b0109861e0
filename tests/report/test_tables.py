from __future__ import annotations

import io

import pytest

from planner.report.tables import NUMBER, Column, money, number, percent, write_table

COLUMNS = [Column("name"), Column("USD", NUMBER)]
ROWS = [["a", "1"], ["b", "20"]]


def test_pipe_gets_tab_separated_text():
    out = io.StringIO()

    write_table(out, COLUMNS, ROWS)

    assert out.getvalue() == "name\tUSD\na\t1\nb\t20\n"


def test_terminal_gets_a_drawn_table_with_the_same_cells(terminal):
    write_table(terminal, COLUMNS, ROWS, "Costs")

    assert "Costs" in terminal.getvalue()
    assert "─" in terminal.getvalue()
    assert all(cell in terminal.getvalue() for row in ROWS for cell in row)


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "-"), (0.5, "0.50"), (999.9, "999.90"), (1000.4, "1,000"), (1234567.0, "1,234,567")],
)
def test_money_keeps_cents_only_where_they_matter(usd, text):
    assert money(usd) == text


def test_money_with_stated_digits_keeps_them():
    assert money(1234.5, 2) == "1,234.50"


def test_percent_and_number_show_missing_as_a_dash():
    assert (percent(None), percent(0.456), number(None), number(1.234)) == (
        "-",
        "46%",
        "-",
        "1.23",
    )
