"""Provisioned units of a plan: who pays for them.

The payments of a term are split over the workloads by the counted tokens of their planned rates
on the units, over all hours in which the term serves; in equal parts over all workloads
when nobody uses them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.supply_records import PROVISIONED
from planner.plan.document import CostLine
from planner.problem.deferral import owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.demand.records import Demand
    from planner.options.builds import Build
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions


def provisioned_charges(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> Iterator[CostLine]:
    """Yield, line by line, what each workload bears of every payment for units."""
    known = {units.id: units for units in options.provisioned}
    names = list(dict.fromkeys(owner(w.workload) for w in demand.workloads))
    for row in decisions.units:
        build = known[row.units_id].builds[row.build]
        split = _split(demand, options, decisions, row.units_id, build)
        split = split or {name: 1.0 / len(names) for name in names}
        for payment in build.payments:
            for workload, share in split.items():
                usd = row.units * payment.usd * share
                yield CostLine(
                    payment.period,
                    payment.category,
                    workload,
                    "",
                    PROVISIONED,
                    usd,
                    usd * payment.factor,
                )


def _split(
    demand: Demand, options: OptionSet, decisions: Decisions, units_id: str, build: Build
) -> Mapping[str, float]:
    api = {a.workload: a for a in options.api if a.units_id == units_id}
    load: dict[str, float] = defaultdict(float)
    for flow in decisions.api_flows:
        if flow.supply_id == units_id and build.serves(flow.period):
            hours = demand.grid.hours_in_period(flow.block)
            counted = api[flow.workload].planned_tokens_at(flow.period).counted
            load[owner(flow.workload)] += hours * counted * flow.planned_rps
    total = sum(load.values())
    return {workload: weight / total for workload, weight in load.items() if weight > 0}
