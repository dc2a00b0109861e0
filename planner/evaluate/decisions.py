"""What a minimiser would have picked among measured configurations, and how that turned out.

A group holds configurations of one source, engine, model, number format and lengths, which differ
in hardware, parallelism and number of clients. Under a limit on TPOT the pick is the one with the
highest predicted output per accelerator among those predicted to keep the limit::

    kept            the measured TPOT of the pick is at most 1.1 times the limit
    share of best   measured output per accelerator of a kept pick over the highest that was
                    measured within the limit, at most 1

A minimiser prefers configurations that are predicted too well, so errors on picks are worse than
errors on all rows; the interval has to cover them too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.perf.uncertainty import time_factor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.evaluate.compare import Compared

TPOT_LIMITS_MS = (12.0, 20.0, 35.0, 60.0)
TOLERANCE = 1.1
"""Measured TPOT over the limit that still counts as kept."""
MEDIAN_CONFIDENCE = 0.5
_LEAST_CHOICE = 2


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A configuration with both figures measured and predicted.

    Parameters
    ----------
    tpot, throughput
        The compared figures.
    ttft
        Time to first token, where compared.
    gpus
        Accelerators of the configuration.
    """

    tpot: Compared
    throughput: Compared
    ttft: Compared | None
    gpus: int

    @property
    def predicted_tpot_ms(self) -> float:
        """Predicted time per output token at the median."""
        return self.tpot.predicted or 0.0

    @property
    def measured_tpot_ms(self) -> float:
        """Measured time per output token."""
        return self.tpot.observation.measured or 0.0

    @property
    def predicted_per_gpu(self) -> float:
        """Predicted output tokens/s of one accelerator."""
        return (self.throughput.predicted or 0.0) / self.gpus

    @property
    def measured_per_gpu(self) -> float:
        """Measured output tokens/s of one accelerator."""
        return (self.throughput.observation.measured or 0.0) / self.gpus


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """A choice in one group under one limit.

    Parameters
    ----------
    limit_ms
        Limit on TPOT.
    pick
        What is picked; ``None`` when nothing is predicted to keep the limit.
    best_per_gpu
        Highest measured output per accelerator within the limit; ``None`` when nothing kept it.
    """

    limit_ms: float
    pick: Candidate | None
    best_per_gpu: float | None

    @property
    def is_kept(self) -> bool:
        """Whether the pick kept the limit when it was measured."""
        pick = self.pick
        return pick is not None and pick.measured_tpot_ms <= TOLERANCE * self.limit_ms

    @property
    def share_of_best(self) -> float | None:
        """Measured output of a kept pick over the best; ``None`` without a kept pick."""
        if self.pick is None or not self.is_kept:
            return None
        own = self.pick.measured_per_gpu
        return own / max(own, self.best_per_gpu or 0.0)


def decide(
    compared: Iterable[Compared], confidence: float = MEDIAN_CONFIDENCE
) -> tuple[Decision, ...]:
    """Return the decisions of every group with a choice, at every limit.

    Groups where nothing was measured within the limit and nothing is picked ask for no decision.

    Parameters
    ----------
    compared
        Figures with their predictions.
    confidence
        Probability with which the predicted TPOT is meant to hold; 0.5 is the median.
    """
    decisions = []
    for group in _groups(compared):
        for limit_ms in TPOT_LIMITS_MS:
            decision = _decision(group, limit_ms, confidence)
            if decision.pick is not None or decision.best_per_gpu is not None:
                decisions.append(decision)
    return tuple(decisions)


def _decision(group: Sequence[Candidate], limit_ms: float, confidence: float) -> Decision:
    feasible = [
        c
        for c in group
        if c.predicted_tpot_ms * time_factor(confidence, c.tpot.sigma_ln or 0.0) <= limit_ms
    ]
    kept = [c.measured_per_gpu for c in group if c.measured_tpot_ms <= limit_ms]
    return Decision(
        limit_ms=limit_ms,
        pick=max(feasible, key=lambda c: c.predicted_per_gpu, default=None),
        best_per_gpu=max(kept, default=None),
    )


def _groups(compared: Iterable[Compared]) -> list[list[Candidate]]:
    runs: dict[int, dict[str, Compared]] = defaultdict(dict)
    for item in compared:
        observation = item.observation
        if not observation.parts and item.predicted is not None:
            runs[id(observation.run)].setdefault(observation.metric, item)
    groups: dict[tuple[str, ...], list[Candidate]] = defaultdict(list)
    for figures in runs.values():
        tpot, throughput = figures.get("tpot_ms"), figures.get("throughput_closed_loop")
        if tpot is None or throughput is None:
            continue
        run = tpot.observation.run
        row = run.row
        formats = (row.weight_precision, row.kv_precision)
        key = (row.source, row.engine, row.model, *formats, row.isl, row.osl)
        candidate = Candidate(tpot, throughput, figures.get("ttft_ms"), run.gpus or 1)
        groups[key].append(candidate)
    return [group for group in groups.values() if len(group) >= _LEAST_CHOICE]
