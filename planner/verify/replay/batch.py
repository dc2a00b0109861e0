"""Replicas that only serve work which waits: their rate when they always have work.

Whether every request ends within its window follows from how much is served in each block, which
the audit recomputes. What a replay can add is whether the replicas serve as much as the plan sends
to them. A replica gets more requests at once than it can hold; its rate is that of the middle half
of those that end. With rates s of the workloads f that share n replicas, of which l replicas'
worth is lost to changes of models, a block is carried when ``sum f / s <= n - l``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.problem.deferral import DEFERRED
from planner.verify.audit.waiting import lost_to_changeovers
from planner.verify.replay.arrivals import Span
from planner.verify.replay.intervals import half_width
from planner.verify.replay.records import BatchFound
from planner.verify.replay.requests import Requests
from planner.verify.replay.router import simulate
from planner.verify.replay.sampling import whole_requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Problem
    from planner.verify.replay.cases import Batch

_REQUESTS = 4_000
_BEGIN_SHARE, _END_SHARE = 0.25, 0.75
_NOISE = 0.03
"""Relative noise of a rate over some thousand requests, where one simulation shows none."""

_Key = tuple[str, str, float]
"""Workload, option and planned rate of one replica."""
_Place = tuple[int, int, str, str]
"""Period, block, pool and option."""


@dataclass(frozen=True, slots=True)
class Served:
    """What one replica serves when it always has work.

    Parameters
    ----------
    rate_rps
        Requests that end, requests/s.
    noise
        Relative noise of that rate.
    job_s
        Mean time from the first to the last token of a request, seconds.
    """

    rate_rps: float
    noise: float
    job_s: float


@dataclass(frozen=True, slots=True)
class BatchReplay:
    """What the batch replicas of a plan serve.

    Parameters
    ----------
    found
        Every kind of replica, judged.
    served
        What each serves, by workload, option and planned rate.
    loads
        What is sent to them over what they serve, by period, block, pool and option; 1 where it
        is more by noise only.
    """

    found: tuple[BatchFound, ...]
    served: Mapping[_Key, Served]
    loads: Mapping[_Place, float]

    def job_s(self, row: Allocation) -> float:
        """Return the time that a request of a row takes, 0 where it is not known."""
        known = self.served.get(_key(row))
        return known.job_s if known else 0.0

    def in_flight(self, row: Allocation) -> float:
        """Return the requests that a replica of a row works on at once, 0 where not known."""
        known = self.served.get(_key(row))
        return known.rate_rps * known.job_s if known else 0.0


def batches_found(
    batches: Sequence[Batch], plan: Plan, problem: Problem, seed: int, seeds: int
) -> BatchReplay:
    """Return what the batch replicas of a plan serve, and how loaded that makes them.

    Parameters
    ----------
    batches
        Distinct replicas and their requests.
    plan, problem
        The plan and the problem it answers.
    seed, seeds
        First seed, and number of simulations.
    """
    served = {
        (b.stream.workload, b.station.option_id, b.stream.capacity_rps[0]): served_by(
            b, seed, seeds
        )
        for b in batches
    }
    highest, loads = dict.fromkeys(served, 0.0), {}
    for place, rows, load in _loads(plan, problem, served):
        noise = max(served[_key(row)].noise for row in rows)
        loads[place] = 1.0 if 1.0 < load <= 1.0 + noise else load
        highest |= {_key(row): max(highest[_key(row)], load) for row in rows}
    found = tuple(
        BatchFound(
            *key, served_rps=one.rate_rps, load=highest[key], kept=highest[key] <= 1.0 + one.noise
        )
        for key, one in served.items()
    )
    return BatchReplay(found, served, loads)


def served_by(batch: Batch, seed: int, seeds: int) -> Served:
    """Return what one replica serves that always has work.

    Parameters
    ----------
    batch
        The replica, and the requests as the problem states them.
    seed, seeds
        First seed, and number of simulations.
    """
    station, stream = batch.station, batch.stream
    rates, jobs_s = [], []
    for k in range(seeds):
        rng = np.random.default_rng([seed, k])
        drawn = stream.source.draw(1.0, Span(0.0, float(_REQUESTS), 0.0), rng)
        requests = whole_requests(drawn, stream.factors[0], 0)
        tokens = requests.isl_tokens + requests.osl_tokens + station.engine.state_tokens + 1
        requests = requests.take(tokens <= station.engine.cache_tokens)
        at_once = Requests(
            np.zeros(len(requests)), requests.isl_tokens, requests.osl_tokens,
            requests.hit_tokens, requests.kind,
        )  # fmt: skip
        outcome = simulate(station.engine, 1, at_once)
        ends_s = np.sort(outcome.e2e_s)
        begin, end = (int(share * len(ends_s)) for share in (_BEGIN_SHARE, _END_SHARE))
        rates.append((end - begin) / (ends_s[end] - ends_s[begin]))
        jobs_s.append(float((outcome.e2e_s - outcome.ttft_s).mean()))
    mean = float(np.mean(rates))
    noise = half_width(np.array(rates)) / mean if seeds > 1 else _NOISE
    return Served(mean, noise, float(np.mean(jobs_s)))


def _loads(
    plan: Plan, problem: Problem, served: Mapping[_Key, Served]
) -> Iterator[tuple[_Place, list[Allocation], float]]:
    """Yield the rows of each kind of replica in a block, with their load over what is there."""
    lost = lost_to_changeovers(plan, problem)
    groups: dict[_Place, list[Allocation]] = defaultdict(list)
    for row in plan.allocations:
        if row.pool.endswith(DEFERRED):
            groups[row.period, row.block, row.pool, row.option_id].append(row)
    for place, rows in groups.items():
        if not all(_key(row) in served for row in rows):
            continue
        load = sum(row.planned_rate_rps / served[_key(row)].rate_rps for row in rows)
        there = rows[0].replicas - lost.get(place, 0.0)
        if load:
            yield place, rows, load / there if there > 0 else math.inf


def _key(row: Allocation) -> _Key:
    return row.workload, row.option_id, row.capacity_rps
