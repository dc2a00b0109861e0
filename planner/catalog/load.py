"""The catalogue: every fact the planner may use, from the shipped tables and overlays.

Tables are merged by primary key in order: shipped first, then each overlay
(:mod:`planner.catalog.overlay`), so that the last one wins row by row. Accelerator names of offers
and interconnects may be any alias; a name that no table knows is kept here, because hardware with
measured capacities needs no row. Every fault of every file is collected before one
:class:`~planner.errors.InputError` is raised.

Of two calibrations of one combination the later wins by key; as each states all that it could
have moved, it replaces the earlier as a whole. A calibration of hardware that only an overlay
knows has to be used together with that overlay: the check of names refuses it alone.

The checksum covers the content of all merged rows, not their order, spelling of numbers, or
file: two catalogues with the same facts have the same checksum.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from planner.catalog.location import shipped_path
from planner.catalog.messages import listing_command
from planner.catalog.overlay import CsvSource, TableSource, overlay_sources
from planner.catalog.schema import (
    TABLES,
    Accelerator,
    Alias,
    ApiOffer,
    Calibration,
    Discount,
    Draft,
    Engine,
    Figure,
    FormatSupport,
    Interconnect,
    LengthCell,
    Model,
    Offer,
    PricePoint,
    PriceTrend,
    ProfilePoint,
    QualityScore,
    Quantization,
    Row,
    ServerFigure,
    Source,
)
from planner.catalog.table import Located, TableRead, folded, read_table
from planner.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from planner.errors import Fault

__all__ = ["Catalog", "Origin", "build_catalog", "load_catalog", "read_table"]

_NAMING = ("accelerators", "aliases", "systems")
_KEPT_CATALOGS = 4
_KEPT_TABLES = 128
"""Texts of tables: an overlay changes a few, the others are those of the shipped catalogue."""

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row was read: file name and line counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, eq=False)
class Catalog:
    """All tables, each in file order, with look-up by key.

    Two are equal when they are the same object, so that what follows from one can be kept with it;
    `sha256` says whether they hold the same facts.

    Parameters
    ----------
    accelerators, aliases, interconnects, systems, models, drafts, quantizations, quality, engines,
    format_support, calibration, offers, api_offers, discounts, servers, sites, price_paths,
    price_trends, profiles, lengths, sources
        Rows of the table of that name.
    origins
        File and line of a row by (table, key).
    """

    accelerators: tuple[Accelerator, ...]
    aliases: tuple[Alias, ...]
    interconnects: tuple[Interconnect, ...]
    systems: tuple[Figure, ...]
    models: tuple[Model, ...]
    drafts: tuple[Draft, ...]
    quantizations: tuple[Quantization, ...]
    quality: tuple[QualityScore, ...]
    engines: tuple[Engine, ...]
    format_support: tuple[FormatSupport, ...]
    calibration: tuple[Calibration, ...]
    offers: tuple[Offer, ...]
    api_offers: tuple[ApiOffer, ...]
    discounts: tuple[Discount, ...]
    servers: tuple[ServerFigure, ...]
    sites: tuple[Figure, ...]
    price_paths: tuple[PricePoint, ...]
    price_trends: tuple[PriceTrend, ...]
    profiles: tuple[ProfilePoint, ...]
    lengths: tuple[LengthCell, ...]
    sources: tuple[Source, ...]
    origins: Mapping[tuple[str, Key], Origin]
    _index: Mapping[tuple[str, Key], Row] = field(repr=False)
    _names: Mapping[str, str] = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """Checksum of the content; computed when asked for, as few catalogues end in a plan."""
        parts = [f"{json.dumps(name)}: {_facts_text(self.table(name))}" for name in sorted(TABLES)]
        return hashlib.sha256(f"{{{', '.join(parts)}}}".encode()).hexdigest()

    def table(self, name: str) -> tuple[Row, ...]:
        """Return the rows of the table with file stem `name`."""
        rows: tuple[Row, ...] = getattr(self, name)
        return rows

    def accelerator(self, key: str) -> Accelerator | None:
        """Return the accelerator with this id or alias, ``None`` when there is none."""
        row = self._index.get(("accelerators", (self.resolve_accelerator(key) or key,)))
        return row if isinstance(row, Accelerator) else None

    def resolve_accelerator(self, name: str) -> str | None:
        """Return the id that `name` stands for: an id or alias, in any case; also of a system."""
        return self._names.get(folded(name))

    def interconnect(self, accelerator: str, accelerators: int) -> Interconnect | None:
        """Return the measured all-reduce of a group of `accelerators` devices, if any."""
        row = self._index.get(("interconnects", (accelerator, str(accelerators))))
        return row if isinstance(row, Interconnect) else None

    def model(self, key: str) -> Model | None:
        """Return the model with this id, ``None`` when there is none."""
        row = self._index.get(("models", (key,)))
        return row if isinstance(row, Model) else None

    def drafts_of(self, model: str) -> dict[str, tuple[Draft, ...]]:
        """Return the drafts for a model by id, each with a row for every kind of text."""
        found: dict[str, tuple[Draft, ...]] = {}
        for row in self.drafts:
            if row.model == model:
                found[row.id] = (*found.get(row.id, ()), row)
        return found

    def quantization(self, key: str) -> Quantization | None:
        """Return the number format with this id, ``None`` when there is none."""
        row = self._index.get(("quantizations", (key,)))
        return row if isinstance(row, Quantization) else None

    def engine(self, key: str) -> Engine | None:
        """Return the serving engine with this id, ``None`` when there is none."""
        row = self._index.get(("engines", (key,)))
        return row if isinstance(row, Engine) else None

    def calibration_row(self, parameter: str, scope: str, key_id: str) -> Calibration | None:
        """Return the calibration row with exactly this key, ``None`` when there is none."""
        row = self._index.get(("calibration", (parameter, scope, key_id)))
        return row if isinstance(row, Calibration) else None

    def figure(self, table: str, key: str, quantity: str, case: str = "") -> Figure | None:
        """Return one figure of a system, server or site, ``None`` when there is no row."""
        row = self._index.get((table, (key, quantity, case)))
        return row if isinstance(row, Figure) else None

    def support(self, engine: str, quantization: str, architecture: str) -> FormatSupport | None:
        """Return how an engine runs a number format on an architecture, ``None`` if unknown."""
        row = self._index.get(("format_support", (engine, quantization, architecture)))
        return row if isinstance(row, FormatSupport) else None

    def scores(self, model: str, benchmark: str) -> tuple[QualityScore, ...]:
        """Return every score of `model` on `benchmark`, of all formats and evaluators."""
        return tuple(q for q in self.quality if q.model == model and q.benchmark == benchmark)

    def profile(self, name: str) -> tuple[float, ...] | None:
        """Return the hourly multipliers of a demand profile in order, ``None`` when unknown."""
        points = sorted((p.hour, p.multiplier) for p in self.profiles if p.profile == name)
        return tuple(multiplier for _, multiplier in points) or None

    def length_cells(self, name: str) -> tuple[LengthCell, ...] | None:
        """Return the cells of a joint length histogram, ``None`` when unknown."""
        return tuple(cell for cell in self.lengths if cell.lengths == name) or None

    def origin(self, table: str, row: Row) -> Origin | None:
        """Return where a row of `table` was read."""
        return self.origins.get((table, row.key))


@lru_cache(maxsize=_KEPT_TABLES)
def _facts_text(rows: tuple[Row, ...]) -> str:
    """Return the content of a table as JSON, in the order of its keys."""
    ordered = sorted(rows, key=lambda row: row.key)
    return json.dumps([row.facts for row in ordered], sort_keys=True)


def load_catalog(overlays: Sequence[Path] = ()) -> Catalog:
    """Return the shipped catalogue with overlays on top.

    Parameters
    ----------
    overlays
        Folders that hold any of the tables under the same file names, or YAML files that hold
        any of them under the same keys. A row replaces the row with the same key of an earlier
        one.

    Raises
    ------
    InputError
        With every fault of every file.
    """
    faults: list[Fault] = []
    sources = _shipped_sources()
    for overlay in overlays:
        for table, source in overlay_sources(overlay, faults):
            sources[table].append(source)
    reads: dict[str, tuple[TableRead[Any], ...]] = {}
    names: dict[str, str] = {}
    # Names first: the other tables may call an accelerator by any of them.
    for table in sorted(TABLES, key=lambda table: table not in _NAMING):
        known = None if table in _NAMING else names
        reads[table] = tuple(source.scan(table, known) for source in sources[table])
        faults += (fault for read in reads[table] for fault in read.faults)
        if table in _NAMING:
            names = _accelerator_names(_rows(reads.items()))
    if faults:
        command = listing_command(faults) or "planner catalog list KIND"
        raise InputError(faults, f"{command} shows the rows that are accepted")
    return _merged(tuple(reads.items()))


@lru_cache(maxsize=_KEPT_CATALOGS)
def _merged(reads: tuple[tuple[str, tuple[TableRead[Any], ...]], ...]) -> Catalog:
    """Return the catalogue of reads by table; scenarios read the same ones many times."""
    return build_catalog(_rows(reads))


def _rows(
    reads: Iterable[tuple[str, tuple[TableRead[Any], ...]]],
) -> dict[str, list[Located[Any]]]:
    return {table: [row for read in found for row in read.rows] for table, found in reads}


def build_catalog(rows: Mapping[str, Iterable[Located[Any]]]) -> Catalog:
    """Return the catalogue of rows given by table, the last row of a key winning.

    Parameters
    ----------
    rows
        Located rows by table name; a table left out is empty.
    """
    merged: dict[str, dict[Key, Row]] = {name: {} for name in TABLES}
    origins: dict[tuple[str, Key], Origin] = {}
    for table in TABLES:
        for located in rows.get(table, ()):
            key = located.row.key
            merged[table][key] = located.row
            origins[table, key] = Origin(located.file, located.line)
    tables: dict[str, Any] = {name: tuple(by_key.values()) for name, by_key in merged.items()}
    return Catalog(
        **tables,
        origins=origins,
        _index={
            (name, key): row for name, by_key in merged.items() for key, row in by_key.items()
        },
        _names=_accelerator_names(rows),
    )


def with_calibration(catalog: Catalog, rows: Iterable[Calibration], file: str = "") -> Catalog:
    """Return a catalogue with other rows in its table of calibration.

    Parameters
    ----------
    catalog
        The catalogue.
    rows
        All rows of the table; of one key the last wins.
    file
        Where rows come from that are not in `catalog`, for messages.
    """
    located = located_rows(catalog)
    located["calibration"] = [
        Located(row, *_place(catalog, "calibration", row, file)) for row in rows
    ]
    return build_catalog(located)


def located_rows(catalog: Catalog) -> dict[str, list[Located[Any]]]:
    """Return the rows of every table with where they were read, to build another catalogue."""
    return {
        table: [Located(row, *_place(catalog, table, row, "")) for row in catalog.table(table)]
        for table in TABLES
    }


def _place(catalog: Catalog, table: str, row: Row, file: str) -> tuple[str, int]:
    origin = catalog.origin(table, row)
    return (file, 0) if origin is None else (origin.file, origin.line)


def _shipped_sources() -> dict[str, list[TableSource]]:
    folder = shipped_path("catalogs")
    return {
        table: [CsvSource(folder / f"{table}.csv", f"catalogs/{table}.csv")] for table in TABLES
    }


def _accelerator_names(rows: Mapping[str, Iterable[Located[Any]]]) -> dict[str, str]:
    names = {folded(a.row.alias): a.row.accelerator for a in rows.get("aliases", ())}
    ids = [row.row.id for table in ("systems", "accelerators") for row in rows.get(table, ())]
    return names | {folded(name): name for name in ids}
