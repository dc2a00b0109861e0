"""From the rows of a file to factors on what the problem says."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from planner.errors import InputError
from planner.options.records import NodeOffer
from planner.options.repriced import may_be_repriced
from planner.problem.deferral import owner
from planner.roll.actuals_file import NEXT_STEP
from planner.roll.records import Actuals
from planner.units import SECONDS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.demand.records import Demand
    from planner.errors import Fault
    from planner.options.records import OptionSet
    from planner.options.supply_records import ApiOption
    from planner.roll.actuals_file import ActualRow, ActualsFile, ReadRow
    from planner.roll.records import Factors

_API = "api"
_SAME = 1e-9
_RowsOf: TypeAlias = "dict[str, list[ReadRow]]"
"""Rows of prices by the name of what they are for."""


def actuals_of(file: ActualsFile, demand: Demand, options: OptionSet) -> Actuals:
    """Return what came as factors.

    Parameters
    ----------
    file
        Rows of demand and prices.
    demand
        What the problem says of demand.
    options
        What it says of prices.

    Raises
    ------
    InputError
        With every fault of the file; every row of a price that is for nothing on offer, or for the
        same as another row; and every other price of nodes that promised spending covers.
    """
    priced = _priced(options)
    rows_of = {
        name: [read for read in file.prices if _is_for(read.row, item)]
        for name, item in priced.items()
    }
    faults = [
        *file.faults,
        *_for_nothing(file, rows_of, priced),
        *(fault for name, rows in rows_of.items() for fault in _ambiguous(file, name, rows)),
    ]
    prices = {
        name: _price_factors(rows, priced[name], demand.grid.periods)
        for name, rows in rows_of.items()
        if rows
    }
    faults += _covered(file, options, prices, rows_of)
    if faults:
        raise InputError(sorted(faults, key=lambda f: f.line or 0), NEXT_STEP)
    return Actuals(_rates(file, demand), prices)


def _priced(options: OptionSet) -> dict[str, NodeOffer | ApiOption]:
    """Return everything whose price may turn out otherwise, by its name."""
    nodes: dict[str, NodeOffer | ApiOption] = {
        o.offer_id: o for o in options.offers if may_be_repriced(o)
    }
    tokens = {a.id: a for a in (*options.api, *options.api_unproven) if not a.units_id}
    return nodes | tokens


def _is_for(row: ActualRow, item: NodeOffer | ApiOption) -> bool:
    if row.provider not in {None, item.provider}:
        return False
    if isinstance(item, NodeOffer):
        return row.tenure == item.tenure and row.hardware in {None, item.hardware}
    return row.tenure == _API and row.model in {None, item.model}


def _for_nothing(
    file: ActualsFile,
    rows_of: _RowsOf,
    priced: dict[str, NodeOffer | ApiOption],
) -> Iterator[Fault]:
    used = {read.line for rows in rows_of.values() for read in rows}
    for read in file.prices:
        if read.line not in used:
            names = ", ".join(sorted(priced)) or "nothing"
            message = (
                f"no offer that the plan may use is of `{_what(read.row)}`; it may use {names}; "
                "see `planner options PROBLEM --rejected` for the others"
            )
            yield file.fault(read.line, "tenure", message)


def _covered(
    file: ActualsFile, options: OptionSet, prices: Mapping[str, Sequence[float]], rows_of: _RowsOf
) -> Iterator[Fault]:
    """Yield other prices of nodes that promised spending covers.

    What a covered hour would take of the promise then is on no price list.
    """
    for spend in options.spend:
        for offer_id, _ in spend.rates:
            if all(abs(factor - 1.0) <= _SAME for factor in prices.get(offer_id, ())):
                continue
            message = (
                f"other prices of `{offer_id}`, which `{spend.id}` covers: nobody says what a "
                "covered hour would take of the promise; leave out this row, or "
                "supply.spend_commitments"
            )
            for read in rows_of[offer_id]:
                column = "price_factor" if read.row.price_factor else "usd_per_accelerator_hour"
                yield file.fault(read.line, column, message)


def _ambiguous(file: ActualsFile, name: str, rows: Sequence[ReadRow]) -> Iterator[Fault]:
    """Yield rows that state the price of one offer in one period again."""
    first: dict[int, ReadRow] = {}
    for read in rows:
        other = first.setdefault(read.period, read)
        if other is not read:
            message = (
                f"`{_what(read.row)}` is for `{name}` in period {read.period}, and so is line "
                f"{other.line}; name provider or hardware in both, so that one row is left"
            )
            yield file.fault(read.line, "tenure", message)


def _what(row: ActualRow) -> str:
    parts = (row.tenure, row.provider, row.hardware, row.model)
    return " ".join(part for part in parts if part is not None)


def _price_factors(
    rows: Sequence[ReadRow], item: NodeOffer | ApiOption, periods: int
) -> tuple[float, ...]:
    """Return factors by period; a stated price, or a stated factor, holds until the next row."""
    by_period = {read.period: read.row for read in rows}
    row: ActualRow | None = None
    factors = []
    for period in range(periods):
        row = by_period.get(period, row)
        if row is None:
            factors.append(1.0)
        elif row.price_factor is not None:
            factors.append(row.price_factor)
        else:
            stated = _usd_per_accelerator_hour(item, period)
            usd = row.usd_per_accelerator_hour
            # Where the problem has no price, nothing can be had, at any factor.
            factors.append(1.0 if stated is None or usd is None else usd / stated)
    return tuple(factors)


def _usd_per_accelerator_hour(item: NodeOffer | ApiOption, period: int) -> float | None:
    """Return what the problem says of a price; that of a term is the price of its first period."""
    if not isinstance(item, NodeOffer):
        return None
    usd = item.price_usd_per_hour[period]
    if item.builds:
        usd = next((b.usd_per_node_hour for b in item.builds if b.start == period), None)
    return None if usd is None else usd / item.accelerators_per_node


def _rates(file: ActualsFile, demand: Demand) -> Factors:
    grid = demand.grid
    stated: dict[str, list[float]] = defaultdict(lambda: [0.0] * grid.periods)
    for rates in demand.workloads:
        by_period = (rates.mean_rps @ grid.shares_of_period).tolist()
        sums = stated[owner(rates.workload)]
        for period, rps in enumerate(by_period):
            sums[period] += rps * SECONDS_PER_DAY
    factors = {}
    for workload, requests in stated.items():
        found = []
        for period, per_day in enumerate(requests):
            row = file.demand[workload, period].row
            asked = row.requests_per_day
            found.append(row.rate_factor or 1.0 if asked is None else asked / per_day)
        factors[workload] = tuple(found)
    return factors
