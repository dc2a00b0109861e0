"""Growth of a workload's rate and lengths: one factor per period, or one for each period."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.problem.section import Growth, Section

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from planner.problem.schema import Problem, Workload
    from planner.yaml_io import Path_

_RATE, _LENGTHS = "growth_per_period", "length_growth_per_period"


class LengthGrowth(Section):
    """Factors on all lengths of a workload per period, or one factor for each period."""

    isl: Growth = 1.0
    """Factor on prompts."""
    osl: Growth = 1.0
    """Factor on outputs."""

    @property
    def is_none(self) -> bool:
        """True when lengths stay what they are."""
        return not (changes(self.isl) or changes(self.osl))


def changes(growth: Growth) -> bool:
    """Return whether any factor differs from 1."""
    factors = growth if isinstance(growth, list) else [growth]
    return any(factor != 1 for factor in factors)


def growth_findings(
    workload: Workload, problem: Problem, path: Path_
) -> Iterator[tuple[Path_, str]]:
    """Yield path and sentence of every contradiction in the growth of a workload.

    Parameters
    ----------
    workload, problem
        The workload, and the problem for its periods.
    path
        Path of the workload.
    """
    lengths = workload.length_growth_per_period
    for place, growth in (
        ((*path, _RATE), workload.growth_per_period),
        ((*path, _LENGTHS, "isl"), lengths.isl),
        ((*path, _LENGTHS, "osl"), lengths.osl),
    ):
        periods = problem.horizon.periods
        if isinstance(growth, list) and len(growth) != periods:
            message = (
                f"has {counted(len(growth), 'factor')} for {counted(periods, 'period')}; give one "
                f"number for all, or a list of {periods}"
            )
            yield place, message
    if lengths.is_none:
        return
    if workload.lengths is None and problem.performance is not None:
        message = f"missing, and `{_LENGTHS}` has nothing to grow; give it, or take that out"
        yield (*path, "lengths"), message
    cache = workload.prefix_cache
    if changes(lengths.isl) and cache is not None and cache.curve is not None:
        message = (
            "a curve of hits holds for the prompts it was measured with; state "
            "`prefix_cache.hit_rate`, or leave prompts as they are"
        )
        yield (*path, _LENGTHS, "isl"), message


def measured_growth_findings(
    problem: Problem, measured: Collection[str]
) -> Iterator[tuple[Path_, str]]:
    """Yield path and sentence for lengths that grow though their capacities are measured.

    Parameters
    ----------
    problem
        The problem.
    measured
        Names of workloads with a measured capacity.
    """
    for index, workload in enumerate(problem.workloads):
        grows = workload.lengths is not None and not workload.length_growth_per_period.is_none
        if grows and workload.name in measured:
            message = (
                "a measured capacity holds for the lengths it was measured with; take the rows of "
                f"`{workload.name}` out of {problem.performance}, or leave its lengths as they are"
            )
            yield ("workloads", index, _LENGTHS), message
