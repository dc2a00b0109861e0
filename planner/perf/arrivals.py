"""Waits of arrivals at one replica, with the luck of a sample taken out.

The N requests of a sample follow each other in a ring (:mod:`planner.perf.waiting`), in one of
many possible orders. Luck of that order moves waits by several percent. Where the service of a
prompt is in proportion to its tokens, the distribution of the work left at an arrival is known
(:mod:`planner.perf.queue_law`): the ratio of its quantiles to those of the ring, at the same
utilization, corrects the work left with the service that an option really has. The ring still says
how that service differs; where it is in proportion to tokens, nothing of the ring remains.

The wait is the work left less the interval that follows, which is independent of it: so the i-th
least work meets an interval by van der Corput's sequence, and not by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.queue_law import work_left_slices
from planner.perf.waiting import single_queue_waits_s, work_left_s

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.perf.spec import Floats

_UTILIZATIONS = np.array(
    [0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
)
"""Where the ring is compared with the law; between them its ratio is interpolated."""
_LEAST_WORK = 1e-6
"""Keeps the factors above 0: infinite work stays infinite."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """N arrivals in a ring, at one replica.

    Parameters
    ----------
    intervals
        Interval from each arrival to the next, mean 1, shape (N,).
    next_intervals
        Interval that follows the i-th least work left, mean 1, shape (N,); ``None`` when requests
        wait as they come, one after the other.
    correction
        Factors on the ascending work left at each of `_UTILIZATIONS`, shape (G, N).
    """

    intervals: Floats
    next_intervals: Floats | None = None
    correction: Floats | None = None

    def waits_s(self, service_s: Floats, rate_rps: Floats) -> Floats:
        """Return the waits of N requests, shape (r, N), seconds, infinite without stability.

        Ascending, or without `next_intervals` as in :func:`single_queue_waits_s`.

        Parameters
        ----------
        service_s
            Service times in the order of the ring, shape (r, N), > 0.
        rate_rps
            Rate of each replica, shape (r,), requests/s, > 0.
        """
        mean_s = (1.0 / rate_rps)[:, None]
        if self.next_intervals is None:
            return single_queue_waits_s(service_s, self.intervals * mean_s)
        left_s = work_left_s(service_s, self.intervals * mean_s)
        left_s.sort(axis=1)
        if self.correction is not None:
            left_s *= _interpolated(self.correction, service_s.mean(axis=1) * rate_rps)
        left_s -= self.next_intervals * mean_s
        np.maximum(left_s, 0.0, out=left_s)
        left_s.sort(axis=1)
        return left_s


def even_arrivals(
    intervals: Floats, order: NDArray[np.intp], ranks: NDArray[np.intp], service: Floats
) -> Arrivals:
    """Return arrivals without the luck of their order.

    Parameters
    ----------
    intervals
        Intervals with mean 1, ascending, shape (N,).
    order
        Their ranks in the ring, shape (N,).
    ranks
        Rank of the interval that follows the i-th least work left, shape (N,).
    service
        Service of each request of the ring, up to a factor, shape (N,), > 0.
    """
    served = service / service.mean()
    ring = intervals[order]
    between = ring / _UTILIZATIONS[:, None]
    left = work_left_s(np.broadcast_to(served, between.shape).copy(), between)
    left.sort(axis=1)
    law = [work_left_slices(served, intervals, u, len(served)) for u in _UTILIZATIONS.tolist()]
    correction = np.maximum(np.stack(law), _LEAST_WORK) / left
    return Arrivals(ring, intervals[ranks], correction)


def _interpolated(correction: Floats, utilization: Floats) -> Floats:
    """Return the factors at a utilization of each row, shape (r, N)."""
    places = np.interp(utilization, _UTILIZATIONS, np.arange(len(_UTILIZATIONS)))
    lower = np.minimum(places.astype(np.intp), len(_UTILIZATIONS) - 2)
    share = (places - lower)[:, None]
    factors, above = correction[lower], correction[lower + 1]
    factors *= 1.0 - share
    above *= share
    factors += above
    return factors
