"""Options that may not serve a workload, in some blocks or in all.

A simulation or a load test may show that no number of replicas of some option keeps a limit at
some hour, because prompts are longer then, say. `planner solve --verify` finds such options and
states them in this form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.problem.in_blocks import InBlocks, unknown_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.problem.schema import Problem, Workload
    from planner.yaml_io import Path_

Slot = tuple[int, int]
"""Period and block."""


class ExcludedOption(InBlocks):
    """An option that may not serve a workload in some blocks."""

    option: str
    """Id of an option of `planner options`."""


def excluded_ids(workload: Workload) -> Iterator[str]:
    """Yield the option of every exclusion of a workload.

    Parameters
    ----------
    workload
        The workload.
    """
    for item in workload.excluded_options:
        yield item if isinstance(item, str) else item.option


def barred_slots(workload: Workload, slots: Iterable[Slot]) -> dict[str, frozenset[Slot]]:
    """Return by option the blocks in which it may not serve a workload.

    Parameters
    ----------
    workload
        The workload.
    slots
        All periods and blocks of the problem.
    """
    everywhere = frozenset(slots)
    barred: dict[str, frozenset[Slot]] = {}
    for item in workload.excluded_options:
        if isinstance(item, str):
            barred[item] = everywhere
            continue
        mine = frozenset(slot for slot in everywhere if item.holds_in(*slot))
        barred[item.option] = barred.get(item.option, frozenset()) | mine
    return barred


def exclusion_findings(
    workload: Workload, problem: Problem, path: Path_
) -> Iterator[tuple[Path_, str]]:
    """Yield periods and blocks of exclusions that there are not.

    Parameters
    ----------
    workload, problem
        The workload, and its problem.
    path
        Its path in the problem.
    """
    for i, item in enumerate(workload.excluded_options):
        if not isinstance(item, str):
            yield from unknown_places(item, problem, (*path, "excluded_options", i))
