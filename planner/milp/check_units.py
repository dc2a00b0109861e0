"""Provisioned units of a solution: those nothing needs are removed, and every row is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.milp.draft import Draft
    from planner.milp.sets import Sets
    from planner.options.records import OptionSet
    from planner.options.supply_records import ProvisionedUnits
    from planner.plan.records import Decisions

_TOLERANCE = 1e-6
_TRIM_TOLERANCE = 1e-7
"""Share of what units carry that flows may exceed it by when units are removed."""


def trim_units(sets: Sets, draft: Draft) -> dict[tuple[int, int], int]:
    """Return the units without increments that a plan within the gap does not need.

    Parameters
    ----------
    sets
        Index sets and data.
    draft
        Decisions that keep every row.
    """
    kept = dict(draft.units)
    for k, s in sorted(kept, reverse=True):
        units = sets.options.provisioned[k]
        if units.builds[s].fixed_nodes is not None:
            continue
        periods = range(units.builds[s].start, units.builds[s].end)
        load = [_busiest(sets, draft, units, t) for t in periods]
        for fewer in range(units.builds[s].least_nodes, kept[k, s], units.increment_units):
            there = [_there(units, k, kept | {(k, s): fewer}, t) for t in periods]
            fits = (
                is_a_size(units, count)
                and tokens <= units.tokens_per_minute * count * (1 + _TRIM_TOLERANCE)
                for count, tokens in zip(there, load, strict=True)
            )
            if all(fits):
                kept[k, s] = fewer
                break
    return {key: count for key, count in kept.items() if count}


def _there(
    units: ProvisionedUnits, k: int, counts: Mapping[tuple[int, int], int], period: int
) -> int:
    return sum(n for (j, s), n in counts.items() if j == k and units.builds[s].serves(period))


def _busiest(sets: Sets, draft: Draft, units: ProvisionedUnits, period: int) -> float:
    """Return the highest load of a period in counted tokens per minute."""
    load: dict[int, float] = {}
    for (i, t, b), rate_rps in draft.api_rps.items():
        api = sets.options.api[i]
        if t == period and api.units_id == units.id:
            counted = api.planned_tokens_at(t).counted
            load[b] = load.get(b, 0.0) + SECONDS_PER_MINUTE * counted * rate_rps
    return max(load.values(), default=0.0)


def unit_faults(options: OptionSet, decisions: Decisions) -> Iterator[str]:
    """Yield a sentence for every row of provisioned units that decisions break.

    Parameters
    ----------
    options
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    periods = {flow.period for flow in decisions.api_flows}
    for units in options.provisioned:
        taken = [
            (units.builds[row.build], row.units)
            for row in decisions.units
            if row.units_id == units.id
        ]
        yield from _before_faults(units, decisions)
        last = max((build.end for build, _ in taken), default=0)
        for t in sorted(periods | set(range(last))):
            there = sum(count for build, count in taken if build.serves(t))
            if not is_a_size(units, there):
                yield f"{there} units of {units.id} in period {t}"
            for b, counted in _loads(options, units, decisions, t).items():
                most = units.tokens_per_minute * there
                if counted > most * (1 + _TOLERANCE):
                    yield (
                        f"{counted:g} counted tokens per minute on {there} units of {units.id} in "
                        f"period {t}, block {b}"
                    )


def _before_faults(units: ProvisionedUnits, decisions: Decisions) -> Iterator[str]:
    """Yield what was taken on or ordered before and is not there."""
    for k, build in enumerate(units.builds):
        count = sum(
            row.units for row in decisions.units if (row.units_id, row.build) == (units.id, k)
        )
        if build.fixed_nodes not in {None, count}:
            yield f"{count} of {build.fixed_nodes} units of {units.id} that are there"
        if count < build.least_nodes:
            yield f"{count} units of {units.id}, {build.least_nodes} were ordered"


def is_a_size(units: ProvisionedUnits, count: int) -> bool:
    """Return whether so many units may be there at a time.

    Parameters
    ----------
    units
        The units.
    count
        Their number; none is always possible.
    """
    most = units.max_units
    fits = units.min_units <= count and (most is None or count <= most)
    return count == 0 or (fits and count % units.increment_units == 0)


def _loads(
    options: OptionSet, units: ProvisionedUnits, decisions: Decisions, period: int
) -> dict[int, float]:
    counted = {
        (a.id, a.workload): a.planned_tokens_at(period).counted
        for a in options.api
        if a.units_id == units.id
    }
    loads: dict[int, float] = {}
    for flow in decisions.api_flows:
        tokens = counted.get((flow.supply_id, flow.workload))
        if flow.period == period and tokens is not None:
            rate = SECONDS_PER_MINUTE * tokens * flow.planned_rps
            loads[flow.block] = loads.get(flow.block, 0.0) + rate
    return loads
