"""``planner verify``: a second opinion on a plan."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from planner.cli.context import (
    AsJson,
    CatalogFolders,
    Quiet,
    print_json,
    progress_bar,
    settings_of,
)
from planner.cli.verify_options import (
    Full,
    Nominal,
    PlanFileName,
    ProblemFile,
    RecordedRates,
    Seed,
    Seeds,
    Stress,
    StressDemand,
    StressHitRate,
    StressOutputs,
    Traces,
    note_refused,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.verify.replay.trace import Trace
    from planner.verify.verification import PlanFile, Verification

EXIT_NOT_KEPT = 6


def verify(
    context: typer.Context,
    plan: PlanFileName,
    trace: Traces = None,
    recorded_rates: RecordedRates = False,
    seed: Seed = 0,
    seeds: Seeds = 5,
    full: Full = False,
    nominal: Nominal = False,
    stress: Stress = False,
    stress_demand: StressDemand = None,
    stress_outputs: StressOutputs = None,
    stress_hit_rate: StressHitRate = None,
    problem: ProblemFile = None,
    catalog: CatalogFolders = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Recompute every figure of a plan, then simulate its requests one by one.

    Exit codes: 0 nothing broken was found, 2 invalid, 6 a figure or a promise does not hold.
    """
    from planner.verify.replay.run import ReplaySettings  # noqa: PLC0415 - loads numpy
    from planner.verify.stress.records import StressSettings  # noqa: PLC0415
    from planner.verify.verification import (  # noqa: PLC0415
        NOTHING_VERIFIED,
        open_plan,
        traces_of,
        verify_plan,
    )

    def opened_with(overlays: Sequence[Path]) -> tuple[PlanFile, Mapping[str, Trace]]:
        found = open_plan(plan, problem, overlays)
        asked = found.loaded.problem
        return found, traces_of(asked, trace or [], Path, keep_rates=recorded_rates)

    factors = {
        "demand": stress_demand, "outputs": stress_outputs, "hit_rate": stress_hit_rate,
    }  # fmt: skip
    note_refused(context, factors, stress=stress, recorded_rates=recorded_rates, trace=trace)
    shared = settings_of(
        context,
        catalog,
        quiet=quiet,
        check=lambda found: opened_with(found.overlays),
        outcome=NOTHING_VERIFIED,
    )
    opened, traces = opened_with(shared.overlays)
    given = {name: factor for name, factor in factors.items() if factor is not None}
    harder = StressSettings(**given) if stress else None
    settings = ReplaySettings(seed=seed, seeds=seeds, full=full, nominal=nominal, traces=traces)
    bars = [progress_bar(shared, what, "blocks") for what in ("replay", "stress")]
    found = verify_plan(opened, settings, bars[0], harder, bars[1])
    if as_json:
        print_json(_as_data(found))
    else:
        from planner.report.verify_text import write_verification  # noqa: PLC0415

        write_verification(sys.stdout, found)
    raise typer.Exit(EXIT_NOT_KEPT if found.kept is False else 0)


def _as_data(found: Verification) -> dict[str, object]:
    from planner.report.promise_text import broken_promises  # noqa: PLC0415 - needs the plan
    from planner.verify.incurred.as_data import incurred_data  # noqa: PLC0415
    from planner.verify.replay.as_data import workloads_data  # noqa: PLC0415
    from planner.verify.stress.as_data import stress_data  # noqa: PLC0415

    replay = found.replay
    return {
        "audit": list(found.audit),
        "workloads": [] if replay is None else workloads_data(replay),
        "kept": found.kept,
        "broken": [] if replay is None else broken_promises(replay, found.plan),
        "batches": [] if replay is None else [asdict(batch) for batch in replay.batches],
        "deadlines": [] if replay is None else [asdict(item) for item in replay.deadlines],
        "not_replayed": []
        if replay is None
        else [
            {"workload": n.workload, "what": n.what, "reason": n.reason}
            for n in replay.not_replayed
        ],
        "confidence": None if replay is None else replay.confidence,
        "seeds": None if replay is None else replay.seeds,
        "requests": None if replay is None else replay.requests,
        "notes": list(found.notes),
        "incurred": None if found.incurred is None else incurred_data(found.incurred),
        "stress": None if found.stress is None else stress_data(found.stress),
    }
