"""Volume discounts: spending of a month in tiers, each open only when the one below is full."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from planner.milp.model import EQ, GE, LE, Terms
from planner.milp.sets import most_nodes

if TYPE_CHECKING:
    from planner.milp.model import Model
    from planner.options.supply_records import VolumeDiscount

_MOST_STARTS = 2.0
"""Most that start-up time adds to spending, as a factor; generous, it only sizes a big M."""


def add_volume_discounts(model: Model) -> None:
    """Split what is rented in a month into the tiers of its discount, in their order.

    X[v,t] is the spending of a month on what counts, before volume discounts. With the thresholds
    T_0 = 0 < T_1 < T_2 < ... and the widths w_k = T_(k+1) - T_k of the tiers::

        sum over k of tier[v,t,k] = X[v,t]
        tier[v,t,k]  <=  w_k reached[v,t,k]           k >= 1; the last is as wide as it may get
        tier[v,t,k]  >=  w_k reached[v,t,k+1]         a tier is full before the next one opens

    Prices fall with the amount, so that without `reached` the program would begin with the
    cheapest tier. Spending is in units of a power of ten near T_1.

    Parameters
    ----------
    model
        Receives the variables and rows; none are added where no threshold can be reached.
    """
    grid = model.sets.grid
    for v, volume in enumerate(model.sets.options.volumes):
        for t in range(grid.periods):
            most = _most_usd_per_month(model, volume, t)
            starts = [usd for usd, _ in volume.tiers if usd < most]
            if not starts:
                continue
            unit = 10.0 ** math.floor(math.log10(starts[0]))
            edges = [0.0, *starts, most]
            spent: Terms = {x: -usd / unit for x, usd in _usd_per_month(model, volume, t).items()}
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


def _usd_per_month(model: Model, volume: VolumeDiscount, t: int) -> Terms:
    """Return the spending of a month by variable."""
    sets, grid = model.sets, model.sets.grid
    terms: Terms = {}
    for (o, t2, b), nodes in model.nodes.items():
        offer = sets.options.offers[o]
        if t2 == t and volume.counts(offer.provider, offer.tenure) and not offer.is_committed:
            price = offer.price_usd_per_hour[t] or 0.0
            paid = model.uncovered.get((o, t, b), nodes)
            terms[paid] = price * grid.hours_in_period(b) / grid.months_per_period
            if (o, t, b) in model.starts:
                hours = grid.days_in_period(b) * offer.startup_h / grid.months_per_period
                terms[model.starts[o, t, b]] = price * hours
    return terms


def _most_usd_per_month(model: Model, volume: VolumeDiscount, t: int) -> float:
    """Return more than what all nodes worth having cost in a month."""
    sets = model.sets
    hours = sets.grid.period_h / sets.grid.months_per_period
    return _MOST_STARTS * sum(
        most_nodes(sets, o) * hours * (offer.price_usd_per_hour[t] or 0.0)
        for o, offer in enumerate(sets.options.offers)
        if volume.counts(offer.provider, offer.tenure)
        and not offer.is_committed
        and (o, t, 0) in model.nodes
    )


def discount_volumes(model: Model, usd: Terms) -> Terms:
    """Return the objective with what is rented at the discount of its last tier.

    What lower tiers cost more than that stands with them, so that no coefficient is negative and a
    block alone knows what its nodes cost at least.

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
            for variable in _usd_per_month(model, volume, t):
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
