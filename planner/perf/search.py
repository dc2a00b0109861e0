"""The highest rates at which options keep limits, found by narrowing brackets.

On common random numbers latencies grow with the rate (of single requests a few may fall, where
busier replicas share more steps), so the rate is found by narrowing a bracket of its logarithm
(:mod:`planner.perf.bracket`) between the bound and the bound / 1,024. Rates below that count as
none.

Waits and fluctuations at R' > R replicas are never above those at R and the same rate, so a rate
that holds for R also holds for R', and one that is too high for R' is too high for R: all numbers
of replicas are searched together and share the ends of their brackets, and rates never fall with
R. Limits on mean gaps need no sample, so they lower the bound first. What was limited at the rate
found is not computed again to be reported.

What an option is, and how its latencies follow from a rate, is the business of the world that is
searched: a replica (:mod:`planner.perf.rate`) or a unit of prefill and decode instances
(:mod:`planner.perf.disaggregated`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from planner.perf.bracket import LEAST_EXCESS, Bracket
from planner.perf.limit_values import is_mean_gap
from planner.perf.traffic import LatencyLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from planner.perf.load import Probe
    from planner.perf.spec import Floats

_RATE_TOLERANCE = 5e-4
"""Width of the last bracket of ln(rate)."""
_RATE_RANGE = 1024.0
_LEAST_RATIO = 0.2
"""Latency over its limit; what is less says little about where the limit is reached."""
BLOCK_BYTES = 524_288
"""A block of one array: several of them fit into a second-level cache."""
_NO_LIMIT_S = 1e9
"""Limit of a latency that is only reported."""
REPORTED = (
    LatencyLimit("ttft", 99.0, _NO_LIMIT_S),
    LatencyLimit("tpot", None, _NO_LIMIT_S),
)
"""What is told of every capacity: at the rate found, or without load where it is 0."""


@dataclass(frozen=True, slots=True)
class RateResult:
    """Capacity of n options with each of K numbers of replicas.

    Parameters
    ----------
    rate_rps
        Highest rate of one replica, shape (n, K), requests/s; 0 when no rate keeps the limits.
    ttft_p99_s, tpot_mean_s
        Latencies of the class that makes the load at that rate, at vanishing load where the rate
        is 0, shape (n, K), seconds.
    limit
        What stops a higher rate, as an index into `limit_texts`, shape (n, K).
    limit_texts
        Such as ``ttft p99 of chat``, ``memory``, ``batch limit``, ``utilization``. The first ones
        are the limits of the probes in order.
    unloaded_s
        Every limited latency at vanishing load, shape (n, number of limits), seconds.
    saturation_rps
        Highest stable rate of one replica, shape (n,), requests/s.
    """

    rate_rps: Floats
    ttft_p99_s: Floats
    tpot_mean_s: Floats
    limit: NDArray[np.intp]
    limit_texts: tuple[str, ...]
    unloaded_s: Floats
    saturation_rps: Floats


class World(Protocol):
    """Options whose rates are searched; all that the search knows of them."""

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Classes whose limits have to be kept."""

    @property
    def limits_s(self) -> Floats:
        """Limits in the order of the latencies, seconds."""

    @property
    def limits(self) -> tuple[LatencyLimit, ...]:
        """The same limits with their metric and percentile."""

    @property
    def limit_texts(self) -> tuple[str, ...]:
        """Their names, then those of the other bounds."""

    def latencies_s(
        self,
        options: NDArray[np.intp],
        replicas: Floats,
        rate_rps: Floats,
        *,
        queueing: bool = True,
    ) -> Floats:
        """Return the limited latencies of rows, shape (r, number of limits), seconds."""

    def unloaded_s(self, options: NDArray[np.intp] | None = None) -> Floats:
        """Return those of every option, or of some, at vanishing load."""

    def only(self, wanted: Callable[[LatencyLimit], bool]) -> World:
        """Return the same options with some of the limits."""


def highest_rates(
    world: World,
    reported: World,
    bound_rps: Floats,
    codes: NDArray[np.intp],
    replicas: Sequence[int],
) -> RateResult:
    """Return the highest rates of a world's options, with the bound as saturation.

    Parameters
    ----------
    world, reported
        Options with the limits of the probes, and with those of :data:`REPORTED`.
    bound_rps
        Rate that no option exceeds, shape (n,), >= 0; 0 for options that carry nothing.
    codes
        What that bound is, as an index into the limit texts, shape (n,).
    replicas
        Numbers of replicas that share the queue, ascending.
    """
    unloaded_s = world.unloaded_s()
    failed = (bound_rps > 0) & ~kept(unloaded_s, world.limits_s)
    codes = np.where(failed, worst(unloaded_s, world.limits_s), codes)
    counts = np.asarray(replicas, dtype=float)
    found = _search(world, counts, np.where(failed, 0.0, bound_rps), codes, unloaded_s)
    known_s = _reported_of(world, reported, found, unloaded_s)
    ttft_s, tpot_s = np.moveaxis(_report(reported, counts, found.rate_rps, known_s), 2, 0)
    return RateResult(
        rate_rps=found.rate_rps,
        ttft_p99_s=ttft_s,
        tpot_mean_s=tpot_s,
        limit=found.limit,
        limit_texts=world.limit_texts,
        unloaded_s=unloaded_s,
        saturation_rps=bound_rps,
    )


