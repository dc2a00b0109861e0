"""A hedge for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.options.purchases import UNIT_OF

if TYPE_CHECKING:
    from planner.hedge.records import Hedge, ScenarioOutcome, SharedOrder, Value


def hedge_data(hedge: Hedge) -> dict[str, Any]:
    """Return a hedge as plain data, units in the names."""
    return {
        "schema_version": 1,
        "problem": hedge.problem,
        "status": hedge.status,
        "cvar_weight": hedge.risk.weight,
        "cvar_level": hedge.risk.level,
        "objective_usd": hedge.measure_usd,
        "bound_usd": hedge.bound_usd,
        "gap": hedge.gap,
        "expected_usd": hedge.expected_usd,
        "cvar_usd": hedge.cvar_usd,
        "orders": [_order(order) for order in hedge.orders],
        "scenarios": [_scenario(s, hedge) for s in hedge.scenarios],
        "value_of_stochastic_solution": _value(hedge.stochastic_solution),
        "value_of_waiting": _value(hedge.waiting),
        "value_of_perfect_information": _value(hedge.perfect_information),
        "mean_value_plan": hedge.mean_of or None,
        "notes": list(hedge.notes),
        "seconds": hedge.seconds,
    }


def _order(order: SharedOrder) -> dict[str, Any]:
    return {
        "kind": order.purchase.kind,
        "supply_id": order.purchase.supply_id,
        "tier": order.purchase.tier,
        "amount": order.amount,
        "unit": UNIT_OF[order.purchase.kind],
        "decided_in_period": order.decided_in,
        "serves_from_period": order.purchase.period,
        "scenarios": list(order.scenarios),
    }


def _scenario(outcome: ScenarioOutcome, hedge: Hedge) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "probability": outcome.probability,
        "known_from": outcome.known_from,
        "parent": hedge.tree.parents.get(outcome.name),
        "cost_usd": outcome.cost_usd,
        "perfect_foresight_usd": outcome.alone_usd,
        "perfect_foresight_bound_usd": outcome.alone_bound_usd,
        "regret_usd": outcome.regret_usd,
        "mean_value_orders_usd": outcome.deterministic_usd,
        "without_waiting_usd": outcome.waiting_usd,
        "commitments": [
            {
                "offer_id": c.offer_id,
                "nodes": c.nodes,
                "order_month": c.order_month,
                "start_month": c.start_month,
            }
            for c in outcome.plan.commitments
            if not c.is_existing
        ],
    }


def _value(value: Value) -> dict[str, Any]:
    return {
        "usd": value.found_usd,
        "least_usd": value.least_usd,
        "most_usd": value.most_usd,
        "proven": value.is_proven,
        "why_not": value.why_not or None,
    }
