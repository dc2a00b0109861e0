"""Runs of the performance model for a batch of candidates, in the terms of a problem.

Workloads become traffic classes, candidates become replicas, and what the model trusts less is
slowed down by its time factor: planned figures hold with probability ``policy.confidence``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.demand.records import AS_STATED
from planner.options.drafts import ONE_TOKEN
from planner.options.records import Option, Rejection
from planner.options.specs import coefficients
from planner.perf.rate import max_rates, unloaded_latencies_s
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from planner.perf.traffic import METRICS, LatencyLimit, TrafficClass
from planner.perf.uncertainty import time_factor
from planner.units import MS_PER_S, enough

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand, LengthLevel
    from planner.options.candidates import Candidate, Way
    from planner.options.drafts import StepTokens
    from planner.perf.memory import MemoryFit
    from planner.perf.search import RateResult
    from planner.perf.spec import ReplicaSpec
    from planner.problem.schema import Policy, Workload

REPLICAS = (1, 2, 4, 8, 16, 32)
"""Numbers of replicas sharing a queue for which capacities are computed."""
SAMPLES = 4_096
"""Requests that stand for a class. Capacities at tight limits differ from those of 16,384 requests
by 1 or 2 percent, those of 1,024 by up to 15 (tests/benchmarks/seed_spread.py)."""
SCREENING_SAMPLES = 1_024
"""The same where so many options are asked for that time would run long."""
_FINE_RUNS = 2_000
"""Runs (options by engine settings and classes) up to which the larger sample is used."""
SEED = 20_270_101
"""Seed of the stratified samples; part of the model, so that capacities never depend on a run."""
METRIC_FIELDS = ("ttft_ms", "tpot_ms", "itl_ms", "e2e_ms")
"""Metrics of the problem file, in the order of the performance model's."""


def samples_for(runs: int) -> int:
    """Return the requests that stand for a class when so many runs are asked for."""
    return SAMPLES if runs <= _FINE_RUNS else SCREENING_SAMPLES


