"""What provisioned units carry, and what paying for it by use would cost without them.

Units of one item that serve in a period carry what is sent to it alike, whatever term they are of.
Without the units of one term, the others carry as much as they have room for at planned rates, and
the rest is paid by use, within the horizon (:mod:`planner.plan.by_use`). That is held against
everything the plan pays for them, their term after the horizon too; both are discounted. Units
that were taken on before the plan are due whatever is decided, and do not count.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.plan.by_use import Sent, paid_by_use
from planner.plan.finance_rows import ProvisionedRow
from planner.plan.rent_notes import JOINER
from planner.plan.tables import mean_rps_of
from planner.units import MINUTES_PER_HOUR, SECONDS_PER_HOUR, SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from planner.demand.records import Demand, TimeGrid
    from planner.options.builds import Build
    from planner.options.records import OptionSet
    from planner.options.supply_records import ProvisionedUnits
    from planner.plan.by_use import ByUse
    from planner.plan.document import Plan
    from planner.plan.records import Decisions
    from planner.problem.schema import Problem


class _Carried(NamedTuple):
    """What units of one term carry over the hours in which they serve.

    Parameters
    ----------
    coverage, utilization
        Share of all requests, and of what the units could carry.
    needed_share
        Share of what they could carry that the other units of the item have no room for.
    by_use
        What is needed of them by use, each workload at its cheapest offer; ``None`` without one.
    """

    coverage: float
    utilization: float
    needed_share: float
    by_use: ByUse | None


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
    there = {
        t: sum(
            r.units
            for r in decisions.units
            if r.units_id == units.id and units.builds[r.build].serves(t)
        )
        for t in periods
    }
    flows = [f for f in decisions.api_flows if f.supply_id == units.id and f.period in periods]
    planned: dict[tuple[int, int], float] = defaultdict(float)
    for flow in flows:
        tokens = of_workload[flow.workload].planned_tokens_at(flow.period).counted
        planned[flow.period, flow.block] += flow.planned_rps * SECONDS_PER_MINUTE * tokens
    sent = []
    counted = requests = needed = 0.0
    for flow in flows:
        hours = grid.hours_in_period(flow.block)
        all_here = mean_rps_of(demand, flow) * hours * SECONDS_PER_HOUR
        here = all_here * count / there[flow.period]
        tokens = of_workload[flow.workload].usage_tokens_at(flow.period).counted
        requests += here
        counted += here * tokens
        room = (there[flow.period] - count) * units.tokens_per_minute
        over = all_here * _share_over(planned[flow.period, flow.block], room)
        needed += over * tokens
        sent.append(Sent(flow.workload, flow.period, flow.block, over))
    minutes = len(periods) * grid.period_h * MINUTES_PER_HOUR
    could = count * units.tokens_per_minute * minutes
    asked = _asked(demand, decisions, periods)
    return _Carried(
        requests / asked if asked else 0.0,
        counted / could if could else 0.0,
        needed / could if could else 0.0,
        paid_by_use(demand, options, decisions, units.model, sent),
    )


def _share_over(planned: float, room: float) -> float:
    """Return the share of planned tokens that is beyond a room for them."""
    return max(1.0 - room / planned, 0.0) if planned else 0.0


def _asked(demand: Demand, decisions: Decisions, periods: range) -> float:
    """Return the requests that are served in some periods, by whatever it is."""
    flows = (*decisions.flows, *decisions.api_flows)
    return sum(
        mean_rps_of(demand, flow) * demand.grid.hours_in_period(flow.block) * SECONDS_PER_HOUR
        for flow in flows
        if flow.period in periods
    )


def _row(
    grid: TimeGrid, units: ProvisionedUnits, build: Build, count: int, carried: _Carried
) -> ProvisionedRow:
    first = build.start * grid.months_per_period
    own_usd = 0.0 if build.fixed_nodes is not None else count * build.discounted_usd
    by_use = carried.by_use
    ratio = own_usd / by_use.discounted_usd if by_use and by_use.discounted_usd else None
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
        alternative_offer_id=None if by_use is None else by_use.offer_id,
        alternative_usd=None if by_use is None else by_use.usd,
        break_even_utilization=None if ratio is None else carried.needed_share * ratio,
        alternative_price_fall=None if ratio is None else 1.0 - ratio,
        needed_share=carried.needed_share,
        units_kept=build.least_nodes,
        alternative_discounted_usd=None if by_use is None else by_use.discounted_usd,
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
        (row.units_id, name)
        for row in plan.provisioned
        for name in _offers(row)
        if any(
            limit.provider == provider_of.get(name) and limit.model in {None, row.model}
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


def _offers(row: ProvisionedRow) -> list[str]:
    return row.alternative_offer_id.split(JOINER) if row.alternative_offer_id else []


def _without_people(plan: Plan, usd_per_month: float) -> list[str]:
    """Return a note for units and their alternatives where every offer in use needs people."""
    if not usd_per_month:
        return []
    in_use = {row.offer_id for row in plan.api}
    notes = []
    for row in plan.provisioned:
        names = _offers(row)
        more = sum(name not in in_use for name in names) - 1
        usd = f"{max(more, 1) * usd_per_month:,.0f} USD of people a month"
        says = f"units and offer need {usd} alike"
        if more < 0:
            says = f"that offer serves here anyway, so without the units {usd} would be saved too"
            says = says if len(names) == 1 else says.replace("that offer serves", "they serve")
        elif more > 0:
            says = f"without the units {usd} would be needed beside it"
        if names:
            notes.append(
                f"{row.units_id}: what its tokens would cost by use at {JOINER.join(names)}, and "
                "the break-even and price fall that follow, are without people of offers "
                f"(supply.staff.api.fte_per_offer); {says}"
            )
    return list(dict.fromkeys(notes))
