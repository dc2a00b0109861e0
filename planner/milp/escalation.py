"""Constraint family of escalation: how much of a workload goes through its chain of answers.

With c the planned rate that a chain takes of its workload in a block, and f and a flows::

    sum f[w] + sum a[w] + l + c           = planned[w]            (the demand row of the workload)
    sum f[first] + sum a[first]           = c
    sum f[then] + sum a[then]             = share c

so the chain is one more way to serve, and its second answers follow from its first ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.milp.model import EQ, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from planner.demand.records import Demand
    from planner.milp.model import Model
    from planner.milp.sets import Sets
    from planner.plan.records import Decisions

    FloatArray = NDArray[np.float64]
    _Slot = tuple[int, int]

_TOLERANCE = 1e-6
SMALLEST_SHARE = 1e-7
"""Rates through a chain below this share of the planned rate are the solver's tolerance."""


def add_escalation(model: Model) -> None:
    """Answer as often as the chain is asked (see the module).

    Parameters
    ----------
    model
        Receives the rows; none are added where no workload may escalate.
    """
    sets = model.sets
    answered = _answered(model)
    for stream, direct, share in sets.chain_streams():
        unit_ratio = float(sets.rate_unit_rps[direct] / sets.rate_unit_rps[stream])
        for t, b in sets.slots():
            through = model.chained.get((direct, t, b))
            if through is not None:
                terms = answered.get((stream, t, b), {}) | {through: -share * unit_ratio}
                model.row(f"answers_{stream}_{t}_{b}", terms, EQ)


def _answered(model: Model) -> dict[tuple[int, int, int], Terms]:
    sets = model.sets
    answered: dict[tuple[int, int, int], Terms] = {}
    for (w, _, t, b), flow in model.f.items():
        answered.setdefault((w, t, b), {})[flow] = 1.0
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    for (i, t, b), flow in model.a.items():
        answered.setdefault((position[sets.options.api[i].workload], t, b), {})[flow] = 1.0
    return answered


def with_chain_scales(
    sets: Sets,
    chained: Mapping[tuple[int, int, int], float],
    total: FloatArray,
    scale: FloatArray,
) -> FloatArray:
    """Return factors on flows, those of chains such that they answer what goes through them.

    Parameters
    ----------
    sets
        Index sets and data.
    chained
        Rate through the chain by (workload, period, block), in the workload's rate unit.
    total
        Flows by workload, shape (W, T, B), each in its rate unit.
    scale
        Factor that turns them into requests/s, shape (W, T, B).
    """
    scale = scale.copy()
    for stream, direct, share in sets.chain_streams():
        for t, b in sets.slots():
            asked_rps = share * chained.get((direct, t, b), 0.0) * scale[direct, t, b]
            got = total[stream, t, b]
            scale[stream, t, b] = asked_rps / got if got > 0 else 0.0
    return scale


def chain_rates(demand: Demand, decisions: Decisions) -> dict[tuple[str, int, int], list[float]]:
    """Return planned first and second answers by workload, period and block.

    Parameters
    ----------
    demand
        Streams.
    decisions
        Whole decisions.
    """
    rates: dict[tuple[str, int, int], list[float]] = {}
    chains = {w.workload: w.chain for w in demand.workloads if w.chain is not None}
    for flow in (*decisions.flows, *decisions.api_flows):
        chain = chains.get(flow.workload)
        if chain is not None:
            pair = rates.setdefault((chain.workload, flow.period, flow.block), [0.0, 0.0])
            pair[int(flow.workload.endswith("/then"))] += flow.planned_rps
    return rates


def escalation_faults(demand: Demand, decisions: Decisions) -> Iterator[str]:
    """Yield a sentence where second answers are not the share of the first ones.

    Parameters
    ----------
    demand
        Streams.
    decisions
        Whole decisions.
    """
    share = {
        w.chain.workload: w.chain.share for w in demand.workloads if w.chain and w.chain.share < 1
    }
    for (workload, t, b), (first, then) in chain_rates(demand, decisions).items():
        if abs(then - share[workload] * first) > _TOLERANCE * max(first, _TOLERANCE):
            yield (
                f"{workload}: {then:g} second answers/s to {first:g} first ones in period {t}, "
                f"block {b}, not a share of {share[workload]:g}"
            )
