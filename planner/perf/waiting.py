"""Waiting time of prompts, for one replica and for several that share a queue.

One replica. With service S_i and interval A_i / lam the wait follows Lindley's recursion
``W_{i+1} = max(0, W_i + S_i - A_i / lam)``, which is a cumulative sum minus its running minimum.
The sample is closed to a ring: the sequence repeats for ever, which gives the stationary waits
of all N requests and no warm-up to cut. With C the cumulative sum over one turn and D < 0 its
total, the minimum before the first request is ``min(C) - D``. When D >= 0 waits grow without
bound and are infinite.

R replicas. What a router sees decides how much of the wait sharing takes away.

*Fewest prompts* (the router knows the prompts that wait at each replica). With one common queue a
request of M/M/R waits with probability C(R, R rho) (Erlang C) and then for an exponential time of
mean ``S / (R (1 - rho))``; in M/M/1 the probability is rho and the mean ``S / (1 - rho)``. So
waits of one replica become those of R when they are kept with probability ``C(R, R rho) / rho``
and divided by R. This is the scaling of Lee and Longton for G/G/R,
``W(G/G/R) = W(G/G/1) W(M/M/R) / W(M/M/1)``, applied to the distribution and not only to its mean.
A request that has to choose its replica on arrival waits for that one and not for the first that
gets free, which adds half a residual service of the R - 1 others::

    W_R = W_1 (1 + (R - 1) (1 - rho) / 2) / R      kept with probability C(R, R rho) / rho

*Fewest requests* (the usual router: it counts requests, decoding ones too). Decodes hide the
prompts, so a replica with a long prompt in work gets requests like the others, though fewer than
at random: a request is sent where one has just left. With many replicas a share g of the waits
under Poisson arrivals remains, however bursty the arrivals of all of them are, and the excess
over it shrinks with R::

    W_R = W_1 / R + (1 - 1/R) g W_1(Poisson)       g = 1/2 b^2 / (b^2 + 2)

Without decodes (b = 0) the router sees prompts only, and g is 0. Waits get rarer as well as
shorter: a request waits in the share ``sqrt(1/R + (1 - 1/R) g)`` of cases that did, and its wait
is divided by that, so that one long prompt in work stays an obstacle of nearly its full size.

*Seats.* A request also waits while all places of the batch (the batch limit, or the cache) are
taken. With a share u of c places taken, all are with the probability of Halfin and Whitt,
``1 / (1 + x Phi(x) / phi(x))`` with ``x = (1 - u) sqrt(c)``. The wait is then exponential with
mean ``residence / (c (1 - r)) (c_a^2 + c_s^2) / 2``: steps are longer while all are taken, so the
queue drains at the highest rate less the present one, of which r is the ratio. Routing evens out
the requests of R replicas but not their sizes, so a replica with k places counts as
``c = k / (1/R + v)``, v being the squared coefficient of variation of the cached tokens of a
request (0 for the batch limit).

The half of fewest prompts and g are not derived: they hold against step-by-step simulations, g to
about 0.1 (tests/benchmarks/capacity_check.py).

Sources: Lindley (1952); Erlang (1917); Lee and Longton (1959); Halfin and Whitt (1981); Allen and
Cunneen for the factor of variation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from planner.perf.spec import Floats

_HIDDEN_SHARE = 0.5
_HIDING_BATCH2 = 2.0
_LEAST_ROOM = 1e-6


def single_queue_waits_s(service_s: Floats, interval_s: Floats) -> Floats:
    """Return the stationary waits of requests at one replica, shape (r, N), seconds.

    Element i is the wait of the request after request i of the ring.

    Parameters
    ----------
    service_s
        Service times of the requests, shape (r, N), > 0.
    interval_s
        Time from each request to the next one, shape (r, N), >= 0.
    """
    total = np.subtract(service_s, interval_s)
    np.cumsum(total, axis=1, out=total)
    drift = total[:, -1:].copy()
    floor = np.minimum.accumulate(total, axis=1)
    np.minimum(floor, floor[:, -1:] - drift, out=floor)
    waits = np.subtract(total, floor, out=total)
    waits[drift[:, 0] >= 0] = np.inf
    return waits


def work_left_s(service_s: Floats, interval_s: Floats) -> Floats:
    """Return the work that every arrival leaves behind, its own included, shape (r, N), seconds.

    Parameters
    ----------
    service_s, interval_s
        As of :func:`single_queue_waits_s`.
    """
    waits = single_queue_waits_s(service_s, interval_s)
    left = np.empty_like(waits)
    np.add(service_s[:, 1:], waits[:, :-1], out=left[:, 1:])
    np.add(service_s[:, 0], waits[:, -1], out=left[:, 0])
    return left


def erlang_c(replicas: ArrayLike, utilization: ArrayLike) -> Floats:
    """Return the probability that a request waits in M/M/R (1 from full utilization on).

    Parameters
    ----------
    replicas
        Replicas R, whole numbers >= 1.
    utilization
        Utilization of each, >= 0.
    """
    count, rho = np.broadcast_arrays(
        np.asarray(replicas, dtype=np.int64), np.asarray(utilization, dtype=float)
    )
    load = count * rho
    blocked = np.ones(load.shape)
    for servers in range(1, int(count.max(initial=0)) + 1):
        following = load * blocked / (servers + load * blocked)
        blocked = np.where(servers <= count, following, blocked)
    waiting = blocked / np.maximum(1.0 - rho * (1.0 - blocked), np.finfo(float).tiny)
    return np.asarray(np.where(rho < 1, waiting, 1.0), dtype=float)


def shared_queue_waits_s(
    waits_s: Floats, replicas: Floats, utilization: Floats, uniforms: Floats
) -> Floats:
    """Return the waits when `replicas` share the queue, shape (r, N), seconds.

    Parameters
    ----------
    waits_s
        Waits at one replica at the same utilization, shape (r, N); overwritten.
    replicas
        Replicas R, shape (r,), whole numbers >= 1.
    utilization
        Utilization of each replica, shape (r,), 0 to 1.
    uniforms
        One number of (0, 1) per request, shape (N,).
    """
    rho = np.maximum(utilization, np.finfo(float).tiny)
    kept = np.where(replicas > 1, erlang_c(replicas, rho) / rho, np.inf)
    stable = np.isfinite(waits_s[:, :1])
    # An unstable queue stays infinite: no request of it may be kept out of the queue.
    kept = np.where(stable[:, 0], kept, np.inf)
    np.multiply(waits_s, uniforms < kept[:, None], out=waits_s)
    chosen = 1.0 + (replicas - 1.0) * (1.0 - np.minimum(rho, 1.0)) / 2
    waits_s *= (chosen / replicas)[:, None]
    return waits_s


def hidden_queue_waits_s(
    waits_s: Floats,
    calm_waits_s: Floats,
    replicas: Floats,
    batch: Floats,
    uniforms: Floats,
) -> Floats:
    """Return the waits when requests go to the replica with the fewest, shape (r, N), seconds.

    Parameters
    ----------
    waits_s, calm_waits_s
        Waits at one replica with the arrivals as they are, and with Poisson arrivals, shape
        (r, N).
    replicas
        Replicas R, shape (r,), whole numbers >= 1.
    batch
        Mean decodes at a replica, shape (r,), >= 0.
    uniforms
        One number of (0, 1) per request, shape (N,).
    """
    left = _HIDDEN_SHARE * batch**2 / (batch**2 + _HIDING_BATCH2)
    rest = (1.0 - 1.0 / replicas) * left
    # Nothing of an infinite wait is nothing where one replica is alone.
    hidden = np.multiply(
        calm_waits_s, rest[:, None], out=np.zeros_like(calm_waits_s), where=rest[:, None] > 0
    )
    shared: Floats = waits_s * (1.0 / replicas)[:, None] + hidden
    kept = np.sqrt(1.0 / replicas + rest)
    shared /= kept[:, None]
    # An unstable queue stays infinite: no request of it may be kept out of the queue.
    np.copyto(shared, 0.0, where=(uniforms >= kept[:, None]) & np.isfinite(shared))
    return shared


def seat_waits_s(  # noqa: PLR0917
    free: Floats,
    room: Floats,
    places: Floats,
    residence_s: Floats,
    variation: float,
    uniforms: Floats,
) -> Floats:
    """Return the waits for a place in the batch, shape (r, N), seconds.

    Parameters
    ----------
    free, room
        Mean share of the places that is free, and share of the highest rate that is left, shape
        (r,), 0 to 1.
    places
        Places that count as independent, shape (r,), > 0.
    residence_s
        Mean time for which a request keeps its place, shape (r,), seconds.
    variation
        Mean of the squared coefficients of variation of intervals and of residences.
    uniforms
        One number of (0, 1) per request, shape (N,).
    """
    room = np.maximum(room, _LEAST_ROOM)
    chance = _all_taken(free * np.sqrt(places))
    mean_s = residence_s / (places * room) * variation
    # The wait that is exceeded with probability u: exponential above 0.
    depth = np.log(np.maximum(chance[:, None] / uniforms, 1.0))
    return np.asarray(mean_s[:, None] * depth, dtype=float)


def _all_taken(excess: Floats) -> Floats:
    density = np.exp(-(excess**2) / 2) / math.sqrt(2 * math.pi)
    below = np.array([(1 + math.erf(x / math.sqrt(2))) / 2 for x in excess.tolist()])
    return np.asarray(density / (density + excess * below), dtype=float)
