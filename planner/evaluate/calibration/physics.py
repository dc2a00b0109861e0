"""Bounds that no measurement can break, whatever the engine.

Of a replica whose device reads W bytes per second at most and computes F per second, with prompts
of I and outputs of O tokens, and C clients or a batch of C on each replica::

    memory       weights + cache of one request                  <= memory of the device
    decode       TPOT          >= R(b) / W                          R(b) = weights + b KV
    prompt       TTFT          >= max(FLOP of the prompt / F, R(0) / W)
    computation  output tokens/s <= O F / FLOP of a request
    steps        output tokens/s <= C O / ((O - 1) R(1) / W)      of C requests at a time
    clients      output tokens/s <= C O / ((O - 1) TPOT)            both measured under C clients

R counts what every step reads at least: the weights outside the experts, the head in the format
of the others, the k experts of one token, and the cache of b requests at half their output. b is
1, or half of the mean number of decodes by Little's law, ``C (O - 1) TPOT / (TTFT + (O - 1)
TPOT)``, where both were measured: short runs hold fewer requests than clients. Figures are rounded
and rates of the data sheet too, so a bound counts as broken by more than :data:`TOLERANCE`.

Source: the roofline bound (Williams, Waterman and Patterson 2009) with work by
:mod:`planner.perf.work`; Little (1961).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.perf.arch import (
    UNQUANTIZED_BYTES,
    embedding_params,
    head_params,
    kv_bytes_per_token,
)
from planner.perf.memory import memory_fit
from planner.perf.work import step_work
from planner.units import BYTES_PER_GB, MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.evaluate.cases import Case
    from planner.evaluate.observations import Metric
    from planner.evaluate.runs import Run
    from planner.perf.spec import ReplicaSpec

TOLERANCE = 1.05
"""Part by which a figure must break its bound."""
_IN_FLIGHT = 0.5
"""Share of the decodes by Little's law whose cache is counted."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure cannot be better than.

    Parameters
    ----------
    metric
        The figure.
    limit
        In its unit: least milliseconds, most output tokens/s.
    law
        Why, in words.
    """

    metric: Metric
    limit: float
    law: str

    def is_broken_by(self, measured: float) -> bool:
        """Return whether a figure is beyond the bound."""
        if self.metric in {"tpot_ms", "itl_ms", "ttft_ms"}:
            return measured * TOLERANCE < self.limit
        return measured > self.limit * TOLERANCE


@dataclass(frozen=True, slots=True)
class _Replica:
    """Least times of one replica under one load."""

    run: Run
    case: Case

    @property
    def isl(self) -> float:
        return self.run.isl_tokens or 1.0

    @property
    def osl(self) -> float:
        return self.run.osl_tokens or 1.0

    @property
    def clients(self) -> float:
        return max((self.run.load.amount or math.inf) / self.case.replicas, 1.0)

    @property
    def gaps(self) -> float:
        return self.osl - 1.0

    def read_s(self, requests: float) -> float:
        """Return the time in which a device reads weights and the cache of some requests."""
        work = step_work(self.case.spec)
        hit = -math.expm1(work.expert_miss_log)
        context = self.isl + self.osl / 2
        near = min(context, work.window_tokens)
        cache = context * work.kv_read_bytes_per_token + near * work.near_read_bytes_per_token
        weights = work.dense_read_bytes + hit * work.expert_read_bytes
        spec = self.case.spec
        weights -= head_params(spec.architecture) * _narrower(spec) / spec.tensor_parallel
        return (weights + requests * cache) / self.case.spec.device.bandwidth_bytes_per_s

    def compute_s(self, tokens: float, answers: float) -> float:
        """Return the time in which a device computes tokens of one request, some with a head."""
        work, device = step_work(self.case.spec), self.case.spec.device
        products = tokens * (work.dense_flop_per_token + work.expert_flop_per_token)
        products += answers * work.head_flop_per_request
        pairs = self.isl * self.isl / 2
        near = min(pairs, self.isl * work.window_tokens)
        attention = pairs * work.pair_flop + near * work.near_pair_flop
        return products / device.peak_flops + attention / device.peak_attention_flops

    def decodes(self, measured: Mapping[Metric, float]) -> float:
        """Return the decodes in flight that are sure."""
        ttft, tpot = measured.get("ttft_ms"), measured.get("tpot_ms")
        if ttft is None or tpot is None or math.isinf(self.clients):
            return 1.0
        decoding = self.gaps * tpot
        return max(_IN_FLIGHT * self.clients * decoding / (ttft + decoding), 1.0)


def bounds(run: Run, case: Case, measured: Mapping[Metric, float]) -> Iterator[Bound]:
    """Yield what the figures of a run cannot be better than.

    Parameters
    ----------
    run, case
        What ran, and its replica.
    measured
        Typical figures of the run by metric.
    """
    replica = _Replica(run, case)
    decode_s = replica.read_s(replica.decodes(measured))
    law = "reading weights and cache once per step at the bandwidth of the data sheet"
    yield Bound("tpot_ms", decode_s * MS_PER_S, law)
    yield Bound("itl_ms", decode_s * MS_PER_S, law)
    prompt_s = replica.compute_s(replica.isl, 1.0)
    yield Bound("ttft_ms", prompt_s * MS_PER_S, "computing the prompt at the peak rate")
    law = "reading the weights once at the bandwidth of the data sheet"
    yield Bound("ttft_ms", replica.read_s(0.0) * MS_PER_S, law)
    yield from _rates(replica, measured)


def _rates(replica: _Replica, measured: Mapping[Metric, float]) -> Iterator[Bound]:
    isl, osl, gaps, copies = replica.isl, replica.osl, replica.gaps, replica.case.replicas
    computed = osl / replica.compute_s(isl + osl - 1.0, osl) * copies
    law = "computing prompts and outputs at the peak rate"
    kinds: tuple[Metric, ...] = (
        "throughput_closed_loop",
        "throughput_max_load",
        "throughput_static",
    )
    for metric in kinds:
        yield Bound(metric, computed, law)
    if math.isinf(replica.clients) or gaps <= 0:
        return
    held = replica.clients * copies * osl
    law = "reading the weights once per step of all requests at the bandwidth of the data sheet"
    for metric in kinds:
        yield Bound(metric, held / (gaps * replica.read_s(1.0)), law)
    tpot_ms = measured.get("tpot_ms")
    if tpot_ms is not None:
        law = "clients x output / (gaps x the measured time per output token)"
        yield Bound("throughput_closed_loop", held / (gaps * tpot_ms) * MS_PER_S, law)


def _narrower(spec: ReplicaSpec) -> float:
    """Return by how many bytes a weight of embedding and head may be narrower than it is taken."""
    return max(UNQUANTIZED_BYTES - spec.number_format.weight_bytes, 0.0)


def memory_bound(run: Run, case: Case) -> tuple[float, float]:
    """Return what a device has to hold at least, and its memory, in GB."""
    spec = case.spec
    fit = memory_fit([spec], max_tokens_per_request=0.0)
    kv_bytes, ranks = spec.number_format.kv_bytes, spec.tensor_parallel
    token_bytes = kv_bytes_per_token(spec.architecture, kv_bytes, ranks)
    cached = token_bytes * ((run.isl_tokens or 0.0) + (run.osl_tokens or 0.0)) / spec.devices
    kept = embedding_params(spec.architecture) * _narrower(spec)
    held = float(fit.weight_bytes_per_gpu[0]) - kept / spec.tensor_parallel + cached
    return held / BYTES_PER_GB, spec.device.memory_bytes / BYTES_PER_GB
