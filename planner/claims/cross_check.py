"""Published facts beside the planner's own figures: no parameter was fitted to any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.claims.fleets import FLEET, fleet_checks
from planner.claims.hosted import HOSTED, hosted_checks

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.claims.records import CrossCheck, Plans

CASES = (*HOSTED.values(), FLEET)


def cross_checks(plans: Plans, catalog: Catalog) -> tuple[CrossCheck, ...]:
    """Return published prices and fleets beside what is planned for the same work.

    Parameters
    ----------
    plans
        Of `CASES`; what has no plan is left out.
    catalog
        Prices of tokens.
    """
    return (*hosted_checks(plans, catalog), *fleet_checks(plans))
