"""Planned and nominal times: the quantile of the model's own error.

The ratio of measured to predicted time is taken as lognormal with median 1 and logarithmic spread
sigma, which depends on where the coefficient comes from (modelled, calibrated, measured). The
time that holds with probability ``confidence`` is the prediction times::

    exp(z(confidence) sigma) / throughput_factor

A minimiser picks the options whose times are under-predicted, so planning at the median (factor 1
at confidence 0.5, the nominal figure) would be short more often than not; plans use a confidence
above 0.5 and show both. ``throughput_factor`` is the share of the predicted speed that options of
a class without any measurement turned out to reach.
"""

from __future__ import annotations

import math
from statistics import NormalDist


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
    if not 0 < confidence < 1:
        msg = f"confidence is {confidence}; accepted: between 0 and 1, both excluded"
        raise ValueError(msg)
    if sigma_ln_time < 0:
        msg = f"sigma_ln_time is {sigma_ln_time}; accepted: 0 or more"
        raise ValueError(msg)
    if throughput_factor <= 0:
        msg = f"throughput_factor is {throughput_factor}; accepted: above 0"
        raise ValueError(msg)
    return math.exp(NormalDist().inv_cdf(confidence) * sigma_ln_time) / throughput_factor
