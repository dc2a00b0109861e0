"""The performance model's answer to measured runs whose prompts and decodes ran apart.

Every time is divided by the ``throughput_factor`` first, as for replicas. Such runs mostly spread
over nodes while the handover is taken to cross the link of one node: a cache of hundreds of
megabytes then takes milliseconds less than over the network, in a time to first token of hundreds.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from planner.evaluate.figures import MEDIAN
from planner.evaluate.predict import Prediction
from planner.perf.closed_loop import LoopParameters
from planner.perf.disaggregated import Instances
from planner.perf.disaggregated_loop import disaggregated_loop
from planner.perf.handover import handovers
from planner.perf.memory import block_rounded_tokens, memory_fit
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from planner.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.evaluate.cases import Case, UnitCase
    from planner.evaluate.predict import Key
    from planner.evaluate.runs import Run
    from planner.perf.closed_loop import ClosedLoop
    from planner.perf.spec import Floats


def unit_predictions(runs: Sequence[tuple[Run, UnitCase]]) -> list[Prediction]:
    """Return the prediction of every run, in order; only closed loads have figures."""
    if not runs:
        return []
    cases = [case for _, case in runs]
    prefill = _instances([case.prefill for case in cases])
    decode = _instances([case.decode for case in cases])
    isl = np.array([max(run.isl_tokens or 1.0, 1.0) for run, _ in runs])
    osl = np.array([max(run.osl_tokens or 1.0, 1.0) for run, _ in runs])
    handover = handovers(
        [(case.prefill.spec, case.decode.spec) for case in cases],
        [case.decode.handover for case in cases],
    )
    clients = np.array([run.load.amount or 1.0 for run, _ in runs])
    found = disaggregated_loop(
        prefill, decode, handover.scaled(_factors(cases)), _loops(cases), isl, osl, clients
    )
    fits = _fits(prefill, isl) & _fits(decode, isl + osl)
    return [
        Prediction(_figures(run, found, i), bool(fit))
        for i, ((run, _), fit) in enumerate(zip(runs, fits.tolist(), strict=True))
    ]


def _figures(run: Run, found: ClosedLoop, i: int) -> dict[Key, float]:
    if run.load.kind != "closed" or run.load.amount is None:
        return {}
    ttft_ms, tpot_ms = float(found.ttft_s[i]) * MS_PER_S, float(found.tpot_s[i]) * MS_PER_S
    figures: dict[Key, float] = {
        ("throughput_closed_loop", None): float(found.output_tokens_per_s[i])
    }
    for percentile in (None, MEDIAN):
        figures["ttft_ms", percentile] = ttft_ms
        figures["tpot_ms", percentile] = figures["itl_ms", percentile] = tpot_ms
    return figures


def _instances(cases: Sequence[Case]) -> Instances:
    specs = [case.spec for case in cases]
    whole = Instances(
        step_model(specs),
        memory_fit(specs, max_tokens_per_request=0.0),
        engine_limits(specs),
        np.array([float(case.replicas) for case in cases]),
    )
    return whole.scaled(np.array([1.0 / case.trust.throughput_factor for case in cases]))


def _factors(cases: Sequence[UnitCase]) -> Floats:
    return np.array([1.0 / case.trust.throughput_factor for case in cases])


def _loops(cases: Sequence[UnitCase]) -> LoopParameters:
    loops = [case.prefill.loop for case in cases]
    return LoopParameters(
        *(np.array([getattr(loop, f.name) for loop in loops]) for f in fields(LoopParameters))
    )


def _fits(side: Instances, longest_tokens: Floats) -> NDArray[np.bool_]:
    needed = block_rounded_tokens(longest_tokens) + side.engine.state_tokens
    enough = side.memory.kv_capacity_tokens >= needed
    return np.asarray(side.memory.fits & enough, dtype=bool)
