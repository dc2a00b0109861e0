"""Names that no two items of a list may share, names near an unknown one, figures that rise."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from planner.errors import did_you_mean
from planner.problem.mention import Mention

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from planner.yaml_io import Path_


_BEGINNING = 3
"""Characters that names which begin alike share at least."""
_FEW = 12
"""Names that a message may list."""


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


def nearest_names(name: str, names: Collection[str]) -> str:
    """Return the names that come nearest to an unknown one: all of them when they are few.

    Parameters
    ----------
    name
        The name that is not known.
    names
        The names that are.
    """
    if hint := did_you_mean(name, names):
        return hint
    shared = {known: _alike(name.lower(), known.lower()) for known in names}
    most = max(shared.values(), default=0)
    alike = sorted(known for known, length in shared.items() if length == most)
    if most >= _BEGINNING:
        return did_you_mean(alike[0], alike)
    return f"; there are {', '.join(sorted(names))}." if 0 < len(names) <= _FEW else "."


def _alike(name: str, known: str) -> int:
    """Return with how many characters alike two names begin."""
    pairs = enumerate(zip(name, known, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(name), len(known)))
