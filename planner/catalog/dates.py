"""Dates of catalogue rows: ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``.

A source often states only a year or a month. Missing parts read as the earliest day, so a row
is never younger than its source allows and a price never applies before it could have.
"""

from __future__ import annotations

import datetime
import re
from functools import lru_cache

_PARTIAL = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_KEPT_DATES = 4_096
"""A catalogue names some hundred days, each in many rows that are looked through again."""


@lru_cache(maxsize=_KEPT_DATES)
def parse_partial_date(text: str) -> datetime.date:
    """Return the earliest day that `text` can mean.

    Parameters
    ----------
    text
        ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``.

    Raises
    ------
    ValueError
        When `text` has another form or names no day of the calendar.
    """
    match = _PARTIAL.fullmatch(text)
    if match is None:
        message = f"`{text}` is not a date; write YYYY, YYYY-MM or YYYY-MM-DD"
        raise ValueError(message)
    year, month, day = (int(part) if part else 1 for part in match.groups())
    try:
        return datetime.date(year, month, day)
    except ValueError as error:
        message = f"`{text}` names no day of the calendar ({error})"
        raise ValueError(message) from error


def age_days(as_of: str, on: datetime.date) -> int:
    """Return the days from `as_of` (a partial date) to `on`; negative when it lies ahead."""
    return (on - parse_partial_date(as_of)).days
