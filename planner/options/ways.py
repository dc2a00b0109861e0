"""Replica options on their way to the program, from several origins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.options.records import Capacity, Option, Rejection


@dataclass(frozen=True, slots=True)
class Ways:
    """Replica options before pruning, and how many were considered.

    Parameters
    ----------
    options, capacities, rejections
        What can serve, what it carries, and what cannot.
    considered
        Options that were looked at.
    """

    options: tuple[Option, ...] = ()
    capacities: tuple[Capacity, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    considered: int = 0


def combined(measured: Ways, modelled: Ways, systems: Ways) -> Ways:
    """Return all ways, where a measured capacity replaces the other one it names.

    Parameters
    ----------
    measured, modelled, systems
        Ways from a table, from the performance model, and on systems.
    """
    modelled = Ways(
        (*modelled.options, *systems.options),
        (*modelled.capacities, *systems.capacities),
        (*modelled.rejections, *systems.rejections),
        modelled.considered + systems.considered,
    )
    replaced = {(c.workload, c.option_id) for c in measured.capacities}
    replaced |= {(r.workload, r.subject) for r in measured.rejections}
    capacities = (
        *measured.capacities,
        *(c for c in modelled.capacities if (c.workload, c.option_id) not in replaced),
    )
    known = {o.id: o for o in (*measured.options, *modelled.options)}
    return Ways(
        with_quality(known.values(), capacities),
        capacities,
        (
            *measured.rejections,
            *(r for r in modelled.rejections if (r.workload, r.subject) not in replaced),
        ),
        measured.considered + modelled.considered,
    )


def joined(first: Ways, second: Ways) -> Ways:
    """Return the ways of both, which have no option in common.

    Parameters
    ----------
    first, second
        Ways to serve.
    """
    return Ways(
        (*first.options, *second.options),
        (*first.capacities, *second.capacities),
        (*first.rejections, *second.rejections),
        first.considered + second.considered,
    )


def with_quality(options: Iterable[Option], capacities: Iterable[Capacity]) -> tuple[Option, ...]:
    """Return the options that serve a workload, with the lowest score any of them compares.

    Parameters
    ----------
    options
        Options, those without a capacity among them.
    capacities
        What they carry, with the scores that each workload compares.
    """
    lowest: dict[str, dict[str, float]] = {}
    for capacity in capacities:
        scores = lowest.setdefault(capacity.option_id, {})
        for benchmark, score in capacity.quality:
            scores[benchmark] = min(score, scores.get(benchmark, score))
    return tuple(
        replace(option, quality=tuple(sorted(lowest[option.id].items())))
        for option in options
        if option.id in lowest
    )