class ModelRun:
    """The performance model of a batch of candidates that fit their memory."""

    samples = SAMPLES
    budgets: Sequence[int] = ()
    """Token budget of a step of each candidate."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        specs: Sequence[ReplicaSpec],
        fit: MemoryFit,
        catalog: Catalog,
        policy: Policy,
    ) -> None:
        self.ways: list[Way] = list(candidates)
        self.specs = list(specs)
        self.fit = fit
        self.step = step_model(specs)
        self.engine = engine_limits(specs)
        self.coefficients = [coefficients(c, catalog) for c in candidates]
        self.policy = policy

    def rates(
        self,
        rows: NDArray[np.intp],
        load: TrafficClass,
        probes: Sequence[TrafficClass],
        confidence: ArrayLike,
        replicas: Sequence[int] = REPLICAS,
    ) -> RateResult:
        """Return the highest rates of some candidates at a confidence, for all or for each."""
        return max_rates(
            self.step.take(rows),
            self.fit.take(rows),
            self.engine.take(rows),
            load,
            probes,
            replicas=replicas,
            time_factor=self.time_factors(rows, confidence),
            max_utilization=self.policy.max_utilization,
            samples=self.samples,
            seed=SEED,
            routing=self.policy.routing,
        )

    def unloaded_s(self, load: TrafficClass) -> NDArray[np.float64]:
        """Return the limited latencies of a class without load, shape (n, limits), seconds."""
        rows = np.arange(len(self.ways))
        return unloaded_latencies_s(
            self.step,
            self.fit,
            self.engine,
            load,
            time_factor=self.time_factors(rows, self.policy.confidence),
            samples=self.samples,
            seed=SEED,
            routing=self.policy.routing,
        )

    def time_factors(self, rows: NDArray[np.intp], confidence: ArrayLike) -> NDArray[np.float64]:
        """Return what every time of some candidates is multiplied by at a confidence."""
        chosen = [self.coefficients[int(r)] for r in rows]
        return np.array(
            [
                time_factor(level, c.sigma_ln_time, c.throughput_factor)
                for level, c in zip(
                    np.broadcast_to(confidence, len(chosen)).tolist(), chosen, strict=True
                )
            ]
        )

    def missed_without_load(self, load: TrafficClass) -> list[Rejection | None]:
        """Return for each candidate why its own class cannot use it at any load, or ``None``."""
        latency_s = self.unloaded_s(load)
        return [
            self._missed(way, load, row.tolist())
            for way, row in zip(self.ways, latency_s, strict=True)
        ]

    def _missed(
        self, way: Way, load: TrafficClass, latency_s: Sequence[float]
    ) -> Rejection | None:
        ratios = [s / limit.limit_s for s, limit in zip(latency_s, load.limits, strict=True)]
        worst = max(range(len(ratios)), key=ratios.__getitem__, default=-1)
        if worst < 0 or ratios[worst] <= 1:
            return None
        limit = load.limits[worst]
        detail = (
            f"{limit.text} is {enough(latency_s[worst] * MS_PER_S):.10g} ms without any load at "
            f"confidence {self.policy.confidence:g}, limit {limit.limit_s * MS_PER_S:g} ms"
        )
        return Rejection(
            "option",
            way.option_id,
            load.name,
            f"{limit.metric}_ms",
            detail,
            shortfall=ratios[worst],
            latency_ratios=tuple(ratios),
        )

    def option(self, row: int) -> Option:
        """Return the option of a candidate."""
        way = self.ways[row]
        per_gpu = float(self.fit.weight_bytes_per_gpu[row])
        return Option(
            id=way.option_id,
            model=way.model.id,
            quantization=way.quantization.id,
            engine=way.engine.id,
            hardware=way.accelerator.id,
            tensor_parallel=way.tensor_parallel,
            data_parallel=way.data_parallel,
            weight_bytes=per_gpu * way.tensor_parallel * way.data_parallel,
            kv_capacity_tokens=float(self.fit.kv_capacity_tokens[row]),
            draft="" if way.draft is None else way.draft.id,
        )


def length_factors(workload: Workload, model: str) -> tuple[float, float]:
    """Return the factors on prompt and output lengths in the model's own tokens."""
    factors = workload.token_factors.get(model)
    return (factors.isl, factors.osl) if factors else (1.0, 1.0)


def traffic_class(
    workload: Workload,
    demand: Demand,
    model: str,
    prefix_hit_rate: float,
    steps: StepTokens = ONE_TOKEN,
    *,
    level: LengthLevel = AS_STATED,
) -> TrafficClass:
    """Return the requests of a workload as the performance model takes them.

    Parameters
    ----------
    workload
        The workload.
    demand
        Its lengths.
    model
        Model in whose tokens the lengths are counted.
    prefix_hit_rate
        Share of prompt tokens found in the prefix cache, 0 to below 1.
    steps
        Tokens that a step makes of a request.
    level
        Factors on the lengths at the start of the horizon.

    Raises
    ------
    ValueError
        When the workload has no lengths.
    """
    of_workload = demand.of(workload.name)
    lengths = of_workload.lengths
    if lengths is None:
        text = f"{workload.name} has no lengths; they are required without measured capacities"
        raise ValueError(text)
    lengths = lengths.at(level)
    isl_factor, osl_factor = length_factors(workload, model)
    return TrafficClass(
        name=workload.name,
        isl_tokens=np.maximum(lengths.isl_tokens * isl_factor, 1.0),
        osl_tokens=np.maximum(lengths.osl_tokens * osl_factor, 1.0),
        probability=lengths.probability,
        interarrival_cv=workload.arrival.interarrival_cv,
        intervals=of_workload.intervals,
        rate_factors=tuple(workload.arrival.rate_factors or (1.0,)),
        prefix_hit_rate=prefix_hit_rate,
        limits=tuple(
            LatencyLimit(
                METRICS[METRIC_FIELDS.index(slo.metric)],
                None if slo.percentile == "mean" else float(slo.percentile),
                slo.limit / MS_PER_S,
            )
            for slo in workload.slo
        ),
        tokens_per_step=steps.mean,
        tokens_per_step_cv=steps.cv,
    )
