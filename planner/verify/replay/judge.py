"""From what requests saw to whether limits are kept.

A limit is kept when its percentile over the requests of the window, in the mean over seeds, is
within it. The 95 % interval over seeds says how sure that is. Requests that no replica can hold
count as endless.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from planner.units import MS_PER_S
from planner.verify.replay.intervals import half_width
from planner.verify.replay.outcome import percentile
from planner.verify.replay.records import BlockFound, LatencyFound, LimitFound
from planner.verify.replay.seen import share_within, value_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.perf.traffic import LatencyLimit, Metric
    from planner.problem.schema import Slo
    from planner.verify.replay.cases import Case, Stream
    from planner.verify.replay.requests import Floats
    from planner.verify.replay.seen import Seen

_PERCENT = 100.0
Weighted = tuple[float, "Seen"]
"""Requests per request that was simulated, and what a block's simulated requests saw."""


def block_found(
    case: Case, stream: Stream, runs: Sequence[Seen], limits: Sequence[LatencyLimit]
) -> BlockFound:
    """Return what the requests of a stream saw in the blocks of a case.

    Parameters
    ----------
    case, stream
        The case and one of its streams.
    runs
        What its requests saw, with every seed.
    limits
        Its limits.
    """
    span_s, requests = sum(r.span_s for r in runs), sum(r.requests for r in runs)
    attainment = share_within(runs, limits) if limits else None
    busy_s = sum(run.busy_s for run in runs)
    e2e_s = sum(float(run.e2e_s[np.isfinite(run.e2e_s)].sum()) for run in runs)
    replica_s = sum(run.replicas * run.span_s for run in runs)
    return BlockFound(
        places=case.places,
        rate_rps=stream.rate_rps if stream.source.block_s is None else requests / span_s,
        replicas=runs[0].replicas,
        limits=tuple(limit_found(limit, [[(1.0, run)] for run in runs]) for limit in limits),
        ttft=_latency(runs, "ttft"),
        tpot=_latency(runs, "tpot"),
        itl=_latency(runs, "itl"),
        e2e=_latency(runs, "e2e"),
        slo_attainment=attainment,
        goodput_rps=None if attainment is None else attainment * requests / span_s,
        completed_share=sum(r.completed for r in runs) / requests if requests else 1.0,
        utilization=busy_s / replica_s if replica_s else 0.0,
        prompt_share=sum(r.prompts_s for r in runs) / busy_s if busy_s else 0.0,
        in_flight=e2e_s / span_s,
        preempted_share=sum(r.preempted for r in runs) / requests if requests else 0.0,
        refused=sum(run.refused for run in runs),
        requests=requests,
        answer=stream.answer,
    )


def keeps_limits(block: BlockFound, slos: Sequence[Slo]) -> bool:
    """Return whether a block keeps the limits that hold for each block, and keeps up.

    Parameters
    ----------
    block
        What was found.
    slos
        The limits of its requests, in its order.
    """
    limits = zip(block.limits, slos, strict=True)
    return block.keeps_up and all(found.kept for found, slo in limits if slo.window == "block")


def limit_found(limit: LatencyLimit, seeds: Sequence[Sequence[Weighted]]) -> LimitFound:
    """Return how a limit fares.

    Parameters
    ----------
    limit
        The limit.
    seeds
        For every seed, the blocks of its window.
    """
    values = np.array([_value_s(limit, blocks) for blocks in seeds])
    values = values[~np.isnan(values)]
    if not len(values):  # nobody saw this latency, such as TPOT of outputs of one token
        values = np.zeros(len(seeds))
    mean_s, half_s = float(values.mean()), math.inf
    if math.isfinite(mean_s):
        half_s = half_width(values)
    has_interval = math.isfinite(half_s)
    shares = [_share(limit, blocks) for blocks in seeds]
    return LimitFound(
        metric=f"{limit.metric}_ms",
        percentile=limit.percentile,
        limit_ms=limit.limit_s * MS_PER_S,
        value_ms=_ms(mean_s),
        low_ms=_ms(max(mean_s - half_s, 0.0)) if has_interval else None,
        high_ms=_ms(mean_s + half_s) if has_interval else None,
        attained=None if limit.percentile is None else float(np.mean(shares)),
        kept=mean_s <= limit.limit_s,
        is_sure=not math.isfinite(mean_s)
        or (has_interval and abs(mean_s - limit.limit_s) >= half_s),
    )


def _value_s(limit: LatencyLimit, blocks: Sequence[Weighted]) -> float:
    """Return the limited statistic over the requests of some blocks; NaN without a value."""
    if limit.metric == "itl" and _refused_share(blocks) > _rest(limit):
        return math.inf
    if len(blocks) == 1:
        return value_s(blocks[0][1], limit.metric, limit.percentile)
    values, weights = _values(limit.metric, blocks)
    return percentile(values, limit.percentile, weights) if len(values) else math.nan


def _share(limit: LatencyLimit, blocks: Sequence[Weighted]) -> float:
    """Return the share of requests, or of gaps, within a limit; 1 without any."""
    values, weights = _values(limit.metric, blocks)
    total = float(weights.sum())
    return float(weights[values <= limit.limit_s].sum()) / total if total else 1.0


def _values(metric: Metric, blocks: Sequence[Weighted]) -> tuple[Floats, Floats]:
    """Return all values of a latency, and how much each counts."""
    values, weights = [], []
    for weight, seen in blocks:
        if metric == "itl":
            mine, counts = seen.gaps.values()
            weights.append(weight * counts)
        else:
            mine = getattr(seen, f"{metric}_s")
            known = ~np.isnan(mine)
            mine = mine[known]
            weights.append(weight * seen.weights[known])
        values.append(mine)
    return np.concatenate(values), np.concatenate(weights)


def _refused_share(blocks: Sequence[Weighted]) -> float:
    total = sum(weight * seen.requests for weight, seen in blocks)
    return sum(weight * seen.refused for weight, seen in blocks) / total if total else 0.0


def _rest(limit: LatencyLimit) -> float:
    return 0.0 if limit.percentile is None else 1.0 - limit.percentile / _PERCENT


def _latency(runs: Sequence[Seen], metric: Metric) -> LatencyFound:
    """Return mean and percentiles of a latency, each the mean over seeds."""
    found = []
    for percent in (None, 50.0, 90.0, 99.0):
        values = np.array([value_s(run, metric, percent) for run in runs])
        values = values[~np.isnan(values)]
        found.append(_ms(float(values.mean())) if len(values) else None)
    return LatencyFound(*found)


def _ms(seconds: float) -> float | None:
    return seconds * MS_PER_S if math.isfinite(seconds) else None
