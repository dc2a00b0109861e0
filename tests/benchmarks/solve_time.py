"""Where the time of ``planner solve`` goes, and how much memory it takes.

``python tests/benchmarks/solve_time.py [PROBLEM] [SCENARIO]`` prints seconds of one run in a fresh
process, step by step, and the peak memory. Not a test: timings depend on the machine.
"""

from __future__ import annotations

import resource
import sys
import time
from itertools import pairwise


def main(problem: str = "chatbot_1m", scenario: str | None = None) -> None:
    """Print the split of one run."""
    marks = [("start", time.perf_counter())]

    def mark(name: str) -> None:
        marks.append((name, time.perf_counter()))

    from planner import pipeline
    from planner.milp import SolverSettings, build_program, program_limits, solve_program
    from planner.options.build import build_options
    from planner.preparation import Prepared, check_loaded
    from planner.problem.load import load_problem

    mark("import")
    checked = check_loaded(load_problem(problem, scenario))
    loaded, catalog, demand = checked.loaded, checked.catalog, checked.demand
    mark("problem, catalogue, demand")
    options = build_options(loaded, catalog, demand)
    mark("options and performance model")
    program = build_program(demand, options, program_limits(loaded.problem))
    mark("program build")
    result = solve_program(program, SolverSettings())
    mark("solve")
    prepared = Prepared(loaded, catalog, demand, options, program_limits(loaded.problem))
    pipeline.solve_prepared(prepared, pipeline.SolveSettings())
    mark("solve again with plan, audit and comparisons")

    for (_, before), (name, after) in pairwise(marks):
        print(f"{name:<46} {after - before:6.2f} s")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory':<46} {peak_mib:6.0f} MiB")
    proof = result.proof
    print(f"{proof.variables} variables, {proof.constraints} constraints, status {proof.status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
