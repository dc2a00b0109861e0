"""Blocks that one simulation stands for, because it has at least as much traffic as each of them.

Where demand grows and a fleet is whole, many blocks of a pool have the same replicas and nearly
the same traffic. More traffic on the same replicas is never faster, so what the busiest of them
keeps all keep, and its figures are at least theirs: those within a tenth of its rates are not
simulated. Where it misses a limit, :mod:`planner.verify.replay.boundary` looks for those that
keep it. Where a loss or a turn misses something, nothing follows for the others, and each is
simulated.

Blocks of a traced day, and pools with a limit over whole days, have a simulation each.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.problem.schema import Problem
    from planner.verify.replay.cases import Case, Stream

_LEAST_SHARE = 0.9
"""Least share of the rates of the busiest block for which its simulation stands."""
_DIGITS = 6


def busiest(cases: Sequence[Case], problem: Problem) -> list[Case]:
    """Return the cases that are simulated, each with all blocks that it stands for.

    Parameters
    ----------
    cases
        Distinct cases.
    problem
        The problem.
    """
    over_days = {
        w.pool_name for w in problem.workloads if any(slo.window == "day" for slo in w.slo)
    }
    groups: dict[object, list[Case]] = defaultdict(list)
    for number, case in enumerate(cases):
        alone = case.pool in over_days or any(s.source.block_s is not None for s in case.streams)
        groups[number if alone else _likeness(case)].append(case)
    found = [case for group in groups.values() for case in _covered(group)]
    return sorted(found, key=lambda case: (case.places[0], case.pool))


def _likeness(case: Case) -> tuple[object, ...]:
    """Return what cases have in common that differ in their rates only."""
    return (
        case.pool,
        case.routing,
        tuple((s.option_id, id(s.engine), s.replicas) for s in case.stations),
        tuple(_of_stream(stream) for stream in case.streams),
    )


def _of_stream(stream: Stream) -> tuple[object, ...]:
    shares = tuple(round(share, _DIGITS) for share in stream.shares)
    return stream.name, stream.is_deferred, stream.factors, stream.capacity_rps, shares


def _covered(group: Iterable[Case]) -> list[Case]:
    """Return the fewest cases of a group, busiest first, that stand for all of them."""
    found: list[Case] = []
    for case in sorted(group, key=_rate_rps, reverse=True):
        over = next((n for n, most in enumerate(found) if _stands_for(most, case)), None)
        if over is None:
            found.append(case)
        else:
            places = tuple(sorted((*found[over].places, *case.places)))
            found[over] = replace(found[over], places=places)
    return found


def _rate_rps(case: Case) -> float:
    return sum(stream.rate_rps for stream in case.streams)


def _stands_for(most: Case, case: Case) -> bool:
    pairs = zip(most.streams, case.streams, strict=True)
    return all(_is_near(first, second) for first, second in pairs)


def _is_near(most: Stream, stream: Stream) -> bool:
    return _LEAST_SHARE * most.rate_rps <= stream.rate_rps <= most.rate_rps
