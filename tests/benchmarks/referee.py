"""Queueing against the recorded percentiles of an independent discrete-event simulator.

``python tests/benchmarks/referee.py DIR`` prints, for a folder with ``runs.csv``,
``steps_sample.csv`` and ``requests/*.npz``:

* the error of the step times, fitted for each case to the sampled steps;
* with these, the errors of latencies on the recorded arrivals and on arrivals of our own, with
  the recorded distribution of intervals and with the stated one (the recorded streams of one seed
  have a coefficient of variation of 0.87 where 1 is stated);
* the error of the highest rate that keeps a TTFT p99 limit, limits being the p99 half way between
  two recorded rates;
* the same latencies with step times from the catalogue alone, nothing fitted to the referee.

Runs whose prompts take 90 % of the time or more, and unstable ones, are left out. Not a test.
"""

from __future__ import annotations

import csv
import math
import sys
from collections import defaultdict
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from planner.catalog.load import load_catalog
from planner.evaluate.open_arrivals import replica_rows
from planner.options.candidates import Candidate
from planner.options.model_run import SAMPLES, SCREENING_SAMPLES, SEED
from planner.options.specs import replica_spec
from planner.perf.arrivals import Arrivals
from planner.perf.latency import limited_latencies_s, paired_probe, sample_load
from planner.perf.memory import MemoryFit
from planner.perf.rate import max_rates
from planner.perf.spec import EngineLimits
from planner.perf.step import StepModel, step_model
from planner.perf.traffic import LatencyLimit, TrafficClass

FAR_S = 1e6
PLENTY = 1e12
SEATS = 128.0
STATISTICS = tuple(
    (metric, percentile)
    for metric in ("ttft", "itl", "tpot")
    for percentile in (50.0, 90.0, 95.0, 99.0, None)
)
LIMITS = tuple(LatencyLimit(metric, percentile, FAR_S) for metric, percentile in STATISTICS)
FITTED = ("dense_read_s", "dense_token_s", "kv_token_s", "pair_s", "fixed_s", "request_s")
START = (0.01, 5e-5, 1e-7, 1e-9, 1e-3, 1e-5, 2.0)
_BUSY = 0.9


@dataclass(frozen=True)
class Run:
    """One recorded run: its percentiles in seconds, and its requests in order of arrival."""

    case: str
    qps: str
    rate_rps: float
    seen_s: tuple[float, ...]
    intervals: np.ndarray
    isl: np.ndarray
    osl: np.ndarray

    @property
    def traffic(self) -> TrafficClass:
        """The class with the recorded intervals: those of these runs vary less than stated."""
        return replace(self.stated, intervals=self.intervals)

    @property
    def stated(self) -> TrafficClass:
        """The class as the referee was asked for it: Poisson, or gamma intervals with CV 2."""
        share = np.full(len(self.isl), 1 / len(self.isl))
        cv = 2.0 if "gamma" in self.case else 1.0
        return TrafficClass(self.case, self.isl, self.osl, share, cv)


def read_runs(folder: Path) -> list[Run]:
    runs = []
    for row in csv.DictReader((folder / "runs.csv").open()):
        name = folder / "requests" / f"{row['case']}_{row['qps']}.npz"
        if row["stable"] != "True" or not name.is_file():
            continue
        data = np.load(name)
        order = np.argsort(data["arrival_s"], kind="stable")
        arrival = data["arrival_s"][order].astype(float)
        gaps = np.diff(arrival)
        osl = data["output_tokens"][order].astype(float)
        isl = data["total_tokens"][order].astype(float) - osl
        seen = tuple(
            float(row[f"{m}_{'mean' if p is None else f'p{p:g}'}_s"]) for m, p in STATISTICS
        )
        intervals = np.append(gaps, gaps.mean())
        rate = 1 / intervals.mean()
        runs.append(Run(row["case"], row["qps"], rate, seen, intervals * rate, isl, osl))
    return runs


def fitted_step(rows: list[dict[str, str]]) -> tuple[StepModel, float]:
    """Return the step model fitted to sampled steps (robust, in logarithms), and its error."""
    table = np.array([[float(v) for k, v in r.items() if k != "case"] for r in rows])
    prefill, pairs, decodes, cached, took = table.T

    def model(x):
        values = dict(zip((*FITTED, "overlap"), np.exp(x), strict=True))
        columns = {f.name: np.zeros(1) for f in fields(StepModel) if f.name != "draft"}
        columns |= {"window_tokens": np.full(1, 1e15)}
        columns |= {name: np.array([value]) for name, value in values.items()}
        return StepModel(**columns)

    def residual(x):
        shape = [a[None, :] for a in (prefill + decodes, cached, pairs, decodes)]
        return np.log(model(x).time_s(*shape)[0] / took)

    x, damping = np.log(START), 1.0
    low = np.append(x[:-1] - 7, 0.0)
    high = np.append(x[:-1] + 7, math.log(8))

    def cost(r):
        return float(np.sum(np.sqrt(1 + (r / 0.1) ** 2) - 1))

    r = residual(x)
    for _ in range(200):
        weight = 1 / np.sqrt(1 + (r / 0.1) ** 2)
        slopes = np.stack([(residual(x + h) - r) / 1e-4 for h in np.eye(len(x)) * 1e-4], axis=1)
        square = slopes.T @ (weight[:, None] * slopes)
        square += damping * np.diag(np.diag(square) + 1e-9)
        trial = np.clip(x - np.linalg.solve(square, slopes.T @ (weight * r)), low, high)
        better = residual(trial)
        if cost(better) < cost(r):
            done = cost(r) - cost(better) < 1e-7 * cost(r)
            x, r, damping = trial, better, damping / 3
            if done:
                break
        else:
            damping *= 4
            if damping > 1e8:
                break
    return model(x), float(np.mean(np.abs(np.expm1(r))))


