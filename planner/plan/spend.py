"""Spend commitments of a plan: what they cover, the table of them, and who pays.

In every hour a provider covers use by a rule, the same here as on bills: commitments that list
what they cover go before those that cover everything, otherwise in the order of the problem; each
covers the nodes with the largest discount first, until its promise or the nodes are used up.
Fractions of nodes count. Start-up time is never covered.

What a term costs is split over the workloads by what the commitment covers of their hardware
in the hours of the term, at the lower rates; in equal parts where it covers nothing.

Without a promise, the other promises cover what they can of the same use, and the rest is paid by
the hour at list prices, within the horizon. That is held against everything the plan pays for the
promise, its term after the horizon too; both are discounted. What was promised already is due
whatever is decided, and does not count.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from planner.options.spend import SPEND, idle_spend
from planner.plan.document import CostLine
from planner.plan.finance_rows import SpendRow
from planner.problem.deferral import owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.demand.records import Demand, TimeGrid
    from planner.options.builds import Build
    from planner.options.records import OptionSet
    from planner.options.supply_records import SpendCommitment
    from planner.plan.document import Plan
    from planner.plan.records import Decisions
    from planner.plan.shares import HardwareShares
    from planner.problem.schema import Problem

_ROUNDING = 1e-9
"""Share of what is covered that is arithmetic, not use."""

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
            promised = _promised(spend, decisions, t)
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


def _promised(spend: SpendCommitment, decisions: Decisions, period: int) -> float:
    return sum(
        row.usd_per_hour
        for row in decisions.spend
        if row.commitment_id == spend.id and spend.builds[row.build].serves(period)
    )


@dataclass(frozen=True, slots=True)
class _Use:
    """Hours times USD per hour over a term: promised, covered at the rates, and at list prices.

    `needed` is what only this promise covers, at the rates: what the others of the same commitment
    would not cover without it. `alternative_usd` is what the plan would pay by the hour without
    it, discounted.
    """

    promised: float
    covered: float
    covered_at_list: float
    coverable_at_list: float
    needed: float
    alternative_usd: float


def spend_rows(demand: Demand, options: OptionSet, decisions: Decisions) -> tuple[SpendRow, ...]:
    """Return a row for every promise that is taken on.

    Parameters
    ----------
    demand, options, decisions
        The records the plan is made from.
    """
    known = {spend.id: spend for spend in options.spend}
    covers = covered_use(options, decisions)
    rows = []
    for row in decisions.spend:
        spend = known[row.commitment_id]
        build = spend.builds[row.build]
        others = replace(decisions, spend=tuple(r for r in decisions.spend if r is not row))
        without = covered_use(options, others)
        use = _use(demand.grid, options, decisions, spend, build, (covers, without))
        rows.append(_row(demand.grid, spend, build, row.usd_per_hour, use))
    return tuple(sorted(rows, key=lambda r: (r.start_period, r.commitment_id)))


def _row(
    grid: TimeGrid, spend: SpendCommitment, build: Build, promised: float, use: _Use
) -> SpendRow:
    first = build.start * grid.months_per_period
    after = sum(p.usd for p in build.payments if p.period >= grid.periods)
    hours = (build.end - build.start) * grid.period_h
    needed = use.needed / (promised * hours) if hours else 0.0
    own_usd = 0.0 if spend.is_existing else promised * build.discounted_usd
    ratio = own_usd / use.alternative_usd if use.alternative_usd else None
    return SpendRow(
        commitment_id=spend.id,
        provider=spend.provider,
        usd_per_hour=promised,
        start_month=grid.month_name(first),
        end_month=grid.month_name(first + build.term_months),
        start_period=build.start,
        usd=promised * build.usd,
        discounted_usd=promised * build.discounted_usd,
        usd_after_horizon=promised * after,
        usd_per_month=promised * build.usd_per_month,
        used_share=use.covered / use.promised if use.promised else 0.0,
        coverage=use.covered_at_list / use.coverable_at_list if use.coverable_at_list else 0.0,
        break_even_used_share=None if ratio is None else needed * ratio,
        price_source=build.source,
        is_existing=spend.is_existing,
        discount=spend.discount,
        tier_from_usd_per_hour=spend.min_usd_per_hour if spend.table else None,
        alternative_price_fall=None if ratio is None else 1.0 - ratio,
        needed_share=needed,
        alternative_discounted_usd=use.alternative_usd,
        usd_per_hour_kept=spend.least_of(spend.builds.index(build)),
    )


def _use(  # noqa: PLR0917
    grid: TimeGrid,
    options: OptionSet,
    decisions: Decisions,
    spend: SpendCommitment,
    build: Build,
    with_and_without: tuple[list[Cover], list[Cover]],
) -> _Use:
    price = {o.offer_id: o.price_usd_per_hour for o in options.offers}
    periods = range(build.start, build.end)
    promised = sum(_promised(spend, decisions, t) for t in periods) * grid.period_h
    covered = at_list = coverable = needed = alternative = 0.0
    for covers, sign in zip(with_and_without, (1, -1), strict=True):
        for cover in covers:
            node_hours = cover.nodes * grid.hours_in_period(cover.block)
            listed = node_hours * (price[cover.offer_id][cover.period] or 0.0)
            alternative += sign * listed * grid.discount_factor[cover.period]
            if cover.commitment_id == spend.id and cover.period in periods:
                needed += sign * node_hours * cover.usd_per_node_hour
                if sign > 0:
                    covered += node_hours * cover.usd_per_node_hour
                    at_list += listed
    for row in decisions.nodes:
        if row.period in periods and spend.covers(row.offer_id, row.period):
            node_hours = row.nodes * grid.hours_in_period(row.block)
            coverable += node_hours * (price[row.offer_id][row.period] or 0.0)
    rounding = _ROUNDING * at_list
    return _Use(
        promised,
        covered,
        at_list,
        coverable,
        needed if needed > rounding else 0.0,
        alternative if alternative > rounding else 0.0,
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
