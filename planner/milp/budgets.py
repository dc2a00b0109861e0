"""Constraint families of money and of the site: budgets, IT power and space of owned nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.milp.costs import api_usd_per_planned_rps
from planner.milp.model import LE, Priced, Terms
from planner.milp.naming import budget_label
from planner.milp.power_prices import power_price_terms_usd
from planner.milp.provisioned import unit_usd
from planner.milp.spend import spend_usd
from planner.milp.staff import staff_terms_usd
from planner.milp.volumes import rebate_terms_usd
from planner.options.builds import CAPEX, RESALE, TERMINAL_VALUE
from planner.options.owned import OWNED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.milp.model import Model
    from planner.milp.records import BudgetLimit
    from planner.options.builds import Build
    from planner.options.records import NodeOffer

_CASH, _OPEX = "cash", "opex"


def add_budgets(model: Model) -> None:
    """Spend no more than allowed: ``sum of payments of a kind in a period <= budget``.

    Payments are nominal and fall on their own dates; what comes back at the end, and what sold
    nodes bring, does not count.
    Rows are in shares of the budget.

    Parameters
    ----------
    model
        Receives the rows.
    """
    sets = model.sets
    for j, budget in enumerate(sets.limits.budgets):
        periods = range(sets.grid.periods) if budget.period is None else [budget.period]
        unit_usd = budget.usd or 1.0
        terms: Terms = {}
        for t in periods:
            for variable, usd in _spent_usd(model, budget, t).items():
                terms[variable] = terms.get(variable, 0.0) + usd / unit_usd
        if terms:
            model.row(f"budget_{j}", terms, LE, budget.usd / unit_usd)
            weights = {f"budget_{j}": 1.0 / unit_usd}
            model.priced.append(Priced("budget", budget_label(budget), "USD", weights))


def build_usd(build: Build, kind: str, period: int) -> float:
    """Return what a node of a build costs in a period, nominal, without value that comes back.

    Parameters
    ----------
    build
        The build.
    kind
        ``cash``, ``capex`` or ``opex``.
    period
        Position of the period.
    """
    return sum(
        p.usd
        for p in build.payments
        if p.period == period
        and p.category not in {RESALE, TERMINAL_VALUE}
        and (kind == _CASH or (p.category == CAPEX) == (kind == CAPEX))
    )


def _spent_usd(model: Model, budget: BudgetLimit, t: int) -> Terms:
    """Return nominal USD of period `t` by variable."""
    sets, grid = model.sets, model.sets.grid
    offers: tuple[NodeOffer, ...] = sets.options.offers
    terms: Terms = {
        built: usd
        for (o, k), built in model.builds.items()
        if (usd := build_usd(offers[o].builds[k], budget.kind, t))
    }
    if budget.kind == CAPEX:
        return terms
    terms |= unit_usd(model, t) | spend_usd(model, t)
    terms |= rebate_terms_usd(model, t)
    terms |= _model_usd(model, t) | _software_usd(model, t)
    usd = sets.options.switching_usd_per_move
    terms |= {moves: usd for (_, _, t2), moves in model.moves.items() if t2 == t}
    terms |= dict.fromkeys(model.more.values(), usd) if t == 0 else {}
    for (o, t2, b), nodes in model.nodes.items():
        price = offers[o].price_usd_per_hour[t]
        if t2 == t and price is not None and not offers[o].is_committed:
            paid = model.uncovered.get((o, t, b), nodes)
            terms[paid] = price * grid.hours_in_period(b)
    for (o, t2, b), started in model.starts.items():
        if t2 == t:
            hours = grid.days_in_period(b) * offers[o].startup_h
            terms[started] = hours * (offers[o].price_usd_per_hour[t] or 0.0)
    terms |= _token_usd(model, t)
    for more in (power_price_terms_usd(model, t), staff_terms_usd(model, t)):
        for variable, usd in more.items():
            terms[variable] = terms.get(variable, 0.0) + usd
    return terms


def _software_usd(model: Model, t: int) -> Terms:
    sets = model.sets
    return {
        replicas: usd
        for (c, t2, b), replicas in model.n.items()
        if t2 == t
        and (usd := sets.option_of(c).software_usd_per_hour * sets.grid.hours_in_period(b))
    }


def _model_usd(model: Model, t: int) -> Terms:
    terms: Terms = {}
    for i, cost in enumerate(model.sets.options.model_costs):
        if (i, t) in model.used:
            terms |= {model.used[i, t]: cost.usd_per_period, model.first[i, t]: cost.usd}
    return terms


def _token_usd(model: Model, t: int) -> Terms:
    sets, grid = model.sets, model.sets.grid
    terms: Terms = {}
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    for (i, t2, b), flow in model.a.items():
        if t2 == t:
            api = sets.options.api[i]
            w = position[api.workload]
            asked = sets.actual_rps[w, t, b] / sets.planned_rps[w, t, b]
            usd = api_usd_per_planned_rps(sets.demand, api, t)[b] / grid.discount_factor[t]
            terms[flow] = float(usd * asked * sets.rate_unit_rps[w])
    return terms


def add_power(model: Model) -> None:
    """Draw no more than allowed: ``sum over owned offers of kW N[o,t] <= power_kw``.

    Owned nodes count with their IT power at full load, those that are there already included.

    Parameters
    ----------
    model
        Receives the rows; none are added without a limit.
    """
    offers = enumerate(model.sets.options.offers)
    kw = {o: offer.power_kw for o, offer in offers if offer.power_kw}
    most_kw = model.sets.limits.power_kw
    if most_kw is not None:
        names = _add_to_site(model, "power", kw, most_kw)
        model.priced.append(Priced("power", "owned nodes", "kW", dict.fromkeys(names, 1.0)))


def add_space(model: Model) -> None:
    """Have space for every node: ``sum over owned offers of N[o,t] <= owned_nodes``.

    Nodes that are there already take their space too.

    Parameters
    ----------
    model
        Receives the rows; none are added without a limit.
    """
    owned = {o: 1.0 for o, x in enumerate(model.sets.options.offers) if x.tenure == OWNED}
    most = model.sets.limits.owned_nodes
    if most is not None:
        names = _add_to_site(model, "space", owned, float(most))
        weights = dict.fromkeys(names, 1.0)
        model.priced.append(Priced("owned_nodes", "space of the site", "node", weights))


def _add_to_site(model: Model, name: str, taken: Mapping[int, float], most: float) -> list[str]:
    """Add the row of every period that nodes take no more of the site; return their names.

    Owned nodes are there in every block, or in those in which inference may have them.
    """
    names, blocks = [], range(model.sets.grid.blocks)
    for t in range(model.sets.grid.periods):
        terms: Terms = {}
        for o, each in taken.items():
            block = next((b for b in blocks if (o, t, b) in model.nodes), None)
            if block is not None:
                terms[model.nodes[o, t, block]] = each
        if terms:
            names.append(f"{name}_{t}")
            model.row(names[-1], terms, LE, most)
    return names
