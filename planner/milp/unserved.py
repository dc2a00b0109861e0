"""The price of requests that stay unserved.

A workload with a price may leave part of its rate unserved. The price is paid by the mean rate, as
tokens are::

    cost = sum_t discount[t] sum_b hours * 3600 * usd_per_request[w] * l[w,t,b]
               * mean[w,t,b] / planned[w,t,b]

It is the value of a lost request, not a payment: it counts in the cost that is minimised, and not
in budgets. Without one, every planned rate is served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.demand.records import Demand
    from planner.milp.model import Model, Terms
    from planner.milp.records import Limits
    from planner.plan.records import Decisions


def unserved_usd_per_planned_rps(
    demand: Demand, workload: str, usd_per_request: float
) -> NDArray[np.float64]:
    """Return the discounted price of one planned request/s that stays unserved.

    Parameters
    ----------
    demand
        Rates of all workloads.
    workload
        Name of the workload.
    usd_per_request
        Price of a request that stays unserved.

    Returns
    -------
    Shape (T, B), USD per planned request/s over a period; 0 in blocks without demand.
    """
    grid, rates = demand.grid, demand.of(workload)
    share = np.divide(
        rates.mean_rps,
        rates.planned_rps,
        out=np.zeros_like(rates.planned_rps),
        where=rates.planned_rps > 0,
    )
    seconds = grid.period_h * SECONDS_PER_HOUR * grid.shares_of_period
    factor = np.array(grid.discount_factor)[:, None]
    return np.asarray(factor * seconds * usd_per_request * share, dtype=np.float64)


def unserved_terms_usd(model: Model) -> Terms:
    """Return the objective coefficient of every ``l[w,t,b]``, discounted USD.

    Parameters
    ----------
    model
        Variables by index.
    """
    sets = model.sets
    prices = dict(sets.limits.unserved_usd_per_request)
    terms: Terms = {}
    for w, rates in enumerate(sets.demand.workloads):
        if rates.workload not in prices:
            continue
        usd = unserved_usd_per_planned_rps(sets.demand, rates.workload, prices[rates.workload])
        for t, b in sets.slots():
            if (w, t, b) in model.unserved:
                asked = sets.actual_rps[w, t, b] / sets.planned_rps[w, t, b]
                unit_rps = float(sets.rate_unit_rps[w])
                terms[model.unserved[w, t, b]] = float(usd[t, b] * asked) * unit_rps
    return terms


def unserved_usd(demand: Demand, limits: Limits, decisions: Decisions) -> float:
    """Return the discounted price of what decisions leave unserved.

    Parameters
    ----------
    demand, limits
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    # Limits may name workloads that are not in this demand, as where each is planned alone.
    waived = {row.workload for row in decisions.unserved}
    usd = {
        name: unserved_usd_per_planned_rps(demand, name, price)
        for name, price in limits.unserved_usd_per_request
        if name in waived
    }
    return sum(
        float(usd[row.workload][row.period, row.block]) * row.planned_rps
        for row in decisions.unserved
    )
