"""The audit: recomputes the figures of a plan from its problem and the catalogue.

Nothing here uses the code that made the plan. Demand is computed again from the profile, prices
and scores are looked up again, costs are split and added again. A violation is a sentence with
the place and both figures.

Not recomputed: capacities and latencies of the performance model. They are held against the
load, the limits, the measured table and each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import InternalError
from planner.verify.audit.api_limits import api_limit_violations
from planner.verify.audit.average_quality import average_quality_violations
from planner.verify.audit.cash import cash_violations
from planner.verify.audit.commitments import commitment_violations
from planner.verify.audit.comparisons import comparison_violations
from planner.verify.audit.diversity import diversity_violations
from planner.verify.audit.energy import energy_violations
from planner.verify.audit.incumbent import incumbent_violations
from planner.verify.audit.money import money_violations
from planner.verify.audit.moves import move_violations
from planner.verify.audit.node_loss import node_loss_violations
from planner.verify.audit.nodes import node_violations
from planner.verify.audit.order_minimums import order_minimum_violations
from planner.verify.audit.periods import period_violations
from planner.verify.audit.power_price import power_price_violations
from planner.verify.audit.prefix import prefix_violations
from planner.verify.audit.provisioned import provisioned_violations
from planner.verify.audit.quality import exclusion_violations, quality_violations
from planner.verify.audit.service import service_violations
from planner.verify.audit.shares import share_violations
from planner.verify.audit.sheet import sheet_violations
from planner.verify.audit.spend import spend_violations
from planner.verify.audit.structure import place_violations, structure_violations
from planner.verify.audit.systems import system_violations
from planner.verify.audit.turns import turn_violations
from planner.verify.audit.unserved import unserved_violations
from planner.verify.audit.volumes import volume_violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Plan
    from planner.problem.schema import Problem


def audit(plan: Plan, problem: Problem, catalog: Catalog) -> list[str]:
    """Return every inconsistency of a plan; empty when all figures agree.

    Parameters
    ----------
    plan
        The plan, from the program or from a file.
    problem
        The problem it answers, scenario and assignments applied.
    catalog
        The catalogue it was made from.
    """
    if plan.cost_usd is None:
        return list(_empty(plan))
    # The other checks look up what the rows name, so the names come first.
    misplaced = list(place_violations(plan, problem))
    if misplaced:
        return misplaced
    return [
        *structure_violations(plan, problem, catalog),
        *service_violations(plan, problem, catalog),
        *unserved_violations(plan, problem),
        *system_violations(plan, problem, catalog),
        *prefix_violations(plan, problem, catalog),
        *quality_violations(plan, problem, catalog),
        *exclusion_violations(plan, problem),
        *average_quality_violations(plan, problem, catalog),
        *node_violations(plan, problem, catalog),
        *turn_violations(plan, problem),
        *node_loss_violations(plan, problem),
        *diversity_violations(plan, problem),
        *commitment_violations(plan, problem, catalog),
        *order_minimum_violations(plan, problem),
        *api_limit_violations(plan, problem),
        *provisioned_violations(plan, problem, catalog),
        *spend_violations(plan, problem),
        *volume_violations(plan, problem),
        *move_violations(plan, problem, catalog),
        *energy_violations(plan, problem, catalog),
        *power_price_violations(plan, problem, catalog),
        *incumbent_violations(plan, problem),
        *money_violations(plan, problem, catalog),
        *comparison_violations(plan, problem, catalog),
        *cash_violations(plan, problem, catalog),
        *period_violations(plan, problem, catalog),
        *sheet_violations(plan, problem, catalog),
        *share_violations(plan, problem, catalog),
    ]


def require_sound(plan: Plan, problem: Problem, catalog: Catalog) -> None:
    """Refuse a plan that fails its own audit.

    Raises
    ------
    InternalError
        With every violation: the plan must not be shown.
    """
    violations = audit(plan, problem, catalog)
    if violations:
        text = "the plan fails its own audit and is not shown:\n  " + "\n  ".join(violations)
        raise InternalError(text)


def _empty(plan: Plan) -> Iterator[str]:
    if plan.status not in {"infeasible", "no_solution"}:
        yield f"status {plan.status} without a cost"
    if plan.gap is not None or plan.tco_usd is not None:
        yield f"gap {plan.gap} and tco_usd {plan.tco_usd} without a cost"
    tables = (plan.allocations, plan.fleet, plan.commitments, plan.api, plan.unserved)
    more = (plan.placements, plan.provisioned, plan.cost_lines, plan.unit_costs, plan.cash_flows)
    if any(tables) or any(more) or plan.spend_commitments or plan.volume_discounts:
        yield "rows of a plan without a cost"
