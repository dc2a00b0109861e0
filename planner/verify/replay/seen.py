"""What the requests of one stream saw in one simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.verify.replay.outcome import percentile
from planner.verify.replay.requests import Gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.perf.traffic import LatencyLimit, Metric
    from planner.verify.replay.outcome import Outcome
    from planner.verify.replay.requests import Floats, Requests, Window


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

    @property
    def requests(self) -> int:
        """Requests that count."""
        return len(self.ttft_s)

    @staticmethod
    def of(outcome: Outcome, requests: Requests, kind: int, window: Window, refused: int) -> Seen:
        """Return what the requests of a class saw at one station."""
        mine = requests.kind == kind
        picked = outcome.counted & mine
        done_s = requests.arrival_s + outcome.e2e_s
        completed = mine & (done_s >= window.start_s) & (done_s <= window.end_s)
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
    )


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
    values = values[~np.isnan(values)]
    return percentile(values, percent) if len(values) else np.nan
