"""What the requests of one stream saw in one simulation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.verify.replay.outcome import percentile
from planner.verify.replay.requests import Gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.perf.traffic import LatencyLimit, Metric
    from planner.verify.replay.outcome import Outcome
    from planner.verify.replay.requests import Floats, Ints, Requests, Window


@dataclass(frozen=True, slots=True)
class Seen:
    """Requests of a stream that count; arrays of shape (n,), those refused with infinite times.

    Parameters
    ----------
    ttft_s, tpot_s, e2e_s
        Latencies, seconds; TPOT is NaN for outputs of one token.
    gaps
        Gaps between their tokens.
    refused
        Requests that no replica can hold; the last ones of the arrays.
    completed
        Requests that ended in the time that counts.
    span_s
        That time, seconds.
    preempted
        Preemptions at the stations that serve the stream, of all streams, per request of theirs.
    busy_s, prompts_s
        Time in which those stations computed, and that of steps with prompts, seconds.
    replicas
        Replicas of those stations.
    stratum
        Stratum of their prompts; ``None`` where it is not known.
    weight
        How often each request counts, 1 in the mean; ``None`` for all alike.
    """

    ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    gaps: Gaps
    refused: int
    completed: int
    span_s: float
    preempted: float
    busy_s: float
    prompts_s: float
    replicas: int
    stratum: Ints | None = None
    weight: Floats | None = None

    @property
    def requests(self) -> int:
        """Requests that count."""
        return len(self.ttft_s)

    @property
    def weights(self) -> Floats:
        """How often each request counts, 1 in the mean."""
        return np.ones(self.requests) if self.weight is None else self.weight

    @staticmethod
    def of(
        outcome: Outcome, requests: Requests, kind: int, window: Window, lost: Requests
    ) -> Seen:
        """Return what the requests of a class saw at one station, those that it lost included."""
        mine = requests.kind == kind
        picked = outcome.counted & mine
        done_s = requests.arrival_s + outcome.e2e_s
        completed = mine & (done_s >= window.start_s) & (done_s <= window.end_s)
        refused = len(lost)
        ends = np.full(refused, np.inf)
        here = bool(mine.any()) or refused > 0
        return Seen(
            ttft_s=np.concatenate([outcome.ttft_s[picked], ends]),
            tpot_s=np.concatenate([outcome.tpot_s[picked], ends]),
            e2e_s=np.concatenate([outcome.e2e_s[picked], ends]),
            gaps=outcome.gaps[kind] if kind < len(outcome.gaps) else Gaps(),
            refused=refused,
            completed=int(completed.sum()),
            span_s=window.end_s - window.start_s,
            preempted=outcome.preempted_counted * float(mine.mean()) if here else 0.0,
            busy_s=outcome.busy_s if here else 0.0,
            prompts_s=outcome.prompts_s if here else 0.0,
            replicas=outcome.replicas if here else 0,
            stratum=_joined([requests.take(picked).stratum, lost.stratum]),
        )

    def within(self, limits: Sequence[LatencyLimit]) -> Floats:
        """Return whether each request meets all limits on a percentile of its own latencies."""
        good = np.ones(self.requests)
        for limit in limits:
            if limit.percentile is not None and limit.metric != "itl":
                values: Floats = getattr(self, f"{limit.metric}_s")
                good *= np.isnan(values) | (values <= limit.limit_s)
        return good


def pooled(parts: Sequence[Seen], span_s: float) -> Seen:
    """Return what the requests of a stream saw at all stations of a simulation."""
    gaps = Gaps()
    for part in parts:
        gaps.include(part.gaps)

    def joined(name: str) -> Floats:
        return np.concatenate([np.zeros(0), *(getattr(p, name) for p in parts)])

    return Seen(
        ttft_s=joined("ttft_s"),
        tpot_s=joined("tpot_s"),
        e2e_s=joined("e2e_s"),
        gaps=gaps,
        refused=sum(p.refused for p in parts),
        completed=sum(p.completed for p in parts),
        span_s=span_s,
        preempted=sum(p.preempted for p in parts),
        busy_s=sum(p.busy_s for p in parts),
        prompts_s=sum(p.prompts_s for p in parts),
        replicas=sum(p.replicas for p in parts),
        stratum=_joined([p.stratum for p in parts]),
    )


def _joined(parts: Sequence[Ints | None]) -> Ints | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known and len(known) == len(parts) else None


def balanced(seen: Seen, shares: Floats | None) -> Seen:
    """Return what was seen with every stratum of prompts as heavy as it is in the long run.

    Parameters
    ----------
    seen
        What the requests of a stream saw.
    shares
        Share of requests in each stratum; ``None`` where that is not known.
    """
    if shares is None or seen.stratum is None or not seen.requests:
        return seen
    counts = np.bincount(seen.stratum, minlength=len(shares))
    there = counts > 0
    each = np.divide(shares, counts, out=np.zeros(len(shares)), where=there)
    each *= seen.requests / shares[there].sum()
    return replace(seen, weight=each[seen.stratum])


def share_within(runs: Sequence[Seen], limits: Sequence[LatencyLimit]) -> float | None:
    """Return the share of requests that meet all limits on a percentile; ``None`` without any.

    Parameters
    ----------
    runs
        What requests saw, in simulations that count alike.
    limits
        Their limits.
    """
    good = np.concatenate([run.within(limits) for run in runs])
    weight = np.concatenate([run.weights for run in runs])
    return float(np.average(good, weights=weight)) if len(good) else None


def value_s(seen: Seen, metric: Metric, percent: float | None) -> float:
    """Return a percentile of a latency, or its mean, seconds; NaN without a value."""
    if metric == "itl":
        if not seen.gaps.total:
            return np.nan
        if percent is None:
            return seen.gaps.total_s / seen.gaps.total
        lengths_s, counts = seen.gaps.values()
        return percentile(lengths_s, percent, counts)
    values: Floats = getattr(seen, f"{metric}_s")
    known = ~np.isnan(values)
    weights = None if seen.weight is None else seen.weight[known]
    return percentile(values[known], percent, weights) if known.any() else np.nan
