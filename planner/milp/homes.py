"""Sets of offers that may hold the same replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def unions(groups: Iterable[frozenset[int]]) -> list[frozenset[int]]:
    """Return every union of sets of offers, smallest first.

    Parameters
    ----------
    groups
        Offers that may hold each column.
    """
    found: set[frozenset[int]] = set()
    for group in groups:
        found |= {group | union for union in found} | {group}
    return sorted(found, key=lambda union: (len(union), sorted(union)))
