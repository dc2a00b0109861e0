"""Provisioned units of a plan: the table of them, and who pays for them.

The payments of a term are split over the workloads by the counted tokens of their planned rates
on the units, over all hours in which the term serves; in equal parts over all workloads
when nobody uses them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.supply_records import PROVISIONED
from planner.plan.document import CostLine, ProvisionedRow
from planner.problem.deferral import owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.demand.records import Demand, TimeGrid
    from planner.options.builds import Build
    from planner.options.records import OptionSet
    from planner.options.supply_records import ProvisionedUnits
    from planner.plan.records import Decisions


def provisioned_rows(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> tuple[ProvisionedRow, ...]:
    """Return a row for all units that are taken on together."""
    known = {units.id: units for units in options.provisioned}
    rows = [
        _row(demand.grid, known[row.units_id], known[row.units_id].builds[row.build], row.units)
        for row in decisions.units
    ]
    return tuple(
        sorted(rows, key=lambda r: (r.start_period, r.units_id, r.is_existing, r.end_month))
    )


def _row(grid: TimeGrid, units: ProvisionedUnits, build: Build, count: int) -> ProvisionedRow:
    first = build.start * grid.months_per_period
    return ProvisionedRow(
        units_id=units.id,
        provider=units.provider,
        model=units.model,
        units=count,
        tokens_per_minute=count * units.tokens_per_minute,
        start_month=grid.month_name(first),
        end_month=grid.month_name(first + build.term_months),
        start_period=build.start,
        usd_per_unit_hour=build.usd_per_node_hour,
        usd=count * build.usd,
        discounted_usd=count * build.discounted_usd,
        usd_after_horizon=count * sum(p.usd for p in build.payments if p.period >= grid.periods),
        price_date=build.price_date,
        price_source=build.source,
        is_existing=build.fixed_nodes is not None,
    )


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
