"""What a replay finds, by workload and block."""

from __future__ import annotations

from dataclasses import dataclass

LATENCIES = ("ttft", "tpot", "itl", "e2e")
PERCENTILES = (50.0, 90.0, 99.0)
LEAST_COMPLETED = 0.95
"""Share of requests that have to end while others come: beyond the noise of some thousand."""


@dataclass(frozen=True, slots=True)
class NotReplayed:
    """Part of a plan that is not simulated, and why; nothing is claimed of it."""

    workload: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class LimitFound:
    """A limit of a workload, and what the requests of a block saw.

    Parameters
    ----------
    metric, percentile, limit_ms
        As in the problem: ``ttft_ms`` and so on; percentile ``None`` for the mean.
    value_ms
        Mean over seeds; ``None`` where so many requests were refused that it has no end.
    low_ms, high_ms
        Ends of its 95 % confidence interval, ``None`` with one seed.
    attained
        Share of requests (of gaps for ``itl_ms``) within the limit; ``None`` for a mean.
    kept
        Whether the value is within the limit.
    is_sure
        Whether the whole interval is on the same side of the limit.
    """

    metric: str
    percentile: float | None
    limit_ms: float
    value_ms: float | None
    low_ms: float | None
    high_ms: float | None
    attained: float | None
    kept: bool
    is_sure: bool

    @property
    def text(self) -> str:
        """The metric and its percentile in words, such as ``ttft p99``."""
        kind = "mean" if self.percentile is None else f"p{self.percentile:g}"
        return f"{self.metric.removesuffix('_ms')} {kind}"

    @property
    def strain(self) -> float:
        """Value over limit."""
        return float("inf") if self.value_ms is None else self.value_ms / self.limit_ms


@dataclass(frozen=True, slots=True)
class LatencyFound:
    """Mean and percentiles of a latency, milliseconds; ``None`` without a value."""

    mean_ms: float | None
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class LossFound:
    """What becomes of requests after a loss that the plan promises to survive.

    Parameters
    ----------
    loss
        What is lost, in words.
    places
        Blocks in which it takes the same, as ``(period, block)``.
    completed_share
        Requests that end over requests that come.
    slo_attainment
        Share of requests within their limits, which are promised with everything up; ``None``
        without a limit on a percentile.
    """

    loss: str
    places: tuple[tuple[int, int], ...]
    completed_share: float
    slo_attainment: float | None

    @property
    def survives(self) -> bool:
        """Whether as many requests end as come."""
        return self.completed_share >= LEAST_COMPLETED


@dataclass(frozen=True, slots=True)
class TurnFound:
    """What requests see at the turn of a block, when its replicas are not those before it.

    Parameters
    ----------
    places
        Blocks that begin like this, as ``(period, block)``.
    seconds
        Time from the turn on whose requests are looked at.
    replicas_before, replicas
        Replicas that serve the requests before and after.
    late
        Replicas that are not there at the turn: accelerators give up one model for another then.
    slo_attainment
        Share of these requests within their limits; ``None`` without a limit on a percentile.
    limits
        The limits over the requests of the whole block, its beginning included.
    kept
        Whether those that hold for each block are kept; ``None`` where they are missed and
        replicas are late, because the plan does not say which ones.
    """

    places: tuple[tuple[int, int], ...]
    seconds: float
    replicas_before: int
    replicas: int
    late: int
    slo_attainment: float | None
    limits: tuple[LimitFound, ...]
    kept: bool | None


@dataclass(frozen=True, slots=True)
class BlockFound:
    """What the requests of a workload saw in blocks that are alike.

    Parameters
    ----------
    places
        The blocks, as ``(period, block)``.
    rate_rps
        Rate of the workload's requests in the simulation, requests/s.
    replicas
        Replicas that serve it.
    limits
        Its limits.
    ttft, tpot, itl, e2e
        Latencies.
    slo_attainment
        Share of requests that meet all limits on a percentile of a latency of requests.
    goodput_rps
        Rate of those requests.
    completed_share
        Requests that ended over requests that came, in the time that counts; lasting values below
        1 mean that queues grow without end.
    utilization
        Share of time in which its replicas compute, and of which with prompts (`prompt_share`).
    in_flight
        Mean requests that wait or run.
    preempted_share
        Preemptions per request.
    refused
        Requests that no replica can hold.
    requests
        Requests that count, over all seeds.
    losses
        What becomes of them after each loss that the plan promises to survive.
    turns
        What they see at the beginning of these blocks, where replicas come or go.
    answer
        Which answer of a chain the requests ask for; empty for none.
    kept
        Whether what is promised for each block holds in these.
    is_carried
        Whether what the block before leaves is part of it: its day was simulated whole.
    """

    places: tuple[tuple[int, int], ...]
    rate_rps: float
    replicas: int
    limits: tuple[LimitFound, ...]
    ttft: LatencyFound
    tpot: LatencyFound
    itl: LatencyFound
    e2e: LatencyFound
    slo_attainment: float | None
    goodput_rps: float | None
    completed_share: float
    utilization: float
    prompt_share: float
    in_flight: float
    preempted_share: float
    refused: int
    requests: int
    losses: tuple[LossFound, ...] = ()
    turns: tuple[TurnFound, ...] = ()
    answer: str = ""
    kept: bool = True
    is_carried: bool = False

    @property
    def strain(self) -> float:
        """Largest value over its limit; the utilization where there is none."""
        return max((limit.strain for limit in self.limits), default=self.utilization)

    @property
    def keeps_up(self) -> bool:
        """Whether as many requests end as come."""
        return self.completed_share >= LEAST_COMPLETED

    @property
    def after_loss(self) -> float | None:
        """Requests that end over requests that come after the worst loss; ``None`` without one."""
        return min((loss.completed_share for loss in self.losses), default=None)

    @property
    def survives(self) -> bool:
        """Whether as many end as come after every loss that the plan promises to survive."""
        return all(loss.survives for loss in self.losses)