def limit_texts_of(probes: Sequence[Probe]) -> tuple[str, ...]:
    """Return the names of the limits of `probes`, in order."""
    return tuple(f"{limit.text} of {p.name}" for p in probes for limit in p.limits)


def probes_with(
    probes: Sequence[Probe], wanted: Callable[[LatencyLimit], bool]
) -> tuple[Probe, ...]:
    """Return `probes` with the limits that are wanted."""
    return tuple(
        replace(p, limits=tuple(limit for limit in p.limits if wanted(limit))) for p in probes
    )


def limits_s_of(probes: Sequence[Probe]) -> Floats:
    """Return the limits of `probes` in order, seconds."""
    return np.array([limit.limit_s for p in probes for limit in p.limits], dtype=float)


def parts(rows: int, most: int | None) -> list[slice]:
    """Return parts of so many rows, each of `most` or fewer; one part without a limit."""
    length = most or max(rows, 1)
    return [slice(start, start + length) for start in range(0, rows, length)]


def kept(latency_s: Floats, limits_s: Floats) -> NDArray[np.bool_]:
    """Return whether a row keeps all its limits, shape (r,)."""
    return np.asarray((latency_s <= limits_s).all(axis=1), dtype=bool)


def worst(latency_s: Floats, limits_s: Floats) -> NDArray[np.intp]:
    """Return the limit that a row misses by most, shape (r,)."""
    if not len(limits_s):
        return np.zeros(len(latency_s), dtype=np.intp)
    return np.asarray(np.argmax(latency_s / limits_s, axis=1), dtype=np.intp)


@dataclass(frozen=True, slots=True)
class _Found:
    """Highest rates, shape (n, K).

    Parameters
    ----------
    rate_rps, limit
        The rates, and what stops higher ones, as an index into the limits (-1: the bound).
    latency_s
        Limited latencies at these rates, shape (n, K, number of limits), seconds; not a number
        where the rate is that of another number of replicas, or 0.
    """

    rate_rps: Floats
    limit: NDArray[np.intp]
    latency_s: Floats


@dataclass(frozen=True, slots=True)
class _Trials:
    """What rates turned out to be, shape (n, K); elsewhere everything is kept.

    Parameters
    ----------
    is_kept, excess
        Whether all limits are kept, and by how much not.
    limit
        The limit that is missed by most; -1 where all are kept.
    latency_s
        Limited latencies, shape (n, K, number of limits), seconds; not a number elsewhere.
    """

    is_kept: NDArray[np.bool_]
    excess: Floats
    limit: NDArray[np.intp]
    latency_s: Floats

    def where(self, chosen: NDArray[np.bool_], other: _Trials) -> _Trials:
        """Return these where chosen, and others elsewhere."""
        return _Trials(
            np.where(chosen, self.is_kept, other.is_kept),
            np.where(chosen, self.excess, other.excess),
            np.where(chosen, self.limit, other.limit),
            np.where(chosen[:, :, None], self.latency_s, other.latency_s),
        )


def _search(
    world: World,
    replicas: Floats,
    stable_rps: Floats,
    stable_codes: NDArray[np.intp],
    unloaded_s: Floats,
) -> _Found:
    """Return what is found of every option and number of replicas."""
    shape = (len(stable_rps), len(replicas))
    bounds_rps = np.broadcast_to(stable_rps[:, None], shape)
    codes = np.broadcast_to(stable_codes[:, None], shape)
    # Limits on mean gaps need no sample: they lower the bound first.
    columns = [i for i, limit in enumerate(world.limits) if is_mean_gap(limit)]
    gaps = _highest(world.only(is_mean_gap), replicas, bounds_rps, unloaded_s[:, columns])
    codes = np.where(gaps.limit < 0, codes, np.array([*columns, -1], dtype=np.intp)[gaps.limit])
    found = _highest(world, replicas, gaps.rate_rps, unloaded_s)
    return replace(found, limit=np.where(found.limit < 0, codes, found.limit))


