"""How long it takes to hedge ten scenarios, and how close that comes.

``python tests/benchmarks/hedge.py [finance_onprem|two_year_budget] [--scenarios 10] [--limit 60]
[--jobs 2] [--weight 0.0] [--compare]`` draws growth of every workload by scenario (seed 0, excess
growth times a factor from 0.4 to 1.6, equally likely, known from the second period on), and prints
seconds, costs, bound and gap. Not a test: timings depend on the machine.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from planner.hedge.run import HedgeSettings, run_hedge
from planner.hedge.text import write_hedge
from planner.milp.joint import Risk
from planner.pipeline import SolveSettings
from planner.problem.load import find_problem, load_problem


def with_scenarios(problem: str, count: int, folder: Path) -> Path:
    """Write a problem with equally likely scenarios of growth beside links to its overlays."""
    source = find_problem(problem)
    loaded = load_problem(problem).problem
    factors = np.random.default_rng(0).permutation(np.linspace(0.4, 1.6, count))
    lines = ["scenarios:"]
    for number, factor in enumerate(factors):
        lines += [f"  s{number}:", f"    probability: {1 / count!r}", "    workloads:"]
        for workload in loaded.workloads:
            growth = workload.growth_per_period
            mean = float(np.mean(growth))
            lines.append(
                f"      - {{name: {workload.name}, "
                f"growth_per_period: {1 + (mean - 1) * factor:.4f}}}"
            )
    text = source.read_text(encoding="utf-8").split("\nscenarios:")[0]
    for overlay in loaded.catalog:
        (folder / overlay).symlink_to((source.parent / overlay).resolve())
    path = folder / source.name
    path.write_text(text + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Print the hedge of one problem, its time and memory."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("problem", nargs="?", default="finance_onprem")
    asked.add_argument("--scenarios", type=int, default=10)
    asked.add_argument("--limit", type=float, default=60.0)
    asked.add_argument("--jobs", type=int, default=2)
    asked.add_argument("--weight", type=float, default=0.0)
    asked.add_argument("--compare", action="store_true")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = with_scenarios(options.problem, options.scenarios, Path(folder))
        began_s, began_cpu_s = time.perf_counter(), _cpu_s()
        settings = HedgeSettings(
            SolveSettings(time_limit_s=options.limit, compare=False),
            Risk(options.weight),
            compare=options.compare,
            jobs=options.jobs,
        )
        found = run_hedge(path, settings=settings)
    write_hedge(sys.stdout, found)
    seconds, cpu_s = time.perf_counter() - began_s, _cpu_s() - began_cpu_s
    print(f"{seconds:.0f} s, {cpu_s:.0f} s of processor time, gap {found.gap or 0:.2%}")


def _cpu_s() -> float:
    usages = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
