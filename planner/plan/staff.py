"""People beside owned nodes, rented nodes and tokens: when they are paid, and who bears them.

What people cost whatever the number of nodes is paid in every period with any of that hosting, and
split over the workloads by use: those of owned nodes by the owned accelerators of each hardware,
those of rented nodes by accelerator-hours, those of tokens by requests at the mean rate. What each
node needs goes with its block, as its rent would.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.options.owned import OWNED
from planner.plan.commitments import taken_builds
from planner.plan.document import CostLine
from planner.plan.tables import mean_rps_of
from planner.problem.deferral import owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.demand.records import Demand, TimeGrid
    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.records import Decisions
    from planner.plan.shares import HardwareShares

STAFF = "staff"
RENTED, API = "rented", "api"
"""Hosting beside ``owned``, also as the tenure of cost lines of people for any of it at all."""


@dataclass(frozen=True, slots=True)
class FixedPeople:
    """People that a period pays for because there is any of a kind of hosting in it.

    Parameters
    ----------
    period
        The period.
    hosting
        ``owned``, ``rented`` or ``api``.
    usd
        Cost over the period, nominal.
    supply_id
        Offer of tokens that they are for; empty where they are for all of the hosting.
    """

    period: int
    hosting: str
    usd: float
    supply_id: str = ""


def counts_as_owned(options: OptionSet, offer: NodeOffer, build: Build) -> bool:
    """Return whether nodes of a build need the people of owned nodes.

    Parameters
    ----------
    options
        The options, with whether nodes that are there do.
    offer, build
        The nodes.
    """
    is_new = build.fixed_nodes is None
    return offer.tenure == OWNED and (is_new or options.staff.counts(offer))


def fixed_people(
    options: OptionSet, grid: TimeGrid, decisions: Decisions
) -> Iterator[FixedPeople]:
    """Yield the people of every period that it has whatever the number of nodes.

    Parameters
    ----------
    options
        The options, with the cost of people.
    grid
        Periods.
    decisions
        Whole decisions.
    """
    staff, months = options.staff, grid.months_per_period
    owned: set[int] = set()
    for offer, build, nodes in taken_builds(options, decisions):
        if nodes and counts_as_owned(options, offer, build):
            owned |= set(range(build.start, build.end))
    offers = {offer.offer_id: offer for offer in options.offers}
    rented = {r.period for r in decisions.nodes if r.nodes and offers[r.offer_id].tenure != OWNED}
    sent = {(flow.period, flow.supply_id) for flow in decisions.api_flows}
    for hosting, usd, periods in (
        (OWNED, staff.owned_usd_per_month, owned),
        (RENTED, staff.rented_usd_per_month, rented),
        (API, staff.api_usd_per_month, {period for period, _ in sent}),
    ):
        for period in sorted(periods) if usd else ():
            yield FixedPeople(period, hosting, usd * months)
    for period, supply_id in sorted(sent) if staff.usd_per_offer_month else ():
        yield FixedPeople(period, API, staff.usd_per_offer_month * months, supply_id)


def node_people(
    options: OptionSet, grid: TimeGrid, decisions: Decisions
) -> Iterator[tuple[NodeOffer, int, int, float]]:
    """Yield offer, period, block and nominal cost of the people that nodes there need.

    Parameters
    ----------
    options, grid, decisions
        As in :func:`fixed_people`.
    """
    offers = {offer.offer_id: offer for offer in options.offers if offer.staff_usd_per_hour}
    for row in decisions.nodes:
        offer = offers.get(row.offer_id)
        if offer is not None and row.nodes:
            usd = row.nodes * offer.staff_usd_per_hour * grid.hours_in_period(row.block)
            yield offer, row.period, row.block, usd


def people_by_period(
    options: OptionSet, grid: TimeGrid, decisions: Decisions
) -> Iterator[tuple[int, float]]:
    """Yield period and nominal amount of everything that is paid for people apart from nodes.

    Parameters
    ----------
    options, grid, decisions
        As in :func:`fixed_people`.
    """
    yield from ((due.period, due.usd) for due in fixed_people(options, grid, decisions))
    yield from ((period, usd) for _, period, _, usd in node_people(options, grid, decisions))


def staff_charges(
    demand: Demand, options: OptionSet, decisions: Decisions, shares: HardwareShares
) -> Iterator[CostLine]:
    """Yield, line by line, what each workload bears of people apart from bought servers.

    Parameters
    ----------
    demand, options, decisions
        The records the plan is made from.
    shares
        Who uses which hardware.
    """
    grid = demand.grid
    for due in fixed_people(options, grid, decisions):
        factor = grid.discount_factor[due.period]
        for workload, share in _split(due, demand, options, decisions, shares).items():
            usd = due.usd * share
            yield CostLine(due.period, STAFF, workload, "", due.hosting, usd, usd * factor)
    for offer, t, b, usd in node_people(options, grid, decisions):
        for workload, share in shares.at(offer.hardware, t, b).items():
            part = usd * share
            later = part * grid.discount_factor[t]
            yield CostLine(t, STAFF, workload, offer.hardware, offer.tenure, part, later)


def _split(
    due: FixedPeople,
    demand: Demand,
    options: OptionSet,
    decisions: Decisions,
    shares: HardwareShares,
) -> Mapping[str, float]:
    if due.hosting == OWNED:
        return _by_owned_nodes(options, decisions, shares, due.period)
    if due.hosting == RENTED:
        return _by_rented_hours(demand.grid, options, decisions, shares, due.period)
    return _by_requests(demand, decisions, due)


def _by_owned_nodes(
    options: OptionSet, decisions: Decisions, shares: HardwareShares, t: int
) -> Mapping[str, float]:
    held: dict[str, int] = defaultdict(int)
    for offer, build, nodes in taken_builds(options, decisions):
        if counts_as_owned(options, offer, build) and build.serves(t):
            held[offer.hardware] += nodes * offer.accelerators_per_node
    split: dict[str, float] = defaultdict(float)
    for hardware, accelerators in held.items():
        for workload, share in shares.over(hardware, range(t, t + 1)).items():
            split[workload] += share * accelerators / sum(held.values())
    return split


def _by_rented_hours(
    grid: TimeGrid, options: OptionSet, decisions: Decisions, shares: HardwareShares, t: int
) -> Mapping[str, float]:
    rented = {offer.offer_id: offer for offer in options.offers if offer.tenure != OWNED}
    used: dict[str, float] = defaultdict(float)
    for row in decisions.nodes:
        offer = rented.get(row.offer_id)
        if offer is None or row.period != t:
            continue
        hours = row.nodes * offer.accelerators_per_node * grid.hours_in_period(row.block)
        for workload, share in shares.at(offer.hardware, t, row.block).items():
            used[workload] += hours * share
    total = sum(used.values())
    return {workload: hours / total for workload, hours in used.items()}


def _by_requests(demand: Demand, decisions: Decisions, due: FixedPeople) -> Mapping[str, float]:
    sent: dict[str, float] = defaultdict(float)
    for flow in decisions.api_flows:
        if flow.period == due.period and due.supply_id in {"", flow.supply_id}:
            mean = mean_rps_of(demand, flow)
            sent[owner(flow.workload)] += mean * demand.grid.hours_in_period(flow.block)
    total = sum(sent.values())
    return {workload: requests / total for workload, requests in sent.items()}
