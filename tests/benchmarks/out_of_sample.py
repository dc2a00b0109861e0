"""How many later days a plan keeps that was made from the first days of a trace.

``python tests/benchmarks/out_of_sample.py TRACES [--source m_large] [--plan-days 7]
[--requests-per-day 100000] [--confidence 0.5,0.8,0.95] [--seeds 20]`` makes requests from the
windows of ten minutes of a ServeGen trace of one or two weeks: as many in each window as were
recorded, thinned by one factor for all days; at renewal times with the dispersion of the day that
is known request by request; with its pairs of lengths, scaled to the mean lengths of the window.
The first days become a problem by ``planner demand import``, with the forecast error that their
totals show, and a plan that keeps its limits in the replay of these days. Then every later day is
replayed as it came, with every seed, with all replicas up. A day is kept when every limit holds at
its percentile in each of its 24 hours.

Printed are, for every ``forecast_confidence``, the cost, the share of days, of hours and of
requests that are kept, and two 95 % intervals of the share of days (Wilson): one over all days and
seeds, for these days, and one over days alone, for the next day of the same kind: seeds of one day
are no independent days. TRACES is the folder with the files. Not a test.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import math
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from planner.pipeline import SolveSettings
from planner.preparation import prepare
from planner.units import SECONDS_PER_DAY
from planner.verified import LoopSettings, solve_verified
from planner.verify.replay.read_trace import read_trace
from planner.verify.replay.run import ReplaySettings, replay_plan
from planner.verify.replay.trace import Trace
from tests.benchmarks.traced_problem import WORKLOAD, traced_problem

WINDOW_S = 600.0
PER_DAY = int(SECONDS_PER_DAY / WINDOW_S)
FILES = {"m_large": "servegen_m_large_10min.csv.gz",
         "m_small": "servegen_m_small_week1_10min.csv.gz"}  # fmt: skip
SLO = [
    {"metric": "ttft_ms", "percentile": 99, "limit": 2000},
    {"metric": "tpot_ms", "percentile": 99, "limit": 100},
]
NORMAL_975 = 1.96


@dataclass(frozen=True)
class Windows:
    """Windows of ten minutes; arrays of shape (days, 144)."""

    requests: np.ndarray
    isl: np.ndarray
    osl: np.ndarray

    @classmethod
    def read(cls, file: Path) -> Windows:
        with gzip.open(file, "rt") as lines:
            rows = list(csv.DictReader(lines))
        columns = ("requests", "mean_input_tokens", "mean_output_tokens")
        table = np.array([[float(row[name] or "nan") for name in columns] for row in rows])
        table = table[: len(table) // PER_DAY * PER_DAY].reshape(-1, PER_DAY, 3)
        return cls(*np.moveaxis(table, 2, 0))


@dataclass(frozen=True)
class World:
    """Requests of any day, made from windows and the requests of one recorded day."""

    windows: Windows
    recorded: Trace
    cv: float
    share: float

    def day(self, number: int, seed: int) -> Trace:
        """Return the requests of a day; the same seed gives the same."""
        rng = np.random.default_rng([seed, number])
        counts = rng.binomial(self.windows.requests[number].astype(int), self.share)
        at_s, isl, osl = [], [], []
        mean_isl, mean_osl = self.recorded.isl_tokens.mean(), self.recorded.osl_tokens.mean()
        for window, count in enumerate(counts):
            at_s.append(window * WINDOW_S + self._times_s(count, rng))
            place = rng.integers(len(self.recorded.isl_tokens), size=count)
            means = self.windows.isl[number, window], self.windows.osl[number, window]
            factors = [1.0 if math.isnan(m) else m / own
                       for m, own in zip(means, (mean_isl, mean_osl), strict=True)]  # fmt: skip
            isl.append(np.maximum(1, np.rint(self.recorded.isl_tokens[place] * factors[0])))
            osl.append(np.maximum(1, np.rint(self.recorded.osl_tokens[place] * factors[1])))
        return Trace(f"day {number}", *map(np.concatenate, (at_s, isl, osl)), keeps_rate=True)

    def _times_s(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return renewal times inside a window, turned by chance."""
        gaps = rng.gamma(1.0 / self.cv**2, size=count + 1)
        times = np.cumsum(gaps[:-1]) / gaps.sum() * WINDOW_S
        return np.sort((times + rng.uniform(0.0, WINDOW_S)) % WINDOW_S)


