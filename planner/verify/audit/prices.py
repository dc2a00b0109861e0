"""What a node or a token costs on a day: list price in force, hour of the day, discount.

Computed again here, from the rows of the tables, one minute of the day at a time.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from planner.catalog.dates import parse_partial_date
from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR
from planner.verify.audit.expected import in_force

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer
    from planner.problem.schema import Problem

_ANY = "any"
_DAY_MINUTES = int(HOURS_PER_DAY * MINUTES_PER_HOUR)
_KEPT_LISTS = 1024
"""Every request on tokens asks for the same few lists in the same blocks."""


def share_paid(catalog: Catalog, place: tuple[str, str, str, str], day: date) -> float:
    """Return the share of a list price that is paid, 1 without a discount.

    Parameters
    ----------
    catalog
        Table of discounts.
    place
        Provider, item, region and tenure; the item of tokens is the provider's name of the
        model, their region `any` and their tenure `api`.
    day
        Day on which the discount has to hold.
    """
    provider, item, region, tenure = place
    found: list[tuple[tuple[int, int, int, int, date], float]] = []
    for row in catalog.discounts:
        start = parse_partial_date(row.valid_from)
        over = row.valid_to is not None and parse_partial_date(row.valid_to) <= day
        if row.provider != provider or start > day or over:
            continue
        wanted = ((row.item, item), (row.region, region), (row.tenure, tenure))
        named = [int(stated != _ANY) for stated, _ in wanted]
        wrong = [stated for stated, want in wanted if stated not in {_ANY, want}]
        if wrong or (tenure == "api" and row.tenure == _ANY):
            continue
        rank = (sum(named), named[0], named[1], named[2], start)
        found.append((rank, row.discount_fraction))
    return 1.0 - max(found)[1] if found else 1.0


def price_shares(
    rows: Sequence[ApiOffer], day: date, problem: Problem, block: int
) -> list[tuple[list[ApiOffer], float]]:
    """Return the price rows of every prompt length in a block, with their shares of its time.

    Parameters
    ----------
    rows
        Rows of one offer, of any date.
    day
        Day on which the list has to be in force.
    problem
        The problem, for its blocks and its clock.
    block
        Block, counted through the types of day.
    """
    newest = in_force(rows, day)
    if newest is None:
        return []
    listed = [r for r in rows if r.valid_from == newest.valid_from]
    length = _DAY_MINUTES // problem.time_blocks
    first = block % problem.time_blocks * length - round(
        problem.horizon.utc_offset_h * MINUTES_PER_HOUR
    )
    hours = tuple(row.hours_utc for row in listed)
    shares = _minutes(hours, first, length)
    return [([listed[i] for i in chosen], n / length) for chosen, n in shares]


@lru_cache(maxsize=_KEPT_LISTS)
def _minutes(
    hours_utc: tuple[str | None, ...], first: int, length: int
) -> tuple[tuple[tuple[int, ...], int], ...]:
    """Return which rows of a list hold together, and in how many minutes of a block."""
    plain = tuple(i for i, hours in enumerate(hours_utc) if hours is None)
    timed = [(i, *_start_and_length(hours)) for i, hours in enumerate(hours_utc) if hours]
    counts: Counter[tuple[int, ...]] = Counter()
    for minute in range(first, first + length):
        holding = tuple(i for i, start, lasts in timed if (minute - start) % _DAY_MINUTES < lasts)
        counts[holding or plain or (0,)] += 1
    return tuple(counts.items())


def _start_and_length(hours_utc: str) -> tuple[int, int]:
    start, end = (
        int(clock[:2]) * int(MINUTES_PER_HOUR) + int(clock[3:]) for clock in hours_utc.split("-")
    )
    return start, (end - start) % _DAY_MINUTES
