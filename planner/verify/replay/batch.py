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
    from collections.abc import Sequence

    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Problem
    from planner.verify.replay.cases import Batch

_REQUESTS = 4_000
_BEGIN_SHARE, _END_SHARE = 0.25, 0.75
_NOISE = 0.03
"""Relative noise of a rate over some thousand requests, where one simulation shows none."""

_Key = tuple[str, str, float]
"""Workload, option and planned rate of one replica."""


def batches_found(
    batches: Sequence[Batch], plan: Plan, problem: Problem, seed: int, seeds: int
) -> list[BatchFound]:
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
        (b.stream.workload, b.station.option_id, b.stream.capacity_rps[0]): served_rps(
            b, seed, seeds
        )
        for b in batches
    }
    loads = _loads(plan, problem, {key: mean for key, (mean, _) in served.items()})
    return [
        BatchFound(*key, served_rps=mean, load=loads[key], kept=loads[key] <= 1.0 + noise)
        for key, (mean, noise) in served.items()
    ]


def served_rps(batch: Batch, seed: int, seeds: int) -> tuple[float, float]:
    """Return the rate of one replica that always has work, requests/s, and its relative noise.

    Parameters
    ----------
    batch
        The replica, and the requests as the problem states them.
    seed, seeds
        First seed, and number of simulations.
    """
    station, stream = batch.station, batch.stream
    rates = []
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
        ends_s = np.sort(simulate(station.engine, 1, at_once).e2e_s)
        begin, end = (int(share * len(ends_s)) for share in (_BEGIN_SHARE, _END_SHARE))
        rates.append((end - begin) / (ends_s[end] - ends_s[begin]))
    mean = float(np.mean(rates))
    return mean, half_width(np.array(rates)) / mean if seeds > 1 else _NOISE


def _loads(plan: Plan, problem: Problem, served: dict[_Key, float]) -> dict[_Key, float]:
    """Return for each kind of replica the highest load of a block over what is there."""
    lost = lost_to_changeovers(plan, problem)
    groups: dict[tuple[int, int, str, str], list[Allocation]] = defaultdict(list)
    for row in plan.allocations:
        if row.pool.endswith(DEFERRED):
            groups[row.period, row.block, row.pool, row.option_id].append(row)
    highest: dict[_Key, float] = dict.fromkeys(served, 0.0)
    for place, rows in groups.items():
        keys = [(row.workload, row.option_id, row.capacity_rps) for row in rows]
        if not all(key in served for key in keys):
            continue
        load = sum(row.planned_rate_rps / served[k] for k, row in zip(keys, rows, strict=True))
        there = rows[0].replicas - lost.get(place, 0.0)
        if load:
            share = load / there if there > 0 else math.inf
            highest |= {key: max(highest[key], share) for key in keys}
    return highest
