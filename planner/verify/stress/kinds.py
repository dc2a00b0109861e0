"""The stresses: what each changes in the blocks of a plan, and where it changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.verify.replay.arrivals import Stated
from planner.verify.replay.failures import Failure, lost_names
from planner.verify.replay.losses import Rest, by_loss, rest_of
from planner.verify.replay.trace import Traced, TracedHours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Plan
    from planner.problem.schema import Problem
    from planner.verify.replay.arrivals import Source
    from planner.verify.replay.cases import Case, Stream
    from planner.verify.stress.records import StressSettings

DEMAND, OUTPUTS, NODE, PROVIDER, PREFIX = STRESSES = (
    "demand", "output_length", "node_loss", "provider_loss", "prefix_cache",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stress:
    """One change of the world.

    Parameters
    ----------
    name, text
        One of `STRESSES`, and what it does in words.
    factor
        On the rates, on the outputs or on the hit rates.
    failure
        What is lost; ``None`` when nothing is.
    """

    name: str
    text: str
    factor: float = 1.0
    failure: Failure | None = None


def stresses_of(settings: StressSettings, plan: Plan) -> list[Stress]:
    """Return all stresses, the loss of every provider apart.

    Parameters
    ----------
    settings
        How hard they are.
    plan
        The plan, for its providers.
    """
    rented = {row.provider for row in plan.fleet if row.tenure != "owned"}
    providers = [name for name in lost_names(plan, "provider") if name in rented]
    return [
        Stress(DEMAND, f"{settings.demand:g} x the demand", settings.demand),
        Stress(OUTPUTS, f"outputs {settings.outputs:g} x as long", settings.outputs),
        Stress(NODE, "loss of a node", failure=Failure("nodes")),
        *(
            Stress(PROVIDER, f"loss of {name}", failure=Failure("provider", name=name))
            for name in providers
        ),
        Stress(PREFIX, f"prefix hits x {settings.hit_rate:g}", settings.hit_rate),
    ]


def stressed(
    stress: Stress, case: Case, plan: Plan, problem: Problem
) -> Iterator[tuple[tuple[tuple[int, int], ...], Rest | None]]:
    """Yield the blocks of a case with what they become; ``None`` where nothing changes.

    Parameters
    ----------
    stress
        The change.
    case
        Blocks that are alike.
    plan, problem
        The plan, and the problem it answers.
    """
    if stress.failure is not None:
        for part, gone in by_loss(stress.failure, case, plan, problem):
            yield part.places, None if gone.is_nothing else rest_of(part, gone)
        return
    streams = tuple(_changed(stress, stream) for stream in case.streams)
    yield case.places, Rest(replace(case, streams=streams), tuple(range(len(streams))))


def hit_rate(source: Source) -> float:
    """Return the share of prompts that the plan finds in the prefix cache.

    Parameters
    ----------
    source
        Where the requests come from.
    """
    if isinstance(source, TracedHours):
        return source.whole.hit_rate
    return source.hit_rate if isinstance(source, Stated | Traced) else 0.0


def _changed(stress: Stress, stream: Stream) -> Stream:
    if stress.name == DEMAND:
        return replace(stream, rate_rps=stream.rate_rps * stress.factor)
    if stress.name == OUTPUTS:
        factors = tuple((isl, osl * stress.factor) for isl, osl in stream.factors)
        return replace(stream, factors=factors)
    return replace(stream, source=_colder(stream.source, stress.factor))


def _colder(source: Source, factor: float) -> Source:
    if isinstance(source, TracedHours):
        whole = replace(source.whole, hit_rate=source.whole.hit_rate * factor)
        return replace(source, whole=whole)
    if isinstance(source, Stated | Traced):
        return replace(source, hit_rate=source.hit_rate * factor)
    return source
