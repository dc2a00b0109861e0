"""Everything about a plan that takes other plans to say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.alternatives import compare_with_restrictions
from planner.finance.break_even import with_break_evens
from planner.finance.losses import CommitmentSheet
from planner.finance.payback import paybacks
from planner.finance.workload_costs import WorkloadCosts

if TYPE_CHECKING:
    from planner.alternatives import Answer
    from planner.catalog.load import Catalog
    from planner.demand.records import Demand
    from planner.milp import SolverSettings
    from planner.plan.document import Plan
    from planner.problem.load import LoadedProblem


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about a plan beside the plan; each has a time budget of its own.

    Parameters
    ----------
    compare
        Alternatives, baselines, paybacks and break-even demands.
    commitments
        Losses of commitments and the order calendar.
    workload_costs
        Incremental and stand-alone cost of every workload.
    """

    compare: bool
    commitments: bool
    workload_costs: bool


def explained(
    plan: Plan,
    own: Answer,
    demand: Demand,
    *,
    loaded: LoadedProblem,
    catalog: Catalog,
    settings: SolverSettings,
    asked: Asked,
) -> Plan:
    """Return the plan with what is asked about it.

    Parameters
    ----------
    plan
        The plan.
    own
        The same as an answer of its program.
    demand
        The demand it serves.
    loaded, catalog
        The problem and its facts.
    settings
        Gap of every solve; ``time_limit_s`` is each budget.
    asked
        Which questions.
    """
    if asked.compare:
        plan, baselines = compare_with_restrictions(plan, own, demand, settings)
        rows = with_break_evens(paybacks(plan), own, baselines, demand, settings)
        plan = replace(plan, paybacks=rows)
    if asked.commitments:
        losses, calendar = CommitmentSheet(own, demand, settings).rows()
        plan = replace(plan, commitment_losses=losses, order_calendar=calendar)
    if asked.workload_costs and own.limits is not None and own.options is not None:
        before = own.options.served_before
        costs = WorkloadCosts(loaded, catalog, own.limits, settings, before)
        plan = replace(plan, workload_costs=costs.rows(plan, demand))
    return plan
