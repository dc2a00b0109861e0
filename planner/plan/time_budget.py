"""What is said where a time budget ran out before everything that was asked for was solved."""

from __future__ import annotations

LATE = "not computed within --time-limit"
"""Beginning of every such sentence."""
_LONGER = 4.0
_SHORTEST_S = 60.0


def late(what: str, limit_s: float) -> str:
    """Return that something was not solved in time, and with which limit it may be.

    Parameters
    ----------
    what
        What has a budget as long as the limit of the main program, as in ``the comparisons``.
    limit_s
        That limit, seconds.
    """
    longer_s = max(_LONGER * limit_s, _SHORTEST_S)
    return (
        f"{LATE} {limit_s:g}, which is as long as {what} may take; rerun with "
        f"--time-limit {longer_s:g}"
    )
