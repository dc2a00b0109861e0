"""A small problem in a file, prepared, and requests that may be longer than it states."""

from __future__ import annotations

import json

import numpy as np

from planner.demand.build import build_demand
from planner.milp import program_limits
from planner.options.build import build_options
from planner.pipeline import SolveSettings
from planner.preparation import Prepared
from planner.problem.load import load_problem, with_assignments
from planner.verified import LoopSettings
from planner.verify.replay.run import ReplaySettings
from planner.verify.replay.trace import Trace
from tests.options.world import catalog, row, workload

SLO = [
    {"metric": "ttft_ms", "percentile": 99, "limit": 400},
    {"metric": "tpot_ms", "percentile": "mean", "limit": 30},
]
QUICK = SolveSettings(gap=0.001, compare=False)


def prepared(folder, *workloads, quota=100, slo=SLO, sizes=(1,), fast_usd=None, **sections):
    """Return a problem in a file, prepared with a small catalogue.

    With a price in USD per hour there is an accelerator that is three times as fast too.
    """
    chats = workloads or [workload(slo=slo, arrival={"mean_rate_rps": 20.0})]
    asked = {
        "schema_version": 1,
        "name": "test",
        "horizon": {"start": "2027-01"},
        "time_blocks": 1,
        "workloads": chats,
        "candidates": {"tensor_parallel": list(sizes), "quantizations": ["bf16"]},
        "supply": {
            "tenures": ["on_demand"],
            "quotas": [{"hardware": "gpu-a", "max_accelerators": quota}],
        },
        "policy": {"spare_replicas": 1},
    } | sections
    file = folder / "problem.yaml"
    file.write_text(json.dumps(asked))
    loaded = load_problem(file)
    offers = [
        row("offers", elastic_max_nodes=200),
        row("offers", instance="two", accelerators=2, price_usd_per_hour=6),
    ]
    fast = {"accelerator": "gpu-b", "instance": "fast", "elastic_max_nodes": 200}
    if fast_usd is not None:
        offers.append(row("offers", price_usd_per_hour=fast_usd, **fast))
    speed = {"bandwidth_gb_per_s": 3 * 3350, "bf16_tflops": 3 * 989, "fp8_tflops": 3 * 1979}
    facts = catalog(
        accelerators=[row("accelerators"), row("accelerators", id="gpu-b", **speed)],
        interconnects=[row("interconnects", bus_bandwidth_gb_per_s=400)],
        offers=offers,
    )
    demand = build_demand(loaded, facts)
    options = build_options(loaded, facts, demand)
    return Prepared(loaded, facts, demand, options, program_limits(loaded.problem))


def steady(isl=1000.0, osl=100.0):
    """Return more requests than are planned for, of which every simulation takes some."""
    at_s = np.arange(0, 300, 1 / 40)
    return Trace("t.csv", at_s, np.full(len(at_s), isl), np.full(len(at_s), osl))


def longer(block_h, block, isl):
    """Return a day of requests of which those of one block have prompts of so many tokens."""
    at_s = np.arange(0, 86_400, 10.0)
    own = at_s // (3600 * block_h) == block
    return Trace("day.csv", at_s, np.where(own, isl, 1000.0), np.full(len(at_s), 100.0))


def with_changes(asked, assignments):
    """Return a problem with assignments, prepared again."""
    loaded = with_assignments(asked.loaded, assignments)
    demand = build_demand(loaded, asked.catalog)
    options = build_options(loaded, asked.catalog, demand)
    return Prepared(loaded, asked.catalog, demand, options, program_limits(loaded.problem))


def loop(slack=False, rounds=8, **traces):
    return LoopSettings(ReplaySettings(seeds=2, traces=traces), rounds=rounds, slack=slack)


def replicas(plan, pool="chat"):
    return {(r.period, r.block): r.replicas for r in plan.allocations if r.pool == pool}
