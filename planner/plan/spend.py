"""Spend commitments of a plan: what they cover, the table of them, and who pays.

In every hour a provider covers use by a rule, the same here as on bills: commitments that list
what they cover go before those that cover everything, otherwise in the order of the problem; each
covers the nodes with the largest discount first, until its promise or the nodes are used up.
Fractions of nodes count. Start-up time is never covered.

What a term costs is split over the workloads by what the commitment covers of their hardware
in the hours of the term, at the lower rates; in equal parts where it covers nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.options.spend import SPEND, idle_spend
from planner.plan.document import CostLine
from planner.problem.deferral import owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.demand.records import Demand, TimeGrid
    from planner.options.records import OptionSet
    from planner.options.supply_records import SpendCommitment
    from planner.plan.document import Plan
    from planner.plan.records import Decisions
    from planner.plan.shares import HardwareShares
    from planner.problem.schema import Problem

Place = tuple[str, int, int]
"""Offer, period and block."""


class Cover(NamedTuple):
    """Nodes of an offer that a commitment covers in a block, at its rate."""

    commitment_id: str
    offer_id: str
    period: int
    block: int
    nodes: float
    usd_per_node_hour: float


def covered_use(options: OptionSet, decisions: Decisions) -> list[Cover]:
    """Return what every commitment covers in every block, by the rule of the provider.

    Parameters
    ----------
    options, decisions
        The records the plan is made from.
    """
    if not decisions.spend:
        return []
    price = {o.offer_id: o.price_usd_per_hour for o in options.offers}
    there: dict[tuple[int, int], dict[str, float]] = defaultdict(dict)
    for row in decisions.nodes:
        there[row.period, row.block][row.offer_id] = float(row.nodes)
    found = []
    for (t, b), left in sorted(there.items()):
        for spend in options.spend:
            promised = promised_usd(spend, decisions, t)
            rates = [(usd[t], o) for o, usd in spend.rates if left.get(o, 0.0) > 0]
            known = [(usd / (price[o][t] or usd), usd, o) for usd, o in rates if usd is not None]
            for _, usd, offer_id in sorted(known):
                nodes = min(left[offer_id], promised / usd)
                if nodes <= 0:
                    continue
                promised -= nodes * usd
                left[offer_id] -= nodes
                found.append(Cover(spend.id, offer_id, t, b, nodes, usd))
    return found


def covered_nodes(options: OptionSet, decisions: Decisions) -> dict[Place, float]:
    """Return the nodes of every offer that are covered in a block, none left out.

    Parameters
    ----------
    options, decisions
        The records the plan is made from.
    """
    nodes: dict[Place, float] = defaultdict(float)
    for cover in covered_use(options, decisions):
        nodes[cover.offer_id, cover.period, cover.block] += cover.nodes
    return nodes


def promised_usd(spend: SpendCommitment, decisions: Decisions, period: int) -> float:
    """Return what is promised of a commitment in a period, USD per hour.

    Parameters
    ----------
    spend
        The commitment.
    decisions
        What is taken on.
    period
        The period.
    """
    return sum(
        row.usd_per_hour
        for row in decisions.spend
        if row.commitment_id == spend.id and spend.builds[row.build].serves(period)
    )


def spend_charges(
    demand: Demand, options: OptionSet, decisions: Decisions, shares: HardwareShares
) -> Iterator[CostLine]:
    """Yield, line by line, what each workload bears of every payment for promised spending.

    Parameters
    ----------
    demand, options, decisions
        The records the plan is made from.
    shares
        Who uses which hardware.
    """
    known = {spend.id: spend for spend in options.spend}
    covers = covered_use(options, decisions)
    names = list(dict.fromkeys(owner(w.workload) for w in demand.workloads))
    for row in decisions.spend:
        build = known[row.commitment_id].builds[row.build]
        own = [c for c in covers if c.commitment_id == row.commitment_id]
        split = _split(demand.grid, options, [c for c in own if build.serves(c.period)], shares)
        split = split or {name: 1.0 / len(names) for name in names}
        for payment in build.payments:
            for workload, share in split.items():
                usd = row.usd_per_hour * payment.usd * share
                where = (payment.period, payment.category, workload, "", SPEND)
                yield CostLine(*where, usd, usd * payment.factor)


def _split(
    grid: TimeGrid, options: OptionSet, covers: list[Cover], shares: HardwareShares
) -> Mapping[str, float]:
    hardware = {offer.offer_id: offer.hardware for offer in options.offers}
    weights: dict[str, float] = defaultdict(float)
    for cover in covers:
        usd = cover.nodes * cover.usd_per_node_hour * grid.hours_in_period(cover.block)
        split = shares.at(hardware[cover.offer_id], cover.period, cover.block)
        for workload, share in split.items():
            weights[workload] += usd * share
    total = sum(weights.values())
    return {workload: weight / total for workload, weight in weights.items() if weight > 0}


def spend_notes(plan: Plan, problem: Problem, options: OptionSet) -> list[str]:
    """Return what promised spending rests on, and promises that nothing on offer comes under.

    Parameters
    ----------
    plan
        The plan, with its table of promises.
    problem
        The problem, for what it offers to promise.
    options
        What can be covered.
    """
    notes = idle_spend(problem, options.spend)
    if plan.spend_commitments:
        notes.append(
            "promised spending reserves no nodes; commitments that list what they cover are taken "
            "to go before those that cover everything, and the largest discount first"
        )
    return notes
