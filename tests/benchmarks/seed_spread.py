"""How much capacities depend on the seed of their samples.

``python tests/benchmarks/seed_spread.py`` prints the mean rate at a limit on TTFT p99, its
standard deviation over seeds and its range, for limits of 1.3 to 4 times the latency without load,
with one replica and with eight. Not a test.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from planner.options.model_run import SAMPLES
from planner.perf.rate import max_rates
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from tests.benchmarks.capacity_check import CHAT, MAX_UTILIZATION, MIXED, Point, limited, spec

REPLICAS = (1, 8)
FACTORS = (1.3, 1.5, 2.0, 4.0)


def points(cv: float) -> list[Point]:
    chat, mixed = (replace(c, interarrival_cv=cv) for c in (CHAT, MIXED))
    small = Point(f"8b chat cv{cv:g}", spec("llama-3.1-8b", chunk_tokens=2048), (chat,))
    large = Point(f"70b tp4 mixed cv{cv:g}", spec("llama-3.3-70b", 4, chunk_tokens=4096), (mixed,))
    return [limited(p, "ttft", 99.0, factor) for p in (small, large) for factor in FACTORS]


def rates_rps(point: Point, samples: int, seed: int) -> np.ndarray:
    (load,) = point.classes
    step, engine = step_model([point.spec]), engine_limits([point.spec])
    return max_rates(
        step, point.memory, engine, load, (load,), replicas=REPLICAS, samples=samples, seed=seed,
        max_utilization=MAX_UTILIZATION,
    ).rate_rps[0]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--cv", default="1,2")
    asked = parser.parse_args()
    for point in [p for cv in asked.cv.split(",") for p in points(float(cv))]:
        found = np.array([rates_rps(point, asked.samples, seed) for seed in range(asked.seeds)])
        mean = found.mean(axis=0)
        spread, width = found.std(axis=0, ddof=1) / mean, np.ptp(found, axis=0) / mean
        cells = [
            f"R={count}: {m:7.3f} requests/s, deviation {s:6.2%}, range {w:6.2%}"
            for count, m, s, w in zip(REPLICAS, mean, spread, width, strict=True)
        ]
        print(f"{point.name:<36} {'   '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
