"""Figures of systems, servers and sites, and price readings, that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.check.fault import fault
from planner.catalog.schema import QUANTITIES
from planner.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Figure
    from planner.errors import Fault


def impossible_figures(catalog: Catalog) -> Iterator[Fault]:
    """Yield figures of unknown quantities, outside their own range or about nothing known."""
    named = {
        "accelerators": {a.id for a in catalog.accelerators},
        "token_price_provider": {o.provider for o in catalog.api_offers},
        "decode_tokens_per_s_per_user": {m.id for m in catalog.models},
    }
    for table, known in QUANTITIES.items():
        rows: tuple[Figure, ...] = getattr(catalog, table)
        for row in rows:
            for column, message in _figure(row, named, known):
                yield fault(catalog, table, row, column, message)


def dangling_trends(catalog: Catalog) -> Iterator[Fault]:
    """Yield price readings that enter a trend which is not there."""
    trends = {row.id for row in catalog.price_trends}
    for row in catalog.price_paths:
        if row.trend is not None and row.trend not in trends:
            message = f"`{row.trend}` is in no row of price_trends"
            yield fault(catalog, "price_paths", row, "trend", message)


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
    if "fraction" in row.quantity and high > 1:
        yield "value", f"{high:g} is above 1"
