"""Headroom: capacity beyond the planned rate, where a replay or a load test asks for it.

Capacities come from formulas, and a simulation or a test may show that they are too high for some
pool at some hour. A factor of headroom raises the rate that capacity is planned for there, and
nothing else: usage, and what is promised, stay as they are. A factor may be of one option: a
replica of it then carries so much less there, and the others what they did. `planner solve
--verify` finds such factors and states them in this form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from planner.problem.in_blocks import InBlocks, unknown_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem, Workload
    from planner.yaml_io import Path_


class Headroom(InBlocks):
    """A factor on the planned rate of a workload in some blocks."""

    factor: Annotated[float, Field(ge=1, le=100)]
    """Factor on the rate that capacity is planned for; where several apply, the largest counts."""
    option: str | None = None
    """Id of an option of `planner options` that alone needs it; absent: all."""


def headroom_at(workload: Workload, period: int, block: int) -> float:
    """Return the factor on the planned rate of a workload for all options, 1 without headroom.

    Parameters
    ----------
    workload
        The workload.
    period, block
        Where.
    """
    return max(
        (i.factor for i in workload.headroom if i.option is None and i.holds_in(period, block)),
        default=1.0,
    )


def option_headroom(workload: Workload, option: str, period: int, block: int) -> float:
    """Return the factor of an option beyond that of all options, from 1.

    A replica of it carries so many times less in that block.

    Parameters
    ----------
    workload
        The workload.
    option
        Id of the option.
    period, block
        Where.

    Examples
    --------
    Factors of 1.2 for all options and 1.8 for this one: it carries 1.5 times less.
    """
    every = headroom_at(workload, period, block)
    own = (i.factor for i in workload.headroom if i.option == option and i.holds_in(period, block))
    return max(max(own, default=1.0) / every, 1.0)


def headroom_ids(workload: Workload) -> Iterator[str]:
    """Yield the options that have headroom of their own for a workload.

    Parameters
    ----------
    workload
        The workload.
    """
    yield from dict.fromkeys(i.option for i in workload.headroom if i.option is not None)


def headroom_findings(
    workload: Workload, problem: Problem, path: Path_
) -> Iterator[tuple[Path_, str]]:
    """Yield headroom that nothing has use for.

    Parameters
    ----------
    workload, problem
        The workload, and its problem.
    path
        Its path in the problem.
    """
    if workload.headroom and workload.deferrable is not None and workload.deferrable.share == 1:
        message = (
            "every request can wait, and headroom is for those that cannot: it is on the rate at "
            "which limits on latency hold, and work that waits has none. Take it out; for more "
            "replicas of that work, state arrival.forecast_cv with policy.forecast_confidence "
            "above 0.5, or a shorter deferrable.window_h"
        )
        yield (*path, "headroom"), message
    for i, item in enumerate(workload.headroom):
        yield from unknown_places(item, problem, (*path, "headroom", i))
