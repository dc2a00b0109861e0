"""The distribution of waits without chance, against closed formulas and long sequences."""

from __future__ import annotations

import numpy as np
import pytest

from planner.perf.draws import ordered_unit_intervals
from planner.perf.queue_law import work_left_slices
from planner.perf.waiting import single_queue_waits_s

SLICES = 4096
POISSON = ordered_unit_intervals(1.0, SLICES)
SERVICES = {
    "constant": np.ones(SLICES),
    "exponential": ordered_unit_intervals(1.0, SLICES),
    "bimodal": np.repeat([1.0, 20.0], [3686, 410]),
}


def waits(service, intervals, utilization):
    """Return the mean wait in mean services: the work left less the own service."""
    return work_left_slices(service, intervals, utilization, SLICES).mean() - 1.0


@pytest.mark.parametrize("utilization", [0.01, 0.1, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_poisson_arrivals_wait_as_in_the_formula_of_pollaczek_and_khinchine(service, utilization):
    expected = utilization / (1 - utilization) * (1 + service.var() / service.mean() ** 2) / 2

    assert waits(service, POISSON, utilization) == pytest.approx(expected, rel=2e-3, abs=2e-5)


@pytest.mark.parametrize("utilization", [0.1, 0.5, 0.9])
def test_work_left_is_exponential_when_intervals_and_services_are(utilization):
    left = work_left_slices(SERVICES["exponential"], POISSON, utilization, SLICES)

    # M/M/1: sojourn times are exponential with mean 1 / (1 - utilization).
    for quantile in (0.5, 0.9, 0.99):
        exact = -np.log1p(-quantile) / (1 - utilization)
        assert np.quantile(left, quantile) == pytest.approx(exact, rel=5e-3)


@pytest.mark.parametrize("cv", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("utilization", [0.05, 0.3, 0.7])
def test_other_arrivals_wait_as_in_a_long_sequence(cv, utilization):
    rng, requests = np.random.default_rng(1), 2**20
    intervals, service = ordered_unit_intervals(cv, SLICES), SERVICES["bimodal"]
    place = rng.permutation(requests) % SLICES
    between = intervals[rng.permutation(requests) % SLICES] * service.mean() / utilization
    found = single_queue_waits_s(service[place][None], between[None]).mean() / service.mean()

    # A million requests know their mean wait to about 1 %.
    assert waits(service, intervals, utilization) == pytest.approx(found, rel=0.03, abs=2e-4)


def test_nobody_waits_for_a_clock_that_leaves_time_enough():
    left = work_left_slices(np.ones(64), np.ones(64), 0.9, 64)

    np.testing.assert_allclose(left, 1.0, atol=2e-3)


def test_units_do_not_matter():
    here = work_left_slices(SERVICES["bimodal"], POISSON, 0.6, 100)
    there = work_left_slices(SERVICES["bimodal"] * 7, POISSON / 3, 0.6, 100)

    np.testing.assert_allclose(here, there, rtol=1e-9)
