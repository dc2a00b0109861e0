"""Average quality of what is served, by block, against the floors on the average.

Each request counts with the score of the model that serves it (or its share of the reference's
score), at the mean rate; spares without requests and unserved requests do not count.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.average_floors import average_floors
from planner.plan.limit_rows import AverageQuality
from planner.plan.tables import mean_share

if TYPE_CHECKING:
    from planner.demand.records import Demand
    from planner.options.average_floors import AverageFloor
    from planner.options.records import OptionSet
    from planner.plan.document import Plan
    from planner.plan.records import Decisions
    from planner.problem.schema import Problem


def average_by_block(
    demand: Demand, options: OptionSet, decisions: Decisions, floor: AverageFloor
) -> dict[tuple[int, int], float]:
    """Return the average of a floor by period and block, where anything is served.

    Parameters
    ----------
    demand, options
        What is asked, and what counts for each way to serve.
    decisions
        Whole decisions.
    floor
        The floor.
    """
    value = {(c.workload, c.option_id): c.averaged for c in options.capacities}
    value |= {(a.workload, a.id): a.averaged for a in options.api}
    served: dict[tuple[int, int], float] = defaultdict(float)
    counted: dict[tuple[int, int], float] = defaultdict(float)
    for flow in (*decisions.flows, *decisions.api_flows):
        weight = floor.weight(flow.workload)
        if weight > 0:
            slot = (flow.period, flow.block)
            rate_rps = weight * flow.planned_rps * mean_share(demand, flow.workload, *slot)
            served[slot] += rate_rps
            reached = value[flow.workload, flow.supply_id][floor.position]
            counted[slot] += rate_rps * reached
    return {slot: counted[slot] / rate for slot, rate in sorted(served.items()) if rate > 0}


def average_quality_rows(
    demand: Demand, options: OptionSet, decisions: Decisions, problem: Problem
) -> tuple[AverageQuality, ...]:
    """Return a row for every average floor, period and block in which anything is served.

    Parameters
    ----------
    demand, options, decisions
        As in :func:`average_by_block`.
    problem
        The problem, for the floors.
    """
    return tuple(
        AverageQuality(
            period=t,
            block=b,
            workload=floor.workload,
            benchmark=floor.benchmark,
            reference=floor.reference,
            of_chain=floor.of_chain,
            floor=floor.least,
            average=average,
        )
        for floor in average_floors(problem)
        for (t, b), average in average_by_block(demand, options, decisions, floor).items()
    )


def average_quality_notes(plan: Plan) -> list[str]:
    """Return, for each average floor, the least that any block reaches, and what it rests on.

    Parameters
    ----------
    plan
        The plan.
    """
    least: dict[tuple[str, str, str, bool], AverageQuality] = {}
    for row in plan.average_quality:
        key = (row.workload, row.benchmark, row.reference, row.of_chain)
        if key not in least or row.average < least[key].average:
            least[key] = row
    return [
        f"{row.workload}: {row.benchmark} is at least {row.average:.4f}{_of(row)} on average in "
        f"every block, floor {row.floor:.4f}; the scores have standard errors of their own, so an "
        "average at its floor is not proven to reach it"
        for row in least.values()
    ]


def _of(row: AverageQuality) -> str:
    share = f" of {row.reference} in bf16" if row.reference else ""
    return share + (" over the requests of its chain" if row.of_chain else "")
