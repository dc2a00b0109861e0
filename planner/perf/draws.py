"""Stratified draws: samples that are as even as their distribution.

Each number is the mean or the midpoint of one of N equally likely slices of its distribution, so a
small sample has the moments of a large one. Every column is permuted on its own: by chance, or by
a sequence that is even together with others.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.perf.spec import Floats

_GRID_POINTS = 8_192
_NEGLIGIBLE_LN = -30.0
"""ln of the probability beyond which a distribution is cut."""
_HALVES_LN = 3.0
"""Distance from the mean, in ln, where the lower half of a grid ends."""
_NINE = 9.0
_LEAST_CV2 = 1e-6


def ordered_unit_intervals(cv: float, samples: int) -> Floats:
    """Return the means of equal slices of a gamma distribution with mean 1, ascending.

    With shape a the part of the mean below a quantile x is P(a + 1, x), P being the regularized
    incomplete gamma function: integrals over ln x, by the trapezoid rule.

    Parameters
    ----------
    cv
        Coefficient of variation, >= 0.
    samples
        Number of slices.
    """
    if cv == 0:
        return np.ones(samples)
    shape = 1 / cv**2
    # P(a, x) is at most x^a / Gamma(a + 1).
    low = (_NEGLIGIBLE_LN + math.lgamma(shape + 1)) / shape
    high = math.log(shape - 2 * _NEGLIGIBLE_LN * (1 + math.sqrt(shape)))
    middle = max(low, math.log(shape) - _HALVES_LN)
    ln_x = np.unique(
        np.concatenate(
            [np.linspace(low, middle, _GRID_POINTS), np.linspace(middle, high, _GRID_POINTS)]
        )
    )
    below, mean_below = (_gamma_integral(a, ln_x) for a in (shape, shape + 1))
    edges = np.interp(np.arange(samples + 1) / samples, below, mean_below)
    slices = np.diff(edges)
    return np.asarray(slices / slices.mean(), dtype=float)


def _gamma_integral(shape: float, ln_x: Floats) -> Floats:
    """Return P(shape, x) relative to its last value, ascending."""
    density = np.exp(shape * ln_x - np.exp(ln_x) - math.lgamma(shape))
    steps = np.diff(ln_x) * (density[1:] + density[:-1]) / 2
    total = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(total / total[-1], dtype=float)


def even_ranks(
    samples: int, base: int = 2, rng: np.random.Generator | None = None
) -> NDArray[np.intp]:
    """Return the ranks of van der Corput's sequence, a permutation of 0 to samples - 1.

    Any run of places covers all ranks evenly; with different prime bases, so do the boxes of
    several ranks together (Halton's sequence).

    Parameters
    ----------
    samples
        Length of the sequence.
    base
        Base of its digits, >= 2.
    rng
        Shifts every digit by chance, which keeps all of this: another sequence.

    Source: Halton (1960); Matousek (1998) for the shift of digits.
    """
    left, number, scale = np.arange(samples), np.zeros(samples), 1.0
    while scale * samples > 1.0:
        left, digit = np.divmod(left, base)
        shift = 0 if rng is None else int(rng.integers(base))
        scale /= base
        number += (digit + shift) % base * scale
    ranks = np.empty(samples, dtype=np.intp)
    ranks[np.argsort(number, kind="stable")] = np.arange(samples)
    return ranks


def stratified_uniforms(samples: int, rng: np.random.Generator) -> Floats:
    """Return the midpoints of `samples` equal slices of (0, 1), in random order."""
    return rng.permutation((np.arange(samples) + 0.5) / samples)


def stratified_normals(samples: int, rng: np.random.Generator) -> Floats:
    """Return the standard normal quantiles of the same midpoints, in random order."""
    return rng.permutation(ordered_normals(samples))


@cache
def ordered_normals(samples: int) -> Floats:
    """Return the standard normal quantiles of the midpoints of slices, ascending, read-only."""
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf((i + 0.5) / samples) for i in range(samples)])
    quantiles.flags.writeable = False
    return quantiles


def given_any(mean: Floats | float, variance: Floats, chance: Floats) -> tuple[Floats, Floats]:
    """Return mean and squared coefficient of variation of an amount, given that it is not 0.

    Parameters
    ----------
    mean, variance
        Of the amount itself, > 0.
    chance
        Probability that it is not 0, above 0 and at most 1.
    """
    square = (variance + np.square(mean)) / chance
    known = mean / chance
    return known, np.maximum(square / known**2 - 1.0, _LEAST_CV2)


def gamma_quantiles(cv2: Floats, normal: Floats) -> Floats:
    """Return quantiles of gamma distributions of mean 1, given those of a standard normal.

    The cube root of a gamma variate is nearly normal. From the median up quantiles are right to
    2 % at a squared coefficient of variation of 1 and to 4 % at 2; far below they are too small.

    Parameters
    ----------
    cv2
        Squared coefficients of variation, > 0.
    normal
        Quantiles of the standard normal distribution, broadcastable to `cv2`.

    Source: Wilson and Hilferty (1931).
    """
    ninth = cv2 / _NINE
    # In place where it can be: new memory takes as long as a step of the formula.
    root = normal * np.sqrt(ninth)
    root += 1.0 - ninth
    np.maximum(root, 0.0, out=root)
    # Not a power of 3: numpy takes many times as long for those of 0.
    cube: Floats = root * root
    cube *= root
    return cube


def slice_means(ordered: Floats, slices: int) -> Floats:
    """Return the means of `slices` equal parts of an ordered sample, whatever its size."""
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    edges = np.interp(np.linspace(0, len(ordered), slices + 1), np.arange(len(total)), total)
    return np.asarray(np.diff(edges) * (slices / len(ordered)), dtype=float)