def written(days: list[Trace], file: Path) -> Path:
    """Write days one after the other and return the file."""
    with file.open("w") as out:
        out.write("timestamp_s,input_tokens,output_tokens\n")
        for number, day in enumerate(days):
            at_s = day.arrival_s + number * SECONDS_PER_DAY
            for row in zip(at_s, day.isl_tokens, day.osl_tokens, strict=True):
                out.write("{:.3f},{:.0f},{:.0f}\n".format(*row))
    return file


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was seen in so many trials."""
    z2 = NORMAL_975**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    inside = share * (1 - share) / count + z2 / (4 * count**2)
    half = NORMAL_975 / (1 + z2 / count) * math.sqrt(inside)
    return max(0.0, middle - half), min(1.0, middle + half)


def dispersion(trace: Trace) -> float:
    """Return the coefficient of variation of gaps inside windows."""
    found = []
    for start_s in np.arange(0.0, SECONDS_PER_DAY, WINDOW_S):
        mine = trace.arrival_s[
            (trace.arrival_s >= start_s) & (trace.arrival_s < start_s + WINDOW_S)
        ]
        gaps = np.diff(mine)
        found += [gaps.std() / gaps.mean()] if len(gaps) > 1 else []
    return float(np.median(found))


@dataclass
class Count:
    """What the later days show: kept by day and seed, and shares of hours and requests."""

    kept: np.ndarray
    hours: np.ndarray
    requests: np.ndarray

    @property
    def text(self) -> str:
        share, days = float(self.kept.mean()), self.kept.shape[0]
        these, nexts = wilson(share, self.kept.size), wilson(share, days)
        return (
            f"{share:.0%} | {these[0]:.0%}-{these[1]:.0%} | {nexts[0]:.0%}-{nexts[1]:.0%} | "
            f"{self.hours.mean():.1%} | {self.requests.mean():.2%}"
        )


def replayed_days(found, world: World, numbers: list[int], seeds: int) -> Count:
    """Return how a plan fares on days, each with every seed."""
    # Days are judged with everything up; what is promised after a loss is judged with the plan.
    loaded = found.prepared.loaded
    policy = loaded.problem.policy.model_copy(update={"spare_replicas": 0})
    loaded = replace(loaded, problem=loaded.problem.model_copy(update={"policy": policy}))
    shape = (len(numbers), seeds)
    count = Count(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    for k, number in enumerate(numbers):
        for seed in range(seeds):
            traces = {WORKLOAD: world.day(number, seed + 1)}
            asked = ReplaySettings(seed=seed, seeds=1, traces=traces)
            (one,) = replay_plan(found.plan, loaded, found.prepared.catalog, asked).workloads
            blocks = [(b.kept, b.slo_attainment or 0.0, b.requests) for b in one.blocks]
            count.kept[k, seed] = all(kept for kept, _, _ in blocks)
            count.hours[k, seed] = np.mean([kept for kept, _, _ in blocks])
            good = sum(share * requests for _, share, requests in blocks)
            count.requests[k, seed] = good / sum(requests for _, _, requests in blocks)
    return count


def run(asked, world: World, confidence: float, cv: float, folder: Path) -> None:
    began = time.perf_counter()
    first = [world.day(number, 0) for number in range(asked.plan_days)]
    trace = written(first, folder / "first_days.csv")
    file = traced_problem(trace, folder, asked.requests_per_day, SLO, forecast_cv=cv)
    prepared = prepare(file, None, [f"policy.forecast_confidence={confidence}"])
    replay = ReplaySettings(seeds=2, traces={WORKLOAD: read_trace(trace)})
    found = solve_verified(prepared, SolveSettings(compare=False), LoopSettings(replay, 3, False))
    later = list(range(asked.plan_days, len(world.windows.requests)))
    count = replayed_days(found, world, later[: asked.days or None], asked.seeds)
    if asked.by_day:
        for number, kept, requests in zip(later, count.kept, count.requests, strict=False):
            times = world.windows.requests[number].sum() * world.share / asked.requests_per_day
            print(f"  day {number}: {times:.2f} times the mean of the first days, kept "
                  f"{kept.mean():.0%}, requests {requests.mean():.2%}")  # fmt: skip
    print(
        f"{confidence:g} | {found.plan.tco_usd:,.0f} | {found.kept} | {count.text} | "
        f"{time.perf_counter() - began:.0f}", flush=True,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("traces", type=Path)
    parser.add_argument("--source", choices=FILES, default="m_large")
    parser.add_argument("--plan-days", type=int, default=7)
    parser.add_argument("--days", type=int, default=0, help="later days replayed, 0 for all")
    parser.add_argument("--requests-per-day", type=float, default=100_000)
    parser.add_argument("--confidence", default="0.5,0.8,0.95")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--by-day", action="store_true")
    asked = parser.parse_args()
    windows = Windows.read(asked.traces / FILES[asked.source])
    recorded = read_trace(asked.traces / f"servegen_{asked.source}_day_resampled.csv.gz")
    totals = windows.requests[: asked.plan_days].sum(axis=1)
    world = World(
        windows, recorded, dispersion(recorded), asked.requests_per_day / float(totals.mean())
    )
    cv = round(float(totals.std(ddof=1) / totals.mean()), 3)
    print(f"{asked.source}: planned on {asked.plan_days} days, replayed on the days after, "
          f"{asked.seeds} seeds; forecast_cv {cv:g}, gaps {world.cv:.2f}")  # fmt: skip
    print(
        "forecast_confidence | plan USD | kept on the first days | later days kept | interval, "
        "these days | interval, a next day | hours kept | requests within limits | seconds"
    )
    for confidence in map(float, asked.confidence.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            run(asked, world, confidence, cv, Path(folder))


if __name__ == "__main__":
    main()
