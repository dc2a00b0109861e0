"""What verification adds to the cost of a plan, and how far the plan is from the smallest fleet.

``python tests/benchmarks/closed_loop.py TRACES [--cases p1,p2,...] [--seeds 5]`` solves problems
with ``solve --verify`` in the loop: `chatbot_1m` with the Azure conversation trace,
`enterprise_hybrid` and `finance_onprem` as stated, `long_context_agents` with the Mooncake trace,
and problems imported from the ServeGen days, which are planned and replayed on the same day.
TRACES is the folder with their files. For every plan it prints

- whether every limit is kept at the promised percentile with the seeds that the loop used, and
  with others,
- what verification added to the cost,
- how much dearer the plan is at most than the smallest fleet that keeps the limits in the replay
  with the same options, spares and cap on utilization, found block by block: once where the spares
  serve too (limits with everything up, the rate after a loss: what a plan promises), and once
  where they are idle (limits after a loss too);
- what one node of the cheapest kind in the plan costs over the horizon.

The goal is to be at most 5 % or one node dearer. Not a test.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from planner.pipeline import SolveSettings
from planner.preparation import prepare
from planner.verified import LoopSettings, solve_verified
from planner.verify.replay.read_trace import read_trace
from planner.verify.replay.run import ReplaySettings, replay_plan
from planner.verify.slack import Bounds, slack_of
from tests.benchmarks.traced_problem import WORKLOAD, traced_problem

OTHER_SEED = 100
GOAL = 0.05
CHAT_SLO = [
    {"metric": "ttft_ms", "percentile": 99, "limit": 2000},
    {"metric": "tpot_ms", "percentile": 99, "limit": 200},
]
TIGHT_SLO = [
    {"metric": "ttft_ms", "percentile": 99, "limit": 450},
    {"metric": "tpot_ms", "percentile": 99, "limit": 40},
]


@dataclass(frozen=True)
class Case:
    """A problem, and the trace that one of its workloads is replayed with."""

    problem: str
    workload: str = ""
    trace: str = ""
    scenario: str | None = None
    requests_per_day: float | None = None
    slo: list[dict] = field(default_factory=lambda: CHAT_SLO)
    assignments: tuple[str, ...] = ()


AZURE, MOONCAKE = "azure_llm_2023_conversation.csv.gz", "mooncake_conversation.csv.gz"
DAY = "servegen_{}_day_resampled.csv.gz"
CASES = {
    "p1": Case("chatbot_1m", "chat", AZURE),
    "p1-interactive": Case("chatbot_1m", "chat", AZURE, "interactive"),
    "p1-10m-flat": Case(
        "chatbot_1m", "chat", AZURE,
        assignments=("workloads.chat.arrival.requests_per_day=10_000_000", "time_blocks=1"),
    ),
    "p2": Case("enterprise_hybrid"),
    "finance": Case("finance_onprem"),
    "p7": Case("long_context_agents", "agents", MOONCAKE),
    "m-large": Case("", WORKLOAD, DAY.format("m_large"), requests_per_day=200_000),
    "m-large-tight": Case(
        "", WORKLOAD, DAY.format("m_large"), requests_per_day=200_000, slo=TIGHT_SLO
    ),
    "m-small": Case("", WORKLOAD, DAY.format("m_small"), requests_per_day=400_000),
    "r1": Case("", WORKLOAD, DAY.format("deepseek_r1"), requests_per_day=60_000),
}  # fmt: skip


def prepared_of(case: Case, traces: Path, folder: Path):
    if case.requests_per_day is None:
        return prepare(case.problem, case.scenario, case.assignments)
    file = traced_problem(traces / case.trace, folder, case.requests_per_day, case.slo)
    return prepare(file, case.scenario, case.assignments)


def node_usd(plan) -> float:
    """Return what a node of the cheapest kind in a plan costs over the horizon."""
    hours = {row.block: row.hours_per_period for row in plan.time_blocks}
    cheapest = min(row.usd / row.nodes / hours[row.block] for row in plan.fleet if row.nodes)
    periods = len({row.period for row in plan.fleet})
    return cheapest * sum(hours.values()) * periods


def dearer(plan, slack) -> float:
    """Return how much dearer a plan is than what is left of it, at most."""
    return slack.usd / (plan.tco_usd - slack.usd)


def run(name: str, case: Case, asked, folder: Path) -> str:
    began = time.perf_counter()
    prepared = prepared_of(case, asked.traces, folder)
    traces = {case.workload: read_trace(asked.traces / case.trace)} if case.trace else {}
    replay = ReplaySettings(seed=0, seeds=asked.seeds, traces=traces)
    settings = SolveSettings(gap=asked.gap, time_limit_s=asked.time_limit, compare=False)
    loop = LoopSettings(replay, slack=False)
    found = solve_verified(
        prepared, settings, loop, lambda text: print(f"  {name}: {text}", file=sys.stderr)
    )
    plan, loaded = found.plan, found.prepared.loaded
    cells = [name, word(found.kept), str(found.rounds)]
    if found.why_not:
        print(f"  {name}: {found.why_not}", file=sys.stderr)
    if plan.cost_usd is None:
        return " | ".join([*cells, plan.status])
    other = replace(replay, seed=OTHER_SEED)
    confirmed = replay_plan(plan, loaded, found.prepared.catalog, other)
    cells += [word(confirmed.kept), f"{plan.tco_usd:,.0f}", f"{plan.gap:.1%}"]
    cells += [f"{found.added_usd / found.first_usd:.1%}"]
    node = node_usd(plan)
    for bounds in (Bounds(is_capped=True), Bounds(is_capped=True, has_idle_spares=True)):
        slack = None
        if found.kept is not False:
            slack = slack_of(plan, loaded, found.prepared.catalog, replay, bounds)
        cells.append("-" if slack is None else figures(plan, slack, node))
    share = node / plan.tco_usd
    return " | ".join([*cells, f"{share:.1%}", f"{time.perf_counter() - began:.0f}"])


def figures(plan, slack, node: float) -> str:
    share, count = dearer(plan, slack), sum(slack.replicas.values())
    reached = share <= GOAL or slack.usd <= node
    total = sum({(r.pool, r.option_id, r.period, r.block): r.replicas
                 for r in plan.allocations}.values())  # fmt: skip
    return f"{share:.1%} ({count} of {total}), {'reached' if reached else 'MISSED'}"


def word(kept: bool | None) -> str:
    return {True: "kept", False: "MISSED", None: "kept as far as replayed"}[kept]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("traces", type=Path)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--gap", type=float, default=0.01)
    parser.add_argument("--time-limit", type=float, default=60.0)
    asked = parser.parse_args()
    print(
        "case | replay | rounds | other seeds | plan USD | gap | added by verification | dearer "
        "than the smallest fleet, spares serving (replicas) | spares idle | one node | seconds"
    )
    for name in asked.cases.split(","):
        with tempfile.TemporaryDirectory() as folder:
            print(run(name, CASES[name], asked, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
