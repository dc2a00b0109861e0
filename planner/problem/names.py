"""Names that items of a list give themselves, which no two may share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

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
            text = f"`{item.name}` names item {seen[item.name]} too; rename one of the two"
            yield (*path, index, "name"), text
        seen.setdefault(item.name, index)
