"""Whether the latencies that a provider of tokens states meet the limits of a workload.

What is not stated is unproven: it serves only work without that limit, or where the problem says
``supply.api_latency: assume_met``. A stated p99 covers lower percentiles and the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from planner.problem.schema import Workload

_STATED_PERCENTILE = 99.0


class States(Protocol):
    """Something with stated latencies."""

    @property
    def ttft_p99_ms(self) -> float | None:
        """Time to first token, ``None`` when not stated."""

    @property
    def tpot_p99_ms(self) -> float | None:
        """Time per output token, ``None`` when not stated."""


@dataclass(frozen=True, slots=True)
class LatencyEvidence:
    """What stated latencies prove.

    Parameters
    ----------
    verdict
        ``usable``, ``unproven`` or ``refused``.
    is_assumed
        True when a limit is met by assumption only.
    detail
        Why it is not usable; empty when it is.
    """

    verdict: Literal["usable", "unproven", "refused"]
    is_assumed: bool
    detail: str = ""


def latency_evidence(stated: States, workload: Workload, *, assume_met: bool) -> LatencyEvidence:
    """Return what stated latencies prove for a workload.

    Parameters
    ----------
    stated
        Offer or units.
    workload
        Its limits count.
    assume_met
        True when latencies that are not stated may be assumed to keep the limits.
    """
    met = _meets(stated, workload)
    if met is False:
        detail = (
            f"states TTFT p99 {stated.ttft_p99_ms} ms, TPOT p99 {stated.tpot_p99_ms} ms: above a "
            "limit, or above what the round trip leaves of it"
        )
        return LatencyEvidence("refused", is_assumed=False, detail=detail)
    if met or assume_met:
        return LatencyEvidence("usable", is_assumed=not met)
    detail = "states no latency; allow it with supply.api_latency: assume_met"
    return LatencyEvidence("unproven", is_assumed=True, detail=detail)


def _meets(stated: States, workload: Workload) -> bool | None:
    """Return whether stated latencies meet every limit; ``None`` when one is not stated."""
    known: dict[str, float | None] = {"ttft_ms": stated.ttft_p99_ms, "tpot_ms": stated.tpot_p99_ms}
    verdicts: list[bool | None] = []
    for slo in workload.slo:
        value = known.get(slo.metric)
        covered = slo.percentile == "mean" or slo.percentile <= _STATED_PERCENTILE
        verdicts.append(None if value is None or not covered else value <= slo.limit)
    if False in verdicts:
        return False
    return None if None in verdicts else True
