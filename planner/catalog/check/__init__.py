"""What is wrong or doubtful in a loaded catalogue, beyond the form of single cells.

Errors are facts that cannot be: names that lead nowhere, rates and architectures that
contradict themselves, prices far outside any market, demand shapes that are incomplete.
Warnings are facts that may mislead: old prices, spot above on-demand, two sources that
disagree about one price, memory known only from the product name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.check.demand import broken_histograms, broken_profiles
from planner.catalog.check.figures import (
    dangling_trends,
    impossible_figures,
    impossible_systems,
)
from planner.catalog.check.hardware import (
    doubtful_accelerators,
    impossible_accelerators,
    impossible_calibration,
)
from planner.catalog.check.models import impossible_drafts, impossible_models
from planner.catalog.check.names import dangling_names, missing_sources
from planner.catalog.check.prices import (
    MAX_USD_PER_ACCELERATOR_HOUR,
    MIN_USD_PER_ACCELERATOR_HOUR,
    ambiguous_references,
    contradictory_prices,
    dear_discounts,
    doubtful_token_prices,
    idle_discounts,
    impossible_price_lists,
    impossible_prices,
    impossible_spans,
    impossible_terms,
    impossible_token_prices,
    old_prices,
)
from planner.catalog.dates import parse_partial_date
from planner.catalog.kept import kept_with_catalog
from planner.catalog.schema import TABLES
from planner.units import DAYS_PER_YEAR

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from planner.catalog.load import Catalog
    from planner.errors import Fault

__all__ = [
    "DEFAULT_MAX_AGE_DAYS",
    "MAX_USD_PER_ACCELERATOR_HOUR",
    "MIN_USD_PER_ACCELERATOR_HOUR",
    "CheckReport",
    "catalog_errors",
    "check_catalog",
    "newest_as_of",
]

DEFAULT_MAX_AGE_DAYS = int(DAYS_PER_YEAR)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Errors make a catalogue unusable; warnings are for the reader."""

    errors: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def check_catalog(
    catalog: Catalog,
    *,
    on: datetime.date | None = None,
    max_age_days: int = DEFAULT_MAX_AGE_DAYS,
    measured_hardware: Collection[str] = (),
) -> CheckReport:
    """Return every error and warning of a catalogue.

    Parameters
    ----------
    catalog
        The catalogue.
    on
        Day against which prices age. Default: the newest ``as_of`` of the catalogue, so that
        the same files always give the same report.
    max_age_days
        Age in days above which a price in force is called old.
    measured_hardware
        Hardware of measured capacities: offers of it need no row in accelerators.csv.
    """
    day = on or newest_as_of(catalog)
    warnings: tuple[Fault, ...] = (
        *doubtful_accelerators(catalog),
        *contradictory_prices(catalog),
        *doubtful_token_prices(catalog),
        *idle_discounts(catalog),
    )
    if day is not None:
        warnings += (*old_prices(catalog, day, max_age_days), *dear_discounts(catalog, day))
    return CheckReport(catalog_errors(catalog, frozenset(measured_hardware)), warnings)


@kept_with_catalog
def catalog_errors(catalog: Catalog, measured_hardware: frozenset[str]) -> tuple[Fault, ...]:
    """Return every error of a catalogue; parameters as of :func:`check_catalog`."""
    return (
        *missing_sources(catalog),
        *dangling_names(catalog, measured_hardware),
        *dangling_trends(catalog),
        *impossible_accelerators(catalog),
        *impossible_models(catalog),
        *impossible_drafts(catalog),
        *impossible_calibration(catalog),
        *impossible_figures(catalog),
        *impossible_systems(catalog),
        *impossible_prices(catalog),
        *impossible_token_prices(catalog),
        *ambiguous_references(catalog),
        *impossible_price_lists(catalog),
        *impossible_spans(catalog),
        *impossible_terms(catalog),
        *broken_profiles(catalog),
        *broken_histograms(catalog),
    )


def newest_as_of(catalog: Catalog) -> datetime.date | None:
    """Return the newest ``as_of`` of all rows, ``None`` for an empty catalogue."""
    days = (parse_partial_date(row.as_of) for name in TABLES for row in catalog.table(name))
    return max(days, default=None)
