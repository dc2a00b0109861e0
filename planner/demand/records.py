"""What the demand package computes: a time grid, rates on it, and length distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.units import MONTHS_PER_YEAR

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """Periods of the horizon and the equal blocks of a representative day.

    Parameters
    ----------
    periods
        Number of periods T, 1 to 20.
    months_per_period
        Length of a period; a month is 730 h.
    blocks
        Number of blocks B of a day; block b covers the hours from ``b * block_h`` on.
    block_h
        Hours of a block, 24 / B.
    period_h
        Hours of a period, 730 x months.
    period_start
        First day of each period.
    discount_factor
        Factor of money spent evenly over each period, ``(1 + r) ** -((t + 1/2) m / 12)``.
    utc_offset_h
        Hours by which the clock of the blocks is ahead of UTC.
    discount_rate_per_year
        Rate r.
    """

    periods: int
    months_per_period: int
    blocks: int
    block_h: float
    period_h: float
    period_start: tuple[dt.date, ...]
    discount_factor: tuple[float, ...]
    utc_offset_h: float = 0.0
    discount_rate_per_year: float = 0.0

    @property
    def months(self) -> int:
        """Months of the horizon."""
        return self.periods * self.months_per_period

    def factor_at(self, month: float) -> float:
        """Return the discount factor of money that moves `month` months after the start."""
        return float((1.0 + self.discount_rate_per_year) ** (-month / MONTHS_PER_YEAR))

    @property
    def end(self) -> dt.date:
        """First day after the horizon."""
        last = self.period_start[-1]
        month = last.month - 1 + self.months_per_period
        return last.replace(year=last.year + month // 12, month=month % 12 + 1)

    @property
    def days_per_period(self) -> float:
        """Days of a period (730 h per month, so 30.4 days)."""
        return self.period_h / 24.0

    @property
    def hours_per_block_in_period(self) -> float:
        """Hours that one block sums to over a period."""
        return self.period_h / self.blocks


@dataclass(frozen=True, slots=True)
class LengthDistribution:
    """Joint distribution of prompt and output lengths as m atoms.

    Parameters
    ----------
    isl_tokens, osl_tokens
        Lengths of the atoms, shape (m,), tokens, > 0.
    probability
        Probability of each atom, shape (m,), sums to 1.
    """

    isl_tokens: FloatArray
    osl_tokens: FloatArray
    probability: FloatArray

    @property
    def isl_mean_tokens(self) -> float:
        """Mean prompt length."""
        return float(self.isl_tokens @ self.probability)

    @property
    def osl_mean_tokens(self) -> float:
        """Mean output length."""
        return float(self.osl_tokens @ self.probability)


@dataclass(frozen=True, slots=True)
class WorkloadDemand:
    """Rates of one workload on the time grid.

    Parameters
    ----------
    workload
        Name.
    mean_rps
        Average rate of each block at mid-period growth, shape (T, B), requests/s: what is paid
        by use.
    planned_rps
        Rate capacity is planned for, shape (T, B), requests/s: highest hour of the block, peak
        factor, forecast margin, and the dearer end of the period.
    lengths
        Length distribution, ``None`` when the workload states none (measured capacities only).
    intervals
        Recorded intervals between requests with mean 1, ``None`` when only their variation is
        stated.
    """

    workload: str
    mean_rps: FloatArray
    planned_rps: FloatArray
    lengths: LengthDistribution | None
    intervals: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """Time grid and the demand of every workload, in problem order."""

    grid: TimeGrid
    workloads: tuple[WorkloadDemand, ...]
    warnings: tuple[str, ...] = ()

    def of(self, workload: str) -> WorkloadDemand:
        """Return the demand of a workload by name."""
        return next(w for w in self.workloads if w.workload == workload)