def catalogue_step(case: str, catalog) -> StepModel:
    """Return the step model of a case from the data sheet; the referee has no host overhead."""
    size, degree = (
        case.split("_", maxsplit=1)[0].split("-")[1],
        int(case.split("_tp")[1].split("_", maxsplit=1)[0]),
    )
    model = next(m for m in catalog.models if m.id == f"llama-3.1-{size}-instruct")
    names = {"quantizations": "bf16", "engines": "vllm", "accelerators": "a100-sxm-80gb"}
    pick = {k: next(x for x in getattr(catalog, k) if x.id == i) for k, i in names.items()}
    candidate = Candidate(
        model, pick["quantizations"], pick["engines"], pick["accelerators"], degree, "bf16"
    )
    return step_model([replica_spec(candidate, catalog)])


def engine_of(case: str) -> EngineLimits:
    chunked = "sarathi" in case
    budget = float(case.split("sarathi")[1].split("_", maxsplit=1)[0]) if chunked else 4096.0
    one = np.ones(1)
    return EngineLimits(np.array([chunked]), budget * one, SEATS * one, 0 * one, 0 * one)


def latencies_s(step, run: Run, *, recorded: bool, samples: int = SAMPLES, stated: bool = False):
    """Return the predicted statistics of a run, and the share of time in prefill steps."""
    traffic = run.stated if stated else run.traffic
    load = sample_load(traffic, samples if not recorded else len(run.isl), SEED)
    probe = paired_probe(traffic, LIMITS, load, SEED)
    if recorded:
        prompts, prompt = np.unique(run.isl, return_inverse=True)
        outputs, output = np.unique(run.osl, return_inverse=True)
        requests = replace(
            load.requests, prompt_tokens=prompts, prompt_pairs=prompts**2 / 2, prompt=prompt,
            output_tokens=outputs, output=output,
        )  # fmt: skip
        load = replace(load, requests=requests, arrivals=Arrivals(run.intervals))
        # The wait at place i is that of the request after it.
        probe = replace(
            probe,
            requests=replace(requests, prompt=np.roll(prompt, -1), output=np.roll(output, -1)),
        )
    rows = replica_rows(
        step, engine_of(run.case), load, np.full(1, PLENTY), np.array([run.rate_rps])
    )
    return limited_latencies_s(rows, load, (probe,))[0], float(rows.state.prefill_share[0])


def table(name: str, errors: dict) -> None:
    print(name)
    for (metric, percentile), values in errors.items():
        e = np.array(values)
        text = f"{metric} {'mean' if percentile is None else f'p{percentile:g}'}"
        print(
            f"  {text:<10} n={len(e):<3} median |e| {np.median(np.abs(e)):6.1%}  mean "
            f"{np.mean(np.abs(e)):6.1%}  worst {np.max(np.abs(e)):6.1%}  bias {np.median(e):+6.1%}"
        )


def compare(name: str, steps, runs, **how) -> None:
    errors = defaultdict(list)
    for run in runs:
        found, busy = latencies_s(steps[run.case], run, **how)
        if busy >= _BUSY:
            continue
        for statistic, value, seen in zip(STATISTICS, found, run.seen_s, strict=True):
            errors[statistic].append(value / seen - 1)
    table(name, errors)


def rates(steps, runs, samples: int, *, stated: bool = False) -> None:
    """Print the error of the rate that keeps TTFT p99, limits half way between recorded runs."""
    by_case = defaultdict(list)
    for run in runs:
        by_case[run.case].append(run)
    errors = []
    p99 = STATISTICS.index(("ttft", 99.0))
    for case, group in by_case.items():
        group.sort(key=lambda run: run.rate_rps)
        for first, second in pairwise(group):
            low, high = first.seen_s[p99], second.seen_s[p99]
            if high <= low * 1.02:
                continue
            limit = math.sqrt(low * high)
            truth = (first.rate_rps + second.rate_rps) / 2
            traffic = first.stated if stated else first.traffic
            load = replace(traffic, limits=(LatencyLimit("ttft", 99.0, limit),))
            one = np.ones(1)
            memory = MemoryFit(one > 0, 0 * one, 0 * one, PLENTY * one, PLENTY * one)
            found = max_rates(
                steps[case], memory, engine_of(case), load, (load,), replicas=(1,),
                max_utilization=1.0, samples=samples, seed=SEED,
            )  # fmt: skip
            errors.append(float(found.rate_rps[0, 0]) / truth - 1)
    name = f"rate at a TTFT p99 limit, {samples} samples{', as stated' if stated else ''}"
    table(name, {("rate", 99.0): errors})


def main() -> None:
    folder = Path(sys.argv[1])
    runs = read_runs(folder)
    by_case = defaultdict(list)
    for row in csv.DictReader((folder / "steps_sample.csv").open()):
        by_case[row["case"]].append(row)
    steps = {}
    for case, rows in by_case.items():
        steps[case], error = fitted_step(rows)
        print(f"{case}: step times to {error:.1%} (mean)")
    compare("recorded arrivals", steps, runs, recorded=True)
    for samples in (SAMPLES, 16_384):
        name = f"own arrivals, {samples} samples"
        compare(name, steps, runs, recorded=False, samples=samples)
        compare(f"{name}, as stated", steps, runs, recorded=False, samples=samples, stated=True)
    for samples in (SCREENING_SAMPLES, SAMPLES, 16_384):
        rates(steps, runs, samples)
        rates(steps, runs, samples, stated=True)
    catalog = load_catalog()
    sheet = {case: catalogue_step(case, catalog) for case in steps}
    compare("from the data sheet, recorded arrivals", sheet, runs, recorded=True)


if __name__ == "__main__":
    main()
