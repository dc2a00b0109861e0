"""Which of the prices of a model applies on which days and at which hours.

Of a list of prices the last that applies counts. An entry applies always, from a day on, or
during an interval of every day; times without a zone are UTC. An entry without a day is known to
hold from the date of the source on; what it held before is not known.

The catalogue reads the rows of an offer that start on one day as its whole price list. So on every
day on which anything changes, all prices that then apply start anew.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Collection

_DAY_MINUTES = int(HOURS_PER_DAY * MINUTES_PER_HOUR)
_ALL_DAY = frozenset(range(_DAY_MINUTES))
_MOST_ENTRIES = 100
"""Prices of a model above which its list is taken for an error."""

Skipped = tuple[object, str, str]
"""Value, reason and detail of an entry that applies never or cannot be used."""


@dataclass(frozen=True, slots=True)
class Period:
    """Prices with the days and the hours they apply.

    Parameters
    ----------
    prices
        Prices by unit.
    start
        First day.
    end
        First day they no longer apply; ``None`` for good.
    hours_utc
        Hours as ``HH:MM-HH:MM``; ``None`` for all that no other period of these days covers.
    """

    prices: dict[str, Any]
    start: datetime.date
    end: datetime.date | None
    hours_utc: str | None


@dataclass(frozen=True, slots=True)
class _Entry:
    """Prices with their first day, if it is stated, and the minutes of the day they apply."""

    prices: dict[str, Any]
    start: datetime.date | None
    minutes: frozenset[int]


def schedule(stated: list[Any], as_of: datetime.date) -> tuple[list[Period], list[Skipped]]:
    """Return the periods of the prices of a list, and the entries that have none.

    Parameters
    ----------
    stated
        Entries in the order of the source, each with ``prices`` and maybe a ``constraint``.
    as_of
        Day from which undated prices apply.
    """
    if len(stated) > _MOST_ENTRIES:
        return [], [(len(stated), "no_price", f"a model has at most {_MOST_ENTRIES} prices")]
    entries, skipped = _entries(stated)
    days = sorted({entry.start or as_of for entry in entries.values()})
    lists = [_in_force(entries, day, as_of) for day in days]
    # A day on which nothing changes starts no list.
    changes = [i for i, held in enumerate(lists) if not i or held != lists[i - 1]]
    periods = [
        Period(entries[number].prices, days[i], None if after is None else days[after], hours)
        for i, after in zip_longest(changes, changes[1:])
        for number, hours in lists[i]
    ]
    for number in entries.keys() - {number for held in lists for number, _ in held}:
        detail = "other prices of the list apply whenever this one would"
        skipped[number] = (entries[number].prices, "superseded", detail)
    return periods, [skipped[number] for number in sorted(skipped)]


def _entries(stated: list[Any]) -> tuple[dict[int, _Entry], dict[int, Skipped]]:
    """Return the entries that can be used, and those that cannot, by their number."""
    entries: dict[int, _Entry] = {}
    skipped: dict[int, Skipped] = {}
    for number, entry in enumerate(stated):
        prices = entry.get("prices") if isinstance(entry, dict) else None
        constraint = _constraint(entry)
        if constraint is None:
            detail = "constraints that are read: start_date; start_time and end_time by the minute"
            skipped[number] = (prices, "unknown_constraint", detail)
        elif not isinstance(prices, dict):
            detail = "`prices` is an object with input_mtok and output_mtok"
            skipped[number] = (prices, "no_price", detail)
        else:
            entries[number] = _Entry(prices, *constraint)
    return entries, skipped


def _in_force(
    entries: dict[int, _Entry], day: datetime.date, as_of: datetime.date
) -> list[tuple[int, str | None]]:
    """Return the price list of a day: numbers of entries, each with its hours."""
    held: list[tuple[int, str | None]] = []
    free = _ALL_DAY
    for number in sorted(entries, reverse=True):
        entry = entries[number]
        minutes = entry.minutes & free
        if not minutes or (entry.start is not None and entry.start > day):
            continue
        free -= minutes
        if entry.start is not None or day >= as_of:
            hours = [None] if entry.minutes == _ALL_DAY else _intervals(minutes)
            held += ((number, interval) for interval in reversed(hours))
    return held[::-1]


def _constraint(entry: object) -> tuple[datetime.date | None, frozenset[int]] | None:
    """Return first day and minutes of an entry, ``None`` when its constraint is not known."""
    stated = entry.get("constraint") if isinstance(entry, dict) else None
    if stated is None:
        return None, _ALL_DAY
    keys = set(stated) if isinstance(stated, dict) else set()
    try:
        if keys == {"start_date"}:
            return datetime.date.fromisoformat(stated["start_date"]), _ALL_DAY
        if keys == {"start_time", "end_time"}:
            return None, _minutes(_minute(stated["start_time"]), _minute(stated["end_time"]))
    except (TypeError, ValueError):
        pass
    return None


def _minute(text: str) -> int:
    """Return the minute of the UTC day of a time, or raise ValueError."""
    time = datetime.time.fromisoformat(text)
    offset = time.utcoffset() or datetime.timedelta()
    since_midnight = datetime.timedelta(
        hours=time.hour, minutes=time.minute, seconds=time.second, microseconds=time.microsecond
    )
    minute, rest = divmod(since_midnight - offset, datetime.timedelta(minutes=1))
    if rest:
        raise ValueError(text)
    return minute % _DAY_MINUTES


def _minutes(start: int, end: int) -> frozenset[int]:
    """Return the minutes from `start` to before `end`, past midnight when `end` is smaller."""
    return frozenset(
        minute % _DAY_MINUTES for minute in range(start, end + _DAY_MINUTES * (end < start))
    )


def _intervals(minutes: Collection[int]) -> list[str]:
    """Return the intervals of the day that some, but not all, of its minutes form."""
    found = []
    for start in sorted(minutes):
        if (start - 1) % _DAY_MINUTES in minutes:
            continue
        end = start
        while end % _DAY_MINUTES in minutes:
            end += 1
        found.append(f"{_clock(start)}-{_clock(end % _DAY_MINUTES)}")
    return found


def _clock(minute: int) -> str:
    return "{:02d}:{:02d}".format(*divmod(minute, int(MINUTES_PER_HOUR)))
