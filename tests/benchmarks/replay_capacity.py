"""How far planned capacities are from what the replay carries.

``python tests/benchmarks/replay_capacity.py PROBLEM [--scenario NAME] [--options N] [--replicas
1,2,8]`` takes the options of a problem that carry most for their accelerators, and for numbers of
replicas R that share a router searches for the highest rate per replica at which the replay keeps
every limit of a workload, at the step times of the plan's confidence. Printed is the planned
capacity over that rate: above 1 the plan claims more than the replay finds. One workload of a pool
alone; options that cannot be replayed are left out. With ``--trace CSV`` the requests are recorded
ones, scaled to each rate: what the formulas miss of bursts, drift and joint lengths. Not a test.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from planner.plan.document import Allocation
from planner.plan.tables import point_at
from planner.preparation import prepare
from planner.verify.replay.cases import Case, Station, Stream
from planner.verify.replay.engines import Unknown, engine_of
from planner.verify.replay.read_trace import read_trace
from planner.verify.replay.run import limits_of
from planner.verify.replay.sampling import Asked, sample
from planner.verify.replay.seen import value_s
from planner.verify.replay.sources import stated_source
from planner.verify.replay.trace import Traced

_TOLERANCE = 0.02
_STEP = 1.15


def row_of(option, capacity, replicas) -> Allocation:
    point, setting = point_at(capacity, replicas, 0), capacity.setting
    return Allocation(
        period=0, block=0, pool="", workload=capacity.workload, rate_rps=0.0,
        planned_rate_rps=0.0, option_id=option.id, model=option.model,
        quantization=option.quantization, engine=option.engine, hardware=option.hardware,
        tensor_parallel=option.tensor_parallel, pipeline_parallel=1, replicas=replicas,
        accelerators=option.accelerators * replicas, capacity_rps=point.planned_rps,
        capacity_nominal_rps=point.nominal_rps, utilization=0.0, ttft_p99_ms=None,
        tpot_mean_ms=None, quality={}, coefficient_origin=capacity.origin,
        chunk_tokens=None if setting is None else setting.chunk_tokens,
        draft=option.draft,
        prefix_tokens=0.0 if setting is None else setting.prefix_tokens,
        prefix_hit_rate=0.0 if setting is None else setting.prefix_hit_rate,
        decode_instances=None if option.layout is None else 1,
    )  # fmt: skip


class Search:
    """Highest rate per replica at which the replay keeps the limits of a workload."""

    def __init__(
        self, prepared, row: Allocation, engine, asked: Asked, requests: float, trace=None
    ):
        workload = prepared.loaded.problem.workload(row.workload)
        demand = prepared.demand.of(row.workload)
        factors = workload.token_factors.get(row.model)
        self.limits = {workload.name: limits_of(workload)}
        self.asked, self.requests, self.replicas = asked, requests, row.replicas
        self.routing = prepared.loaded.problem.policy.routing
        self.station = Station(row.option_id, engine, row.replicas)
        source = stated_source(workload, demand, row.prefix_hit_rate)
        if trace is not None:
            source = Traced(trace, row.prefix_hit_rate)
        self.stream = Stream(
            workload.name, False, 1.0, source, (1.0,),
            ((factors.isl, factors.osl) if factors else (1.0, 1.0),), (row.capacity_rps,),
        )  # fmt: skip

    def strain(self, rate_rps: float) -> float:
        """Return the largest value over its limit at a rate per replica."""
        total = rate_rps * self.replicas
        stream = replace(self.stream, rate_rps=total)
        case = Case("pool", ((0, 0),), (stream,), (self.station,), self.routing)
        asked = replace(self.asked, span_s=self.requests / total)
        asked = replace(asked, span_s=stream.source.counted_s(asked.span_s, total))
        (runs,) = sample(case, self.limits, asked).by_stream
        (limits,) = self.limits.values()
        return max(
            float(np.mean([value_s(run, one.metric, one.percentile) for run in runs]))
            / one.limit_s
            for one in limits
        )

    def rate_rps(self, start_rps: float) -> float:
        low, high = start_rps, start_rps
        if self.strain(start_rps) <= 1:
            while self.strain(high) <= 1:
                low, high = high, high * _STEP
        else:
            while self.strain(low) > 1:
                low, high = low / _STEP, low
        while high / low > 1 + _TOLERANCE:
            middle = math.sqrt(low * high)
            if self.strain(middle) <= 1:
                low = middle
            else:
                high = middle
        return math.sqrt(low * high)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("problem")
    parser.add_argument("--scenario")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--options", type=int, default=4)
    parser.add_argument("--replicas", default="1,2,4,8")
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--requests", type=float, default=12_000)
    parser.add_argument("--seeds", type=int, default=2)
    asked = parser.parse_args()
    trace = None if asked.trace is None else read_trace(asked.trace)
    prepared = prepare(asked.problem, asked.scenario, asked.set)
    catalog, confidence = prepared.catalog, prepared.loaded.problem.policy.confidence
    options = {o.id: o for o in prepared.options.options}
    usable = [
        c for c in prepared.options.capacities
        if c.option_id in options and "/" not in c.workload
        and prepared.loaded.problem.workload(c.workload).slo
    ]  # fmt: skip
    usable.sort(key=lambda c: -c.points[-1].planned_rps / options[c.option_id].accelerators)
    shown: dict[str, int] = {}
    ratios: dict[int, list[float]] = {}
    for capacity in usable:
        if shown.get(capacity.workload, 0) >= asked.options:
            continue
        shown[capacity.workload] = shown.get(capacity.workload, 0) + 1
        for replicas in map(int, asked.replicas.split(",")):
            if replicas < capacity.points[0].min_replicas:
                continue
            row = row_of(options[capacity.option_id], capacity, replicas)
            engine = engine_of(
                row, catalog, confidence=confidence, prefix_tokens=row.prefix_tokens
            )
            if isinstance(engine, Unknown):
                print(f"{row.option_id}: {engine.reason}")
                break
            began = time.perf_counter()
            search = Search(prepared, row, engine, Asked(1, asked.seeds), asked.requests, trace)
            found = search.rate_rps(row.capacity_rps)
            ratios.setdefault(replicas, []).append(row.capacity_rps / found)
            point = point_at(capacity, replicas, 0)
            print(
                f"{capacity.workload:<12} {row.option_id:<58} R={replicas:<2} planned "
                f"{row.capacity_rps:7.3f}/s replay {found:7.3f}/s ratio "
                f"{row.capacity_rps / found:5.2f} ({point.limit}) "
                f"[{time.perf_counter() - began:.0f} s]",
                flush=True,
            )
    for replicas, values in sorted(ratios.items()):
        print(
            f"R={replicas}: n={len(values)} median planned/replay {np.median(values):.2f}, "
            f"least {min(values):.2f}, most {max(values):.2f}"
        )


if __name__ == "__main__":
    main()