@dataclass(frozen=True, slots=True)
class DayFound:
    """A limit over the requests of whole days of a type.

    Parameters
    ----------
    period, day_type
        The days.
    limit
        The limit.
    answer
        Which answer of a chain it is for; empty for none.
    """

    period: int
    day_type: int
    limit: LimitFound
    answer: str = ""


@dataclass(frozen=True, slots=True)
class WorkloadFound:
    """A workload over all blocks.

    Parameters
    ----------
    workload
        Its name.
    kept
        Whether every promise is kept; ``None`` when nothing broken was seen, and not everything
        was simulated.
    promised
        Share of requests that its limits are promised for: the lowest percentile; ``None`` without
        one.
    blocks
        Every distinct block, in order.
    over_day
        Limits over the requests of whole days, where the problem asks for them.
    broken_tokens
        Promises that tokens break by the latencies that their offers state, in words.
    """

    workload: str
    kept: bool | None
    promised: float | None
    blocks: tuple[BlockFound, ...]
    over_day: tuple[DayFound, ...] = ()
    broken_tokens: tuple[str, ...] = ()

    @property
    def worst(self) -> BlockFound | None:
        """The block that comes nearest to a limit, or goes farthest beyond it."""
        return max(self.blocks, key=lambda block: block.strain, default=None)


@dataclass(frozen=True, slots=True)
class BatchFound:
    """What one replica serves of work that waits when it always has work.

    Parameters
    ----------
    workload, option_id
        Which.
    planned_rps, served_rps
        Rate of one replica in the plan and in the replay, requests/s.
    load
        What the plan sends to these replicas over what they serve, in the block where it is most.
    kept
        Whether they serve it, but for noise.
    """

    workload: str
    option_id: str
    planned_rps: float
    served_rps: float
    load: float
    kept: bool


@dataclass(frozen=True, slots=True)
class DeadlineFound:
    """How requests that wait keep their window on the days of a type.

    Parameters
    ----------
    workload, period, day_type
        Whose requests, and when.
    window_h
        Time from arrival within which each has to end, hours.
    longest_h
        The longest that one takes when nothing is interrupted, hours.
    late_share
        Share of them that end later then.
    interrupted_late_share, interrupted_whole_days
        Share that ends later when spot nodes are interrupted, and share of days on which none
        does; ``None`` without spot nodes.
    interruptions_per_h
        How often a spot node is taken away, ``None`` without any.
    """

    workload: str
    period: int
    day_type: str
    window_h: float
    longest_h: float
    late_share: float
    interrupted_late_share: float | None
    interrupted_whole_days: float | None
    interruptions_per_h: float | None

    @property
    def kept(self) -> bool:
        """Whether all of them end in time when nothing is interrupted."""
        return self.late_share == 0


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay finds.

    Parameters
    ----------
    workloads
        Every workload, in the order of the problem.
    not_replayed
        What is not simulated.
    confidence
        Probability with which the step times hold.
    seeds
        Simulations of every case.
    requests
        Requests simulated, those that do not count included.
    seconds
        Time that it took.
    batches
        Replicas that only serve work which waits.
    deadlines
        How that work keeps its windows.
    """

    workloads: tuple[WorkloadFound, ...]
    not_replayed: tuple[NotReplayed, ...]
    confidence: float
    seeds: int
    requests: int
    seconds: float
    batches: tuple[BatchFound, ...] = ()
    deadlines: tuple[DeadlineFound, ...] = ()

    @property
    def kept(self) -> bool | None:
        """Whether every promise is kept; ``None`` when that is not known."""
        found = [w.kept for w in self.workloads]
        if False in found:
            return False
        return None if None in found or self.not_replayed else True
