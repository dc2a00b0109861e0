"""Capacity formulas against a simulation of the fleet, step by step.

For every operating point and number of replicas that share a router, the highest rate at which the
simulated fleet keeps every limit is found by interval halving and compared with ``max_rates``.
``python tests/benchmarks/capacity_check.py [single] [mixed] [--replicas 1,8] [--cv 1]`` prints a
row per point and the errors; about half an hour for everything on one core. Not a test.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from planner.options.model_run import SAMPLES, SEED
from planner.perf.memory import MemoryFit, memory_fit
from planner.perf.rate import max_rates
from planner.perf.spec import (
    Device,
    EngineSettings,
    NumberFormat,
    ReplicaSpec,
    StepParameters,
    engine_limits,
)
from planner.perf.step import step_model
from planner.perf.traffic import LatencyLimit, TrafficClass
from tests.perf.conftest import MIB, MODELS
from tests.perf.fleet import Engine, draw_arrivals, simulate, step_time

REPLICAS = (1, 2, 4, 8, 16, 32)
MAX_UTILIZATION = 0.9
H100 = Device(81_559 * MIB, 3.35e12, 989e12, 989e12, 450e9)
FAR_S = 1e6
_TOLERANCE = 0.02


@dataclass(frozen=True)
class Point:
    """An option, the classes that share it, and the share of requests of each."""

    name: str
    spec: ReplicaSpec
    classes: tuple[TrafficClass, ...]
    shares: tuple[float, ...] = (1.0,)
    kv_tokens: float | None = None

    @property
    def memory(self) -> MemoryFit:
        longest = max(c.max_tokens_per_request for c in self.classes)
        fit = memory_fit([self.spec], max_tokens_per_request=longest)
        if self.kv_tokens is None:
            return fit
        return replace(fit, kv_capacity_tokens=np.array([self.kv_tokens]))

    def engine(self) -> Engine:
        limits, settings = engine_limits([self.spec]), self.spec.engine
        return Engine(
            step_time(step_model([self.spec])),
            settings.scheduler == "chunked",
            settings.chunk_tokens,
            settings.max_num_seqs,
            float(self.memory.kv_capacity_tokens[0]),
            float(limits.request_s[0]),
        )

    def solve(self, load: TrafficClass, replicas=REPLICAS, **options):
        options.setdefault("max_utilization", MAX_UTILIZATION)
        options.setdefault("samples", SAMPLES)
        return max_rates(
            step_model([self.spec]), self.memory, engine_limits([self.spec]), load,
            self.classes, replicas=replicas, seed=SEED, **options,
        )  # fmt: skip

    def predicted_rps(self, replicas) -> np.ndarray:
        """Return the total rate of the mix by the planner's rule sum f/mu <= 1, shape (K,)."""
        need = sum(
            share / self.solve(load, replicas).rate_rps[0]
            for load, share in zip(self.classes, self.shares, strict=True)
        )
        return 1.0 / need


class Simulated:
    """Highest rates of a point by simulation, the mean over seeds of every percentile."""

    def __init__(self, point: Point, *, requests=20_000, seeds=(1, 2), routing="requests"):
        self.point, self.engine = point, point.engine()
        self.requests, self.seeds, self.routing = requests, seeds, routing
        self.saturation_rps = self._saturation()

    def _saturation(self) -> float:
        """Return what one overloaded replica finishes per second."""
        rate = 3.0 * max(self.point.predicted_rps((1,))[0], 1e-3)
        rates = [rate * share for share in self.point.shares]
        arrivals = draw_arrivals(self.point.classes, rates, 15_000, 9)
        return simulate(self.engine, 1, arrivals, warm_up=0.2).finished_per_s

    def ratios(self, replicas: int, rate_rps: float) -> list[float]:
        """Return every limited latency over its limit at `rate_rps` per replica."""
        rates = [rate_rps * replicas * share for share in self.point.shares]
        found = []
        for seed in self.seeds:
            arrivals = draw_arrivals(self.point.classes, rates, self.requests, seed)
            seen = simulate(self.engine, replicas, arrivals, routing=self.routing)
            found.append(
                [
                    seen.value(kind, limit.metric, limit.percentile) / limit.limit_s
                    for kind, one in enumerate(self.point.classes)
                    for limit in one.limits
                ]
            )
        return np.mean(found, axis=0).tolist()

    def capacity_rps(self, replicas: int, start_rps: float) -> float:
        """Return the highest rate of one replica that keeps the limits and the utilization."""
        cap = self.saturation_rps * MAX_UTILIZATION
        rate = min(max(start_rps, cap / 100), cap)
        worst = self._worst(replicas, rate)
        if worst <= 1 and rate >= cap:
            return cap
        step = 1.12 if worst <= 1 else 1 / 1.12
        other, value = rate, worst
        while (value <= 1) == (worst <= 1):
            rate, worst = other, value
            other = rate * step
            if other >= cap and step > 1:
                other = cap
            if other < cap / 1000:
                return 0.0
            value = self._worst(replicas, other)
            if value <= 1 and other >= cap:
                return cap
        return self._between(replicas, sorted([(rate, worst), (other, value)]))

    def _between(self, replicas: int, ends) -> float:
        (low, below), (high, above) = ends
        while high / low > 1 + _TOLERANCE:
            # Latencies rise steeply: the straight line in logarithms, kept off both ends.
            share = -math.log(below) / (math.log(above) - math.log(below))
            share = min(max(share, 0.15), 0.85)
            middle = low * (high / low) ** share
            value = self._worst(replicas, middle)
            if value <= 1:
                low, below = middle, min(value, 1 - 1e-9)
            else:
                high, above = middle, value
        return math.sqrt(low * high)

    def _worst(self, replicas: int, rate_rps: float) -> float:
        return max(self.ratios(replicas, rate_rps), default=0.0)


