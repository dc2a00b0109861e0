"""People whose cost nobody states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.electricity import DEFAULT_SITE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.problem.schema import Problem
    from planner.yaml_io import Path_

_WAGE = "staff_usd_per_fte_year"


def staff_findings(problem: Problem, catalog: Catalog) -> Iterator[tuple[Path_, str]]:
    """Yield a finding where people are asked for and neither problem nor site say what one costs.

    Parameters
    ----------
    problem
        The problem, for its people and site.
    catalog
        Figures of sites.
    """
    staff, site = problem.supply.staff, problem.supply.site
    if staff.usd_per_fte_year is not None or not any(_asked(problem)):
        return
    rows = (catalog.figure("sites", name, _WAGE) for name in (site, DEFAULT_SITE))
    row = next((row for row in rows if row is not None), None)
    if row is None or row.value is None:
        message = (
            "asks for people, and nothing says what a person costs; give `usd_per_fte_year`, or "
            f"add a row id={site}, quantity={_WAGE} to sites.csv of an overlay"
        )
        yield ("supply", "staff"), message


def _asked(problem: Problem) -> Iterator[float | None]:
    staff = problem.supply.staff
    for nodes in (staff.owned, staff.rented):
        if nodes is not None:
            yield from (nodes.fte, nodes.fte_per_node)
    if staff.api is not None:
        yield from (staff.api.fte, staff.api.fte_per_offer)
