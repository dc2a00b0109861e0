"""Capacities of a pool of unlike classes against a fleet that is simulated step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.options.model_run import SAMPLES
from planner.perf.rate import max_rates, most_decodes
from planner.perf.spec import engine_limits
from planner.perf.traffic import LatencyLimit, TrafficClass
from tests.perf.fleet import draw_arrivals, simulate
from tests.perf.test_against_simulation import engine_of

LONG_SHARE = 0.1
LIMIT_S = 0.3
CHAT = TrafficClass(
    "chat", np.array([200.0, 800.0, 1500.0, 4000.0]), np.array([150.0, 300.0, 200.0, 100.0]),
    np.array([0.4, 0.3, 0.2, 0.1]), limits=(LatencyLimit("ttft", 99.0, LIMIT_S),),
)  # fmt: skip
LONG = TrafficClass(
    "long", np.array([3000.0, 8000.0, 13_000.0]), np.array([200.0, 300.0, 400.0]),
    np.array([0.3, 0.4, 0.3]), limits=(LatencyLimit("ttft", 95.0, 2.5),),
)  # fmt: skip
POOL = (CHAT, LONG)


@pytest.fixture(scope="module")
def small(world):
    return world.with_engine(chunk_tokens=2048)


def rates_rps(world, load, replicas):
    """Rates by as many requests as plans use: fewer miss the percentile by several percent."""
    engine = engine_limits([world.spec])
    found = max_rates(
        world.step, world.memory, engine, load, POOL, replicas=replicas, samples=SAMPLES
    )
    return found.rate_rps[0]


@pytest.mark.parametrize(("replicas", "seeds"), [(2, 2), (4, 2), (8, 4)])
def test_chats_among_long_prompts_keep_their_limit_behind_a_router(small, replicas, seeds):
    need = (1 - LONG_SHARE) / rates_rps(small, CHAT, (replicas,))
    need += LONG_SHARE / rates_rps(small, LONG, (replicas,))
    rate = replicas / need[0]

    late = []
    # Of eight replicas the percentile of a run varies by 4 %, and by as much with 0.02 % of rate.
    for seed in range(1, seeds + 1):
        arrivals = draw_arrivals(POOL, [rate * (1 - LONG_SHARE), rate * LONG_SHARE], 20_000, seed)
        seen = simulate(engine_of(small), replicas, arrivals)
        late.append(seen.value(0, "ttft", 99.0) / LIMIT_S)

    # Decodes of chats hide the long prompts; the share rule stays on the careful side of it.
    assert 0.75 < np.mean(late) <= 1.05


def test_a_class_without_company_hides_only_behind_its_own_decodes(small):
    alone = max_rates(
        small.step, small.memory, engine_limits([small.spec]), LONG, (LONG,), replicas=(1, 8)
    ).rate_rps[0]
    probes = (LONG, replace(CHAT, limits=()))
    among = max_rates(
        small.step, small.memory, engine_limits([small.spec]), LONG, probes, replicas=(1, 8)
    ).rate_rps[0]

    assert among[0] == alone[0]
    assert among[1] <= alone[1]


def test_most_decodes_are_those_of_the_highest_utilization(small):
    engine = engine_limits([small.spec])
    decodes = [
        float(most_decodes(small.step, engine, small.memory, CHAT, share)[0])
        for share in (0.3, 0.6, 0.9)
    ]
    none = replace(CHAT, osl_tokens=np.ones(4))

    assert decodes == sorted(decodes)
    assert decodes[0] > 1
    assert most_decodes(small.step, engine, small.memory, none, 0.9)[0] < 0.01
