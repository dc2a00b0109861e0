"""The audit: recomputes the figures of a plan from its problem and the catalogue.

Nothing here uses the code that made the plan. Demand is computed again from the profile, prices
are looked up again, sums are added again. A violation is a sentence with both figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import InternalError
from planner.verify.audit.money import money_violations
from planner.verify.audit.service import service_violations

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.plan.document import Plan
    from planner.problem.schema import Problem


def audit(plan: Plan, problem: Problem, catalog: Catalog) -> list[str]:
    """Return every inconsistency of a plan; empty when all figures agree."""
    if plan.cost_usd is None:
        return []
    return [
        *service_violations(plan, problem, catalog),
        *money_violations(plan, problem, catalog),
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
