"""The highest rates at which options keep limits, found by narrowing brackets.

On common random numbers latencies grow with the rate (of single requests a few may fall, where
busier replicas share more steps), so the rate is found by narrowing a bracket of its logarithm
(:mod:`planner.perf.bracket`) between the bound and the bound / 1,024. Rates below that count as
none.

Waits and fluctuations at R' > R replicas are never above those at R and the same rate, so a rate
that holds for R also holds for R', and one that is too high for R' is too high for R: all numbers
of replicas are searched together and share the ends of their brackets, and rates never fall with
R. Limits on mean gaps need no sample, so they lower the bound first.

What an option is, and how its latencies follow from a rate, is the business of the world that is
searched: a replica (:mod:`planner.perf.rate`) or a unit of prefill and decode instances
(:mod:`planner.perf.disaggregated`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from planner.perf.bracket import LEAST_EXCESS, Bracket
from planner.perf.latency import is_mean_gap
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

    def unloaded_s(self) -> Floats:
        """Return those of every option at vanishing load."""

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
    rate_rps, limit = _search(world, counts, np.where(failed, 0.0, bound_rps), codes)
    ttft_s, tpot_s = _report(reported, counts, rate_rps)
    return RateResult(
        rate_rps=rate_rps,
        ttft_p99_s=ttft_s,
        tpot_mean_s=tpot_s,
        limit=limit,
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


def kept(latency_s: Floats, limits_s: Floats) -> NDArray[np.bool_]:
    """Return whether a row keeps all its limits, shape (r,)."""
    return np.asarray((latency_s <= limits_s).all(axis=1), dtype=bool)


def worst(latency_s: Floats, limits_s: Floats) -> NDArray[np.intp]:
    """Return the limit that a row misses by most, shape (r,)."""
    if not len(limits_s):
        return np.zeros(len(latency_s), dtype=np.intp)
    return np.asarray(np.argmax(latency_s / limits_s, axis=1), dtype=np.intp)


def _search(
    world: World, replicas: Floats, stable_rps: Floats, stable_codes: NDArray[np.intp]
) -> tuple[Floats, NDArray[np.intp]]:
    """Return rate and limit code of every option and number of replicas, shape (n, K)."""
    shape = (len(stable_rps), len(replicas))
    bounds_rps = np.broadcast_to(stable_rps[:, None], shape)
    codes = np.broadcast_to(stable_codes[:, None], shape)
    # Limits on mean gaps need no sample: they lower the bound first.
    columns = [i for i, limit in enumerate(world.limits) if is_mean_gap(limit)]
    bounds_rps, gap_codes = _highest(world.only(is_mean_gap), replicas, bounds_rps)
    codes = np.where(gap_codes < 0, codes, np.array([*columns, -1], dtype=np.intp)[gap_codes])
    rate_rps, limit = _highest(world, replicas, bounds_rps)
    return rate_rps, np.where(limit < 0, codes, limit)


def _highest(
    world: World, replicas: Floats, bounds_rps: Floats
) -> tuple[Floats, NDArray[np.intp]]:
    """Return the highest rates up to bounds, and their limits (-1: the bound), shape (n, K)."""
    if not len(world.limits_s):
        return bounds_rps, np.full(bounds_rps.shape, -1, dtype=np.intp)
    is_kept, excess, code = _at_bounds(world, replicas, bounds_rps)
    rate_rps = np.where(is_kept, bounds_rps, 0.0)
    high = np.log(np.maximum(bounds_rps, np.finfo(float).tiny))
    low = np.where(is_kept, high, high - np.log(_RATE_RANGE))
    bracket = Bracket(low, high, np.full(low.shape, -1.0), np.maximum(excess, LEAST_EXCESS))
    while (is_open := ~is_kept & bracket.is_wide(_RATE_TOLERANCE)).any():
        trial = bracket.trial(_RATE_TOLERANCE)
        good, excess, missed = _evaluated(world, replicas, np.exp(trial), is_open)
        rate_rps = np.where(is_open & good, np.exp(trial), rate_rps)
        bracket.narrow(trial, good, excess, tried=is_open)
        code = np.take_along_axis(np.where(good, code, missed), bracket.share(), axis=1)
    return np.maximum.accumulate(rate_rps, axis=1), code


def _at_bounds(
    world: World, replicas: Floats, bounds_rps: Floats
) -> tuple[NDArray[np.bool_], Floats, NDArray[np.intp]]:
    """Return where bounds are kept, and excess and worst limit where not (see `_evaluated`)."""
    is_first = np.arange(len(replicas)) == 0
    first = (bounds_rps > 0) & is_first
    first_kept, first_excess, first_code = _evaluated(world, replicas, bounds_rps, first)
    # What the fewest replicas carry, more of them carry too.
    is_known = (first & first_kept)[:, :1] & (bounds_rps <= bounds_rps[:, :1])
    rest = (bounds_rps > 0) & ~is_first & ~is_known
    rest_kept, rest_excess, rest_code = _evaluated(world, replicas, bounds_rps, rest)
    return (
        first_kept & rest_kept,
        np.where(rest, rest_excess, first_excess),
        np.where(rest, rest_code, first_code),
    )


def _evaluated(
    world: World, replicas: Floats, rate_rps: Floats, where: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Floats, NDArray[np.intp]]:
    """Return whether rates keep all limits, by how much not, and the worst one; elsewhere they do.

    All of shape (n, K); the limit is -1 where all are kept.
    """
    is_kept, excess = np.ones(where.shape, dtype=bool), np.full(where.shape, -1.0)
    code = np.full(where.shape, -1, dtype=np.intp)
    options, column = np.nonzero(where)
    if len(options):
        latency_s = world.latencies_s(options, replicas[column], rate_rps[where])
        good = kept(latency_s, world.limits_s)
        is_kept[where], excess[where] = good, _excess(latency_s, world)
        code[where] = np.where(good, -1, worst(latency_s, world.limits_s))
    return is_kept, excess, code


def _excess(latency_s: Floats, world: World) -> Floats:
    """Return 1 less the limit over the latency, the most of all limits, shape (r,).

    A queue's wait grows with one over the share that is idle, so this is nearly a line.
    """
    most = (latency_s / world.limits_s).max(axis=1)
    return np.asarray(1.0 - 1.0 / np.maximum(most, _LEAST_RATIO), dtype=float)


def _report(world: World, replicas: Floats, rate_rps: Floats) -> tuple[Floats, Floats]:
    latency_s = np.repeat(world.unloaded_s()[:, None, :], rate_rps.shape[1], axis=1)
    options, column = np.nonzero(rate_rps > 0)
    latency_s[options, column] = world.latencies_s(
        options, replicas[column], rate_rps[options, column]
    )
    return latency_s[:, :, 0], latency_s[:, :, 1]
