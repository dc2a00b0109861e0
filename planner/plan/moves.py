"""Models that begin to serve a workload, and what switching to them costs.

A workload moves to a model in a period in which the model serves it and in the period before did
not. Where nothing says what serves before the horizon, the model that most is planned on in the
first period is free, and every other one is a move.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from planner.plan.limit_rows import Move
from planner.problem.deferral import owner
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.demand.records import Demand
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions

SMALLEST_MODEL_SHARE = 0.01
"""Least share of a workload's requests of a period that a model serves, if it serves any and
switching costs: next to nothing, sent ahead, would save the cost of a move."""


def moves(options: OptionSet, decisions: Decisions) -> tuple[Move, ...]:
    """Return what is paid for, by period, workload and model; nothing without a cost.

    Parameters
    ----------
    options
        The options, with the cost of a move.
    decisions
        Whole decisions.
    """
    usd = options.switching_usd_per_move
    served = models_served(options, decisions) if usd > 0 else {}
    served_before = served.keys() | {(w, m, t - 1) for w, m, t in options.served_before}
    known = known_from_the_start(options)
    free: dict[str, tuple[str, float]] = {}
    for (workload, model, t), rate_rps in sorted(served.items()):
        if t == 0 and workload not in known and rate_rps > free.get(workload, ("", 0.0))[1]:
            free[workload] = (model, rate_rps)
    return tuple(
        Move(t, workload, model, usd)
        for workload, model, t in sorted(served, key=lambda key: (key[2], *key[:2]))
        if (workload, model, t - 1) not in served_before
        and (t > 0 or workload in known or free[workload][0] != model)
    )


def known_from_the_start(options: OptionSet) -> frozenset[str]:
    """Return the workloads of which is known what serves them before the first period."""
    return frozenset(workload for workload, _, t in options.served_before if t == 0)


def models_served(options: OptionSet, decisions: Decisions) -> dict[tuple[str, str, int], float]:
    """Return workload, model and period of everything that is served.

    Parameters
    ----------
    options
        The options.
    decisions
        Whole decisions; replicas without requests do not count.

    Returns
    -------
    Planned requests/s, summed over the blocks of the period.
    """
    of_option = {o.id: o.model for o in options.options}
    of_tokens = {(a.workload, a.id): a.model for a in options.api}
    served: dict[tuple[str, str, int], float] = defaultdict(float)
    for flow in decisions.flows:
        model = of_option[flow.supply_id]
        served[owner(flow.workload), model, flow.period] += flow.planned_rps
    for flow in decisions.api_flows:
        model = of_tokens[flow.workload, flow.supply_id]
        served[owner(flow.workload), model, flow.period] += flow.planned_rps
    return {key: rate_rps for key, rate_rps in served.items() if rate_rps > 0}


def requests_asked(demand: Demand) -> dict[str, NDArray[np.float64]]:
    """Return the requests of every workload by period, all of its streams together.

    Parameters
    ----------
    demand
        Rates of all streams.

    Returns
    -------
    By workload, shape (T,), requests.
    """
    grid = demand.grid
    seconds = grid.period_h * SECONDS_PER_HOUR * grid.shares_of_period
    asked: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(grid.periods))
    for rates in demand.workloads:
        asked[owner(rates.workload)] = asked[owner(rates.workload)] + rates.mean_rps @ seconds
    return dict(asked)
