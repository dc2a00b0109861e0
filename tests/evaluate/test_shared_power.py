"""Power on the measured runs that its parameters were fitted to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from planner.catalog.load import load_catalog
from tests.benchmarks.refit_power import PRIOR, Fit, predicted_tokens_per_s, read

ENERGY = Path(__file__).parents[3] / "shared" / "facts" / "energy.csv"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not ENERGY.is_file(), reason="the development data are not beside it"),
]


@pytest.fixture(scope="module")
def runs():
    return read(ENERGY, load_catalog())[0]


@pytest.fixture(scope="module")
def fit(runs):
    return Fit(runs, np.array([m.tokens_per_s for m in runs]))


def test_shipped_exponents_are_those_of_the_fit(fit):
    facts = load_catalog()

    found = fit.best(np.ones(len(fit.measured_w), dtype=bool))

    shipped = [facts.calibration_row(f"power_{name}", "default", "all").value for name in PRIOR]
    assert found == pytest.approx(shipped, rel=0.01)


def test_power_of_models_left_out_is_known_to_a_tenth(fit, runs):
    watts = fit.left_out(np.array([m.model for m in runs]), fit)

    assert np.median(np.abs(watts / fit.measured_w - 1)) < 0.12


def test_power_is_closer_than_a_fixed_share_of_the_rating(fit, runs):
    fixed_w = 0.7 * fit.model.rated_w

    watts = fit.left_out(np.array([m.run.row.gpu for m in runs]), fit)

    error, fixed = (np.abs(w / fit.measured_w - 1).mean() for w in (watts, fixed_w))
    assert error < fixed


def test_predicted_throughput_gives_the_power_as_well(fit, runs):
    chain = Fit(runs, predicted_tokens_per_s(runs))

    watts = fit.left_out(np.array([m.model for m in runs]), chain)

    assert np.median(np.abs(watts / fit.measured_w - 1)) < 0.12
