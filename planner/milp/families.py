"""The register of constraint families, and the program they make.

Every family has a text of its rows on a toy problem among the tests; a family without one fails
there, so that none is added unread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.milp import (
    api_limits,
    average_quality,
    budgets,
    caps,
    carbon,
    constraints,
    diversity,
    escalation,
    fleet,
    model_costs,
    order_minimums,
    order_tiers,
    power_prices,
    provisioned,
    spares,
    spend,
    staff,
    switching,
    turns,
    volumes,
    waiting,
)
from planner.milp.model import Program, build_variables
from planner.milp.objective import set_objective
from planner.milp.sets import build_sets

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.demand.records import Demand
    from planner.milp.model import Model
    from planner.milp.records import Limits
    from planner.milp.sets import Elsewhere
    from planner.options.records import OptionSet


@dataclass(frozen=True, slots=True)
class Family:
    """One constraint family.

    Parameters
    ----------
    name
        Name of the family.
    add
        Adds its rows to a model.
    """

    name: str
    add: Callable[[Model], None]


FAMILIES: tuple[Family, ...] = (
    Family("demand", constraints.add_demand),
    Family("escalation", escalation.add_escalation),
    Family("backlogs", waiting.add_backlogs),
    Family("average_quality", average_quality.add_average_quality),
    Family("capacity", constraints.add_capacity),
    Family("changeovers", waiting.add_changeovers),
    Family("spot_share", waiting.add_spot_share),
    Family("tightening", constraints.add_tightening),
    Family("brackets", constraints.add_brackets),
    Family("packing", fleet.add_packing),
    Family("builds", fleet.add_builds),
    Family("resale", fleet.add_resale),
    Family("order_tiers", order_tiers.add_order_tiers),
    Family("order_minimums", order_minimums.add_order_minimums),
    Family("staff", staff.add_staff),
    Family("node_starts", fleet.add_node_starts),
    Family("min_billing", fleet.add_min_billing),
    Family("elasticity", fleet.add_elasticity),
    Family("static_scaling", fleet.add_static_scaling),
    Family("spares", spares.add_spares),
    Family("provider_shares", diversity.add_provider_shares),
    Family("survival", diversity.add_survival),
    Family("quotas", caps.add_quotas),
    Family("turns", turns.add_turns),
    Family("api_limits", api_limits.add_api_limits),
    Family("provisioned", provisioned.add_provisioned),
    Family("spend_commitments", spend.add_spend_commitments),
    Family("volume_discounts", volumes.add_volume_discounts),
    Family("power_prices", power_prices.add_power_prices),
    Family("model_costs", model_costs.add_model_costs),
    Family("switching", switching.add_switching),
    Family("budgets", budgets.add_budgets),
    Family("power", budgets.add_power),
    Family("space", budgets.add_space),
    Family("carbon", carbon.add_carbon),
    Family("max_models", caps.add_max_models),
    Family("max_hardware_types", caps.add_max_hardware_types),
)


def build_program(
    demand: Demand, options: OptionSet, limits: Limits, elsewhere: Elsewhere | None = None
) -> Program:
    """Return the program that chooses replicas, nodes and tokens at the least discounted cost.

    Parameters
    ----------
    demand
        Planned and mean rates of every workload.
    options
        Ways to serve, their capacities, nodes and tokens on offer.
    limits
        Policy and supply limits.
    elsewhere
        As in :func:`planner.milp.sets.build_sets`.
    """
    model = build_variables(build_sets(demand, options, limits, elsewhere))
    for family in FAMILIES:
        family.add(model)
    return Program(model.problem, model, set_objective(model))
