"""What holds in lists: names that no two items may share, and figures that rise."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from planner.problem.mention import Mention

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.yaml_io import Path_


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """Its name."""


def repeated_names(items: Sequence[Named], path: Path_) -> Iterator[tuple[Path_, str]]:
    """Yield path and sentence of every name that an earlier item has.

    Parameters
    ----------
    items
        The items of a list.
    path
        Where the list stands in the problem.
    """
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        if item.name in seen:
            other = (*path, seen[item.name])
            text = Mention(f"`{item.name}` names ", other, " too; rename one of the two")
            yield (*path, index, "name"), text
        seen.setdefault(item.name, index)


def rising(
    tiers: Sequence[object], fields: Sequence[str], path: Path_
) -> Iterator[tuple[Path_, str]]:
    """Yield path and sentence of every figure of a tier that is not above that of the one before.

    Parameters
    ----------
    tiers
        The tiers of a list.
    fields
        Figures that have to rise; a tier may leave them out.
    path
        Where the list stands in the problem.
    """
    for index, (low, high) in enumerate(pairwise(tiers), start=1):
        for field in fields:
            first, second = getattr(low, field), getattr(high, field)
            if first is not None and second is not None and second <= first:
                text = (
                    f"{second:g} is not above that of the tier before, {first:g}; give tiers in "
                    "rising order"
                )
                yield (*path, index, field), text
