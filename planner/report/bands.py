"""Blocks of the day with the same replicas and nodes, joined into bands of hours."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.plan.document import Allocation, ApiRow, FleetRow, Plan, TimeBlock


@dataclass(frozen=True, slots=True)
class Band:
    """Consecutive blocks of a day in one period in which the same things run.

    Parameters
    ----------
    period
        Period from 0.
    times
        Blocks in order, all of one type of day.
    allocations, api, fleet
        Rows of all blocks of the band.
    """

    period: int
    times: tuple[TimeBlock, ...]
    allocations: tuple[Allocation, ...]
    api: tuple[ApiRow, ...]
    fleet: tuple[FleetRow, ...]

    @property
    def first_block(self) -> int:
        """First block."""
        return self.times[0].block

    @property
    def last_block(self) -> int:
        """Last block."""
        return self.times[-1].block

    @property
    def day_type(self) -> str:
        """Type of day."""
        return self.times[0].day_type

    @property
    def clock(self) -> str:
        """Hours of the day, ``08-19``."""
        return f"{self.times[0].start_h:02.0f}-{self.times[-1].end_h:02.0f}"

    @property
    def hours_per_period(self) -> float:
        """Hours that the band sums to over its period."""
        return sum(time.hours_per_period for time in self.times)


def bands_of(plan: Plan) -> list[Band]:
    """Return the bands of every period in order."""
    rows: dict[tuple[int, int], _Rows] = defaultdict(_Rows.empty)
    for allocation in plan.allocations:
        rows[allocation.period, allocation.block].allocations.append(allocation)
    for item in plan.api:
        rows[item.period, item.block].api.append(item)
    for row in plan.fleet:
        rows[row.period, row.block].fleet.append(row)
    times = {time.block: time for time in plan.time_blocks}
    bands: list[Band] = []
    last_key: tuple[object, ...] | None = None
    for period, block in sorted(rows):
        here = rows[period, block]
        key = (period, times[block].day_type, here.signature())
        if bands and key == last_key and bands[-1].last_block == block - 1:
            bands[-1] = _extended(bands[-1], times[block], here)
        else:
            bands.append(_band(period, times[block], here))
        last_key = key
    return bands


@dataclass(slots=True)
class _Rows:
    allocations: list[Allocation]
    api: list[ApiRow]
    fleet: list[FleetRow]

    @classmethod
    def empty(cls) -> _Rows:
        return cls([], [], [])

    def signature(self) -> tuple[object, ...]:
        """Return what must be equal for two blocks to stand in one band."""
        return (
            tuple(sorted({(a.pool, a.option_id, a.replicas) for a in self.allocations})),
            tuple(sorted({(r.workload, r.provider, r.model, r.mode) for r in self.api})),
            tuple(sorted((f.offer_id, f.nodes) for f in self.fleet if f.nodes)),
        )


def _band(period: int, time: TimeBlock, rows: _Rows) -> Band:
    return Band(period, (time,), tuple(rows.allocations), tuple(rows.api), tuple(rows.fleet))


def _extended(band: Band, time: TimeBlock, rows: _Rows) -> Band:
    return Band(
        band.period,
        (*band.times, time),
        (*band.allocations, *rows.allocations),
        (*band.api, *rows.api),
        (*band.fleet, *rows.fleet),
    )
