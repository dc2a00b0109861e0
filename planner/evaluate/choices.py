"""How decisions turned out: limits kept, output given away, and errors on what was picked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.evaluate.decisions import TPOT_LIMITS_MS
from planner.evaluate.errors import errors_of
from planner.evaluate.observations import METRICS
from planner.evaluate.slices import SliceErrors, pairs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.evaluate.compare import Compared
    from planner.evaluate.decisions import Decision
    from planner.evaluate.observations import Metric

CHOSEN = "chosen"
_LOW = 0.1


@dataclass(frozen=True, slots=True)
class Choices:
    """How decisions under one limit, or under all, turned out.

    Parameters
    ----------
    name
        Name of the slice of picks.
    confidence
        Probability with which predicted TPOT was meant to hold.
    decisions, picks
        Decisions asked for, and those with a pick.
    kept
        Share of picks that kept the limit within 10 %; ``None`` without picks.
    best_median, best_mean, best_p10
        Measured output of kept picks over the best; ``None`` without kept picks.
    """

    name: str
    confidence: float
    decisions: int
    picks: int
    kept: float | None
    best_median: float | None
    best_mean: float | None
    best_p10: float | None


def chosen_errors(decisions: Sequence[Decision]) -> list[SliceErrors]:
    """Return the errors on what is picked; a configuration picked twice counts once."""
    errors = []
    for name, items in _by_limit(decisions):
        picks = {id(d.pick): d.pick for d in items if d.pick is not None}.values()
        by_metric: dict[Metric, list[Compared]] = {
            "tpot_ms": [p.tpot for p in picks],
            "ttft_ms": [p.ttft for p in picks if p.ttft is not None],
            "throughput_closed_loop": [p.throughput for p in picks],
        }
        missed = sum(1 for d in items if d.pick is None)
        errors += [
            SliceErrors(name, metric, errors_of(pairs_of(by_metric[metric])), missed)
            for metric in METRICS
            if metric in by_metric
        ]
    return errors


def choices_of(decisions: Sequence[Decision], confidence: float) -> list[Choices]:
    """Return how decisions turned out, under all limits and under each.

    Parameters
    ----------
    decisions
        Decisions at `confidence`.
    confidence
        Probability with which predicted TPOT was meant to hold.
    """
    return [_summary(name, confidence, items) for name, items in _by_limit(decisions)]


def _summary(name: str, confidence: float, decisions: Sequence[Decision]) -> Choices:
    picks = [d for d in decisions if d.pick is not None]
    share = np.sort([d.share_of_best for d in picks if d.share_of_best is not None])
    return Choices(
        name=name,
        confidence=confidence,
        decisions=len(decisions),
        picks=len(picks),
        kept=sum(d.is_kept for d in picks) / len(picks) if picks else None,
        best_median=float(np.median(share)) if share.size else None,
        best_mean=float(share.mean()) if share.size else None,
        best_p10=float(np.quantile(share, _LOW)) if share.size else None,
    )


def _by_limit(decisions: Sequence[Decision]) -> list[tuple[str, list[Decision]]]:
    named = [
        (f"{CHOSEN}:{limit:g}ms", [d for d in decisions if d.limit_ms == limit])
        for limit in TPOT_LIMITS_MS
    ]
    return [(CHOSEN, list(decisions)), *((name, items) for name, items in named if items)]
