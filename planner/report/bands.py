"""Blocks of the day with the same replicas and nodes, joined into bands of hours."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from planner.plan.document import Allocation, ApiRow, FleetRow, Plan


@dataclass(frozen=True, slots=True)
class Band:
    """Consecutive blocks of one period in which the same things run.

    Parameters
    ----------
    period
        Period from 0.
    first_block, last_block
        Blocks, both included.
    blocks_per_day
        Blocks of a day.
    allocations, api, fleet
        Rows of all blocks of the band.
    """

    period: int
    first_block: int
    last_block: int
    blocks_per_day: int
    allocations: tuple[Allocation, ...]
    api: tuple[ApiRow, ...]
    fleet: tuple[FleetRow, ...]

    @property
    def hours(self) -> str:
        """Hours of the day, ``08-19``."""
        size = HOURS_PER_DAY / self.blocks_per_day
        return f"{self.first_block * size:02.0f}-{(self.last_block + 1) * size:02.0f}"

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return self.last_block - self.first_block + 1


def bands_of(plan: Plan, blocks_per_day: int) -> list[Band]:
    """Return the bands of every period in order."""
    rows: dict[tuple[int, int], _Rows] = defaultdict(_Rows.empty)
    for allocation in plan.allocations:
        rows[allocation.period, allocation.block].allocations.append(allocation)
    for item in plan.api:
        rows[item.period, item.block].api.append(item)
    for row in plan.fleet:
        rows[row.period, row.block].fleet.append(row)
    bands: list[Band] = []
    last_key: tuple[object, ...] | None = None
    for period, block in sorted(rows):
        here = rows[period, block]
        key = (period, here.signature())
        if bands and key == last_key and bands[-1].last_block == block - 1:
            bands[-1] = _extended(bands[-1], block, here)
        else:
            bands.append(_band(period, block, blocks_per_day, here))
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
            tuple(sorted({(r.workload, r.provider, r.model) for r in self.api})),
            tuple(sorted((f.offer_id, f.nodes) for f in self.fleet if f.nodes)),
        )


def _band(period: int, block: int, blocks_per_day: int, rows: _Rows) -> Band:
    return Band(
        period,
        block,
        block,
        blocks_per_day,
        tuple(rows.allocations),
        tuple(rows.api),
        tuple(rows.fleet),
    )


def _extended(band: Band, block: int, rows: _Rows) -> Band:
    return Band(
        band.period,
        band.first_block,
        block,
        band.blocks_per_day,
        (*band.allocations, *rows.allocations),
        (*band.api, *rows.api),
        (*band.fleet, *rows.fleet),
    )
