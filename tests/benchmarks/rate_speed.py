"""How fast capacities are found: ``python tests/benchmarks/rate_speed.py [OPTIONS]``, one core.

Prints full solves per second (TTFT p99 and mean time per token) of so many options (3,000 unless
said otherwise), and the time that 30,000 would take, with one and with all six numbers of replicas
that a plan needs. The sample of a class is drawn once, however many options there are. Not a test.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from planner.options.model_run import REPLICAS, SAMPLES, SCREENING_SAMPLES, SEED
from planner.perf.memory import memory_fit
from planner.perf.rate import max_rates
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from planner.perf.traffic import LatencyLimit
from tests.benchmarks.capacity_check import CHAT, MIXED, spec

OPTIONS = 30_000
BATCH = 3_000


def main(batch: int = BATCH) -> None:
    specs = [spec("llama-3.1-8b"), spec("llama-3.3-70b", 4), spec("qwen3-32b", 2)]
    for traffic in (CHAT, MIXED):
        limits = (LatencyLimit("ttft", 99.0, 0.8), LatencyLimit("tpot", None, 0.04))
        load = replace(traffic, limits=limits)
        longest = load.max_tokens_per_request
        rows = np.arange(batch) % len(specs)
        step = step_model(specs).take(rows)
        engine = engine_limits(specs).take(rows)
        memory = memory_fit(specs, max_tokens_per_request=longest).take(rows)
        factor = np.linspace(0.7, 1.4, batch)
        for samples in (SCREENING_SAMPLES, SAMPLES):
            for counts in ((1,), REPLICAS):
                began = time.process_time()
                max_rates(
                    step, memory, engine, load, (load,), replicas=counts, time_factor=factor,
                    samples=samples, seed=SEED,
                )  # fmt: skip
                spent = time.process_time() - began
                print(
                    f"{load.name:<6} {samples} samples, {len(counts)} number(s) of replicas: "
                    f"{batch / spent:7.0f} options/s, {OPTIONS} in "
                    f"{spent * OPTIONS / batch:5.1f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
