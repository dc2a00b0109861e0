"""Queueing against recorded percentiles of an independent simulator, step times fitted to it."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.referee import STATISTICS, fitted_step, latencies_s, read_runs

REFEREE = Path(__file__).parents[3] / "shared" / "referee"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not REFEREE.is_dir(), reason="the development data are not beside it"),
]


@pytest.fixture(scope="module")
def errors():
    by_case = defaultdict(list)
    for row in csv.DictReader((REFEREE / "steps_sample.csv").open()):
        by_case[row["case"]].append(row)
    steps = {case: fitted_step(rows)[0] for case, rows in by_case.items()}
    runs = [run for run in read_runs(REFEREE) if run.case in steps]
    found = [latencies_s(steps[run.case], run, recorded=True)[0] for run in runs]
    return np.median([np.abs(f / run.seen_s - 1) for f, run in zip(found, runs, strict=True)], 0)


@pytest.mark.parametrize("percentile", [50.0, 90.0, 95.0, 99.0])
def test_ttft_on_recorded_arrivals(errors, percentile):
    assert errors[STATISTICS.index(("ttft", percentile))] <= 0.07


def test_mean_gap_on_recorded_arrivals(errors):
    assert errors[STATISTICS.index(("itl", None))] <= 0.04
