"""People beside owned nodes, rented nodes and tokens, counted again from the tables of a plan.

Every period with any of that hosting pays its people once; nodes in the fleet pay theirs by the
hour, offers of tokens theirs by period. Bought servers whose people the problem does not state have
those of the site in their own payments (:mod:`planner.verify.audit.terms`).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_YEAR, MONTHS_PER_YEAR
from planner.verify.audit.clock import block_seconds
from planner.verify.audit.terms import discount, person_usd_per_year, site, terms_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.catalog.load import Catalog
    from planner.plan.document import Plan
    from planner.problem.schema import Problem
    from planner.verify.audit.shares import LineKey, Split

_OWNED, _RENTED, _API = "owned", "rented", "api"
_STAFF, _FTE, _PER_8 = "staff", "staff_fte", "per-8-gpu-server"
_MID_PERIOD = 0.5


def node_people_usd_per_hour(
    tenure: str, accelerators: int, problem: Problem, catalog: Catalog
) -> float:
    """Return what the people of one node cost an hour, apart from the price of the node."""
    stated = problem.supply.staff
    if tenure != _OWNED:
        people = stated.rented.fte_per_node if stated.rented else None
    elif stated.owned is None:
        people = None
    else:
        people = stated.owned.fte_per_node
        if people is None:
            people = (site(problem, catalog, _FTE, _PER_8) or 0.0) * accelerators / 8
    return (people or 0.0) * (person_usd_per_year(problem, catalog) or 0.0) / HOURS_PER_YEAR


def people_charges(
    plan: Plan, problem: Problem, catalog: Catalog, split: Split
) -> Iterator[tuple[LineKey, float, float]]:
    """Yield cost line, nominal and discounted USD of people apart from bought servers."""
    months = problem.horizon.months_per_period
    person_usd = (person_usd_per_year(problem, catalog) or 0.0) * months / MONTHS_PER_YEAR
    for hosting, used in (
        (_OWNED, _owned(plan, problem, catalog, split)),
        (_RENTED, _rented(plan, split)),
        (_API, _requests(plan, problem)),
    ):
        people = _fixed_fte(hosting, problem, catalog) * person_usd
        for period, shares in used.items() if people else ():
            for workload, share in _parts(shares):
                yield _line(problem, period, workload, ("", hosting), people * share)
    tokens = problem.supply.staff.api
    if tokens is not None and tokens.fte_per_offer:
        for offer_id in sorted({row.offer_id for row in plan.api}):
            for period, shares in _requests(plan, problem, offer_id).items():
                for workload, share in _parts(shares):
                    usd = tokens.fte_per_offer * person_usd * share
                    yield _line(problem, period, workload, ("", _API), usd)
    for row in plan.fleet:
        each = node_people_usd_per_hour(
            row.tenure, row.accelerators_per_node, problem, catalog
        )
        for workload, share in split.of(row).items() if each and row.nodes else ():
            usd = row.nodes * row.hours * each * share
            yield _line(problem, row.period, workload, (row.hardware, row.tenure), usd)


def _fixed_fte(hosting: str, problem: Problem, catalog: Catalog) -> float:
    stated = getattr(problem.supply.staff, hosting)
    if stated is not None and stated.fte is not None:
        return float(stated.fte)
    case = "" if hosting == _OWNED else hosting
    return site(problem, catalog, _FTE, case) or 0.0


def _line(
    problem: Problem, period: int, workload: str, where: tuple[str, str], usd: float
) -> tuple[LineKey, float, float]:
    middle = (period + _MID_PERIOD) * problem.horizon.months_per_period
    return (period, _STAFF, workload, *where), usd, usd * discount(problem, middle)


def _parts(weights: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    total = sum(weights.values())
    yield from ((name, weight / total) for name, weight in weights.items())


def _owned(
    plan: Plan, problem: Problem, catalog: Catalog, split: Split
) -> dict[int, dict[str, float]]:
    """Return accelerators of owned nodes by period and workload, as far as they need people."""
    used: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    counts_all = problem.supply.staff.owned is not None
    for row in plan.commitments:
        terms = terms_of(row, problem, catalog)
        if terms is None or row.tenure != _OWNED or (row.is_existing and not counts_all):
            continue
        for period in range(row.start_period, row.start_period + terms.served_periods):
            for workload, share in split.over(row.hardware, range(period, period + 1)).items():
                used[period][workload] += row.accelerators * share
    return used


def _rented(plan: Plan, split: Split) -> dict[int, dict[str, float]]:
    """Return accelerator-hours of rented nodes by period and workload."""
    used: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in plan.fleet:
        if row.tenure != _OWNED and row.nodes:
            for workload, share in split.of(row).items():
                used[row.period][workload] += row.accelerators * row.hours * share
    return used


def _requests(
    plan: Plan, problem: Problem, offer_id: str | None = None
) -> dict[int, dict[str, float]]:
    """Return requests by period and workload that tokens serve, of one offer or all."""
    sent: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in plan.api:
        if offer_id in {None, row.offer_id}:
            requests = row.rate_rps * block_seconds(problem, row.block)
            sent[row.period][row.workload] += requests
    return sent