def spec(model: str, tensor_parallel: int = 1, **engine) -> ReplicaSpec:
    return ReplicaSpec(
        MODELS[model], H100, NumberFormat(2.0, 2.0, 2.0), EngineSettings(**engine),
        StepParameters(t_req_s=0.02), tensor_parallel,
    )  # fmt: skip


def lognormal(name, isl, osl, cv=1.0, atoms=400) -> TrafficClass:
    """Return independent lognormal lengths of the stated means."""
    rng = np.random.default_rng(5)
    sigma = math.sqrt(math.log1p(cv**2))
    normal = NormalDist()
    quantile = np.array([normal.inv_cdf((i + 0.5) / atoms) for i in range(atoms)])
    columns = []
    for mean in (isl, osl):
        values = np.exp(sigma * rng.permutation(quantile))
        columns.append(np.maximum(np.round(values / values.mean() * mean), 1.0))
    return TrafficClass(name, *columns, np.full(atoms, 1 / atoms))


CHAT = TrafficClass(
    "chat", np.array([200.0, 800.0, 1500.0, 4000.0]), np.array([150.0, 300.0, 200.0, 100.0]),
    np.array([0.4, 0.3, 0.2, 0.1]),
)  # fmt: skip
MIXED = lognormal("mixed", 1155, 211)
LONG = lognormal("long", 8000, 300, 0.7)
WRITER = lognormal("writer", 150, 600, 0.8)


def limited(point: Point, metric: str, percentile: float | None, factor: float) -> Point:
    """Return the point with a limit at `factor` times the latency without load."""
    (load,) = point.classes
    far = replace(load, limits=(LatencyLimit(metric, percentile, FAR_S),))
    unloaded = replace(point, classes=(far,)).solve(far, (1,)).unloaded_s[0, 0]
    limit = LatencyLimit(metric, percentile, float(unloaded) * factor)
    name = f"{point.name} {limit.text} x{factor:g}"
    return replace(point, name=name, classes=(replace(load, limits=(limit,)),))


