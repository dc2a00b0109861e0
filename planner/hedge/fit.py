r"""Price paths and demand growth as a few scenarios, fitted to the dated prices of the catalogue.

A trend is a line through ln(usd) over years, one level per item, seller and series, by least
squares (`catalogs/README.md`). With rate r, its standard error e, and the spread v of readings
around the line, the rate over a horizon of H years is taken as normal with mean r and

    sd = sqrt(e^2 + (v / H)^2)

because a price at the end of the horizon lies around the line as readings did. Demand has no
history in the catalogue: the spread of its growth per year and its correlation with prices are the
user's. Correlation between two trends is that of what is left of them by quarter, where at least
`LEAST_COMMON` quarters have readings of both; else it is 0, and the notes say so.

n factors become 2n + 1 scenarios, the points of Julier and Uhlmann (1997, "A new extension of the
Kalman filter to nonlinear systems") with kappa = 1: the middle with probability 1/(n+1), and
columns of the Cholesky factor times +- sqrt(n+1) with 1/(2(n+1)) each. Means, spreads and
correlations of the factors are met exactly, and nothing is drawn.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.catalog.dates import parse_partial_date
from planner.errors import Fault, InputError, counted, did_you_mean
from planner.problem.price_paths import PriceChanges
from planner.units import MONTHS_PER_YEAR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from planner.catalog.load import Catalog
    from planner.catalog.schema import PricePoint
    from planner.problem.schema import Problem

    FloatArray = NDArray[np.float64]

LEAST_FREEDOM = 4
"""Degrees of freedom below which readings do not support a spread."""
LEAST_COMMON = 5
"""Quarters with readings of both trends that a correlation needs."""
DEMAND = "demand"
_KINDS = frozenset(PriceChanges.model_fields)
_DAYS_PER_YEAR = 365.25
_CLEAR = 2.0
"""Standard errors that a rate is away from nothing when it is clear of its error."""


@dataclass(frozen=True, slots=True)
class FittedTrend:
    """A price trend and how sure it is.

    Parameters
    ----------
    id
        Row of ``price_trends.csv``.
    points, freedom
        Readings, and those beyond the parameters of the line.
    rate, rate_se, volatility
        Change of ln(usd) per year, its standard error, and the spread around the line.
    left_by_quarter
        Mean of what is left of the readings by quarter, counted from year 0.
    """

    id: str
    points: int
    freedom: int
    rate: float
    rate_se: float
    volatility: float
    left_by_quarter: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class FittedScenarios:
    """Scenarios of a problem, ready to be put into its file.

    Parameters
    ----------
    scenarios
        Patch by name, with probabilities that sum to 1.
    notes
        What was fitted, from how much, and what the data do not support.
    """

    scenarios: Mapping[str, dict[str, Any]]
    notes: tuple[str, ...]


def fit_trend(catalog: Catalog, trend: str) -> FittedTrend:
    """Return the line through the dated prices of a trend.

    Parameters
    ----------
    catalog
        Facts, for its price paths.
    trend
        Row of ``price_trends.csv`` that the readings name.

    Raises
    ------
    InputError
        When no reading names it, or too few do for a spread.
    """
    rows = [p for p in catalog.price_paths if p.trend == trend]
    known = sorted({p.trend for p in catalog.price_paths if p.trend})
    if not rows:
        message = (
            f"no reading of price_paths.csv has this trend{did_you_mean(trend, known) or '.'}"
        )
        raise InputError([_fault(trend, f"{message} Trends: {', '.join(known)}")])
    years = np.array([_years(p) for p in rows])
    logs = np.log([p.usd for p in rows])
    groups = [(p.item, p.seller, p.series) for p in rows]
    levels = list(dict.fromkeys(groups))
    inside = np.array([[g == level for level in levels] for g in groups], dtype=float)
    count = inside.sum(axis=0)
    time_left = years - inside @ (inside.T @ years / count)
    log_left = logs - inside @ (inside.T @ logs / count)
    freedom = len(rows) - len(levels) - 1
    if freedom < LEAST_FREEDOM or not float(time_left @ time_left):
        message = (
            f"{len(rows)} readings of {len(levels)} products leave {freedom} degrees of freedom; "
            f"a spread needs {LEAST_FREEDOM}: add readings to price_paths.csv, or state scenarios "
            "yourself"
        )
        raise InputError([_fault(trend, message)])
    rate = float(time_left @ log_left / (time_left @ time_left))
    left = log_left - rate * time_left
    volatility = math.sqrt(float(left @ left) / freedom)
    by_quarter: dict[int, list[float]] = defaultdict(list)
    for year, value in zip(years.tolist(), left.tolist(), strict=True):
        by_quarter[int(year * 4)].append(value)
    return FittedTrend(
        trend,
        len(rows),
        freedom,
        rate,
        volatility / math.sqrt(float(time_left @ time_left)),
        volatility,
        {quarter: float(np.mean(values)) for quarter, values in by_quarter.items()},
    )


def fit_scenarios(
    problem: Problem,
    catalog: Catalog,
    trends: Mapping[str, str],
    *,
    growth_sd: float = 0.0,
    demand_correlation: float = 0.0,
) -> FittedScenarios:
    """Return scenarios of prices and growth, with probabilities.

    Parameters
    ----------
    problem
        The problem, for its horizon and growth.
    catalog
        Dated prices.
    trends
        Trend by field of ``supply.price_change_per_year``, or by name of an item of
        ``supply.price_paths``.
    growth_sd
        Standard deviation of ln(growth per year) of all workloads together, >= 0; 0 for none.
    demand_correlation
        Correlation of that growth with every price, -1 to 1.

    Raises
    ------
    InputError
        With every trend that cannot be fitted, or correlations that cannot hold together.
    """
    faults: list[Fault] = []
    fitted: list[FittedTrend] = []
    for trend in dict.fromkeys(trends.values()):
        try:
            fitted.append(fit_trend(catalog, trend))
        except InputError as error:
            faults += error.faults
    if not fitted and not growth_sd and not faults:
        faults.append(_fault("", "nothing varies; give a --trend or a --growth-sd"))
    if faults:
        raise InputError(faults, "planner catalog list price_trends")
    years = problem.horizon.periods * problem.horizon.months_per_period / MONTHS_PER_YEAR
    names = [f.id for f in fitted] + ([DEMAND] if growth_sd else [])
    spread = [math.hypot(f.rate_se, f.volatility / years) for f in fitted]
    spread += [growth_sd] if growth_sd else []
    correlation, notes = _correlations(fitted, growth_sd, demand_correlation)
    mean = np.array([f.rate for f in fitted] + ([0.0] if growth_sd else []))
    scenarios = {}
    for name, share, shift in _points(names, np.array(spread), correlation):
        rates = dict(zip(names, (mean + shift).tolist(), strict=True))
        scenarios[name] = {"probability": share} | _patch(problem, trends, rates)
    return FittedScenarios(scenarios, (*map(_told, fitted), *notes))


def _points(
    names: Sequence[str], spread: FloatArray, correlation: FloatArray
) -> list[tuple[str, float, FloatArray]]:
    """Return name, probability and shift of every scenario."""
    count = len(names)
    try:
        root = np.linalg.cholesky(correlation * np.outer(spread, spread))
    except np.linalg.LinAlgError:
        message = "these correlations cannot hold together; state one nearer to 0"
        raise InputError([_fault("--demand-correlation", message)]) from None
    shifts = math.sqrt(count + 1) * np.asarray(root, dtype=np.float64)
    share = 1.0 / (2 * (count + 1))
    rows: list[tuple[str, float, FloatArray]] = [("middle", 1.0 / (count + 1), np.zeros(count))]
    for i, name in enumerate(names):
        rows.append((f"{name}-up", share, shifts[:, i]))
        rows.append((f"{name}-down", share, -shifts[:, i]))
    return rows


def _patch(
    problem: Problem, trends: Mapping[str, str], rates: Mapping[str, float]
) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    changes = {field: round(math.expm1(rates[trend]), 4) for field, trend in trends.items()}
    kinds = {field: change for field, change in changes.items() if field in _KINDS}
    paths = [_path(problem, n, change) for n, change in changes.items() if n not in _KINDS]
    supply = {"price_change_per_year": kinds, "price_paths": paths}
    if changes:
        patch["supply"] = {field: moved for field, moved in supply.items() if moved}
    if DEMAND in rates:
        months = problem.horizon.months_per_period
        factor = math.exp(rates[DEMAND] * months / MONTHS_PER_YEAR)
        patch["workloads"] = [
            {"name": w.name, "growth_per_period": _grown(w.growth_per_period, factor)}
            for w in problem.workloads
        ]
    return patch


def _path(problem: Problem, name: str, change: float) -> dict[str, Any]:
    """Return the patch of a path: its rate, and no steps where the problem has some."""
    (path,) = (p for p in problem.supply.price_paths if p.name == name)
    steps = {} if path.steps is None else {"steps": None}
    return {"name": name, "change_per_year": change} | steps


def _grown(growth: float | list[float], factor: float) -> float | list[float]:
    if isinstance(growth, list):
        return [round(g * factor, 5) for g in growth]
    return round(growth * factor, 5)


def _correlations(
    fitted: Sequence[FittedTrend], growth_sd: float, demand_correlation: float
) -> tuple[FloatArray, list[str]]:
    count = len(fitted) + bool(growth_sd)
    matrix, notes = np.eye(count), []
    for i, one in enumerate(fitted):
        for j, other in enumerate(fitted[:i]):
            common = sorted(set(one.left_by_quarter) & set(other.left_by_quarter))
            pair = (
                f"{other.id} and {one.id}: {counted(len(common), 'quarter')} with readings of both"
            )
            if len(common) < LEAST_COMMON:
                notes.append(f"{pair}, too few for a correlation; 0 is used")
                continue
            left = np.array([[f.left_by_quarter[q] for q in common] for f in (one, other)])
            scale = math.sqrt(float(np.prod(np.var(left, axis=1))))
            left -= left.mean(axis=1, keepdims=True)
            found = float(np.mean(left[0] * left[1])) / scale if scale else 0.0
            matrix[i, j] = matrix[j, i] = found
            notes.append(f"{pair}, correlation {found:.2f}")
    if growth_sd:
        matrix[-1, :-1] = matrix[:-1, -1] = demand_correlation
        notes.append(
            f"growth: spread {growth_sd:g} per year and correlation {demand_correlation:g} with "
            "prices are stated, not fitted; the catalogue has no history of demand"
        )
    return matrix, notes


def _told(trend: FittedTrend) -> str:
    clear = abs(trend.rate) > _CLEAR * trend.rate_se
    doubt = "" if clear else "; not clear of its error, a trend of nothing fits as well"
    return (
        f"{trend.id}: {math.expm1(trend.rate):+.1%} a year from {trend.points} readings, standard "
        f"error of the rate {trend.rate_se:.3f}, spread around it {trend.volatility:.3f}{doubt}"
    )


def _years(point: PricePoint) -> float:
    return parse_partial_date(str(point.date)).toordinal() / _DAYS_PER_YEAR


def _fault(where: str, message: str) -> Fault:
    return Fault("--trend", None, None, where, message)
