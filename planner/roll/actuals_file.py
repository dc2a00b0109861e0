"""The file of what came: demand and prices by period, as CSV.

A row states one thing about one period (its number from 0, or its first month):

* demand of a `workload`: `requests_per_day` on average over the period, or `rate_factor` on what
  the problem says of it;
* a price of `tenure` (and of `provider`, `hardware`, `model`; blank for any):
  `usd_per_accelerator_hour`, or `price_factor` on what the problem says.

Every workload has a row for every period: demand is never guessed. A price holds until a later
row replaces it, as prices of the catalogue do; what no row names costs what the problem says.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from planner.catalog.location import shipped_path
from planner.catalog.schema import Positive, Record
from planner.catalog.table import Located, scan_table
from planner.errors import Fault, counted, did_you_mean
from planner.problem.supply import months_between

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from planner.problem.schema import Problem

NEXT_STEP = "see problems/README.md for the columns of the file"
_SHIPPED: Literal["problems"] = "problems"
_NUMBER = re.compile(r"^\d{1,3}$")
_MONTH = re.compile(r"^20\d{2}-(0[1-9]|1[0-2])$")
_DEMAND = ("requests_per_day", "rate_factor")
_PRICES = ("usd_per_accelerator_hour", "price_factor")
_PLACES = ("provider", "hardware", "model", "tenure")


class ActualRow(Record):
    """One line of the file."""

    key_fields: ClassVar[tuple[str, ...]] = ("period", "workload", *_PLACES)

    period: str
    """Number from 0, or first month (YYYY-MM)."""
    workload: str | None = None
    requests_per_day: Positive | None = None
    rate_factor: Positive | None = None
    provider: str | None = None
    hardware: str | None = None
    model: str | None = None
    tenure: Literal["on_demand", "spot", "reserved_1y", "reserved_3y", "api"] | None = None
    usd_per_accelerator_hour: Positive | None = None
    price_factor: Positive | None = None
    notes: str = ""
    """Where the figure comes from."""

    def stated(self, names: tuple[str, ...]) -> list[str]:
        """Return those of some columns that hold something."""
        return [name for name in names if getattr(self, name) is not None]


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row whose period is known, and its line in the file."""

    row: ActualRow
    period: int
    line: int


@dataclass(frozen=True, slots=True)
class ActualsFile:
    """Rows of a file that are right in themselves.

    Parameters
    ----------
    name
        Name of the file in messages.
    demand
        Row of every workload and period.
    prices
        Rows of prices, earliest period first.
    faults
        What is wrong with the other rows.
    header
        Names of the columns in order.
    """

    name: str
    demand: dict[tuple[str, int], ReadRow]
    prices: tuple[ReadRow, ...]
    faults: tuple[Fault, ...] = ()
    header: tuple[str, ...] = ()

    def fault(self, line: int | None, column: str, message: str) -> Fault:
        """Return a fault in a line and column of the file."""
        return _fault(self.name, line, column, message, self.header)


def find_actuals(name: Path) -> Path:
    """Return a file as it is named, or the one of that name among the shipped problems."""
    if name.exists() or name.is_absolute():
        return name
    parts = name.parts[1:] if name.parts[:1] == (_SHIPPED,) else name.parts
    shipped = shipped_path(_SHIPPED).joinpath(*parts)
    return shipped if shipped.is_file() else name


def read_actuals(name: Path, problem: Problem | None) -> ActualsFile:
    """Return the rows of a file of actual demand and prices, and its faults; raises nothing.

    Parameters
    ----------
    name
        The file, or its name among the shipped problems.
    problem
        The problem that it is about, for its periods and workloads; ``None`` when these are not
        known, for the faults that rows have in themselves.
    """
    path = find_actuals(name)
    read = scan_table(path, str(name), ActualRow)
    faults = list(read.faults)
    rows = []
    for located in read.rows:
        period = None if problem is None else _period(located.row, problem)
        found = [*_row_faults(located.row)]
        if problem is not None:
            found += _unknown(located.row, period, problem)
        faults += [_fault(str(name), located.line, c, m, read.header) for c, m in found]
        if period is not None and not found:
            rows.append(ReadRow(located.row, period, located.line))
    if problem is None:
        return ActualsFile(str(name), {}, (), tuple(faults), read.header)
    demand = {(r.row.workload, r.period): r for r in rows if r.row.workload is not None}
    faults += list(_repeated(name, rows, read.header))
    if not read.faults:
        faults += list(_missing(name, rows, read.rows, problem))
    prices = sorted((r for r in rows if r.row.workload is None), key=lambda r: r.period)
    return ActualsFile(str(name), demand, tuple(prices), tuple(faults), read.header)


