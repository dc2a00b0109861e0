"""How much of a catalogue there is, how old it is, and how close to the origin of its figures.

A ``source`` cell is classified by the longest ``id`` of ``sources.csv`` that it begins with. Where
a cell names several sources, the first supplies the main figure, and so decides.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Row, Source

KINDS = ("primary", "archive", "secondary", "derived")
UNCLASSIFIED = "unclassified"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one table holds.

    Parameters
    ----------
    table
        Name of the table.
    rows
        Number of rows.
    kinds
        Rows by kind of source, `KINDS` and `UNCLASSIFIED`.
    oldest, newest
        Least and greatest date of the rows as written; ``None`` for an empty table.
    """

    table: str
    rows: int
    kinds: Mapping[str, int]
    oldest: str | None
    newest: str | None


def coverage(catalog: Catalog) -> tuple[Coverage, ...]:
    """Return rows, kinds of source and dates of every table, in the order of the tables."""
    sources = SourceBook(catalog)
    return tuple(_of_table(name, catalog.table(name), sources) for name in TABLES)


class SourceBook:
    """Classifies ``source`` cells.

    Parameters
    ----------
    catalog
        Its table of sources.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._sources = sorted(catalog.sources, key=lambda row: len(row.id), reverse=True)
        self._known: dict[str, Source | None] = {}

    def source_of(self, row: Row) -> Source | None:
        """Return what stands behind the figures of a row, ``None`` when nothing says so."""
        cell = row.source
        if cell not in self._known:
            found = (source for source in self._sources if cell.startswith(source.id))
            self._known[cell] = next(found, None)
        return self._known[cell]


def _of_table(name: str, rows: tuple[Row, ...], sources: SourceBook) -> Coverage:
    found = (sources.source_of(row) for row in rows)
    kinds = Counter(UNCLASSIFIED if source is None else source.kind for source in found)
    dates = [row.as_of for row in rows]
    return Coverage(
        name,
        len(rows),
        {kind: kinds[kind] for kind in (*KINDS, UNCLASSIFIED)},
        min(dates, default=None),
        max(dates, default=None),
    )
