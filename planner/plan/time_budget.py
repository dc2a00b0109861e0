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
    return (
        f"{LATE} {limit_s:g}, which is as long as {what} may take; rerun with "
        f"--time-limit {longer(limit_s):g}"
    )


def longer(limit_s: float) -> float:
    """Return a limit that is worth a try where one was too short, seconds.

    Parameters
    ----------
    limit_s
        The one that was too short, seconds.
    """
    return max(_LONGER * limit_s, _SHORTEST_S)