def _fault(
    name: str, line: int | None, column: str, message: str, header: tuple[str, ...]
) -> Fault:
    number = header.index(column) + 1 if line is not None and column in header else None
    return Fault(name, line, number, f"actuals.{column}", message)


def _period(row: ActualRow, problem: Problem) -> int | None:
    """Return the period of a row, ``None`` when the problem has none that begins so."""
    horizon = problem.horizon
    if _NUMBER.match(row.period):
        period = int(row.period)
    elif _MONTH.match(row.period):
        months = months_between(horizon.start, row.period)
        if months % horizon.months_per_period:
            return None
        period = months // horizon.months_per_period
    else:
        return None
    return period if 0 <= period < horizon.periods else None


def _unknown(row: ActualRow, period: int | None, problem: Problem) -> Iterator[tuple[str, str]]:
    """Yield column and sentence of a period or workload that the problem does not have."""
    horizon = problem.horizon
    if period is None:
        message = (
            f"no period begins with `{row.period}`; use a number from 0 to {horizon.periods - 1}, "
            "or the first month of a period: every "
            f"{counted(horizon.months_per_period, 'month')} from {horizon.start}"
        )
        yield "period", message
    names = [w.name for w in problem.workloads]
    if row.workload is not None and row.workload not in names:
        hint = did_you_mean(row.workload, names) or f"; it has {', '.join(names)}"
        yield "workload", f"no workload `{row.workload}` in the problem{hint}"


def _row_faults(row: ActualRow) -> Iterator[tuple[str, str]]:
    """Yield column and sentence of everything that is wrong with a row in itself."""
    demand, prices, places = row.stated(_DEMAND), row.stated(_PRICES), row.stated(_PLACES)
    if row.workload is not None:
        if prices or places or len(demand) != 1:
            message = (
                f"a row of demand has one of {' and '.join(_DEMAND)}, and no price; it has "
                f"{', '.join((*demand, *prices, *places)) or 'neither'}"
            )
            yield "rate_factor", message
    elif row.tenure is None:
        yield "workload", "names neither a workload nor the tenure of a price; give one of them"
    elif demand or len(prices) != 1:
        message = (
            f"a row of a price has one of {' and '.join(_PRICES)}, and no demand; it has "
            f"{', '.join((*demand, *prices)) or 'neither'}"
        )
        yield "price_factor", message
    elif row.tenure == "api" and (row.usd_per_accelerator_hour or row.hardware):
        yield "tenure", "tokens have no hardware; give `price_factor`, with `provider` or `model`"
    elif row.tenure != "api" and row.model:
        yield "model", f"nodes have no model; leave `{row.model}` out, or name tokens as `api`"


def _repeated(path: Path, rows: list[ReadRow], header: tuple[str, ...]) -> Iterator[Fault]:
    """Yield rows about the same thing: periods may be written in two ways."""
    lines: dict[tuple[int, tuple[str, ...]], list[int]] = defaultdict(list)
    for read in rows:
        lines[read.period, read.row.key[1:]].append(read.line)
    for (period, what), found in lines.items():
        name = ":".join(part for part in what if part)
        for line in found[1:]:
            message = f"period {period} of `{name}` is stated in line {found[0]} already"
            yield _fault(str(path), line, "period", message, header)


def _missing(
    path: Path,
    rows: list[ReadRow],
    stated: tuple[Located[ActualRow], ...],
    problem: Problem,
) -> Iterator[Fault]:
    """Yield every workload without demand in some period; rows that are wrong are told already."""
    wrong = {located.line for located in stated} - {read.line for read in rows}
    unsure = {located.row.workload for located in stated if located.line in wrong}
    known = {(read.row.workload, read.period) for read in rows}
    for workload in problem.workloads:
        gaps = [t for t in range(problem.horizon.periods) if (workload.name, t) not in known]
        if gaps and workload.name not in unsure:
            message = (
                f"no demand of `{workload.name}` in {'period' if len(gaps) == 1 else 'periods'} "
                f"{', '.join(map(str, gaps))}; add a row with requests_per_day or rate_factor "
                "for each"
            )
            yield Fault(str(path), None, None, "actuals.workload", message)
