"""What a course of decisions cost: a plan of the problem as it turned out, period by period."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.builds import TERMINAL_VALUE
from planner.options.purchases import build_of, purchases
from planner.options.spend import SPEND
from planner.options.supply_records import PROVISIONED
from planner.plan.assemble import assemble_plan
from planner.plan.json_io import plan_json
from planner.plan.purchases import taken_purchases
from planner.plan.records import Proof
from planner.plan.staff import RENTED
from planner.plan.unserved import UNSERVED
from planner.roll.records import Order, PeriodOutcome, PolicyOutcome
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.options.purchases import Purchase
    from planner.options.records import OptionSet
    from planner.plan.document import CostLine, Plan
    from planner.plan.records import Decisions
    from planner.roll.world import World

_BY_USE = frozenset({"on_demand", "spot", "api", RENTED, ""})
"""Tenures of cost lines that are paid by use; nodes of all others were taken on, or were there."""
_TENURE_OF = {"units": PROVISIONED, "spend": SPEND}


def booked(
    world: World, policy: str, options: OptionSet, course: Decisions, bound_usd: float | None
) -> PolicyOutcome:
    """Return the cost of a course of decisions.

    Parameters
    ----------
    world
        What came.
    policy
        Name of the policy.
    options
        Options at actual prices, with what was ordered held.
    course
        All that was decided.
    bound_usd
        Proven lower limit, where there is one.
    """
    prepared = world.prepared
    plan = assemble_plan(
        prepared.loaded,
        prepared.catalog,
        demand=world.demand,
        options=options,
        decisions=course,
        proof=Proof("feasible", bound_usd, "", "", 0.0, 0, 0),
        settings={"gap": 0.0, "seed": 0},
    )
    periods = tuple(_periods(world, plan))
    return PolicyOutcome(
        policy=policy,
        cost_usd=plan.cost_usd,
        bound_usd=plan.bound_usd,
        cash_usd=sum(p.committed_usd + p.by_use_usd for p in periods),
        missed_requests=sum(p.missed_requests for p in periods),
        requests=sum(p.requests for p in periods),
        penalty_usd=sum(p.penalty_usd for p in periods),
        orders=tuple(_orders(world, options, course)),
        periods=periods,
        plan_json=plan_json(plan),
    )


def _orders(world: World, options: OptionSet, course: Decisions) -> Iterator[Order]:
    taken = taken_purchases(options, world.demand.grid, course)
    places = purchases(options, world.demand.grid)
    builds = {purchase: build_of(options, purchase, places[purchase]) for purchase in taken}
    offers = {offer.offer_id: offer for offer in options.offers}

    def order(purchase: Purchase) -> tuple[int, Purchase]:
        return world.ordered_in(builds[purchase]), purchase

    for purchase in sorted(taken, key=order):
        build, grid = builds[purchase], world.demand.grid
        offer = offers.get(purchase.supply_id)
        first = build.start * grid.months_per_period
        yield Order(
            ordered_in=world.ordered_in(build),
            offer_id=purchase.supply_id,
            tenure=_TENURE_OF[purchase.kind] if offer is None else offer.tenure,
            hardware="" if offer is None else offer.hardware,
            nodes=0 if offer is None else round(taken[purchase]),
            start_month=grid.month_name(first),
            end_month=grid.month_name(first + build.term_months),
            usd_per_node_hour=build.usd_per_node_hour,
            kind=purchase.kind,
            amount=taken[purchase],
        )


def _periods(world: World, plan: Plan) -> Iterator[PeriodOutcome]:
    grid = world.demand.grid
    lines: dict[int, list[CostLine]] = defaultdict(list)
    for line in plan.cost_lines:
        lines[min(line.period, grid.periods)].append(line)
    requests, missed = _requests(world), _missed(world, plan)
    for period in range(grid.periods + (grid.periods in lines)):
        paid = lines[period]
        left = [x.usd for x in paid if x.category == TERMINAL_VALUE]
        lost = [x.usd for x in paid if x.category == UNSERVED]
        money = [x for x in paid if x.category not in {TERMINAL_VALUE, UNSERVED}]
        yield PeriodOutcome(
            period=period,
            start_month=grid.month_name(period * grid.months_per_period),
            committed_usd=sum((x.usd for x in money if x.tenure not in _BY_USE), 0.0),
            by_use_usd=sum((x.usd for x in money if x.tenure in _BY_USE), 0.0),
            value_left_usd=sum(left, 0.0),
            requests=requests.get(period, 0.0),
            missed_requests=missed.get(period, 0.0),
            penalty_usd=sum(lost, 0.0),
            discounted_usd=sum(x.discounted_usd for x in paid),
        )


def _requests(world: World) -> dict[int, float]:
    grid = world.demand.grid
    seconds = grid.period_h * SECONDS_PER_HOUR * grid.shares_of_period
    by_period = sum(rates.mean_rps for rates in world.demand.workloads) @ seconds
    return dict(enumerate(by_period.tolist()))


def _missed(world: World, plan: Plan) -> dict[int, float]:
    grid = world.demand.grid
    missed: dict[int, float] = defaultdict(float)
    for row in plan.unserved:
        hours = grid.hours_in_period(row.block)
        missed[row.period] += row.rate_rps * hours * SECONDS_PER_HOUR
    return missed
