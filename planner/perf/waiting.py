"""Waiting time of prompts, for one replica and for several that share a queue.

One replica. With service S_i and interval A_i / lam the wait follows Lindley's recursion
``W_{i+1} = max(0, W_i + S_i - A_i / lam)``, which is a cumulative sum minus its running minimum.
The sample is closed to a ring: the sequence repeats for ever, which gives the stationary waits
of all N requests and no warm-up to cut. With C the cumulative sum over one turn and D < 0 its
total, the minimum before the first request is ``min(C) - D``. When D >= 0 waits grow without
bound and are infinite.

R replicas with join-shortest-queue routing, each at the same rate lam. With one common queue a
request of M/M/R waits with probability C(R, R rho) (Erlang C) and then for an exponential time of
mean ``S / (R (1 - rho))``; in M/M/1 the probability is rho and the mean ``S / (1 - rho)``. So
waits of one replica become those of R when they are kept with probability ``C(R, R rho) / rho``
and divided by R. This is the scaling of Lee and Longton for G/G/R,
``W(G/G/R) = W(G/G/1) W(M/M/R) / W(M/M/1)``, applied to the distribution and not only to its mean.

A request that has to choose its replica on arrival waits for that one and not for the first that
gets free, which adds half a residual service of the R - 1 others::

    W_R = W_1 (1 + (R - 1) (1 - rho) / 2) / R      kept with probability C(R, R rho) / rho

The half is not derived: against a discrete-event simulation of shortest-queue routing (R of 2, 4,
8, utilization 0.5 to 0.85, services with variation 0 to 1) mean waits are right to about 10 %.
Requests are kept by the same stratified uniforms at every rate, so waits shrink with R request by
request, and the chance of waiting grows with the rate.

Sources: Lindley (1952); Erlang (1917); Lee and Longton (1959).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from planner.perf.spec import Floats


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
    total = np.cumsum(service_s - interval_s, axis=1)
    drift = total[:, -1:].copy()
    floor = np.minimum.accumulate(total, axis=1)
    np.minimum(floor, floor[:, -1:] - drift, out=floor)
    waits = np.subtract(total, floor, out=total)
    waits[drift[:, 0] >= 0] = np.inf
    return waits


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
