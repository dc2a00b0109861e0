"""Provisioned units of a plan: the table of them, what they carry, and who pays for them.

Units of one item that serve in a period carry what is sent to it alike, whatever term they are of.

The payments of a term are split over the workloads by the counted tokens of their planned rates
on the units, over all hours in which the term serves; in equal parts over all workloads
when nobody uses them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.options.supply_records import PROVISIONED
from planner.plan.document import CostLine
from planner.plan.finance_rows import ProvisionedRow
from planner.plan.tables import mean_rps_of
from planner.problem.deferral import owner
from planner.units import MINUTES_PER_HOUR, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.demand.records import Demand, TimeGrid
    from planner.options.builds import Build
    from planner.options.records import OptionSet
    from planner.options.supply_records import ApiOption, ProvisionedUnits
    from planner.plan.document import Plan
    from planner.plan.records import Decisions
    from planner.problem.schema import Problem


class _Sent(NamedTuple):
    """Requests of a workload that units of one item carry in a block, over its hours."""

    workload: str
    period: int
    block: int
    requests: float


class _Carried(NamedTuple):
    """What units of one term carry over the hours in which they serve.

    Parameters
    ----------
    coverage, utilization
        Share of all requests, and of what the units could carry.
    alternative_id, alternative_usd
        Cheapest offer of the same tokens by use, and what they would cost there; ``None`` without.
    """

    coverage: float
    utilization: float
    alternative_id: str | None
    alternative_usd: float | None


def provisioned_rows(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> tuple[ProvisionedRow, ...]:
    """Return a row for all units that are taken on together."""
    known = {units.id: units for units in options.provisioned}
    rows = []
    for row in decisions.units:
        units = known[row.units_id]
        build = units.builds[row.build]
        carried = _carried(demand, options, decisions, units, build, row.units)
        rows.append(_row(demand.grid, units, build, row.units, carried))
    return tuple(
        sorted(rows, key=lambda r: (r.start_period, r.units_id, r.is_existing, r.end_month))
    )


def _carried(  # noqa: PLR0917
    demand: Demand,
    options: OptionSet,
    decisions: Decisions,
    units: ProvisionedUnits,
    build: Build,
    count: int,
) -> _Carried:
    grid, periods = demand.grid, range(build.start, build.end)
    of_workload = {a.workload: a for a in options.api if a.units_id == units.id}
    share = {
        t: count
        / sum(
            r.units
            for r in decisions.units
            if r.units_id == units.id and units.builds[r.build].serves(t)
        )
        for t in periods
    }
    sent = []
    counted = requests = 0.0
    for flow in decisions.api_flows:
        if flow.supply_id == units.id and flow.period in periods:
            mean = mean_rps_of(demand, flow)
            hours = grid.hours_in_period(flow.block) * share[flow.period]
            here = mean * hours * SECONDS_PER_HOUR
            sent.append(_Sent(flow.workload, flow.period, flow.block, here))
            requests += here
            counted += here * of_workload[flow.workload].usage_tokens_at(flow.period).counted
    minutes = len(periods) * grid.period_h * MINUTES_PER_HOUR
    could = count * units.tokens_per_minute * minutes
    asked = _asked(demand, decisions, periods)
    usd, offer_id = _alternative(options, units.model, sent) or (None, None)
    return _Carried(
        requests / asked if asked else 0.0, counted / could if could else 0.0, offer_id, usd
    )


def _asked(demand: Demand, decisions: Decisions, periods: range) -> float:
    """Return the requests that are served in some periods, by whatever it is."""
    flows = (*decisions.flows, *decisions.api_flows)
    return sum(
        mean_rps_of(demand, flow) * demand.grid.hours_in_period(flow.block) * SECONDS_PER_HOUR
        for flow in flows
        if flow.period in periods
    )


def _alternative(options: OptionSet, model: str, sent: list[_Sent]) -> tuple[float, str] | None:
    """Return what requests cost with the cheapest offer of a model by use, and which it is."""
    by_offer: dict[str, dict[str, ApiOption]] = defaultdict(dict)
    for api in options.api:
        if not api.units_id and api.model == model:
            by_offer[api.id][api.workload] = api
    needed = {one.workload for one in sent}
    costs = [
        (
            sum(
                one.requests * offer[one.workload].usd_per_request_at(one.period, one.block)
                for one in sent
            ),
            offer_id,
        )
        for offer_id, offer in by_offer.items()
        if needed and needed <= offer.keys()
    ]
    return min(costs, default=None)


def _row(
    grid: TimeGrid, units: ProvisionedUnits, build: Build, count: int, carried: _Carried
) -> ProvisionedRow:
    first = build.start * grid.months_per_period
    own_usd = count * build.usd_per_node_hour * (build.end - build.start) * grid.period_h
    ratio = own_usd / carried.alternative_usd if carried.alternative_usd else None
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
        order_by=grid.period_start[build.start].isoformat(),
        coverage=carried.coverage,
        utilization=carried.utilization,
        alternative_offer_id=carried.alternative_id,
        alternative_usd=carried.alternative_usd,
        break_even_utilization=None if ratio is None else carried.utilization * ratio,
        alternative_price_fall=None if ratio is None else 1.0 - ratio,
    )


def unit_notes(plan: Plan, problem: Problem, options: OptionSet) -> list[str]:
    """Return what the figures of tokens by use beside units leave out: rate limits, and people.

    Parameters
    ----------
    plan
        The plan.
    problem
        The problem, for its rate limits.
    options
        What is on offer.
    """
    provider_of = {api.id: api.provider for api in options.api}
    limited = [
        (row.units_id, str(row.alternative_offer_id))
        for row in plan.provisioned
        if any(
            limit.provider == provider_of.get(str(row.alternative_offer_id))
            and limit.model in {None, row.model}
            for limit in problem.supply.api_limits
        )
    ]
    return [
        f"{units}: what its tokens would cost by use at {offer}, and the break-even and price "
        "fall that follow, leave out the rate limit that supply.api_limits sets there; tokens "
        "beyond it cannot be had at that price (`--commitments` solves what doing without the "
        "units costs)"
        for units, offer in dict.fromkeys(limited)
    ] + _without_people(plan, options.staff.usd_per_offer_month)


def _without_people(plan: Plan, usd_per_month: float) -> list[str]:
    """Return a note for units and their alternatives where every offer in use needs people."""
    if not usd_per_month:
        return []
    in_use = {row.offer_id for row in plan.api}
    pairs = dict.fromkeys(
        (row.units_id, row.alternative_offer_id)
        for row in plan.provisioned
        if row.alternative_offer_id is not None
    )
    usd = f"{usd_per_month:,.0f} USD of people a month"
    return [
        f"{units}: what its tokens would cost by use at {offer}, and the break-even and price "
        "fall that follow, are without people of offers (supply.staff.api.fte_per_offer); "
        + (
            f"that offer serves here anyway, so without the units {usd} would be saved too"
            if offer in in_use
            else f"units and offer need {usd} alike"
        )
        for units, offer in pairs
    ]


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
