"""Cash by month: every payment in the month that it falls in.

Capital and upfront money moves in the first month of its period, a lease and the running costs of
nodes evenly over the months that they are for, and what is paid by use (rent, tokens, people,
models by period) evenly over the months of its period. Discounted amounts carry the factor of the
cost lines, so that both add up to the same cost. The price of requests that are not served is no
cash, and stands apart.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.builds import TERMINAL_VALUE
from planner.plan.commitments import taken_builds
from planner.plan.finance_rows import CASH, UNSERVED, VALUE_LEFT, CashFlow
from planner.plan.moves import moves
from planner.plan.power_prices import power_price_rows
from planner.plan.records import model_periods, taken_beside_nodes
from planner.plan.staff import people_by_period
from planner.plan.tables import api_rows, fleet_rows, mean_rps_of
from planner.plan.volumes import volume_rows
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.demand.records import Demand, TimeGrid
    from planner.options.builds import Payment
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions


def cash_flows(
    name: str, demand: Demand, options: OptionSet, decisions: Decisions
) -> tuple[CashFlow, ...]:
    """Return what decisions cost month by month, months without money left out.

    Parameters
    ----------
    name
        Name of the plan or baseline.
    demand, options, decisions
        The records the cost follows from.
    """
    sums: dict[tuple[int, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for month, kind, usd, discounted_usd in _flows(demand, options, decisions):
        sums[month, kind][0] += usd
        sums[month, kind][1] += discounted_usd
    return tuple(
        CashFlow(name, demand.grid.month_name(month), kind, *amounts)
        for (month, kind), amounts in sorted(sums.items())
    )


def _flows(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> Iterator[tuple[int, str, float, float]]:
    grid = demand.grid
    builds = [(build, nodes) for _, build, nodes in taken_builds(options, decisions)]
    for build, nodes in (*builds, *taken_beside_nodes(options, decisions)):
        for payment in build.payments:
            for month, share in _months(grid, payment):
                usd = nodes * payment.usd * share
                kind = VALUE_LEFT if payment.category == TERMINAL_VALUE else CASH
                yield month, kind, usd, usd * payment.factor
    for kind, period, usd in (
        *((CASH, *paid) for paid in paid_by_use(demand, options, decisions)),
        *((UNSERVED, *lost) for lost in price_of_unserved(demand, decisions)),
    ):
        length = grid.months_per_period
        for month in range(period * length, (period + 1) * length):
            yield month, kind, usd / length, usd / length * grid.discount_factor[period]
    for period, usd in paid_once(options, decisions):
        month = period * grid.months_per_period
        yield month, CASH, usd, usd * grid.factor_at(month)


def _months(grid: TimeGrid, payment: Payment) -> Iterator[tuple[int, float]]:
    """Yield the months of a payment and the share of it that falls in each."""
    if payment.category == TERMINAL_VALUE:
        yield grid.months - 1, 1.0
    elif payment.span is None:
        yield payment.period * grid.months_per_period, 1.0
    else:
        begin, end = payment.span
        for month in range(math.floor(begin), math.ceil(end)):
            yield month, (min(end, month + 1) - max(begin, month)) / (end - begin)


def paid_by_use(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> Iterator[tuple[int, float]]:
    """Yield period and nominal amount of what is paid evenly over a period.

    Parameters
    ----------
    demand, options, decisions
        The records the cost follows from.
    """
    committed = {o.offer_id for o in options.offers if o.is_committed}
    for row in fleet_rows(demand, options, decisions):
        if row.offer_id not in committed:
            yield row.period, row.usd
    yield from _licences(demand, options, decisions)
    for off in volume_rows(demand, options, decisions):
        yield off.period, -off.rebate_usd
    yield from ((r.period, r.usd) for r in power_price_rows(demand, options, decisions))
    yield from ((r.period, r.usd) for r in api_rows(demand, options, decisions))
    yield from people_by_period(options, demand.grid, decisions)
    periods = model_periods(options, decisions)
    for cost in options.model_costs:
        for period in periods[cost.model]:
            yield period, cost.usd_per_period


def _licences(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> Iterator[tuple[int, float]]:
    option_of = {option.id: option for option in options.options}
    for row in decisions.replicas:
        usd = option_of[row.option_id].software_usd_per_hour
        if usd:
            yield row.period, row.replicas * usd * demand.grid.hours_in_period(row.block)


def price_of_unserved(demand: Demand, decisions: Decisions) -> Iterator[tuple[int, float]]:
    """Yield period and price of the requests that are not served, which nobody pays.

    Parameters
    ----------
    demand, decisions
        Rates with the price of a request, and what stays unserved.
    """
    for row in decisions.unserved:
        price = demand.of(row.workload).unserved_usd_per_request or 0.0
        mean = mean_rps_of(demand, row)
        hours = demand.grid.hours_in_period(row.block)
        yield row.period, mean * hours * SECONDS_PER_HOUR * price


def paid_once(options: OptionSet, decisions: Decisions) -> Iterator[tuple[int, float]]:
    """Yield period and amount of what models cost when they are first used or switched to.

    Parameters
    ----------
    options, decisions
        The records the cost follows from.
    """
    periods = model_periods(options, decisions)
    for cost in options.model_costs:
        if periods[cost.model] and cost.usd:
            yield periods[cost.model][0], cost.usd
    for move in moves(options, decisions):
        yield move.period, move.usd
