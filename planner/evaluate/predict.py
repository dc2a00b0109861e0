"""The performance model's answer to every measured configuration, all of a kind at once.

Every time of a replica is divided by its ``throughput_factor`` first, as in a plan at the median.
Requests are spread evenly over independent replicas. A static batch larger than the cache runs in
waves of what fits. Engines that serve reserve their share of the memory whatever runs; other
programs hold weights, the activations of whole prompts and the cache of the requests in flight,
old ones the logits of every position of the prompts too.

Open arrivals are in :mod:`planner.evaluate.open_arrivals`, disaggregated runs in
:mod:`planner.evaluate.units`. Percentiles under closed load are not predicted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from planner.evaluate.engines import keeps_all_logits
from planner.evaluate.figures import MEDIAN
from planner.evaluate.open_arrivals import open_latencies_s
from planner.perf.activity import ideal_step, steady_activity
from planner.perf.arch import kv_bytes_per_token
from planner.perf.closed_loop import LoopParameters, closed_loop, max_load
from planner.perf.memory import RUNTIME_BYTES, block_rounded_tokens, memory_fit
from planner.perf.power import power_model
from planner.perf.spec import engine_limits
from planner.perf.static_batch import static_batch
from planner.perf.step import step_model
from planner.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from planner.evaluate.cases import Case
    from planner.evaluate.observations import Metric
    from planner.evaluate.runs import LoadKind, Run
    from planner.perf.closed_loop import ClosedLoop
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel

Key: TypeAlias = "tuple[Metric, float | None]"
"""A metric and its percentile, ``None`` for a mean."""
Figures: TypeAlias = "dict[Key, Floats]"
_LOGIT_BYTES = 2.0 + 4.0
"""A logit in the type of the model, and its copy in 32 bits."""
_LATENCY: dict[str, Metric] = {"ttft": "ttft_ms", "tpot": "tpot_ms", "itl": "itl_ms"}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one run.

    Parameters
    ----------
    figures
        Predicted figure by metric and percentile, in the unit of the observation.
    fits
        Whether the weights and one request fit the memory.
    """

    figures: Mapping[Key, float]
    fits: bool


