"""Overlays: a folder of CSV tables, or the same tables in one YAML file.

A folder holds files with the names of the shipped tables. A YAML file (``.yaml``, ``.yml``) is
such a folder in one piece: a key for each table, under it a list of rows with columns as keys::

    calibration:
      - {parameter: c_layer_us, scope: engine, key_id: vllm, kind: multiplier, value: 1.1,
         unit: factor, provenance: measured, source: our bench, as_of: 2027-02}

Values are read as the same text in a cell would be, so that both forms accept the same rows;
absent, ``null`` and blank mean unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from planner.catalog.messages import sentence
from planner.catalog.schema import TABLES, Row
from planner.catalog.table import Located, TableRead, folded, scan_table
from planner.errors import Fault, InputError, did_you_mean
from planner.yaml_io import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from planner.yaml_io import Document, Path_, YamlData

YAML_SUFFIXES = (".yaml", ".yml")
NOT_TABLES = ("measured_sample", "measurements")
"""Other CSV files that may lie beside the tables."""
_BOOLEANS = {True: "true", False: "false"}


class TableSource(Protocol):
    """Something that holds rows of one table."""

    def scan(self, table: str, accelerators: Mapping[str, str] | None) -> TableRead[Any]:
        """Return its valid rows and its faults.

        Parameters
        ----------
        table
            Name of the table.
        accelerators
            Accelerator id by folded name, for cells of a column ``accelerator``.
        """


@dataclass(frozen=True, slots=True)
class CsvSource:
    """A CSV file.

    Parameters
    ----------
    path, name
        The file, and its name in messages.
    """

    path: Path
    name: str

    def scan(self, table: str, accelerators: Mapping[str, str] | None) -> TableRead[Any]:
        """Return its valid rows and its faults."""
        return scan_table(self.path, self.name, TABLES[table], accelerators)


def overlay_sources(overlay: Path, faults: list[Fault]) -> list[tuple[str, TableSource]]:
    """Return the tables of an overlay by name; add a fault for everything that is none."""
    if overlay.suffix.lower() in YAML_SUFFIXES and not overlay.is_dir():
        return _tables_of_file(overlay, faults)
    if not overlay.is_dir():
        state = "is not a folder; a single file must be YAML (.yaml)"
        state = state if overlay.exists() else "does not exist"
        faults.append(Fault(str(overlay), None, None, "", f"the overlay {state}"))
        return []
    return _tables_of_folder(overlay, faults)


def _tables_of_folder(folder: Path, faults: list[Fault]) -> list[tuple[str, TableSource]]:
    found: list[tuple[str, TableSource]] = []
    before = len(faults)
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != ".csv" or path.stem in NOT_TABLES:
            continue
        if path.name in {f"{name}.csv" for name in TABLES}:
            found.append((path.stem, CsvSource(path, str(path))))
        else:
            faults.append(Fault(str(path), None, None, "", _no_table(path.stem)))
    if not found and len(faults) == before:
        message = f"the overlay holds no table; name a file {', '.join(TABLES)} (.csv)"
        faults.append(Fault(str(folder), None, None, "", message))
    return found


def _tables_of_file(path: Path, faults: list[Fault]) -> list[tuple[str, TableSource]]:
    if not path.exists():
        faults.append(Fault(str(path), None, None, "", "the overlay does not exist"))
        return []
    try:
        document = read_yaml(path, keep_repeated=True)
    except InputError as error:
        faults += error.faults
        return []
    faults += document.repeated
    tables = document.data
    if not isinstance(tables, dict) or not tables:
        message = f"the overlay holds no table; its keys are tables: {', '.join(TABLES)}"
        faults.append(Fault(document.file, 1, 1, "", message))
        return []
    for name in tables:
        if name not in TABLES:
            faults.append(_fault(document, (name,), "", _no_table(name)))
    return [(name, _YamlTable(document)) for name in tables if name in TABLES]


def _no_table(name: str) -> str:
    hint = did_you_mean(name, TABLES) or f"; tables are {', '.join(TABLES)}"
    return f"no table `{name}`{hint}"


@dataclass(frozen=True, slots=True)
class _YamlTable:
    """The tables of one YAML file."""

    document: Document

    def scan(self, table: str, accelerators: Mapping[str, str] | None) -> TableRead[Any]:
        """Return the valid rows and the faults of one of them."""
        items = self.document.data[table]
        if not isinstance(items, list):
            message = f"is {_kind(items)}; a table is a list of rows"
            return TableRead((), (_fault(self.document, (table,), table, message),))
        scan = _YamlScan(self.document, table, accelerators or {})
        for index, item in enumerate(items):
            scan.add(index, item)
        return TableRead(tuple(scan.rows), tuple(scan.faults))


class _YamlScan:
    """Reads the rows of one table of a YAML file."""

    def __init__(self, document: Document, table: str, accelerators: Mapping[str, str]) -> None:
        self.document, self.table, self.ids = document, table, accelerators
        self.model = TABLES[table]
        self.rows: list[Located[Row]] = []
        self.faults: list[Fault] = []
        self.places: dict[tuple[str, ...], Path_] = {}

    def add(self, index: int, item: YamlData) -> None:
        """Read one row."""
        place: Path_ = (self.table, index)
        if not isinstance(item, dict):
            self._fault(place, "", f"is {_kind(item)}; a row names its columns: `column: value`")
            return
        before = len(self.faults)
        cells = self._cells(place, item)
        if len(self.faults) > before:
            return
        try:
            row = self.model.model_validate(cells)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                column = str(detail["loc"][0])
                self._fault((*place, column), column, sentence(detail))
            return
        stated = {n: _text(item[n]) for n in self.model.listed_only if item.get(n) is not None}
        if contradicted := row.contradicted(stated):
            column, message = contradicted
            self._fault((*place, column), column, message)
            return
        first = self.places.setdefault(row.key, place)
        if first != place:
            key, line = ", ".join(filter(None, row.key)), self.document.positions[first][0]
            message = f"repeats the key ({key}) of line {line}; keep one of the two"
            self._fault(place, "", message)
            return
        self.rows.append(Located(row, self.document.file, self.document.positions[place][0]))

    def _cells(self, place: Path_, item: Mapping[str, YamlData]) -> dict[str, str]:
        """Return the cells that are not blank as text; add a fault for what is no cell."""
        known = self.model.model_fields
        cells: dict[str, str] = {}
        for column, value in item.items():
            if column in self.model.listed_only:
                continue
            if column not in known:
                hint = did_you_mean(column, known) or f"; columns are {', '.join(known)}"
                self._fault((*place, column), column, f"unknown column `{column}`{hint}")
            elif isinstance(value, dict | list):
                message = f"is {_kind(value)}; a cell holds one value"
                self._fault((*place, column), column, message)
            elif text := _text(value):
                cells[column] = text
        if "accelerator" in cells:
            name = cells["accelerator"]
            cells["accelerator"] = self.ids.get(folded(name), name)
        return cells

    def _fault(self, place: Path_, field: str, message: str) -> None:
        path = f"{self.table}.{field}" if field else self.table
        self.faults.append(_fault(self.document, place, path, message))


def _fault(document: Document, place: Path_, path: str, message: str) -> Fault:
    """Return a fault at the nearest position that is known for `place`."""
    while place not in document.positions:
        place = place[:-1]
    line, column = document.positions[place]
    return Fault(document.file, line, column, path, message)


def _text(value: YamlData) -> str:
    if value is None:
        return ""
    return _BOOLEANS[value] if isinstance(value, bool) else str(value).strip()


def _kind(value: YamlData) -> str:
    kinds = {dict: "a mapping", list: "a list", type(None): "blank"}
    return kinds.get(type(value), f"`{value}`")
