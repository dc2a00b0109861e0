"""People beside owned nodes, rented nodes and tokens, counted again from the tables of a plan.

Every period with any of that hosting pays its people once; nodes in the fleet pay theirs by the
hour, offers of tokens theirs by period. Bought servers whose people the problem does not state
have those of the site in their own payments (:mod:`planner.verify.audit.terms`).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_YEAR, MONTHS_PER_YEAR
from planner.verify.audit.clock import block_seconds
from planner.verify.audit.terms import (
    discount,
    existing_of,
    person_usd_per_year,
    site,
    terms_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.catalog.load import Catalog
    from planner.plan.document import Plan
    from planner.problem.schema import Problem
    from planner.verify.audit.shares import LineKey, Split

    _Charge = tuple[LineKey, float, float]

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
) -> Iterator[_Charge]:
    """Yield cost line, nominal and discounted USD of people apart from bought servers."""
    sent, tokens = _requests(plan, problem), problem.supply.staff.api
    for hosting, used in (
        (_OWNED, _owned(plan, problem, catalog, split)),
        (_RENTED, _rented(plan, split)),
        (_API, sent),
    ):
        people = _fixed_fte(hosting, problem, catalog)
        yield from _by_period(used, people, hosting, problem, catalog)
    for offer_id in sorted({row.offer_id for row in plan.api}) if tokens else ():
        people = tokens.fte_per_offer if tokens else 0.0
        used = _requests(plan, problem, offer_id)
        yield from _by_period(used, people, _API, problem, catalog)
    for row in plan.fleet:
        each = node_people_usd_per_hour(row.tenure, row.accelerators_per_node, problem, catalog)
        for workload, share in split.of(row).items() if each and row.nodes else ():
            usd = row.nodes * row.hours * each * share
            yield _line(problem, row.period, workload, (row.hardware, row.tenure), usd)


def _by_period(
    used: Mapping[int, Mapping[str, float]],
    people: float,
    hosting: str,
    problem: Problem,
    catalog: Catalog,
) -> Iterator[_Charge]:
    """Yield what people cost in every period of use, split by the use of each workload."""
    months = problem.horizon.months_per_period
    usd = people * (person_usd_per_year(problem, catalog) or 0.0) * months / MONTHS_PER_YEAR
    for period, weights in used.items() if usd else ():
        total = sum(weights.values())
        for workload, weight in weights.items():
            yield _line(problem, period, workload, ("", hosting), usd * weight / total)


def _fixed_fte(hosting: str, problem: Problem, catalog: Catalog) -> float:
    stated = getattr(problem.supply.staff, hosting)
    if stated is not None and stated.fte is not None:
        return float(stated.fte)
    case = "" if hosting == _OWNED else hosting
    return site(problem, catalog, _FTE, case) or 0.0


def _line(
    problem: Problem, period: int, workload: str, where: tuple[str, str], usd: float
) -> _Charge:
    middle = (period + _MID_PERIOD) * problem.horizon.months_per_period
    return (period, _STAFF, workload, *where), usd, usd * discount(problem, middle)


def _owned(
    plan: Plan, problem: Problem, catalog: Catalog, split: Split
) -> dict[int, dict[str, float]]:
    """Return accelerators of owned nodes by period and workload, as far as they need people."""
    used: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    counts_all = problem.supply.staff.owned is not None
    for row in plan.commitments:
        terms = terms_of(row, problem, catalog)
        known = existing_of(row, problem) if row.is_existing else None
        counts = known is None or counts_all or known.needs_people
        if terms is None or row.tenure != _OWNED or not counts:
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
