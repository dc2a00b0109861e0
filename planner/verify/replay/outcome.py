"""What requests saw: latencies of each, gaps between tokens, and how busy the replicas were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.verify.replay.replica import Engine
    from planner.verify.replay.requests import Floats, Gaps, Ints, Log, Requests

PerRequest = Literal["ttft", "tpot", "e2e"]
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the requests of one simulation saw; arrays of shape (n,) in order of arrival.

    Parameters
    ----------
    kind
        Class of each request.
    counted
        Whether it arrived within the window.
    ttft_s, tpot_s, e2e_s
        Time to the first token; mean time per further token (NaN for outputs of one token); time
        to the last token, seconds. The round trip counts in the first and the last.
    gaps
        Gaps between tokens by class.
    busy_s, prompts_s
        Time within the window in which replicas computed, and that of steps with prompts, seconds
        over all replicas.
    replicas
        Number of replicas.
    preempted, preempted_counted
        How often a request lost its place to others, and how often within the window.
    decoded_tokens
        Tokens that decodes made, those of prompts not counted.
    """

    kind: Ints
    counted: NDArray[np.bool_]
    ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    gaps: tuple[Gaps, ...]
    busy_s: float
    prompts_s: float
    replicas: int
    preempted: int
    preempted_counted: int
    decoded_tokens: float

    def values_s(self, kind: int, metric: PerRequest) -> Floats:
        """Return a latency of the counted requests of a class, one token outputs left out."""
        values: Floats = {"ttft": self.ttft_s, "tpot": self.tpot_s, "e2e": self.e2e_s}[metric]
        values = values[self.counted & (self.kind == kind)]
        return values[np.isfinite(values)]


def outcome_of(requests: Requests, log: Log, engine: Engine, replicas: int) -> Outcome:
    """Return what the requests of a simulation saw."""
    first_s, done_s = np.array(log.first_s), np.array(log.done_s)
    gaps = requests.osl_tokens - 1
    nothing = np.full(len(requests), np.nan)
    tpot_s = np.divide(done_s - first_s, gaps, out=nothing, where=gaps > 0)
    window = log.window
    arrival_s = requests.arrival_s
    outside_s = engine.request_s + engine.round_trip_s
    return Outcome(
        kind=requests.kind,
        counted=(arrival_s >= window.start_s) & (arrival_s <= window.end_s),
        ttft_s=first_s - arrival_s + outside_s,
        tpot_s=tpot_s,
        e2e_s=done_s - arrival_s + outside_s,
        gaps=tuple(log.gaps),
        busy_s=log.busy_s,
        prompts_s=log.prompts_s,
        replicas=replicas,
        preempted=log.preempted,
        preempted_counted=log.preempted_counted,
        decoded_tokens=log.token_steps,
    )


def percentile(values: Floats, percent: float | None, weights: Floats | None = None) -> float:
    """Return a percentile, or the mean.

    Parameters
    ----------
    values
        Values, at least one.
    percent
        Above 0 and below 100, ``None`` for the mean. The smallest value that so many percent of
        all do not exceed is returned.
    weights
        How often each value counts, >= 0; all alike by default.
    """
    if weights is None:
        if percent is None:
            return float(values.mean())
        return float(np.quantile(values, percent / _PERCENT, method="inverted_cdf"))
    if percent is None:
        return float(values @ weights / weights.sum())
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    place = int(np.searchsorted(total, percent / _PERCENT * total[-1] * (1 - 1e-12)))
    return float(values[order][min(place, len(values) - 1)])
