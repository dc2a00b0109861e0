"""From the row of a plan to an engine that can be simulated, or to the reason why it cannot.

Step times, memory and settings are those of the performance model for the row's model, format,
engine and hardware, slowed down by the factor that holds with the stated confidence: a plan
promises its latencies there, and not at the median.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.options.candidates import Candidate
from planner.options.formats import how_it_runs
from planner.options.specs import coefficients, replica_spec
from planner.perf.memory import memory_fit
from planner.perf.one_step import OneStep
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from planner.perf.uncertainty import time_factor
from planner.units import MS_PER_S
from planner.verify.replay.replica import Engine

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation

_MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why something cannot be replayed, in words."""

    reason: str


def engine_of(
    row: Allocation, catalog: Catalog, *, confidence: float, prefix_tokens: float = 0.0
) -> Engine | Unknown:
    """Return how a replica of a row serves, or why it cannot be replayed.

    Parameters
    ----------
    row
        Row of a plan.
    catalog
        The catalogue that the plan was made from.
    confidence
        Probability with which the step times hold, 0.5 (the median) to below 1.
    prefix_tokens
        Tokens of its cache set aside for prefixes, >= 0.
    """
    reason = _why_not(row)
    if reason is not None:
        return Unknown(reason)
    candidate = _candidate(row, catalog)
    if candidate is None:
        return Unknown("its model, format, engine or hardware is not in the catalogue")
    spec = replica_spec(candidate, catalog, row.chunk_tokens)
    trust = coefficients(candidate, catalog)
    factor = time_factor(confidence, trust.sigma_ln_time, trust.throughput_factor)
    limits = engine_limits([spec])
    fit = memory_fit([spec], max_tokens_per_request=0.0, reserved_kv_tokens=prefix_tokens)
    return Engine(
        step=OneStep(step_model([spec]).scaled(factor)),
        is_chunked=bool(limits.is_chunked[0]),
        budget_tokens=int(limits.chunk_tokens[0]) // row.data_parallel,
        max_requests=int(limits.max_num_seqs[0]) // row.data_parallel,
        cache_tokens=float(fit.kv_capacity_tokens[0]) / row.data_parallel,
        request_s=float(limits.request_s[0]) * factor,
        state_tokens=float(limits.state_tokens[0]),
        round_trip_s=row.round_trip_ms / MS_PER_S,
        groups=row.data_parallel,
    )


def _why_not(row: Allocation) -> str | None:
    if row.coefficient_origin == _MEASURED:
        return "its capacity was measured as a whole, so there are no step times to replay"
    if row.draft:
        return f"steps that verify the drafts of {row.draft} are not simulated"
    if row.decode_instances is not None:
        return "replicas that compute prompts and decodes apart are not simulated"
    if row.chunk_tokens is None:
        return "it runs on a system whose vendor publishes no engine settings to simulate"
    return None


def _candidate(row: Allocation, catalog: Catalog) -> Candidate | None:
    model, quantization = catalog.model(row.model), catalog.quantization(row.quantization)
    engine, device = catalog.engine(row.engine), catalog.accelerator(row.hardware)
    if model is None or quantization is None or engine is None or device is None:
        return None
    running = how_it_runs(engine, quantization, device, catalog)
    if isinstance(running, tuple):
        return None
    return Candidate(
        model,
        quantization,
        engine,
        device,
        row.tensor_parallel,
        running,
        data_parallel=row.data_parallel,
    )