def _highest(world: World, replicas: Floats, bounds_rps: Floats, unloaded_s: Floats) -> _Found:
    """Return the highest rates up to bounds."""
    first = _at_bounds(world, replicas, bounds_rps)
    if not len(world.limits_s):
        return _Found(bounds_rps, first.limit, first.latency_s)
    rate_rps, limit = np.where(first.is_kept, bounds_rps, 0.0), first.limit
    latency_s = np.where(first.is_kept[:, :, None], first.latency_s, np.nan)
    high = np.log(np.maximum(bounds_rps, np.finfo(float).tiny))
    low = np.where(first.is_kept, high, high - np.log(_RATE_RANGE))
    below = np.minimum(_excess(unloaded_s, world), -LEAST_EXCESS)[:, None]
    above = np.maximum(first.excess, LEAST_EXCESS)
    bracket = Bracket(low, high, np.broadcast_to(below, low.shape), above)
    while (is_open := ~first.is_kept & bracket.is_wide(_RATE_TOLERANCE)).any():
        trial = bracket.trial(_RATE_TOLERANCE)
        tried = _evaluated(world, replicas, np.exp(trial), is_open)
        better = is_open & tried.is_kept
        rate_rps = np.where(better, np.exp(trial), rate_rps)
        latency_s = np.where(better[:, :, None], tried.latency_s, latency_s)
        bracket.narrow(trial, tried.is_kept, tried.excess, tried=is_open)
        limit = np.where(tried.is_kept, limit, tried.limit)
        limit = np.take_along_axis(limit, bracket.share(), axis=1)
    highest_rps = np.maximum.accumulate(rate_rps, axis=1)
    is_own = (highest_rps == rate_rps)[:, :, None]
    return _Found(highest_rps, limit, np.where(is_own, latency_s, np.nan))


def _at_bounds(world: World, replicas: Floats, bounds_rps: Floats) -> _Trials:
    """Return what the bounds turn out to be."""
    is_first = np.arange(len(replicas)) == 0
    first = (bounds_rps > 0) & is_first
    fewest = _evaluated(world, replicas, bounds_rps, first)
    # What the fewest replicas carry, more of them carry too.
    is_known = (first & fewest.is_kept)[:, :1] & (bounds_rps <= bounds_rps[:, :1])
    rest = (bounds_rps > 0) & ~is_first & ~is_known
    return _evaluated(world, replicas, bounds_rps, rest).where(rest, fewest)


def _evaluated(
    world: World, replicas: Floats, rate_rps: Floats, where: NDArray[np.bool_]
) -> _Trials:
    """Return what rates turn out to be where they are tried."""
    tried = _Trials(
        np.ones(where.shape, dtype=bool),
        np.full(where.shape, -1.0),
        np.full(where.shape, -1, dtype=np.intp),
        np.full((*where.shape, len(world.limits_s)), np.nan),
    )
    options, column = np.nonzero(where)
    if len(options) and len(world.limits_s):
        latency_s = world.latencies_s(options, replicas[column], rate_rps[where])
        good = kept(latency_s, world.limits_s)
        tried.is_kept[where], tried.excess[where] = good, _excess(latency_s, world)
        tried.limit[where] = np.where(good, -1, worst(latency_s, world.limits_s))
        tried.latency_s[where] = latency_s
    return tried


def _excess(latency_s: Floats, world: World) -> Floats:
    """Return 1 less the limit over the latency, the most of all limits, shape (r,).

    A queue's wait grows with one over the share that is idle, so this is nearly a line.
    """
    most = (latency_s / world.limits_s).max(axis=1, initial=0.0)
    return np.asarray(1.0 - 1.0 / np.maximum(most, _LEAST_RATIO), dtype=float)


def _reported_of(world: World, reported: World, found: _Found, unloaded_s: Floats) -> Floats:
    """Return what is reported of rates as far as it was limited, shape (n, K, reported).

    Seconds; not a number where it is not known.
    """
    none = (found.rate_rps == 0)[:, :, None]
    latency_s = np.where(none, unloaded_s[:, None, :], found.latency_s)
    load = reported.probes[0].name
    limited = [(p.name, x.metric, x.percentile) for p in world.probes for x in p.limits]
    sought = [(load, x.metric, x.percentile) for x in REPORTED]
    if not set(sought) <= set(limited):
        return np.full((*found.rate_rps.shape, len(REPORTED)), np.nan)
    return latency_s[:, :, [limited.index(name) for name in sought]]


def _report(world: World, replicas: Floats, rate_rps: Floats, known_s: Floats) -> Floats:
    """Return what is reported, computed where it is not known, shape (n, K, reported)."""
    unknown = np.isnan(known_s).any(axis=2)
    latency_s = known_s.copy()
    options, column = np.nonzero(unknown & (rate_rps > 0))
    rates = rate_rps[options, column]
    latency_s[options, column] = world.latencies_s(options, replicas[column], rates)
    idle, column = np.nonzero(unknown & (rate_rps == 0))
    options, of = np.unique(idle, return_inverse=True)
    latency_s[idle, column] = world.unloaded_s(options)[of]
    return latency_s
