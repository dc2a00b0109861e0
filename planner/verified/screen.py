"""Options that cannot keep what is promised to a workload, tried before a plan uses them.

Where the options of a plan miss a promise whatever the number of their replicas, others may too:
each is replayed alone in the same blocks, with four times the replicas that the formulas ask for.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.plan.records import ReplicaDecision
from planner.plan.tables import allocation_row
from planner.verify.lack import MOST_TIMES
from planner.verify.places import missed_workloads
from planner.verify.replay.run import replay_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.options.records import Capacity, Option
    from planner.pipeline import Prepared
    from planner.plan.document import Allocation, Plan
    from planner.verify.places import Place
    from planner.verify.replay.run import ReplaySettings


def unfit_elsewhere(
    plan: Plan,
    prepared: Prepared,
    workload: str,
    places: Mapping[Place, float],
    settings: ReplaySettings,
) -> list[tuple[str, Place]]:
    """Return options, used or not, that miss a promise to a workload with ample replicas.

    Each with the pool and block where it does. Options that cannot be replayed, and first and
    second answers of chains, are left alone.

    Parameters
    ----------
    plan
        A plan with the rates of the workload.
    prepared
        The problem with its options.
    workload
        The workload.
    places
        Where it is tried, with how many times the rate the plan has found headroom for: options
        are tried with replicas for the rate without.
    settings
        How plans are replayed.
    """
    rates: dict[Place, tuple[float, float]] = {}
    for pool, period, block in places:
        rows = [
            row
            for row in plan.allocations
            if (row.pool, row.workload, row.period, row.block) == (pool, workload, period, block)
            and not (row.is_deferred or row.answer)
        ]
        if rows:
            planned_rps = sum(row.planned_rate_rps for row in rows)
            rates[pool, period, block] = sum(row.rate_rps for row in rows), planned_rps
    policy = prepared.loaded.problem.policy.model_copy(update={"spare_replicas": 0})
    problem = prepared.loaded.problem.model_copy(update={"policy": policy})
    loaded = replace(prepared.loaded, problem=problem)
    steady = replace(settings, turns=False)
    found = []
    for option, capacity in _candidates(prepared, workload):
        serves = [place for place in rates if capacity.serves_in(*place[1:])]
        rows = [_alone(option, capacity, place, rates[place], places[place]) for place in serves]
        alone = replace(plan, allocations=tuple(rows), deferred=())
        replay = replay_plan(alone, loaded, prepared.catalog, steady)
        missed = sorted(missed_workloads(replay, problem))
        found += [(option.id, place) for name, place in missed if name == workload]
    return found


def _candidates(prepared: Prepared, workload: str) -> Iterator[tuple[Option, Capacity]]:
    known = {o.id: o for o in (*prepared.options.options, *prepared.options.dominated)}
    for capacity in prepared.options.capacities:
        option = known.get(capacity.option_id)
        if capacity.workload == workload and option is not None and not option.is_interruptible:
            yield option, capacity


def _alone(
    option: Option, capacity: Capacity, place: Place, rate: tuple[float, float], added: float
) -> Allocation:
    """Return a row with all requests of a workload in a block, on ample replicas."""
    (pool, period, block), (mean_rps, planned_rps) = place, rate
    most = capacity.points_at(period)[-1]
    alone = math.ceil(planned_rps / added / most.planned_rps)
    count = MOST_TIMES * max(alone, most.min_replicas)
    decision = ReplicaDecision(pool, option.id, period, block, count, most.min_replicas)
    return allocation_row(
        decision, capacity.workload, option, capacity, mean_rps=mean_rps, planned_rps=planned_rps
    )
