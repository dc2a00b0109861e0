"""The objective of the program, in a money unit that keeps coefficients near 1.

Costs are those of :mod:`planner.milp.costs`. The unit is the power of ten nearest to the median
coefficient: solvers lose accuracy with coefficients far from 1, and with tokens and whole quarters
in dollars they reach 1e13.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pulp

from planner.milp.costs import (
    api_usd_per_planned_rps,
    build_rest_usd,
    node_block_usd,
    software_usd,
    start_usd,
)
from planner.milp.power_prices import power_price_terms_usd
from planner.milp.provisioned import unit_coefficients_usd
from planner.milp.spend import spend_coefficients_usd
from planner.milp.staff import staff_terms_usd
from planner.milp.switching import switching_terms_usd
from planner.milp.unserved import unserved_terms_usd
from planner.milp.volumes import discount_volumes

if TYPE_CHECKING:
    from planner.milp.model import Model, Terms


def set_objective(model: Model) -> float:
    """Set the objective of the problem and return its money unit in USD, a power of ten.

    Parameters
    ----------
    model
        Receives the objective.
    """
    usd = discount_volumes(model, _coefficients_usd(model))
    for t, factor in enumerate(model.sets.grid.discount_factor):
        for nominal_usd in (power_price_terms_usd(model, t), staff_terms_usd(model, t)):
            for variable, later_usd in nominal_usd.items():
                usd[variable] = usd.get(variable, 0.0) + later_usd * factor
    positive = [coefficient for coefficient in usd.values() if coefficient > 0]
    unit_usd = 10.0 ** round(math.log10(float(np.median(positive)))) if positive else 1.0
    scaled = {variable: coefficient / unit_usd for variable, coefficient in usd.items()}
    expression = pulp.LpAffineExpression(scaled, name="cost")
    model.problem.setObjective(expression)  # type: ignore[no-untyped-call]
    return unit_usd


def _coefficients_usd(model: Model) -> Terms:
    sets, grid = model.sets, model.sets.grid
    terms: Terms = {}
    for (o, t, b), nodes in model.nodes.items():
        paid = model.uncovered.get((o, t, b), nodes)
        terms[paid] = node_block_usd(grid, sets.options.offers[o], t, b) or 0.0
    for (c, t, b), replicas in model.n.items():
        usd = software_usd(grid, sets.option_of(c), t, b)
        terms |= {replicas: usd} if usd else {}
    for (o, k), built in model.builds.items():
        terms[built] = build_rest_usd(sets.options.offers[o], k)
    for (i, t), used in model.used.items():
        cost = sets.options.model_costs[i]
        terms[used] = cost.usd_per_period * grid.discount_factor[t]
        terms[model.first[i, t]] = cost.usd * grid.factor_at(t * grid.months_per_period)
    for (o, t, b), started in model.starts.items():
        terms[started] = start_usd(grid, sets.options.offers[o], t, b)
    terms |= unit_coefficients_usd(model) | spend_coefficients_usd(model)
    terms |= switching_terms_usd(model)
    return terms | _token_coefficients_usd(model) | unserved_terms_usd(model)


def _token_coefficients_usd(model: Model) -> Terms:
    sets, grid = model.sets, model.sets.grid
    terms: Terms = {}
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    for i, api in enumerate(sets.options.api):
        w = position[api.workload]
        unit_rps = float(sets.rate_unit_rps[w])
        for t in range(grid.periods):
            usd_per_rps = api_usd_per_planned_rps(sets.demand, api, t)
            for b in range(grid.blocks):
                if (i, t, b) in model.a:
                    asked = sets.actual_rps[w, t, b] / sets.planned_rps[w, t, b]
                    terms[model.a[i, t, b]] = float(usd_per_rps[b] * asked) * unit_rps
    return terms
