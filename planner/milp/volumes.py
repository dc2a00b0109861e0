"""Volume discounts on what is paid month by month: spending in tiers, by what a month reaches."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from planner.milp.model import EQ, GE, LE, Terms
from planner.milp.month import counted_of_a_month

if TYPE_CHECKING:
    from planner.milp.model import Model
    from planner.milp.month import Counted


_ROUNDING = 1.0 + 1e-9


def add_volume_discounts(model: Model) -> None:
    """Split what counts in a month into the tiers of its discount.

    X[v,t] is the spending of a month on what counts, before volume discounts, and V[v,t] its
    volume: the spending itself, or tokens. T_0 = 0 < T_1 < T_2 < ... are the thresholds. Where a
    tier holds for the part above it, with the widths w_k = T_(k+1) - T_k::

        sum over k of tier[v,t,k] = X[v,t]
        tier[v,t,k]  <=  w_k reached[v,t,k]           k >= 1; the last is as wide as it may get
        tier[v,t,k]  >=  w_k reached[v,t,k+1]         a tier is full before the next one opens

    Prices fall with the amount, so that without `reached` the program would begin with the
    cheapest tier. Where the highest tier that is reached holds for everything::

        sum over k of tier[v,t,k] = X[v,t]            sum over k of amount[v,t,k] = V[v,t]
        T_k reached[v,t,k] <= amount[v,t,k] <= T_(k+1) reached[v,t,k]
        tier[v,t,k] <= most spending reached[v,t,k]   sum over k of reached[v,t,k] = 1

    with `tier` as `amount` where the volume is the spending. Spending and tokens are in units of a
    power of ten near T_1.

    Parameters
    ----------
    model
        Receives the variables and rows; none are added where no threshold can be reached.
    """
    for v, volume in enumerate(model.sets.options.volumes):
        for t in range(0 if volume.is_of_terms else model.sets.grid.periods):
            counted = counted_of_a_month(model, volume, t)
            most = counted.most(volume.unit) * (_ROUNDING if volume.on_all else 1.0)
            starts = [start for start, _ in volume.tiers if start < most]
            if starts and volume.on_all:
                _add_on_all(model, (v, t), counted, starts)
            elif starts:
                _add_on_parts(model, (v, t), counted, starts)


def _power_of_ten(value: float) -> float:
    return float(10.0 ** math.floor(math.log10(value)))


def _add_on_parts(
    model: Model, key: tuple[int, int], counted: Counted, starts: list[float]
) -> None:
    (v, t), unit = key, _power_of_ten(starts[0])
    edges = [0.0, *starts, counted.most_usd]
    spent: Terms = {x: -usd / unit for x, usd in counted.usd.items()}
    for k, (low, high) in enumerate(pairwise(edges)):
        width = (high - low) / unit
        tier = model.variable(f"tier_{v}_{t}_{k}", width)
        model.tiers[v, t, k] = (tier, unit)
        spent[tier] = 1.0
        if k > 0:
            reached = model.variable(f"reached_{v}_{t}_{k}", 1, whole=True)
            below = (edges[k] - edges[k - 1]) / unit
            full: Terms = {model.tiers[v, t, k - 1][0]: 1.0, reached: -below}
            model.row(f"tierfull_{v}_{t}_{k}", full, GE)
            model.row(f"tieropen_{v}_{t}_{k}", {tier: 1.0, reached: -width}, LE)
    model.row(f"tiersum_{v}_{t}", spent, EQ)


def _add_on_all(model: Model, key: tuple[int, int], counted: Counted, starts: list[float]) -> None:
    (v, t), volume = key, model.sets.options.volumes[key[0]]
    in_usd = volume.unit == "usd"
    step = _power_of_ten(starts[0])
    unit = step if in_usd else _power_of_ten(counted.most_usd)
    most_usd = counted.most_usd / unit
    spent: Terms = {x: -usd / unit for x, usd in counted.usd.items()}
    bought: Terms = {x: -mtok / step for x, mtok in counted.mtok.items()}
    one: Terms = {}
    for k, (low, high) in enumerate(pairwise([0.0, *starts, counted.most(volume.unit)])):
        reached = model.variable(f"reached_{v}_{t}_{k}", 1, whole=True)
        one[reached] = 1.0
        tier = model.variable(f"tier_{v}_{t}_{k}", most_usd)
        model.tiers[v, t, k] = (tier, unit)
        spent[tier], amount = 1.0, tier
        if not in_usd:
            amount = model.variable(f"amount_{v}_{t}_{k}", high / step)
            bought[amount] = 1.0
            model.row(f"tierspent_{v}_{t}_{k}", {tier: 1.0, reached: -most_usd}, LE)
        if k > 0:
            model.row(f"tierfrom_{v}_{t}_{k}", {amount: 1.0, reached: -low / step}, GE)
        model.row(f"tieropen_{v}_{t}_{k}", {amount: 1.0, reached: -high / step}, LE)
    model.row(f"tiersum_{v}_{t}", spent, EQ)
    if not in_usd:
        model.row(f"tieramount_{v}_{t}", bought, EQ)
    model.row(f"tierone_{v}_{t}", one, EQ, 1.0)


def discount_volumes(model: Model, usd: Terms) -> Terms:
    """Return the objective with what counts at the discount of its last tier.

    What lower tiers cost more than that stands with them, so that no coefficient is negative and a
    block alone knows what its nodes and tokens cost at least.

    Parameters
    ----------
    model
        Variables by index.
    usd
        Discounted USD by variable, before volume discounts.
    """
    grid, terms = model.sets.grid, dict(usd)
    for v, volume in enumerate(model.sets.options.volumes):
        for t in range(grid.periods):
            tiers = [model.tiers[key] for key in sorted(model.tiers) if key[:2] == (v, t)]
            if not tiers:
                continue
            discounts = [0.0, *(d for _, d in volume.tiers)][: len(tiers)]
            for variable in counted_of_a_month(model, volume, t).usd:
                terms[variable] = usd[variable] * (1.0 - discounts[-1])
            for (tier, unit), discount in zip(tiers, discounts, strict=True):
                scale = grid.discount_factor[t] * grid.months_per_period * unit
                terms[tier] = (discounts[-1] - discount) * scale
    return terms


def rebate_terms_usd(model: Model, t: int) -> Terms:
    """Return what volume discounts take off in a period, nominal USD, negative.

    Parameters
    ----------
    model
        Variables by index.
    t
        Position of the period.
    """
    months = model.sets.grid.months_per_period
    return {
        tier: -model.sets.options.volumes[v].tiers[k - 1][1] * months * unit
        for (v, t2, k), (tier, unit) in model.tiers.items()
        if t2 == t and k > 0
    }
