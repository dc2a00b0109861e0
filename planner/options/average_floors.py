"""Floors on the average of a problem: whose requests count, and for how much.

Every stream of a workload counts with its requests. Where a workload may escalate, a request of
the chain counts once: with ``1 - share`` of the score of the first answer, and the score of the
second one for each that is escalated; or with the score of the chain where that is stated. A floor
on each model is for a chain a floor on the average of its own requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.problem.deferral import owner
from planner.problem.escalation import AVERAGE, FIRST, THEN, chain_floors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem, QualityFloor, Workload


@dataclass(frozen=True, slots=True)
class AverageFloor:
    """Least average score of the requests of a workload, in every block.

    Parameters
    ----------
    workload
        The workload.
    position
        Position in `Capacity.averaged` of its streams.
    benchmark, reference
        The benchmark, and the model whose bf16 score is the unit; empty for scores themselves.
    least
        The floor, as a fraction.
    weights
        What a request of each stream counts; empty where every stream counts 1.
    of_chain
        Whether only requests of the chain count.
    """

    workload: str
    position: int
    benchmark: str
    least: float
    reference: str = ""
    weights: tuple[tuple[str, float], ...] = ()
    of_chain: bool = False

    @property
    def label(self) -> str:
        """The floor in the user's words."""
        share = f" of {self.reference} in bf16" if self.reference else ""
        chain = " over the chain" if self.of_chain else ""
        return f"average {self.benchmark}{chain} of at least {self.least:g}{share}"

    def weight(self, stream: str) -> float:
        """Return what a request of a stream counts, 0 for nothing.

        Parameters
        ----------
        stream
            Name of the stream.
        """
        if self.weights:
            return dict(self.weights).get(stream, 0.0)
        return float(owner(stream) == self.workload)


def average_floors(problem: Problem) -> tuple[AverageFloor, ...]:
    """Return the floors on an average of all workloads, and of their chains.

    Parameters
    ----------
    problem
        The problem. Without a stated reference a relative floor is held against bf16 of each
        model itself, which is only allowed where there is one candidate.
    """
    return tuple(floor for workload in problem.workloads for floor in _floors(workload))


def _floors(workload: Workload) -> Iterator[AverageFloor]:
    chain = workload.escalation
    for k, floor in enumerate(chain_floors(workload)):
        average = floor.over == AVERAGE
        if average or chain is not None:
            yield AverageFloor(
                workload.name,
                k,
                floor.benchmark,
                *_least(floor),
                _weights(workload, floor, average=average),
                not average,
            )


def _least(floor: QualityFloor) -> tuple[float, str]:
    if floor.min_score is not None:
        return floor.min_score, ""
    return floor.min_relative or 1.0, floor.reference or "itself"


def _weights(
    workload: Workload, floor: QualityFloor, *, average: bool
) -> tuple[tuple[str, float], ...]:
    chain, name = workload.escalation, workload.name
    if chain is None:
        return ()
    stated = any(score.benchmark == floor.benchmark for score in chain.quality_scores)
    first, then = (1.0, 0.0) if stated else (1.0 - chain.share, 1.0)
    direct = ((name, 1.0),) if average else ()
    return (*direct, (name + FIRST, first), (name + THEN, then))
