"""A unit as a whole against a simulation of its instances, step by step.

Model and simulation share step times and lengths, not arrivals nor formulas. Tolerances: 5 % of
gaps between tokens and of means, 15 % of the p99 of the time to first token, of which one path of
a few thousand requests is known to about 8 %.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.perf.disaggregated import Instances, max_unit_rates
from planner.perf.handover import HandoverParameters, handovers
from planner.perf.memory import memory_fit
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from planner.perf.traffic import LatencyLimit
from tests.perf.unit_loops import Instance, Unit, requests_of, step_time

REQUESTS, WARM_UP = 5000, 500
FAR_S = 1e6
STATISTICS = {50.0: lambda v: np.quantile(v, 0.5), 99.0: lambda v: np.quantile(v, 0.99)}
STATISTICS |= {None: np.mean}
TOLERANCE = {("ttft", 99.0): 0.15, ("ttft", 50.0): 0.1, ("ttft", None): 0.08}
TOLERANCE |= {("e2e", 50.0): 0.1}
LIMITS = tuple(
    LatencyLimit(metric, percentile, FAR_S)
    for metric in ("ttft", "tpot", "itl", "e2e")
    for percentile in STATISTICS
)


class Served:
    """A unit of 8B instances that serves chat."""

    def __init__(self, spec_of, chat, degrees, x, y, *, recomputed):
        self.specs = [spec_of("llama-3.1-8b", tensor_parallel=d) for d in degrees]
        self.counts, self.chat, self.recomputed = (x, y), chat, recomputed
        self.handover = handovers([tuple(self.specs)], [HandoverParameters(0.2, 0.03, recomputed)])

    def sides(self):
        longest = self.chat.max_tokens_per_request
        for spec, count in zip(self.specs, self.counts, strict=True):
            fit = memory_fit([spec], max_tokens_per_request=longest)
            yield Instances(
                step_model([spec]), fit, engine_limits([spec]), np.array([float(count)])
            )

    def solve(self, limits, units, **options):
        load = replace(self.chat, limits=tuple(limits))
        return max_unit_rates(
            *self.sides(), self.handover, load, [load],
            replicas=(units,), samples=4096, **options,
        )  # fmt: skip

    def simulated_s(self, rate_rps, units):
        """Return samples of every metric of `units` that share a router, each at `rate_rps`."""
        fixed_s, token_s = float(self.handover.fixed_s[0]), float(self.handover.token_s[0])
        prefill, decode = (step_time(step_model([spec])) for spec in self.specs)
        engine = engine_limits(self.specs)
        unit = Unit(
            prefill,
            decode,
            float(engine.chunk_tokens[0]),
            lambda isl: fixed_s + token_s * isl,
            self.recomputed,
            *([Instance() for _ in range(count * units)] for count in self.counts),
        )
        done = unit.simulate(requests_of(self.chat, rate_rps * units, REQUESTS))[WARM_UP:]
        outside_s = float(engine.request_s[0])
        return {
            "ttft": np.array([r.times_s[0] - r.arrival_s for r in done]) + outside_s,
            "e2e": np.array([r.times_s[-1] - r.arrival_s for r in done]) + outside_s,
            "itl": np.concatenate([np.diff(r.times_s) for r in done]),
            "tpot": np.array([(r.times_s[-1] - r.times_s[0]) / (r.osl - 1) for r in done]),
        }


@pytest.fixture(
    scope="module",
    params=[
        ((1, 1), 1, 1, 1, 0.4, True),
        ((1, 1), 2, 1, 1, 0.6, False),
        ((2, 1), 1, 2, 2, 0.7, True),
    ],
    ids=str,
)
def compared(request, spec_of, chat):
    """Return latencies of model and simulation at a share of the highest stable rate."""
    degrees, x, y, units, share, recomputed = request.param
    served = Served(spec_of, chat, degrees, x, y, recomputed=recomputed)
    found = served.solve(LIMITS, units, max_utilization=share)
    rate = float(found.rate_rps[0, 0])
    samples = served.simulated_s(rate, units)
    # A search for the rate at which a limit is just kept gives back the model's own latency.
    return served, units, rate, samples


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.text)
def test_capacity_under_a_limit_is_where_the_simulation_reaches_it(compared, limit):
    served, units, rate, samples = compared
    simulated_s = float(STATISTICS[limit.percentile](samples[limit.metric]))
    tolerance = TOLERANCE.get((limit.metric, limit.percentile), 0.05)

    def carried(limit_s):
        tight = (replace(limit, limit_s=limit_s),)
        return float(served.solve(tight, units, max_utilization=0.99).rate_rps[0, 0])

    # The model reaches the simulated value at this rate, give or take the tolerance.
    assert carried(simulated_s * (1 - tolerance)) < rate < carried(simulated_s * (1 + tolerance))


def test_simulated_requests_all_finish(spec_of, chat):
    served = Served(spec_of, chat, (1, 1), 1, 1, recomputed=True)
    fixed_s = float(served.handover.fixed_s[0])
    step = step_time(step_model(served.specs[:1]))
    unit = Unit(step, step, 8192.0, lambda _: fixed_s, True, [Instance()], [Instance()])

    done = unit.simulate(requests_of(chat, 2.0, 300))

    assert all(len(r.times_s) == r.osl for r in done)
    assert all(np.diff(r.times_s).min(initial=1.0) > 0 for r in done)


def test_simulated_rate_at_a_limit_is_the_planned_one(spec_of, chat):
    """Both sides bind here: at the planned capacity the simulation keeps both limits, just."""
    served = Served(spec_of, chat, (1, 1), 1, 1, recomputed=False)
    limits = (LatencyLimit("ttft", 99.0, 0.4), LatencyLimit("itl", 99.0, 0.013))

    rate = float(served.solve(limits, 2).rate_rps[0, 0])

    kept = served.simulated_s(0.9 * rate, 2)
    missed = served.simulated_s(1.15 * rate, 2)
    assert np.quantile(kept["ttft"], 0.99) < 0.4
    assert np.quantile(kept["itl"], 0.99) < 0.013
    assert np.quantile(missed["ttft"], 0.99) > 0.4 or np.quantile(missed["itl"], 0.99) > 0.013
