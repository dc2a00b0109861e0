"""Which columns of a table a terminal has room for, and how wide each of them stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.report.tables import Column

WIDE_GAP, NARROW_GAP = 3, 2
"""Cells between two columns, when there is room and when there is not."""
_TEXT_WIDTH = 20
"""Narrowest column of text that still reads well, when its words are shorter."""
_LONGEST_WORD = 64
"""Longer words, such as addresses, are broken."""
_PIECES = re.compile(r"[^\s_/]*[_/]|[^\s_/]+|\s+")
"""Parts between which a heading may be broken: after `_` and `/`, and at spaces."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one column stands.

    Parameters
    ----------
    column
        Index of the column.
    heading
        Its title, with line breaks where it is wider than the column.
    width
        Cells.
    """

    column: int
    heading: str
    width: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that are drawn, in order, and the cells between two of them."""

    places: tuple[Place, ...]
    gap: int

    @property
    def width(self) -> int:
        """Cells of a whole line."""
        return _line(self.gap, [place.width for place in self.places])


@dataclass(frozen=True, slots=True)
class _Need:
    """Cells that one column needs, at ease and at least."""

    title: int
    cells: int
    least_title: int
    least_cells: int


def fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Layout:
    """Return the layout of a table on a terminal.

    Text is narrowed first, then the space between columns and the headings. When that does not
    suffice, the most important column is kept, and in order every other that finds room.

    Parameters
    ----------
    columns
        The columns.
    rows
        Cells, one sequence for each row.
    width
        Cells of a line of the terminal.
    """
    needs = [_need(column, [row[i] for row in rows]) for i, column in enumerate(columns)]
    easy = [max(n.title, n.least_cells) for n in needs]
    if _line(WIDE_GAP, easy) <= width:
        return _layout(columns, needs, easy, WIDE_GAP, width)
    least = [max(n.least_title, n.least_cells) for n in needs]
    kept: list[int] = []
    for i in sorted(range(len(columns)), key=lambda i: columns[i].gives_way):
        if not kept or _line(NARROW_GAP, [least[k] for k in (*kept, i)]) <= width:
            kept.append(i)
    widths = [least[i] if i in kept else 0 for i in range(len(columns))]
    return _layout(columns, needs, widths, NARROW_GAP, width)


def _layout(
    columns: Sequence[Column], needs: Sequence[_Need], widths: list[int], gap: int, width: int
) -> Layout:
    """Share what is left of the line between the columns of at least one cell."""
    kept = [i for i, cells in enumerate(widths) if cells]
    left = width - _line(gap, [widths[i] for i in kept])
    broken = sorted(
        (i for i in kept if needs[i].cells > widths[i]), key=lambda i: needs[i].cells - widths[i]
    )
    for index, i in enumerate(broken):
        more = min(needs[i].cells - widths[i], max(left, 0) // (len(broken) - index))
        widths[i] += more
        left -= more
    for i in kept:
        more = needs[i].title - widths[i]
        if 0 < more <= left:
            widths[i] += more
            left -= more
    places = (Place(i, _broken(columns[i].title, widths[i]), widths[i]) for i in kept)
    return Layout(tuple(places), gap)


def _line(gap: int, widths: Sequence[int]) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _need(column: Column, cells: Sequence[str]) -> _Need:
    widest = _widest(line for cell in cells for line in cell.splitlines())
    least = widest
    if not column.whole and column.align == "left":
        word = min(_widest(word for cell in cells for word in cell.split()), _LONGEST_WORD)
        least = min(widest, max(_TEXT_WIDTH, word))
    piece = _widest(piece for piece in _PIECES.findall(column.title))
    return _Need(_cells(column.title), widest, max(piece, 1), least)


def _broken(title: str, width: int) -> str:
    """Return a title in lines of at most `width` cells."""
    lines = [""]
    for piece in _PIECES.findall(title):
        if lines[-1] and _cells(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return "\n".join(line.rstrip() for line in lines if line)


def _widest(texts: Iterable[str]) -> int:
    return max((_cells(text) for text in texts), default=0)


def _cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - few texts need it

    return cell_len(text)
