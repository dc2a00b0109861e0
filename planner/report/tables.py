"""Tables for people on a terminal, tab-separated text for pipes.

Box characters and padding help a reader and break a pipe, so every table goes through one
function that looks at where it is written. A pipe gets every cell. On a terminal numbers, ids and
dates are never broken: text gives way first, at words, then headings, then whole columns, and the
last line says how many are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from planner.errors import counted
from planner.report.layout import fit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

NUMBER: Literal["right"] = "right"
TEXT: Literal["left"] = "left"
SEE_ALL = "--json or a pipe shows all"
"""Where the columns are that a terminal has no room for."""
_SMALL_USD = 1_000.0
_CONTROL = {code: " " for code in range(32) if chr(code) != "\n"}


@dataclass(frozen=True, slots=True)
class Column:
    """Heading of a column, how its cells stand, and when it gives way."""

    title: str
    align: Literal["left", "right"] = TEXT
    whole: bool = False
    """Never broken over lines, as numbers never are: names to copy. Other text wraps at words."""
    gives_way: int = 0
    """Columns with the lowest figure are the last to be left out, of equal ones the first."""


def write_table(
    out: TextIO,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    title: str = "",
    left_out: int = 0,
) -> None:
    """Write a table: drawn when `out` is a terminal, tab-separated otherwise.

    Parameters
    ----------
    out
        Stream to write to.
    columns
        Headings and alignment.
    rows
        Cells as text, one sequence for each row.
    title
        Line above the table.
    left_out
        Columns that were left out before, to be counted in the last line.
    """
    if title:
        out.write(f"\n{title}\n")
    if out.isatty():
        _draw(out, columns, [[cell.translate(_CONTROL) for cell in row] for row in rows], left_out)
        return
    lines = [[column.title for column in columns], *([_one_line(c) for c in row] for row in rows)]
    out.write("".join("\t".join(line) + "\n" for line in lines))


def _one_line(cell: str) -> str:
    return " ".join(cell.translate(_CONTROL).splitlines())


def _draw(
    out: TextIO, columns: Sequence[Column], rows: Sequence[Sequence[str]], left_out: int
) -> None:
    from rich import box  # noqa: PLC0415 - only a terminal needs it, and it costs start-up time
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    width = Console(file=out).width
    layout = fit(columns, rows, width)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, layout.gap - 2),  # the box itself takes a cell
    )
    for place in layout.places:
        table.add_column(
            Text(place.heading),
            justify=columns[place.column].align,
            overflow="fold",
            width=place.width,
        )
    for row in rows:
        table.add_row(*(Text(row[place.column]) for place in layout.places))
    # One column alone may be wider than the terminal, which then breaks the lines itself.
    Console(file=out, highlight=False, width=max(width, layout.width)).print(table)
    left_out += len(columns) - len(layout.places)
    if left_out:
        out.write(f"{counted(left_out, 'column')} left out; {SEE_ALL}\n")


def money(usd: float | None, digits: int = 0) -> str:
    """Return an amount with thousands separators, ``-`` when there is none.

    Parameters
    ----------
    usd
        Amount.
    digits
        Digits after the point; small amounts without any get two.
    """
    if usd is None:
        return "-"
    return f"{usd:z,.{digits or (2 if abs(usd) < _SMALL_USD else 0)}f}"


def percent(fraction: float | None) -> str:
    """Return a fraction as a whole percentage, ``-`` when there is none."""
    return "-" if fraction is None else f"{fraction:.0%}"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with a fixed number of digits, ``-`` when there is none."""
    return "-" if value is None else f"{value:z,.{digits}f}"
