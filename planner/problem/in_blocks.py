"""What a problem states for some periods and blocks only, and faults of such sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from planner.problem.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem
    from planner.yaml_io import Path_

_Places = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class InBlocks(Section):
    """Base of what holds in some periods and blocks."""

    periods: _Places | None = None
    """Periods, from 0; absent: all."""
    blocks: _Places | None = None
    """Blocks, from 0 and counted through the types of day; absent: all."""

    def holds_in(self, period: int, block: int) -> bool:
        """Return whether it holds in a block.

        Parameters
        ----------
        period, block
            Where, both from 0.
        """
        return (self.periods is None or period in self.periods) and (
            self.blocks is None or block in self.blocks
        )


def unknown_places(item: InBlocks, problem: Problem, path: Path_) -> Iterator[tuple[Path_, str]]:
    """Yield periods and blocks that there are not.

    Parameters
    ----------
    item, problem
        What names them, and its problem.
    path
        Its path in the problem.
    """
    days = max(len(other.arrival.day_types or {}) or 1 for other in problem.workloads)
    counts = {"periods": problem.horizon.periods, "blocks": problem.time_blocks * days}
    for name, count in counts.items():
        for k, number in enumerate(getattr(item, name) or []):
            if number >= count:
                message = f"there is no {name[:-1]} {number}; accepted: 0 to {count - 1}"
                yield (*path, name, k), message
