"""C3: what 8 and 4 bits save in memory and in time, and what they cost in accuracy.

Memory, time and accuracy are looked at apart, for Llama-3.3-70B on two H200 with vLLM:

- memory: weights, KV cache of the requests in flight, runtime and activations together. The cache
  stays in 16 bits, so the saving falls with the load;
- time of a step that only decodes, with few requests (weights are read) and with many (compute);
- time measured: pairs of public runs that differ in the number format alone;
- accuracy: relative losses against the 16-bit score of the same model and evaluator;
- cost: fleets for the chatbot in each format.

Minimal loss is read as MLPerf does: at least 99 % of the 16-bit score, in the median of all
measured scores of a format. The verdict is on savings and accuracy together.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from planner.catalog.location import shipped_path
from planner.claims.conditions import prices_of
from planner.claims.judge import verdict_of
from planner.claims.records import (
    Band,
    Case,
    Change,
    Chart,
    Claim,
    Detail,
    Finding,
    Plans,
    Range,
    Series,
)
from planner.claims.study import known_costs
from planner.evaluate.measurements import read_folder
from planner.options.candidates import Candidate
from planner.options.specs import replica_spec
from planner.perf.arch import kv_bytes_per_token
from planner.perf.memory import memory_fit
from planner.perf.step import step_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.claims.records import Verdict
    from planner.evaluate.measurements import MeasuredRow
    from planner.perf.spec import ReplicaSpec

_UNIT = "share of the total memory saved by fp8"
_CLAIMED = Band(0.5, 0.75)
_MINIMAL_LOSS = 0.01
_MODEL, _ACCELERATOR, _ENGINE, _RANKS = "llama-3.3-70b-instruct", "h200-sxm-141gb", "vllm", 2
_FORMATS = ("fp8", "int4")
_CONTEXT_TOKENS = 1155 + 211 / 2
"""Mean tokens of a chat in the cache while it decodes."""
_FEW, _MANY = 1.0, 256.0
_LOADS = (1.0, 16.0, 64.0, 128.0, 256.0)
_CASES = {
    name: Case("claims/chat_70b").changed(
        Change(
            name,
            (
                f"candidates.quantizations=[{name}]",
                "candidates.hardware=[h200-sxm-141gb, h100-sxm-80gb]",
            ),
        )
    )
    for name in ("bf16", *_FORMATS)
}
_TIMES = ("e2e_latency_ms", "tpot_ms", "itl_ms")


def spec_of(catalog: Catalog, name: str, ranks: int = _RANKS) -> ReplicaSpec:
    """Return a replica of the tested model in a format, over so many accelerators."""
    quantization = next(q for q in catalog.quantizations if q.id == name)
    return replica_spec(
        Candidate(
            model=next(m for m in catalog.models if m.id == _MODEL),
            quantization=quantization,
            engine=next(e for e in catalog.engines if e.id == _ENGINE),
            accelerator=next(a for a in catalog.accelerators if a.id == _ACCELERATOR),
            tensor_parallel=ranks,
            compute=quantization.compute,
        ),
        catalog,
    )


def memory_bytes(spec: ReplicaSpec, requests: float) -> float:
    """Return the memory of a replica with requests in flight: weights, cache and the rest."""
    fit = memory_fit([spec], max_tokens_per_request=0.0)
    fixed = float(fit.weight_bytes_per_gpu[0] + fit.other_bytes_per_gpu[0]) * spec.devices
    token = kv_bytes_per_token(spec.architecture, spec.number_format.kv_bytes, _RANKS)
    return fixed + requests * _CONTEXT_TOKENS * token


def step_s(spec: ReplicaSpec, requests: float) -> float:
    """Return the time of a step in which so many requests decode, seconds."""
    cached = requests * _CONTEXT_TOKENS
    return float(np.ravel(step_model([spec]).time_s(requests, cached, 0.0, requests))[0])


def losses(catalog: Catalog, name: str) -> list[float]:
    """Return measured relative losses of a format, a figure for each score that has a pair."""
    base = {
        (row.model, row.benchmark, row.evaluator): row.score
        for row in catalog.quality
        if row.quantization == "bf16" and row.score > 0.0
    }
    return [
        1.0 - row.score / base[key]
        for row in catalog.quality
        if row.quantization == name and (key := (row.model, row.benchmark, row.evaluator)) in base
    ]


def measured_savings(rows: Iterable[MeasuredRow], wide: str, narrow: str) -> list[float]:
    """Return the share of time saved, of runs that differ in the format of their weights alone.

    Parameters
    ----------
    rows
        Measured rows.
    wide, narrow
        Formats as the rows name them.
    """
    times: dict[tuple[object, ...], dict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        if row.metric in _TIMES and row.weight_precision in {wide, narrow}:
            key = (
                *(row.source, row.engine, row.engine_version, row.model, row.gpu, row.n_gpus),
                *(row.tp, row.isl, row.osl, row.concurrency_or_rate, row.metric),
            )
            times[key][row.weight_precision].append(float(row.value))
    return [
        1.0 - median(pair[narrow]) / median(pair[wide])
        for pair in times.values()
        if wide in pair and narrow in pair
    ]


def _test(plans: Plans, catalog: Catalog) -> Finding:
    costs = known_costs(plans, _CASES)
    if costs is None:
        return Finding(None, None, "not_decidable", ("a plan of the test is missing",))
    specs = {name: spec_of(catalog, name) for name in _CASES}
    memory = {
        (name, load): 1.0 - memory_bytes(specs[name], load) / memory_bytes(specs["bf16"], load)
        for name in _FORMATS
        for load in (_FEW, _MANY)
    }
    time = {
        (name, load): 1.0 - step_s(specs[name], load) / step_s(specs["bf16"], load)
        for name in _FORMATS
        for load in (_FEW, _MANY)
    }
    savings = [*memory.values(), *time.values()]
    seen = Range(min(savings), max(savings))
    typical = {name: losses(catalog, name) for name in _FORMATS}
    return Finding(
        found=memory["fp8", _MANY],
        range=seen,
        verdict=verdict_with_losses(verdict_of(_CLAIMED, seen), typical),
        conditions=(
            f"{_MODEL} on {_RANKS} x {_ACCELERATOR} with {_ENGINE}; the KV cache stays in 16 bits",
            *_where("memory", memory),
            *_where("time of a decode step", time),
            *_accuracy(typical),
            prices_of([plans[case] for case in _CASES.values()]),
        ),
        details=(
            *_savings("memory saved", memory),
            *_savings("time of a step saved", time),
            *_measured(),
            *(
                Detail(f"cost saved by {name}", 1.0 - costs[name] / costs["bf16"], "share")
                for name in _FORMATS
            ),
            *(
                Detail(
                    f"median loss of {name}", median(found), "of the score", f"{len(found)} scores"
                )
                for name, found in typical.items()
                if found
            ),
        ),
        chart=_chart(specs),
    )


def verdict_with_losses(saved: Verdict, losses: Mapping[str, Sequence[float]]) -> Verdict:
    """Return the verdict on what is saved and on what it costs in accuracy together.

    Parameters
    ----------
    saved
        Verdict on memory and time alone.
    losses
        Measured relative losses by format; minimal is a median of at most 1 %.
    """
    if saved == "does_not_hold":
        return saved
    if not all(losses.values()):
        return "not_decidable"
    minimal = [median(found) <= _MINIMAL_LOSS for found in losses.values()]
    if not any(minimal):
        return "does_not_hold"
    return saved if all(minimal) else "holds_when"


def _where(what: str, savings: dict[tuple[str, float], float]) -> list[str]:
    return [
        f"{'holds' if _CLAIMED.holds(saved) else 'fails'} for {what}: {name} with "
        f"{load:.0f} requests in flight ({saved:.3g})"
        for (name, load), saved in savings.items()
    ]


def _accuracy(typical: dict[str, list[float]]) -> list[str]:
    return [
        f"{'holds' if median(found) <= _MINIMAL_LOSS else 'fails'} for accuracy: {name} loses "
        f"{median(found):.2%} in the median, and {sum(x <= _MINIMAL_LOSS for x in found)} of "
        f"{len(found)} measured scores keep 99 % of the 16-bit score"
        for name, found in typical.items()
        if found
    ]


def _savings(what: str, savings: dict[tuple[str, float], float]) -> list[Detail]:
    return [
        Detail(f"{what} by {name} with {load:.0f} requests", saved, "share")
        for (name, load), saved in savings.items()
    ]


def _measured() -> list[Detail]:
    rows = read_folder(shipped_path("catalogs")).rows
    found = []
    for wide, narrow in (("fp16", "fp8"), ("fp16", "int8"), ("fp8", "fp4")):
        saved = measured_savings(rows, wide, narrow)
        if saved:
            label = f"measured: time saved by {narrow} for {wide}"
            found.append(Detail(label, median(saved), "share", f"median of {len(saved)} pairs"))
    return found


def _chart(specs: dict[str, ReplicaSpec]) -> Chart:
    series = []
    for label, of in (("memory", memory_bytes), ("time", step_s)):
        base = {load: of(specs["bf16"], load) for load in _LOADS}
        for name in _FORMATS:
            points = tuple((load, 1.0 - of(specs[name], load) / base[load]) for load in _LOADS)
            series.append(Series(f"{label} in {name}", points))
    return Chart("requests in flight", "share saved", tuple(series), _CLAIMED.edges, is_log_x=True)


C3 = Claim(
    "C3",
    "8- or 4-bit quantization cuts memory and compute time by 50-75 % with minimal accuracy loss",
    "50-75 % less",
    _UNIT,
    tuple(_CASES.values()),
    _test,
    base=tuple(_CASES.values()),
)