class Predictor:
    """Runs the performance model on runs and the replicas that stand for them."""

    def __init__(self, runs: Sequence[tuple[Run, Case]]) -> None:
        self.runs = runs
        cases = list({id(case): case for _, case in runs}.values())
        place = {id(case): i for i, case in enumerate(cases)}
        self.option = np.array([place[id(case)] for _, case in runs], dtype=np.intp)
        specs = [case.spec for case in cases]
        factor = np.array([1.0 / case.trust.throughput_factor for case in cases])
        limits = engine_limits(specs)
        self.step = step_model(specs).scaled(factor)
        self.engine = replace(limits, request_s=limits.request_s * factor)
        self.memory = memory_fit(specs, max_tokens_per_request=0.0)
        self.isl_tokens = np.array([max(run.isl_tokens or 1.0, 1.0) for run, _ in runs])
        self.osl_tokens = np.array([max(run.osl_tokens or 1.0, 1.0) for run, _ in runs])
        self.replicas = np.array([float(case.replicas) for _, case in runs])
        self.amount = np.array([run.load.amount or np.inf for run, _ in runs])

    def predictions(self) -> list[Prediction]:
        """Return the prediction of every run, in order."""
        figures: list[dict[Key, float]] = [
            {("memory_bytes", None): held} for held in self._memory_bytes()
        ]
        kinds: dict[LoadKind, Callable[[NDArray[np.intp]], Figures]] = {
            "closed": self._closed,
            "max_load": self._max_load,
            "static": self._static,
            "open": self._open,
        }
        for kind, predict in kinds.items():
            rows = np.array(
                [i for i, (run, _) in enumerate(self.runs) if self._has(run, kind)], dtype=np.intp
            )
            if not rows.size:
                continue
            for key, values in predict(rows).items():
                for i, value in zip(rows.tolist(), values.tolist(), strict=True):
                    figures[i][key] = value
        fits = self._fits().tolist()
        return [Prediction(f, fit) for f, fit in zip(figures, fits, strict=True)]

    @staticmethod
    def _has(run: Run, kind: LoadKind) -> bool:
        return run.load.kind == kind and (run.load.amount is not None or kind == "max_load")

    def _fits(self) -> NDArray[np.bool_]:
        capacity = self.memory.kv_capacity_tokens[self.option]
        longest = block_rounded_tokens(self.isl_tokens + self.osl_tokens)
        longest = longest + self.engine.state_tokens[self.option]
        return np.asarray(self.memory.fits[self.option] & (capacity >= longest), dtype=bool)

    def _memory_bytes(self) -> list[float]:
        return [self._held_bytes(i) for i in range(len(self.runs))]

    def _held_bytes(self, i: int) -> float:
        run, case = self.runs[i]
        spec, option, fit = case.spec, self.option[i], self.memory
        devices = spec.devices * case.replicas
        if case.is_serving:
            return float(fit.usable_bytes_per_gpu[option]) * devices
        batch = run.load.amount or 1.0
        token_bytes = kv_bytes_per_token(
            spec.architecture, spec.number_format.kv_bytes, spec.tensor_parallel
        )
        state = float(self.engine.state_tokens[option])
        cached = batch * (float(self.isl_tokens[i] + self.osl_tokens[i]) + state)
        # Prompts are not cut to chunks: the largest step is all of them.
        steps = batch * float(self.isl_tokens[i]) / spec.engine.chunk_tokens
        live = (float(fit.other_bytes_per_gpu[option]) - RUNTIME_BYTES) * steps
        logits = 0.0
        if keeps_all_logits(run.row.engine, run.row.engine_version):
            logits = batch * float(self.isl_tokens[i]) * spec.architecture.vocab * _LOGIT_BYTES
        per_gpu = float(fit.weight_bytes_per_gpu[option]) + live
        return per_gpu * devices + token_bytes * cached + logits

    def _loops(self, rows: NDArray[np.intp]) -> LoopParameters:
        loops = [self.runs[i][1].loop for i in rows]
        return LoopParameters(
            *(np.array([getattr(loop, f.name) for loop in loops]) for f in fields(LoopParameters))
        )

    def _inputs(self, rows: NDArray[np.intp]) -> tuple[StepModel, EngineLimits, Floats]:
        options = self.option[rows]
        capacity = self.memory.kv_capacity_tokens[options]
        return self.step.take(options), self.engine.take(options), capacity

    def _closed(self, rows: NDArray[np.intp]) -> Figures:
        step, engine, capacity = self._inputs(rows)
        clients = np.maximum(self.amount[rows] / self.replicas[rows], 1.0)
        isl, osl = self.isl_tokens[rows], self.osl_tokens[rows]
        found = closed_loop(step, engine, capacity, self._loops(rows), isl, osl, clients)
        # Fewer clients than replicas leave some of them idle.
        busy = np.minimum(self.replicas[rows], self.amount[rows])
        ttft_ms, tpot_ms = found.ttft_s * MS_PER_S, found.tpot_s * MS_PER_S
        figures: Figures = {("throughput_closed_loop", None): found.output_tokens_per_s * busy}
        for percentile in (None, MEDIAN):
            figures["ttft_ms", percentile] = ttft_ms
            figures["tpot_ms", percentile] = figures["itl_ms", percentile] = tpot_ms
        figures["power_w", None] = self._power_w(rows, found, busy)
        return figures

    def _power_w(self, rows: NDArray[np.intp], found: ClosedLoop, busy: Floats) -> Floats:
        """Return the power of all accelerators, 0 where their rating is unknown."""
        cases = [self.runs[i][1] for i in rows]
        model = power_model(
            [c.power for c in cases],
            [c.tdp_w or 1.0 for c in cases],
            [c.spec.devices for c in cases],
        )
        activity = steady_activity(
            ideal_step([c.spec for c in cases]),
            found.batch,
            found.output_tokens_per_s,
            self.isl_tokens[rows],
            self.osl_tokens[rows],
        )
        all_w = busy * model.running_w(*activity) + (self.replicas[rows] - busy) * model.idle_w
        known = np.array([c.tdp_w is not None for c in cases], dtype=bool)
        return np.where(known, all_w, 0.0)

    def _max_load(self, rows: NDArray[np.intp]) -> Figures:
        step, engine, capacity = self._inputs(rows)
        most = np.maximum(self.amount[rows] / self.replicas[rows], 1.0)
        engine = replace(engine, max_num_seqs=np.minimum(engine.max_num_seqs, most))
        isl, osl = self.isl_tokens[rows], self.osl_tokens[rows]
        found = max_load(step, engine, capacity, self._loops(rows), isl, osl)
        return {("throughput_max_load", None): found.output_tokens_per_s * self.replicas[rows]}

    def _static(self, rows: NDArray[np.intp]) -> Figures:
        step, engine, capacity = self._inputs(rows)
        isl, osl = self.isl_tokens[rows], self.osl_tokens[rows]
        asked = np.maximum(self.amount[rows] / self.replicas[rows], 1.0)
        # Requests of a batch grow together, so each needs room for its full length.
        resident = block_rounded_tokens(isl + osl) + engine.state_tokens
        fitting = np.minimum(engine.max_num_seqs, capacity / resident)
        batch = np.minimum(asked, np.maximum(fitting, 1.0))
        found = static_batch(step, engine, self._loops(rows), isl, osl, batch)
        busy = np.minimum(self.replicas[rows], self.amount[rows])
        return {("throughput_static", None): found.output_tokens_per_s * busy}

    def _open(self, rows: NDArray[np.intp]) -> Figures:
        step, engine, capacity = self._inputs(rows)
        rate_rps = self.amount[rows] / self.replicas[rows]
        isl, osl = self.isl_tokens[rows], self.osl_tokens[rows]
        found = open_latencies_s(step, engine, capacity, isl, osl, rate_rps)
        return {
            (_LATENCY[metric], percentile): values * MS_PER_S
            for (metric, percentile), values in found.items()
        }
