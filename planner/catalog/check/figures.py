"""Figures of systems, servers and sites, and price readings, that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.check.fault import fault
from planner.catalog.schema import QUANTITIES
from planner.catalog.systems import ALONE, OF_A_MODEL, POSITIVE, REQUESTS, TABLE, TOTAL, systems_of
from planner.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Figure
    from planner.errors import Fault


_MOST = {
    "capex_usd": 1e9,
    "used_price_usd": 1e9,
    "it_power_w": 1e8,
    "software_usd_per_accelerator_year": 1e7,
    "lead_time_weeks": 1_000.0,
    "life_months": 1_200.0,
    "electricity_usd_per_kwh": 100.0,
    "pue": 10.0,
    "colocation_usd_per_kw_month": 1e6,
    "staff_fte": 1e4,
    "staff_usd_per_fte_year": 1e7,
    "carbon_g_per_kwh": 1e5,
}
"""Far more than any of them is: beyond it other figures are lost beside what follows from it."""


def impossible_figures(catalog: Catalog) -> Iterator[Fault]:
    """Yield figures of unknown quantities, outside their own range or about nothing known."""
    named = {
        "accelerators": {a.id for a in catalog.accelerators},
        "token_price_provider": {o.provider for o in catalog.api_offers},
    }
    models, formats = {m.id for m in catalog.models}, {q.id for q in catalog.quantizations}
    for table, known in QUANTITIES.items():
        rows: tuple[Figure, ...] = getattr(catalog, table)
        for row in rows:
            for column, message in _figure(row, named, known):
                yield fault(catalog, table, row, column, message)
            if table == TABLE:
                for column, message in _of_a_model(row, models, formats):
                    yield fault(catalog, table, row, column, message)


def impossible_systems(catalog: Catalog) -> Iterator[Fault]:
    """Yield throughputs of systems below one request, or above all of them running alone."""
    for system in systems_of(catalog):
        for row in catalog.systems:
            if (row.id, row.quantity) != (system.id, TOTAL) or row.value is None:
                continue
            alone, requests = system.value(ALONE, row.case), system.value(REQUESTS, row.case)
            model, _, quantization = row.case.partition("/")
            count = system.systems(model, quantization) or 1
            if alone is not None and row.value * count < alone:
                message = f"{row.value * count:g} of a replica is below {ALONE} ({alone:g})"
                yield fault(catalog, TABLE, row, "value", message)
            elif None not in (alone, requests) and row.value > (alone or 0.0) * (requests or 0.0):
                message = f"{row.value:g} is above {requests:g} requests at {ALONE} ({alone:g})"
                yield fault(catalog, TABLE, row, "value", message)


def dangling_trends(catalog: Catalog) -> Iterator[Fault]:
    """Yield price readings that enter a trend which is not there."""
    trends = {row.id for row in catalog.price_trends}
    for row in catalog.price_paths:
        if row.trend is not None and row.trend not in trends:
            message = f"`{row.trend}` is in no row of price_trends"
            yield fault(catalog, "price_paths", row, "trend", message)


def _of_a_model(
    row: Figure, models: Collection[str], formats: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a figure that is about a model, perhaps in a number format."""
    if row.quantity in POSITIVE and row.value == 0:
        yield "value", "is 0; leave it blank when it is not known"
    if row.quantity not in OF_A_MODEL or not row.case:
        return
    model, _, quantization = row.case.partition("/")
    if model not in models:
        yield "case", f"`{model}` is in no table{did_you_mean(model, models)}"
    if quantization and quantization not in formats:
        yield "case", f"`{quantization}` is in no table{did_you_mean(quantization, formats)}"


def _figure(
    row: Figure, named: Mapping[str, set[str]], known: Sequence[str]
) -> Iterator[tuple[str, str]]:
    if row.quantity not in known:
        yield "quantity", f"`{row.quantity}` is no figure here{did_you_mean(row.quantity, known)}"
    names = named.get(row.quantity)
    if names is not None and row.case and row.case not in names:
        yield "case", f"`{row.case}` is in no table{did_you_mean(row.case, names)}"
    if row.value is None:
        if not row.notes:
            yield "value", "is blank, and no note says that it was looked for and not found"
        return
    low = row.value if row.low is None else row.low
    high = row.value if row.high is None else row.high
    if not low <= row.value <= high:
        yield "value", f"{row.value:g} is outside its own range {low:g} to {high:g}"
    most = _MOST.get(row.quantity)
    if most is not None and high > most:
        yield "value", f"{high:g} is out of range; it must be at most {most:g}"
    if "fraction" in row.quantity and high > 1:
        yield "value", f"{high:g} is above 1"
