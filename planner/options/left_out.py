"""Why offers that something in a problem is for are not on offer in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from planner.options.records import Rejection


def why_left_out(offer_ids: Collection[str], rejections: Sequence[Rejection], other: str) -> str:
    """Return why offers are left out, naming the first.

    Parameters
    ----------
    offer_ids
        The offers.
    rejections
        What is left out, with reasons.
    other
        What is returned when none of them is among the rejections.
    """
    found = {r.subject: r.detail for r in reversed(rejections) if r.subject in offer_ids}
    if not found:
        return other
    first = min(found)
    more = f"; so are {counted(len(found) - 1, 'more offer')}" if found.keys() - {first} else ""
    return f"{first} is left out ({found[first]}){more}"
