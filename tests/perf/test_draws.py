from __future__ import annotations

import numpy as np
import pytest

from planner.perf.draws import (
    gamma_quantiles,
    given_any,
    ordered_normals,
    ordered_unit_intervals,
)

SAMPLES = 1000


@pytest.mark.parametrize(
    ("cv2", "tolerance"), [(0.1, 0.002), (0.5, 0.01), (1.0, 0.02), (2.0, 0.04)]
)
def test_gamma_quantiles_from_the_median_up(cv2, tolerance):
    exact = ordered_unit_intervals(np.sqrt(cv2), SAMPLES)

    quantiles = gamma_quantiles(np.full(SAMPLES, cv2), ordered_normals(SAMPLES))

    # The mean of the last slice is no quantile.
    upper = slice(SAMPLES // 2, -1)
    np.testing.assert_allclose(quantiles[upper], exact[upper], rtol=tolerance)


def test_moments_given_any_are_those_of_what_is_left_without_the_zeros():
    values = np.array([0.0, 0.0, 0.0, 1.0, 3.0])

    mean, cv2 = given_any(values.mean(), np.array(values.var()), np.array(0.4))

    # 1 and 3 have a mean of 2 and a variance of 1.
    assert mean == pytest.approx(2.0)
    assert cv2 == pytest.approx(0.25)
