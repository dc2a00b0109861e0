"""What the demand package computes: a time grid, rates on it, and length distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.problem.escalation import answer_of
from planner.units import MONTHS_PER_YEAR

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray

    from planner.demand.deferral import Deferral

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DayType:
    """A kind of day: `share` is the share of all days that are of it, above 0, at most 1."""

    name: str
    share: float


EVERY_DAY = (DayType("day", 1.0),)
"""The only type of day of a problem that tells none apart."""


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """Periods of the horizon and the equal blocks of a representative day of every type.

    Blocks are counted through the day types: with 24 blocks of a day, block 30 is 06:00 of the
    second type. A day is followed by a day of its own type.

    Parameters
    ----------
    periods
        Number of periods T, 1 to 20.
    months_per_period
        Length of a period; a month is 730 h.
    blocks
        Number of blocks B over all day types; block b covers the hours from
        ``(b mod blocks_per_day) * block_h`` on.
    block_h
        Hours of a block.
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
    day_types
        Types of day, in the order of their blocks; their shares sum to 1.
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
    day_types: tuple[DayType, ...] = EVERY_DAY

    @property
    def blocks_per_day(self) -> int:
        """Blocks of a day."""
        return self.blocks // len(self.day_types)

    def day_type_at(self, block: int) -> DayType:
        """Return the type of day that a block belongs to."""
        return self.day_types[block // self.blocks_per_day]

    def blocks_of(self, day: int) -> range:
        """Return the blocks of a type of day, by its position."""
        return range(day * self.blocks_per_day, (day + 1) * self.blocks_per_day)

    @property
    def slots(self) -> list[tuple[int, int]]:
        """Every period and block."""
        return [(t, b) for t in range(self.periods) for b in range(self.blocks)]

    def after(self, block: int) -> int:
        """Return the block that follows one, in the same day or at the start of its like."""
        size = self.blocks_per_day
        return block // size * size + (block + 1) % size

    def month_name(self, months: int) -> str:
        """Return the month, YYYY-MM, that lies so many months after the start of the horizon."""
        first, year = self.period_start[0], int(MONTHS_PER_YEAR)
        index = first.year * year + first.month - 1 + months
        return f"{index // year:04d}-{index % year + 1:02d}"

    def before(self, block: int, steps: int = 1) -> int:
        """Return the block that lies some blocks before one, in days of the same type."""
        size = self.blocks_per_day
        return block // size * size + (block - steps) % size

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

    def days_in_period(self, block: int) -> float:
        """Return the days of a period that have a block."""
        return self.days_per_period * self.day_type_at(block).share

    def hours_in_period(self, block: int) -> float:
        """Return the hours that a block sums to over a period."""
        return self.period_h * self.share_of_period(block)

    def share_of_period(self, block: int) -> float:
        """Return the share of the time of a period that a block takes; the shares sum to 1."""
        return self.day_type_at(block).share / self.blocks_per_day

    @property
    def shares_of_period(self) -> FloatArray:
        """Shares of the time of a period by block, shape (B,), sum 1."""
        return np.array([self.share_of_period(b) for b in range(self.blocks)])


class LengthLevel(NamedTuple):
    """Factors on the lengths of a workload, 1 at the start of the horizon."""

    isl: float = 1.0
    osl: float = 1.0


AS_STATED = LengthLevel()


@dataclass(frozen=True, slots=True)
class LengthLevels:
    """Levels of lengths that grow, by period.

    Parameters
    ----------
    usage
        At mid-period: for what is paid by use.
    planned
        At the dearer end of the period: for capacities and limits.
    """

    usage: tuple[LengthLevel, ...]
    planned: tuple[LengthLevel, ...]


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

    def at(self, level: LengthLevel) -> LengthDistribution:
        """Return the distribution with all lengths multiplied."""
        if level == AS_STATED:
            return self
        isl, osl = self.isl_tokens * level.isl, self.osl_tokens * level.osl
        return LengthDistribution(isl, osl, self.probability)


@dataclass(frozen=True, slots=True)
class ChainAnswers:
    """Answers of a chain: how many there are is decided with the workload they belong to.

    Parameters
    ----------
    workload
        The workload whose requests may go through the chain.
    share
        Answers per request of the chain, above 0 to 1.
    usage_share
        Mean over planned rate of the workload, shape (T, B).
    """

    workload: str
    share: float
    usage_share: FloatArray


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
        Length distribution at the start of the horizon, ``None`` when the workload states none
        (measured capacities only).
    intervals
        Recorded intervals between requests with mean 1, ``None`` when only their variation is
        stated.
    """

    workload: str
    mean_rps: FloatArray
    planned_rps: FloatArray
    lengths: LengthDistribution | None
    intervals: FloatArray | None = None
    deferral: Deferral | None = None
    """How its requests can wait: rates are then those of their arrival, 0 where they come from
    the backlog of another stream; ``None`` where they cannot."""
    unserved_usd_per_request: float | None = None
    """Price of a request that is not served; ``None`` where all have to be."""
    length_levels: LengthLevels | None = None
    """How its lengths grow; ``None`` where they do not."""
    chain: ChainAnswers | None = None
    """The chain whose answers these are; its rates are then 0, because nothing has to go there."""

    def usage_level(self, period: int) -> LengthLevel:
        """Return the factors on its lengths in the middle of a period."""
        return AS_STATED if self.length_levels is None else self.length_levels.usage[period]

    def planned_level(self, period: int) -> LengthLevel:
        """Return the factors on its lengths at the dearer end of a period."""
        return AS_STATED if self.length_levels is None else self.length_levels.planned[period]

    @property
    def longest_level(self) -> LengthLevel:
        """Largest factors on prompts and on outputs that any period plans for."""
        if self.length_levels is None:
            return AS_STATED
        return LengthLevel(*map(max, zip(*self.length_levels.planned, strict=True)))

    def usage_shares(self, period: int) -> FloatArray:
        """Return mean over planned rate by block of a period, shape (B,); 0 without demand."""
        planned_rps = self.planned_rps[period]
        if self.deferral is not None:
            return np.full(planned_rps.shape, self.deferral.usage_share[period])
        if self.chain is not None:
            of_workload: FloatArray = self.chain.usage_share[period]
            return of_workload
        nothing = np.zeros(planned_rps.shape)
        mean_rps = self.mean_rps[period]
        shares: FloatArray = np.divide(mean_rps, planned_rps, out=nothing, where=planned_rps > 0)
        return shares


@dataclass(frozen=True, slots=True)
class Demand:
    """Time grid and the demand of every stream of every workload, in problem order."""

    grid: TimeGrid
    workloads: tuple[WorkloadDemand, ...]
    warnings: tuple[str, ...] = ()

    def of(self, workload: str) -> WorkloadDemand:
        """Return the demand of a workload by name."""
        return next(w for w in self.workloads if w.workload == workload)

    def needs(self) -> list[tuple[str, ...]]:
        """Return the streams that have to be served; of each group, one that is will do."""
        groups: dict[str, list[str]] = {}
        for rates in self.workloads:
            name = rates.workload if rates.deferral is None else rates.deferral.backlog
            if rates.chain is not None:
                if answer_of(rates.workload) != "first":
                    continue
                name = rates.chain.workload
            groups.setdefault(name, []).append(rates.workload)
        return [tuple(streams) for streams in groups.values()]
