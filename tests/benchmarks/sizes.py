"""How close the program gets on large made-up worlds, on one core.

``python tests/benchmarks/sizes.py [--size 20x8x8] [--options 100] [--limit 60] [--seed 0]`` makes
a world of so many workloads, periods and blocks, each workload with so many ways to serve it (that
is, replica options on four hardware types, in brackets of 1 and 8 replicas), rented and reserved
nodes and one token offer per workload. Options that others dominate are left out first, as in
every plan. Prints the options that are left, variables, seconds to build and to solve, cost, bound
and gap.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

from planner.milp import Limits, SolverSettings, build_program, solve_program
from planner.options.prune import prune
from tests import worlds

HARDWARE = ("a", "b", "c", "d")
SIZES = (1, 2, 4, 8)


def world(workloads: int, periods: int, blocks: int, options: int, seed: int):
    """Return demand and options of a made-up world."""
    rng = np.random.default_rng(seed)
    hours = np.linspace(0, 2 * np.pi, blocks, endpoint=False)
    rates = {}
    for w in range(workloads):
        base, growth = rng.lognormal(1.5, 1.0), rng.uniform(0.98, 1.2)
        day = 1 + rng.uniform(0.3, 0.7) * np.sin(hours + rng.normal(0, 0.4))
        rates[f"w{w}"] = [list(base * growth**t * day) for t in range(periods)]
    replicas, capacities = [], []
    for w in range(workloads):
        for i in range(options):
            hardware, size = HARDWARE[i % 4], SIZES[(i // 4) % 4]
            name = f"w{w}-o{i}"
            replicas.append(worlds.option(name, hardware, size, f"m{i % 5}"))
            speed = (1.0, 1.5, 2.1, 3.0)[i % 4] * size**0.95 * rng.uniform(0.6, 1.0)
            capacities.append(worlds.capacity(f"w{w}", name, (1, 0.5 * speed), (8, 0.8 * speed)))
    offers = []
    for hardware, price in zip(HARDWARE, (1.2, 1.9, 2.8, 4.3), strict=True):
        drift = [price * 0.95**t for t in range(periods)]
        for k in range(5):
            hourly = [p * (1 + 0.07 * k) for p in drift]
            whole = [8 * p for p in hourly]
            offers.append(worlds.offer(f"{hardware}1-{k}", hourly, hardware, 1, 1 / 6, 0.0, 8))
            offers.append(worlds.offer(f"{hardware}8-{k}", whole, hardware, 8, 1 / 6, 0.0, 8))
        offers.append(worlds.reserved(f"{hardware}-1y", 8 * 0.65 * price, hardware, 8, periods, 4))
    tokens = [
        worlds.api(f"w{w}", [float(1e-3 * rng.uniform(0.4, 1.5))] * periods)
        for w in range(workloads)
    ]
    return worlds.demand(rates), worlds.option_set(replicas, capacities, offers, tokens)


def main() -> None:
    """Print one line for the size that is asked for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--size", default="20x8x8")
    asked.add_argument("--options", type=int, default=100)
    asked.add_argument("--limit", type=float, default=60.0)
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    workloads, periods, blocks = (int(part) for part in given.size.split("x"))
    demand, options = world(workloads, periods, blocks, given.options, given.seed)
    began_s = time.perf_counter()
    kept, _ = prune(options.options, options.capacities, same_model_only=False)
    ids = {option.id for option in kept}
    capacities = tuple(c for c in options.capacities if c.option_id in ids)
    options = replace(options, options=tuple(kept), capacities=capacities)
    program = build_program(demand, options, Limits(spare_replicas=1))
    built_s = time.perf_counter() - began_s
    result = solve_program(program, SolverSettings(gap=0.01, time_limit_s=given.limit))
    cost, bound = result.objective_usd, result.proof.bound_usd
    gap = None if cost is None or bound is None else max(cost - bound, 0.0) / cost
    print(
        f"{given.size}, {given.options} options each, {len(kept)} left: "
        f"{result.proof.variables:,} variables, built in {built_s:.1f} s, "
        f"{result.proof.seconds:.1f} s, {result.proof.status}, cost {cost}, "
        f"bound {bound}, gap {'-' if gap is None else f'{gap:.2%}'}"
    )


if __name__ == "__main__":
    main()
