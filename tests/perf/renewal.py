"""Intervals of a renewal process for the simulations, drawn and not computed."""

from __future__ import annotations

import numpy as np

_DRAWS_PER_SLICE = 64
"""Enough that the mean of a slice is known to about 1 % of its width."""


def unit_intervals(cv, samples, rng):
    """Return gamma intervals with mean exactly 1, the means of equal slices, in random order."""
    if cv == 0:
        return np.ones(samples)
    draws = np.sort(rng.standard_gamma(1 / cv**2, samples * _DRAWS_PER_SLICE))
    slices = draws.reshape(samples, _DRAWS_PER_SLICE).mean(axis=1)
    return rng.permutation(slices / slices.mean())
