"""Requests that stay unserved at the price their workload states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.plan.document import UnservedRow
from planner.plan.tables import mean_rps_of
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from planner.demand.records import Demand
    from planner.plan.document import Plan
    from planner.plan.records import Decisions
    from planner.problem.schema import Problem

UNSERVED = "unserved"
"""Category of their cost."""


def unserved_rows(
    demand: Demand, decisions: Decisions, problem: Problem
) -> tuple[UnservedRow, ...]:
    """Return a row for every block in which a workload is not served entirely.

    The price is paid for the requests of the mean rate: ``usd = rate_rps x seconds x price``.
    """
    rows = []
    for row in decisions.unserved:
        price = problem.workload(row.workload).unserved_penalty_usd_per_request or 0.0
        mean = mean_rps_of(demand, row)
        requests = mean * demand.grid.hours_in_period(row.block) * SECONDS_PER_HOUR
        rows.append(
            UnservedRow(
                period=row.period,
                block=row.block,
                workload=row.workload,
                rate_rps=mean,
                planned_rate_rps=row.planned_rps,
                penalty_usd_per_request=price,
                usd=requests * price,
            )
        )
    return tuple(sorted(rows, key=lambda r: (r.period, r.block, r.workload)))


def unserved_notes(plan: Plan, demand: Demand) -> list[str]:
    """Return, for each workload, the share of its requests that stays unserved.

    Parameters
    ----------
    plan
        The plan.
    demand
        Rates of all workloads.
    """
    notes = []
    seconds = demand.grid.period_h * SECONDS_PER_HOUR * demand.grid.shares_of_period
    for rates in demand.workloads:
        name = rates.workload
        rows = [row for row in plan.unserved if row.workload == name]
        if not rows:
            continue
        lost = sum(row.rate_rps * float(seconds[row.block]) for row in rows)
        share = lost / float((rates.mean_rps @ seconds).sum())
        usd = sum(row.usd for row in rows)
        worst = max(rows, key=lambda row: row.planned_rate_rps)
        notes.append(
            f"{name}: {share:.2%} of its requests stay unserved, at most "
            f"{worst.planned_rate_rps:.4g} of the planned requests/s (period {worst.period}, "
            f"block {worst.block}); {usd:,.0f} USD of the cost is the price of that "
            "(unserved_penalty_usd_per_request), which no budget counts; unit costs are those of "
            "what is served, without it"
        )
    return notes
