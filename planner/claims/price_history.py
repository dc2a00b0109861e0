"""C6: how fast token prices fall, by three indices of the dated history in the catalogue.

- same product: one model of one seller, whatever became of it later;
- market tier: the small and the flagship model of one seller, through successive models;
- fixed quality: the cheapest model with a score. The catalogue has no dated prices of all models
  beside measured scores, so this one is not decided.

Each index is the slope of ln(price) over years by least squares with one level per product and
direction, as in `price_trends.csv`. Its interval is a bootstrap over whole products: all readings
of a product, input and output, are drawn together (block bootstrap; Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, chapter 8).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from planner.catalog.dates import parse_partial_date
from planner.claims.judge import verdict_of
from planner.claims.records import Band, Chart, Claim, Detail, Finding, Plans, Range, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.catalog.load import Catalog

Path = tuple[tuple[float, float], ...]
"""Years and ln(USD) of one product and direction."""
Product = tuple[Path, ...]

_UNIT = "share by which the price falls a year"
_CLAIMED = Band(0.4, 0.6)
_SAME = "tokens-same-product"
_TIERS = {"small models": "tokens-openai-small", "flagships": "tokens-openai-flagship"}
_DRAWS = 2_000
_ENDS = (0.1, 0.9)
"""An 80 % interval, as the planner's own spreads are."""
_DAYS_PER_YEAR = 365.25


def fall_per_year(products: Sequence[Product]) -> float | None:
    """Return 1 - exp(slope) of products, ``None`` when nothing moves in time."""
    slope = _slope(_moments(products).sum(axis=0))
    return None if slope is None else 1.0 - float(np.exp(slope))


def interval_of(products: Sequence[Product], rng: np.random.Generator) -> Range | None:
    """Return the 80 % interval of `fall_per_year` by drawing whole products."""
    count = len(products)
    moments = _moments(products)[rng.integers(count, size=(_DRAWS, count))].sum(axis=1)
    moments = moments[moments[:, 0] > 0.0]
    if not len(moments):
        return None
    falls = 1.0 - np.exp(moments[:, 1] / moments[:, 0])
    low, high = np.quantile(falls, _ENDS)
    return Range(float(low), float(high))


def products_of(catalog: Catalog, trend: str) -> list[Product]:
    """Return the price paths of a trend, one product after another.

    Parameters
    ----------
    catalog
        Dated prices.
    trend
        Which of them.
    """
    found: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for row in catalog.price_paths:
        if row.trend == trend:
            product = f"{row.seller}:{row.item}"
            found[product][row.series].append((years_of(row.date), float(np.log(row.usd))))
    return [tuple(tuple(sorted(path)) for path in paths.values()) for paths in found.values()]


def years_of(text: str) -> float:
    """Return a date as years since 2020."""
    return (parse_partial_date(text) - dt.date(2020, 1, 1)).days / _DAYS_PER_YEAR


def _moments(products: Sequence[Product]) -> NDArray[np.float64]:
    """Return sums of squares of time, and of time with ln(price), within paths, by product."""
    rows = []
    for product in products:
        within = np.zeros(2)
        for path in product:
            years, logs = np.array(path).T
            apart = years - years.mean()
            within += np.array([(apart**2).sum(), (apart * (logs - logs.mean())).sum()])
        rows.append(within)
    return np.array(rows).reshape(len(products), 2)


def _slope(moments: NDArray[np.float64]) -> float | None:
    return float(moments[1] / moments[0]) if moments[0] > 0.0 else None


def _test(_: Plans, catalog: Catalog) -> Finding:
    rng = np.random.default_rng(0)
    same = products_of(catalog, _SAME)
    found = fall_per_year(same) if same else None
    interval = interval_of(same, rng) if same else None
    if found is None or interval is None:
        return Finding(None, None, "not_decidable", ("no dated prices of one product",))
    tiers = {name: _tier(catalog, trend, rng) for name, trend in _TIERS.items()}
    known = {name: tier for name, tier in tiers.items() if tier is not None}
    newest = max(row.date for row in catalog.price_paths if row.trend == _SAME)
    return Finding(
        found=found,
        range=interval,
        verdict=verdict_of(_CLAIMED, interval, [fall for fall, _ in known.values()]),
        conditions=(
            f"the same product of the same seller, {len(same)} products, prices to {newest}",
            *(
                f"{'holds' if _CLAIMED.holds(fall) else 'fails'} for {name} of one seller "
                f"({fall:.3g}, {low_high.low:.3g} to {low_high.high:.3g})"
                for name, (fall, low_high) in known.items()
            ),
            "the cheapest model at a fixed quality is not decidable: no dated prices of all "
            "models beside measured scores",
        ),
        details=_details(same, known),
        chart=Chart(
            "years after the first reading",
            "price over the first reading",
            (
                *(_line(name, fall) for name, (fall, _) in known.items()),
                _line("same product", found),
            ),
        ),
    )


def _tier(catalog: Catalog, trend: str, rng: np.random.Generator) -> tuple[float, Range] | None:
    """Return the fall of a tier; its readings are drawn, input and output of a day together."""
    paths = [path for product in products_of(catalog, trend) for path in product]
    if not paths:
        return None
    found = fall_per_year([tuple(paths)])
    dates = sorted({x for path in paths for x, _ in path})
    falls = []
    for _ in range(_DRAWS):
        counts = np.bincount(rng.integers(len(dates), size=len(dates)), minlength=len(dates))
        times = dict(zip(dates, counts, strict=True))
        drawn = tuple(tuple(p for p in path for _ in range(times[p[0]])) for path in paths)
        fall = fall_per_year([tuple(path for path in drawn if path)])
        if fall is not None:
            falls.append(fall)
    if found is None or not falls:
        return None
    low, high = np.quantile(falls, _ENDS)
    return found, Range(float(low), float(high))


def _details(same: Sequence[Product], known: dict[str, tuple[float, Range]]) -> tuple[Detail, ...]:
    each = [fall for product in same if (fall := fall_per_year([product])) is not None]
    return (
        Detail("median over products", float(np.median(each)), _UNIT, "each alone"),
        *(
            Detail(name, fall, _UNIT, f"{r.low:.3g} to {r.high:.3g}")
            for name, (fall, r) in known.items()
        ),
    )


def _line(name: str, fall: float) -> Series:
    return Series(name, tuple((float(year), (1.0 - fall) ** year) for year in range(4)))


C6 = Claim("C6", "Token prices fall 40-60 % a year", "40-60 % a year", _UNIT, (), _test)
