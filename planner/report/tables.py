"""Tables for people on a terminal, tab-separated text for pipes.

Box characters and padding help a reader and break a pipe, so every table goes through one
function that looks at where it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

NUMBER: Literal["right"] = "right"
TEXT: Literal["left"] = "left"
_SMALL_USD = 1_000.0


@dataclass(frozen=True, slots=True)
class Column:
    """Heading of a column and how its cells stand."""

    title: str
    align: Literal["left", "right"] = TEXT
    whole: bool = False
    """Never broken over lines while other columns can give way (names to copy)."""


def write_table(
    out: TextIO, columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str = ""
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
    """
    if title:
        out.write(f"\n{title}\n")
    if not out.isatty():
        lines = ["\t".join(c.title for c in columns), *("\t".join(row) for row in rows)]
        out.write("\n".join(lines) + "\n")
        return
    from rich import box  # noqa: PLC0415 - only a terminal needs it, and it costs start-up time
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column.title, justify=column.align, overflow="fold", no_wrap=column.whole)
    for row in rows:
        table.add_row(*row)
    Console(file=out, highlight=False).print(table)


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
    return f"{usd:,.{digits or (2 if abs(usd) < _SMALL_USD else 0)}f}"


def percent(fraction: float | None) -> str:
    """Return a fraction as a whole percentage, ``-`` when there is none."""
    return "-" if fraction is None else f"{fraction:.0%}"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with a fixed number of digits, ``-`` when there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"