def single_points(cv: float) -> list[Point]:
    chat, mixed, long, writer = (
        replace(c, interarrival_cv=cv) for c in (CHAT, MIXED, LONG, WRITER)
    )
    small = Point(f"8b chat cv{cv:g}", spec("llama-3.1-8b", chunk_tokens=2048), (chat,))
    wide = Point(f"8b mixed 8192 cv{cv:g}", spec("llama-3.1-8b", max_num_seqs=1024), (mixed,))
    large = Point(f"70b tp4 mixed cv{cv:g}", spec("llama-3.3-70b", 4, chunk_tokens=4096), (mixed,))
    reader = Point(f"8b long cv{cv:g}", spec("llama-3.1-8b", chunk_tokens=2048), (long,))
    decode = Point(f"8b writer cv{cv:g}", spec("llama-3.1-8b", chunk_tokens=2048), (writer,))
    stall = Point(
        f"8b prefill-first cv{cv:g}", spec("llama-3.1-8b", scheduler="prefill_priority"), (mixed,)
    )
    tight = Point(
        f"8b 40k cache cv{cv:g}", spec("llama-3.1-8b", chunk_tokens=2048), (mixed,),
        kv_tokens=40_000.0,
    )  # fmt: skip
    few = Point(
        f"8b 24 seqs cv{cv:g}", spec("llama-3.1-8b", chunk_tokens=2048, max_num_seqs=24), (mixed,)
    )
    return [
        *(limited(small, "ttft", 99.0, f) for f in (1.3, 2.0, 6.0)),
        *(limited(wide, "ttft", 99.0, f) for f in (1.5, 4.0)),
        *(limited(large, "ttft", 99.0, f) for f in (1.5, 4.0)),
        limited(large, "ttft", 50.0, 2.0),
        limited(large, "ttft", None, 2.0),
        limited(reader, "ttft", 99.0, 1.5),
        limited(decode, "ttft", 99.0, 3.0),
        limited(stall, "ttft", 99.0, 2.0),
        limited(stall, "itl", 99.0, 4.0),
        limited(small, "tpot", None, 2.0),
        limited(small, "tpot", 90.0, 2.5),
        limited(large, "tpot", 99.0, 2.0),
        limited(large, "itl", 95.0, 4.0),
        limited(wide, "itl", 99.0, 8.0),
        limited(large, "e2e", 95.0, 1.6),
        limited(tight, "ttft", 99.0, 4.0),
        limited(tight, "ttft", 90.0, 10.0),
        limited(few, "ttft", 99.0, 4.0),
        replace(decode, name=f"{decode.name} utilization"),
        replace(tight, name=f"{tight.name} utilization"),
    ]


def mixed_points(cv: float) -> list[Point]:
    """Return pools of two and three classes with limits of their own."""
    chat = replace(CHAT, interarrival_cv=cv, limits=(LatencyLimit("ttft", 99.0, 0.3),))
    long = replace(LONG, interarrival_cv=cv, limits=(LatencyLimit("ttft", 95.0, 2.5),))
    writer = replace(WRITER, interarrival_cv=cv, limits=(LatencyLimit("tpot", None, 0.016),))
    gaps = replace(WRITER, interarrival_cv=cv, limits=(LatencyLimit("itl", 95.0, 0.04),))
    one = spec("llama-3.1-8b", chunk_tokens=2048)
    return [
        Point(f"chat + writer 50:50 cv{cv:g}", one, (chat, writer), (0.5, 0.5)),
        Point(f"chat + writer 90:10 cv{cv:g}", one, (chat, writer), (0.9, 0.1)),
        Point(f"chat + long 90:10 cv{cv:g}", one, (chat, long), (0.9, 0.1)),
        Point(f"long + itl 50:50 cv{cv:g}", one, (long, gaps), (0.5, 0.5)),
        Point(f"three 60:10:30 cv{cv:g}", one, (chat, long, writer), (0.6, 0.1, 0.3)),
    ]


def report(points, replicas, routing) -> None:
    errors = {}
    for point in points:
        began = time.perf_counter()
        predicted = point.predicted_rps(replicas)
        truth = Simulated(point, routing=routing)
        cells = []
        for count, rate in zip(replicas, predicted, strict=True):
            found = truth.capacity_rps(count, rate)
            error = rate / found - 1 if found else math.nan
            errors.setdefault(count, []).append(error)
            cells.append(f"{found:7.2f} {error:+7.1%}")
        limit = point.solve(point.classes[0], (1,))
        text = limit.limit_texts[limit.limit[0, 0]]
        spent = time.perf_counter() - began
        print(
            f"{point.name:<42} {text:<18} " + " | ".join(cells) + f"  [{spent:.0f} s]", flush=True
        )
    for count, values in errors.items():
        known = np.array([v for v in values if math.isfinite(v)])
        print(
            f"R={count:<3} n={len(known)} median |error| {np.median(np.abs(known)):.1%}, median "
            f"{np.median(known):+.1%}, most {known.max():+.1%}, least {known.min():+.1%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", default=["single", "mixed"])
    parser.add_argument("--replicas", default="1,2,4,8,16,32")
    parser.add_argument("--point", default="")
    parser.add_argument("--cv", default="1,2")
    parser.add_argument("--routing", default="requests")
    asked = parser.parse_args()
    replicas = tuple(int(r) for r in asked.replicas.split(","))
    kinds = {"single": single_points, "mixed": mixed_points}
    points = [
        p for cv in asked.cv.split(",") for kind in asked.kinds for p in kinds[kind](float(cv))
    ]
    report([p for p in points if asked.point in p.name], replicas, asked.routing)


if __name__ == "__main__":
    main()
