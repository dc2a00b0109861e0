"""Moments of a class of requests that decide the mean state of a replica."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.perf.lockstep import longest_ratios
from planner.perf.memory import block_rounded_tokens
from planner.perf.traffic import output_gaps, prefill_work

if TYPE_CHECKING:
    from planner.perf.traffic import TrafficClass


@dataclass(frozen=True, slots=True)
class TrafficMeans:
    """Moments of a class that decide the mean state of a replica.

    Parameters
    ----------
    prefill_tokens, prefill_pairs
        Mean computed prompt tokens and attended pairs of a request.
    prefill_cv2
        Squared coefficient of variation of the computed prompt tokens.
    output_gaps
        Mean steps of a request after that of its first token.
    context_tokens
        Mean cached tokens of a decoding request, weighted by time in the batch.
    resident_tokens
        The same rounded up to blocks of the cache.
    interarrival_cv2
        Squared coefficient of variation of the intervals.
    tokens_per_gap
        Mean output tokens after the first over the mean steps that make them, >= 1.
    output_cv2
        Squared coefficient of variation of the output tokens after the first.
    resident_cv2
        Squared coefficient of variation of the cached tokens of a decoding request.
    output_tokens, computed_tokens
        Mean output, and mean cache of the prompt that is being computed.
    longest_ratios
        Mean of the longest prompt of a Poisson number over that of one
        (:func:`planner.perf.lockstep.longest_ratios`).
    """

    prefill_tokens: float
    prefill_pairs: float
    prefill_cv2: float
    output_gaps: float
    context_tokens: float
    resident_tokens: float
    interarrival_cv2: float
    tokens_per_gap: float = 1.0
    output_cv2: float = 0.0
    resident_cv2: float = 0.0
    output_tokens: float = 0.0
    computed_tokens: float = 0.0
    longest_ratios: tuple[float, ...] = ()


def traffic_means(traffic: TrafficClass) -> TrafficMeans:
    """Return the moments of `traffic`."""
    weight = traffic.probability / traffic.probability.sum()
    tokens, pairs = prefill_work(traffic)
    mean = float(weight @ tokens)
    residence = weight * traffic.osl_tokens
    residence = residence / residence.sum()
    context = traffic.isl_tokens + traffic.osl_tokens / 2
    gaps = output_gaps(traffic, traffic.osl_tokens)
    mean_gaps = float(weight @ gaps)
    following = float(weight @ (traffic.osl_tokens - 1.0))
    mean_context = float(residence @ context)
    blocks = block_rounded_tokens(traffic.isl_tokens)
    computed = float(weight @ blocks**2 / (weight @ blocks))
    return TrafficMeans(
        prefill_tokens=mean,
        prefill_pairs=float(weight @ pairs),
        prefill_cv2=max(float(weight @ tokens**2) / mean**2 - 1.0, 0.0),
        output_gaps=mean_gaps,
        context_tokens=mean_context,
        resident_tokens=float(residence @ block_rounded_tokens(context)),
        interarrival_cv2=traffic.interarrival_cv**2,
        output_cv2=float(weight @ gaps**2) / mean_gaps**2 - 1.0 if mean_gaps > 0 else 0.0,
        resident_cv2=max(float(residence @ context**2) / mean_context**2 - 1.0, 0.0),
        tokens_per_gap=following / mean_gaps if mean_gaps else 1.0,
        output_tokens=float(weight @ traffic.osl_tokens),
        computed_tokens=computed,
        longest_ratios=tuple(longest_ratios(tokens, weight).tolist()),
    )
