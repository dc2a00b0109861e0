"""Replicas with data-parallel attention against groups that are simulated step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.perf.traffic import LatencyLimit
from tests.perf.fleet import draw_arrivals, simulate
from tests.perf.test_against_simulation import REQUESTS, engine_of, predicted

FAR_S = 1e6
LIMITS = tuple(
    LatencyLimit(metric, percentile, FAR_S)
    for metric, percentile in (
        ("ttft", None), ("ttft", 50.0), ("ttft", 95.0), ("ttft", 99.0),
        ("tpot", None), ("tpot", 95.0), ("itl", 95.0), ("itl", 99.0), ("e2e", None),
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def grouped(world):
    def build(groups, **settings):
        spec = replace(world.spec, data_parallel=groups)
        return replace(world, spec=spec).with_engine(**settings)

    return build


def simulated(world, replicas, rate_rps, groups):
    asked = draw_arrivals([world.traffic], [rate_rps * replicas], REQUESTS, 1)
    seen = simulate(engine_of(world), replicas, asked, groups=groups)
    return np.array([seen.value(0, k.metric, k.percentile) for k in LIMITS])


@pytest.mark.parametrize("settings", [{"chunk_tokens": 2048}, {"scheduler": "prefill_priority"}])
@pytest.mark.parametrize("groups", [2, 8])
def test_latencies_agree_with_groups_that_step_together(grouped, groups, settings):
    world = grouped(groups, **settings)
    for replicas in (1, 4):
        for share in (0.3, 0.6, 0.85):
            rate, formulas_s = predicted(world, replicas, share, limits=LIMITS)
            found_s = simulated(world, replicas, rate, groups)
            print(settings, groups, replicas, share, rate, np.round(formulas_s / found_s - 1, 2))


@pytest.mark.parametrize("settings", [{"chunk_tokens": 2048}, {"scheduler": "prefill_priority"}])
@pytest.mark.parametrize("groups", [2, 8])
def test_highest_rate_is_what_overloaded_groups_finish(grouped, groups, settings):
    world = grouped(groups, **settings)
    rate = predicted(world, 1, 1.0)[0]
    asked = draw_arrivals([world.traffic], [1.5 * rate], REQUESTS, 1)

    seen = simulate(engine_of(world), 1, asked, warm_up=0.2, groups=groups)

    print("sat", rate, seen.finished_per_s / rate)
