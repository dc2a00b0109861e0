"""Distribution of the work that arrivals leave behind at one server, computed without chance.

Requests come at the intervals of a renewal process and are served in turn. With X the service of
a request less the interval that follows it, the wait W is the largest sum that the walk of steps X
ever reaches, and by Spitzer's identity::

    ln (1 - E z^X) = -sum over all k of c_k z^k      ln E z^W = sum over k > 0 of c_k (z^k - 1)

so that the positive coefficients of a logarithm give W, and W plus a service the work left. On a
lattice of points all of this is done by fast Fourier transforms. The logarithm is taken on the
circle where E |z|^X is smallest: there 1 - E z^X is never 0, and the coefficients of both signs
die out before they wrap around the lattice.

Sources: Spitzer (1956); Ackroyd (1980) for its computation by cepstrum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.perf.draws import slice_means

if TYPE_CHECKING:
    from planner.perf.spec import Floats

_LATTICE = 16_384
_MEAN_WAITS = 20.0
"""Mean waits (Kingman's bound) that the lattice holds."""
_LONGEST_SERVICES = 6.0
_COARSE = 256
_TILTS = np.geomspace(1e-3, 30.0, 48)
"""Logarithms of |z| that are tried, per longest service."""


def work_left_slices(
    service: Floats, intervals: Floats, utilization: float, slices: int
) -> Floats:
    """Return the means of equal slices of the work left in stationary state, ascending.

    Work is measured in mean services.

    Parameters
    ----------
    service, intervals
        Equally likely services and intervals, of any positive mean, shapes (n,) and (m,).
    utilization
        Mean service over mean interval, above 0 and below 1.
    slices
        Number of slices.
    """
    served = service / service.mean()
    relative = intervals / intervals.mean()
    variation = (served.var() + relative.var()) / 2
    mean_wait = utilization / (1.0 - utilization) * variation
    highest = _LONGEST_SERVICES * served.max() + _MEAN_WAITS * mean_wait
    # An interval beyond all work that is ever left makes the next wait 0, however long it is.
    between = np.minimum(relative / utilization, highest)
    width = highest / (_LATTICE // 2)
    place = np.arange(_LATTICE // 2)
    tilt = np.exp(width * place * _tilt(served, between))
    services, gaps = _masses(served, width), _masses(between, width)
    step = np.fft.rfft(services * tilt, _LATTICE) * np.fft.rfft(gaps / tilt, _LATTICE).conj()
    c = -np.fft.irfft(np.log(1.0 - step))[: _LATTICE // 2] / tilt
    c[0] = 0.0
    waits = np.exp(np.fft.rfft(c, _LATTICE) - c.sum())
    left = np.fft.irfft(waits * np.fft.rfft(services, _LATTICE))[: _LATTICE // 2]
    return _slices(np.maximum(left, 0.0), width, slices)


def _tilt(service: Floats, intervals: Floats) -> float:
    """Return ln |z| at which E |z|^(service - interval) is about smallest."""
    tilts = _TILTS[:, None] / service.max()
    served, between = (slice_means(np.sort(x), _COARSE) for x in (service, intervals))
    moment = np.exp(tilts * served).mean(axis=1) * np.exp(-tilts * between).mean(axis=1)
    return float(tilts[int(np.argmin(moment)), 0])


def _masses(values: Floats, width: float) -> Floats:
    """Return the probabilities on the lattice that keep the mean of equally likely `values`."""
    last = _LATTICE // 2 - 1
    place, part = np.divmod(np.minimum(values / width, last), 1.0)
    lower = np.bincount(place.astype(np.intp), 1.0 - part, last + 2)
    upper = np.bincount(place.astype(np.intp) + 1, part, last + 2)
    return np.asarray((lower + upper)[: last + 1] / len(values), dtype=float)


def _slices(masses: Floats, width: float, slices: int) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(masses)])
    work = np.concatenate([[0.0], np.cumsum(masses * np.arange(len(masses)) * width)])
    edges = np.interp(np.linspace(0.0, total[-1], slices + 1), total, work)
    return np.asarray(np.diff(edges) * slices / total[-1], dtype=float)
