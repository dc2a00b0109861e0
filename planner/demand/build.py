"""Demand of every workload of a problem on its time grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.catalog.schema import LengthCell
from planner.catalog.table import read_table
from planner.demand.deferral import Deferral
from planner.demand.grid import time_grid
from planner.demand.intervals import read_intervals
from planner.demand.lengths import from_histogram, histogram_notes, independent, length_levels
from planner.demand.rates import (
    HOURS,
    hourly_multipliers,
    rates_on_grid,
    released,
    waiting_rates_on_grid,
    with_headroom,
)
from planner.demand.records import ChainAnswers, Demand, WorkloadDemand
from planner.errors import Fault, InputError, did_you_mean
from planner.problem.deferral import JOINED, streams_of
from planner.problem.escalation import answer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.demand.records import FloatArray, LengthDistribution, TimeGrid
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Lengths, Workload
    from planner.yaml_io import Path_

_FLAT = "flat"


def build_demand(loaded: LoadedProblem, catalog: Catalog) -> Demand:
    """Return rates and length distributions of every workload.

    Raises
    ------
    InputError
        With every length distribution that cannot be built (a mean outside its percentiles, an
        unreadable histogram file) and every file of intervals that cannot be used.
    """
    grid = time_grid(loaded.problem)
    demands: list[WorkloadDemand] = []
    warnings: list[str] = []
    faults: list[Fault] = []
    for index, workload in enumerate(loaded.problem.workloads):
        multipliers, notes = _multipliers(workload, catalog, grid)
        warnings += [f"{workload.name}: {note}" for note in notes]
        lengths, intervals = None, None
        try:
            lengths, notes = _lengths(loaded, workload, index, catalog)
            notes += _length_growth_notes(workload, grid.periods)
            warnings += [f"{workload.name}: {note}" for note in notes]
        except InputError as error:
            faults += error.faults
        try:
            intervals = _intervals(loaded, workload, index)
        except InputError as error:
            faults += error.faults
        demands += _streams(loaded, workload, multipliers, lengths, intervals, grid)
    if faults:
        raise InputError(faults, "planner schema problem")
    return Demand(grid, tuple(demands), tuple(warnings))


def _streams(  # noqa: PLR0917
    loaded: LoadedProblem,
    workload: Workload,
    multipliers: FloatArray,
    lengths: LengthDistribution | None,
    intervals: FloatArray | None,
    grid: TimeGrid,
) -> Iterator[WorkloadDemand]:
    confidence = loaded.problem.policy.forecast_confidence
    growth = workload.growth_per_period
    levels = length_levels(workload.length_growth_per_period, grid.periods)
    for stream in streams_of(loaded.problem, workload):
        asked, name = stream.deferrable, stream.name
        if answer_of(name):
            rates = with_headroom(
                rates_on_grid(stream.arrival, multipliers, growth, confidence, grid), workload
            )
            chain = _answers(workload, name, rates)
            nothing = np.zeros_like(chain.usage_share)
            yield WorkloadDemand(
                name, nothing, nothing, lengths, intervals, length_levels=levels, chain=chain
            )
            continue
        if asked is None:
            rates = with_headroom(
                rates_on_grid(stream.arrival, multipliers, growth, confidence, grid), workload
            )
            price = workload.unserved_penalty_usd_per_request
            yield WorkloadDemand(
                name,
                *rates,
                lengths,
                intervals,
                unserved_usd_per_request=price,
                length_levels=levels,
            )
            continue
        mean, planned = waiting_rates_on_grid(
            stream.arrival, multipliers, growth, confidence, grid
        )
        deferral = Deferral(
            backlog=workload.name,
            window_h=asked.window_h,
            release_hour=asked.release_hour,
            usage_share=mean.max(axis=1) / planned.max(axis=1),
        )
        if asked.release_hour is not None:
            mean, planned = (released(r, asked.release_hour, grid) for r in (mean, planned))
        if name.endswith(JOINED):  # its requests are those of the deferred stream
            mean, planned = np.zeros_like(mean), np.zeros_like(planned)
        yield WorkloadDemand(
            name, mean, planned, lengths, intervals, deferral, length_levels=levels
        )


def _answers(
    workload: Workload, stream: str, rates: tuple[FloatArray, FloatArray]
) -> ChainAnswers:
    """Return the answers of a chain that one of its streams gives."""
    mean, planned = rates
    share = 1.0
    if answer_of(stream) == "then" and workload.escalation is not None:
        share = workload.escalation.share
    nothing = np.zeros_like(planned)
    usage = np.divide(mean, planned, out=nothing, where=planned > 0)
    return ChainAnswers(workload.name, share, usage)


def _intervals(loaded: LoadedProblem, workload: Workload, index: int) -> FloatArray | None:
    recorded = workload.arrival.interarrivals
    if recorded is None:
        return None
    path: Path_ = ("workloads", index, "arrival", "interarrivals", "ref")
    _require_file(loaded, recorded.ref, path)
    return read_intervals(loaded.folder / recorded.ref, recorded.ref)


def _require_file(loaded: LoadedProblem, ref: str, path: Path_) -> None:
    if not (loaded.folder / ref).is_file():
        message = f"there is no file `{ref}`; its path starts from the folder of the problem file"
        raise InputError([loaded.fault(path, message)])


def _multipliers(
    workload: Workload, catalog: Catalog, grid: TimeGrid
) -> tuple[FloatArray, list[str]]:
    """Return the factors on the rate by type of day and hour, shape (D, 24)."""
    arrival = workload.arrival
    if not arrival.day_types:
        hours, notes = _profile(arrival.profile, catalog)
        return np.tile(hours, (len(grid.day_types), 1)), notes
    rows, notes = [], []
    for day in arrival.day_types.values():
        hours, own = _profile(day.profile or arrival.profile, catalog)
        rows.append(day.factor * hours)
        notes += own
    return np.array(rows), list(dict.fromkeys(notes))


def _profile(profile: str | list[float], catalog: Catalog) -> tuple[FloatArray, list[str]]:
    if profile == _FLAT:
        return np.ones(HOURS), []
    if isinstance(profile, str):
        points = sorted((p.hour, p.multiplier) for p in catalog.profiles if p.profile == profile)
        return hourly_multipliers([value for _, value in points], profile)
    return hourly_multipliers(profile, "in the problem file")


def _lengths(
    loaded: LoadedProblem, workload: Workload, index: int, catalog: Catalog
) -> tuple[LengthDistribution | None, list[str]]:
    lengths = workload.lengths
    if lengths is None:
        return None, []
    path: Path_ = ("workloads", index, "lengths")
    cells = _cells(loaded, lengths, path, catalog)
    isl, osl = lengths.isl_tokens, lengths.osl_tokens
    if cells:
        distribution = from_histogram(cells, isl.mean if isl else None, osl.mean if osl else None)
        return distribution, histogram_notes(lengths, distribution)
    if isl is None or osl is None:
        raise InputError([loaded.fault(path, "needs both marginals or a histogram")])
    notes = [
        f"lengths.{name} states only a mean: every request is planned at exactly that length"
        for name, marginal in (("isl_tokens", isl), ("osl_tokens", osl))
        if marginal.max is None
    ]
    try:
        return independent(isl, osl), notes
    except ValueError as error:
        raise InputError([loaded.fault(path, str(error))]) from error


def _length_growth_notes(workload: Workload, periods: int) -> list[str]:
    levels = length_levels(workload.length_growth_per_period, periods)
    if levels is None:
        return []
    isl, osl = levels.planned[-1]
    return [
        f"lengths grow: the last period is planned with {isl:.3g} times the stated prompts and "
        f"{osl:.3g} times the stated outputs; latencies of a period hold for its own lengths"
    ]


def _cells(
    loaded: LoadedProblem, lengths: Lengths, path: Path_, catalog: Catalog
) -> Sequence[LengthCell]:
    if lengths.joint is not None:
        return [c for c in catalog.lengths if c.lengths == lengths.joint]
    if lengths.ref is None:
        return []
    _require_file(loaded, lengths.ref, (*path, "ref"))
    rows = read_table(loaded.folder / lengths.ref, lengths.ref, LengthCell)
    names = sorted({row.lengths for row in rows})
    if lengths.name is None and len(names) == 1:
        return _with_weight(rows, lengths.ref)
    chosen = [row for row in rows if row.lengths == lengths.name]
    if not chosen:
        listing = ", ".join(f"`{n}`" for n in names) or "nothing"
        asked = "`name` is missing" if lengths.name is None else f"no histogram `{lengths.name}`"
        hint = did_you_mean(lengths.name or "", names) or ";"
        message = f"{asked}{hint} {lengths.ref} holds {listing}"
        raise InputError([loaded.fault((*path, "name"), message)])
    return _with_weight(chosen, lengths.ref)


def _with_weight(cells: Sequence[LengthCell], file: str) -> Sequence[LengthCell]:
    if sum(c.probability for c in cells) > 0:
        return cells
    message = f"the cells of `{cells[0].lengths}` have probability 0 in all; give each its share"
    raise InputError([Fault(file, None, None, "probability", message)])
