"""Planned and nominal figures: the quantiles of the model's own error.

The ratio of measured to predicted is taken as lognormal with median 1 and logarithmic spread
sigma. The time that holds with probability ``confidence`` is the prediction times::

    exp(z(confidence) sigma) / throughput_factor

A minimiser picks the options whose times are under-predicted, so planning at the median (factor 1
at confidence 0.5, the nominal figure) would be short more often than not; plans use a confidence
above 0.5 and show both. ``throughput_factor`` is the share of the predicted speed that options of
a class without any measurement turned out to reach.

The central interval of probability P reaches from ``prediction exp(-z sigma)`` to ``prediction
exp(z sigma)`` with ``z = z((1 + P) / 2)``.

How wide the spread is comes from the catalogue: ``sigma_ln_time`` of times per token and of rates,
``sigma_ln_ttft`` of times to first token, which depend on queues and on harnesses. They are what
rows show that the fit did not use, a model or an accelerator left out in turn.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from planner.perf.spec import Floats

INTERVAL = 0.8
"""Probability of the interval that is stated with a prediction."""


DRAFT_SPREAD = 0.15
"""Standard deviation of ln(measured / predicted time) that draft tokens add. Published acceptance
lengths of one draft differ from one kind of text to another by up to 0.18 (0.07 in the median);
the published gains of six heads differ from the modelled ones by up to 0.13."""


def interval(
    prediction: ArrayLike, sigma_ln: ArrayLike, probability: float = INTERVAL
) -> tuple[Floats, Floats]:
    """Return the ends of the central lognormal interval around predictions.

    Parameters
    ----------
    prediction
        Predictions, scalar or array, > 0.
    sigma_ln
        Standard deviation of ln(measured / predicted), broadcast to them, >= 0.
    probability
        Probability that the measured figure lies inside, between 0 and 1 (both excluded).

    Raises
    ------
    ValueError
        When `probability` is outside its range.
    """
    factor = np.exp(_z_of_interval(probability) * np.asarray(sigma_ln, dtype=float))
    centre = np.asarray(prediction, dtype=float)
    return np.asarray(centre / factor), np.asarray(centre * factor)


def covered_share(
    measured: ArrayLike,
    prediction: ArrayLike,
    sigma_ln: ArrayLike,
    probability: float = INTERVAL,
) -> float:
    """Return the share of measured figures inside their intervals, NaN without any.

    Parameters
    ----------
    measured
        Measured figures, shape (n,), > 0.
    prediction, sigma_ln, probability
        As for :func:`interval`.
    """
    figures = np.asarray(measured, dtype=float)
    if not figures.size:
        return math.nan
    low, high = interval(prediction, sigma_ln, probability)
    return float(np.mean((figures >= low) & (figures <= high)))


def time_factor(confidence: float, sigma_ln_time: float, throughput_factor: float = 1.0) -> float:
    """Return the factor that every time of an option is multiplied by.

    Parameters
    ----------
    confidence
        Probability that the real time is no longer, between 0 and 1 (both excluded).
    sigma_ln_time
        Standard deviation of ln(measured / predicted time), >= 0.
    throughput_factor
        Reached share of the predicted speed, > 0; 1 when there is no correction.

    Raises
    ------
    ValueError
        When an argument is outside its range.
    """
    _check_probability("confidence", confidence)
    if sigma_ln_time < 0:
        msg = f"sigma_ln_time is {sigma_ln_time}; accepted: 0 or more"
        raise ValueError(msg)
    if throughput_factor <= 0:
        msg = f"throughput_factor is {throughput_factor}; accepted: above 0"
        raise ValueError(msg)
    return math.exp(NormalDist().inv_cdf(confidence) * sigma_ln_time) / throughput_factor


def _z_of_interval(probability: float) -> float:
    _check_probability("probability", probability)
    return NormalDist().inv_cdf((1.0 + probability) / 2.0)


def _check_probability(name: str, value: float) -> None:
    if not 0 < value < 1:
        msg = f"{name} is {value}; accepted: between 0 and 1, both excluded"
        raise ValueError(msg)
