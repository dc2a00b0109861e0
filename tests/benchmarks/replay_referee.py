"""The replay against the recorded requests of an independent discrete-event simulator.

``python tests/benchmarks/replay_referee.py DIR`` takes a folder with ``runs.csv``,
``steps_sample.csv`` and ``requests/*.npz``, replays the recorded arrivals and lengths with step
times fitted to the sampled steps of each case, and prints the errors of percentiles over requests
10 to 90 % in order of arrival, as the recorded ones are; the same for the queueing formulas on the
same arrivals, and the pace. Runs that are not stable are left out. Not a test.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from planner.perf.one_step import OneStep
from planner.verify.replay.outcome import percentile
from planner.verify.replay.replica import Engine
from planner.verify.replay.requests import Requests, Window
from planner.verify.replay.router import simulate
from tests.benchmarks.referee import (
    _BUSY,
    PLENTY,
    SEATS,
    STATISTICS,
    Run,
    engine_of,
    fitted_step,
    latencies_s,
    read_runs,
    table,
)

FIRST, LAST = 0.1, 0.9


def recorded(run: Run) -> Requests:
    """Return the recorded requests in order of arrival."""
    arrival_s = np.cumsum(run.intervals) / run.rate_rps
    isl, osl = run.isl.astype(np.int64), run.osl.astype(np.int64)
    return Requests(arrival_s, isl, osl, np.zeros_like(isl), np.zeros_like(isl))


def replayed_s(step, run: Run) -> list[float]:
    limits = engine_of(run.case)
    engine = Engine(
        OneStep(step), bool(limits.is_chunked[0]), int(limits.chunk_tokens[0]), int(SEATS),
        PLENTY,
    )  # fmt: skip
    asked = recorded(run)
    ends = (int(share * len(asked)) for share in (FIRST, LAST))
    window = Window(*(float(asked.arrival_s[min(i, len(asked) - 1)]) for i in ends))
    seen = simulate(engine, 1, asked, window=window)
    lengths_s, counts = seen.gaps[0].values()
    return [
        percentile(lengths_s, percent, counts)
        if metric == "itl"
        else percentile(seen.values_s(0, metric), percent)
        for metric, percent in STATISTICS
    ]


def main() -> None:
    folder = Path(sys.argv[1])
    by_case = defaultdict(list)
    for row in csv.DictReader((folder / "steps_sample.csv").open()):
        by_case[row["case"]].append(row)
    steps = {case: fitted_step(rows)[0] for case, rows in by_case.items()}
    errors, formulas = defaultdict(list), defaultdict(list)
    requests, spent_s = 0, 0.0
    for run in read_runs(folder):
        began = time.perf_counter()
        found = replayed_s(steps[run.case], run)
        spent_s += time.perf_counter() - began
        requests += len(run.isl)
        formula, busy = latencies_s(steps[run.case], run, recorded=True)
        for statistic, value, other, seen in zip(
            STATISTICS, found, formula, run.seen_s, strict=True
        ):
            errors[statistic].append(value / seen - 1)
            if busy < _BUSY:
                formulas[statistic].append(other / seen - 1)
    table("replay, recorded arrivals", errors)
    table("formulas, recorded arrivals, prompts below 90 % of the time", formulas)
    print(f"{requests} requests at {requests / spent_s:,.0f} per second")


if __name__ == "__main__":
    main()
