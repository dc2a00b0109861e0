"""Stratified draws: samples that are as even as their distribution, in random order.

Each number is the mean or the midpoint of one of N equally likely slices of its distribution, and
every column is permuted on its own, so a small sample has the moments of a large one.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.perf.spec import Floats

_GAMMA_DRAWS_PER_STRATUM = 64
"""Enough that the mean of a slice is known to about 1 % of its width."""


def unit_intervals(cv: float, samples: int, rng: np.random.Generator) -> Floats:
    """Return intervals between arrivals with mean exactly 1, shape (samples,), in random order.

    Parameters
    ----------
    cv
        Coefficient of variation, >= 0.
    """
    if cv == 0:
        return np.ones(samples)
    shape = 1 / cv**2
    draws = np.sort(rng.standard_gamma(shape, samples * _GAMMA_DRAWS_PER_STRATUM))
    strata = draws.reshape(samples, _GAMMA_DRAWS_PER_STRATUM).mean(axis=1)
    return rng.permutation(strata / strata.mean())


def van_der_corput_ranks(samples: int) -> NDArray[np.intp]:
    """Return the ranks of van der Corput's sequence in base 2, a permutation of 0 to samples - 1.

    Source: van der Corput (1935): any run of places covers all ranks evenly.
    """
    index, reversed_ = np.arange(samples), np.zeros(samples)
    for bit in range(max(samples - 1, 1).bit_length()):
        reversed_ += ((index >> bit) & 1) * 0.5 ** (bit + 1)
    ranks = np.empty(samples, dtype=np.intp)
    ranks[np.argsort(reversed_, kind="stable")] = index
    return ranks


def stratified_uniforms(samples: int, rng: np.random.Generator) -> Floats:
    """Return the midpoints of `samples` equal slices of (0, 1), in random order."""
    return rng.permutation((np.arange(samples) + 0.5) / samples)


def stratified_normals(samples: int, rng: np.random.Generator) -> Floats:
    """Return the standard normal quantiles of the same midpoints, in random order."""
    normal = NormalDist()
    quantiles = [normal.inv_cdf((i + 0.5) / samples) for i in range(samples)]
    return rng.permutation(np.array(quantiles))


def slice_means(ordered: Floats, slices: int) -> Floats:
    """Return the means of `slices` equal parts of an ordered sample, whatever its size."""
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    edges = np.interp(np.linspace(0, len(ordered), slices + 1), np.arange(len(total)), total)
    return np.asarray(np.diff(edges) * (slices / len(ordered)), dtype=float)
