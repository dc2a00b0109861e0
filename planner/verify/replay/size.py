"""How many requests one simulation holds in memory at most.

A request takes about 0.5 KB while it is simulated. Samples are far below the limit; whole blocks
of a day, which a trace of days or a replay in full asks for, need not be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import Fault, InputError
from planner.verify.replay.read_trace import OUTCOME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.verify.replay.cases import Case

MOST_AT_ONCE = 8_000_000.0
"""Requests of one simulation: 4 GB."""


def require_room(times_s: Iterable[tuple[Case, float]]) -> None:
    """Refuse a simulation whose requests memory may not hold.

    Parameters
    ----------
    times_s
        What is simulated at once, a block or those of a day, and the time of each, seconds.

    Raises
    ------
    InputError
        When more than 8 million requests are expected at its rates.
    """
    listed = list(times_s)
    requests = sum(s.rate_rps * span_s for case, span_s in listed for s in case.streams)
    if requests <= MOST_AT_ONCE:
        return
    first = listed[0][0]
    period, block = first.places[0]
    message = (
        f"{requests:,.0f} requests of pool {first.pool} would be simulated at once, from period "
        f"{period}, block {block} on; at most {MOST_AT_ONCE:,.0f} fit. A trace of less than a day "
        "is replayed in samples, and so is what the problem states (whole hours of it with "
        "rate_factors), without --full; shorter blocks (time_blocks) have fewer requests"
    )
    raise InputError([Fault("", None, None, "", message)], "planner verify --help", OUTCOME)
