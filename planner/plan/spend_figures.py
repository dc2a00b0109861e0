"""What promised spending covers, and what paying by the hour would cost without it.

Without a promise, the other promises cover what they can of the same use, and the rest is paid by
the hour, within the horizon: at list prices, less what volume discounts take off all spending of a
month then. That is held against everything the plan pays for the promise, its term after the
horizon too; both are discounted. What was promised already is due whatever is decided, and does
not count.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.options.supply_records import Spent
from planner.plan.finance_rows import SpendRow
from planner.plan.spend import covered_use, promised_usd
from planner.plan.volumes import counted_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.demand.records import Demand, TimeGrid
    from planner.options.builds import Build
    from planner.options.records import OptionSet
    from planner.options.supply_records import SpendCommitment
    from planner.plan.records import Decisions
    from planner.plan.spend import Cover

_ROUNDING = 1e-9
"""Share of what is covered that is arithmetic, not use."""


@dataclass(frozen=True, slots=True)
class _Use:
    """Hours times USD per hour over a term: promised, covered at the rates, and at list prices.

    `needed` is what only this promise covers, at the rates: what the others of the same commitment
    would not cover without it. `alternative_usd` is what the plan would pay by the hour without
    it, discounted, less the volume discounts that all its spending then reaches.
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
        use = _use(demand, options, decisions, spend, build, (covers, without))
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
    demand: Demand,
    options: OptionSet,
    decisions: Decisions,
    spend: SpendCommitment,
    build: Build,
    with_and_without: tuple[list[Cover], list[Cover]],
) -> _Use:
    grid = demand.grid
    price = {o.offer_id: o.price_usd_per_hour for o in options.offers}
    periods = range(build.start, build.end)
    promised = sum(promised_usd(spend, decisions, t) for t in periods) * grid.period_h
    covered = at_list = coverable = needed = 0.0
    more: dict[tuple[str, int], float] = defaultdict(float)
    for covers, sign in zip(with_and_without, (1, -1), strict=True):
        for cover in covers:
            node_hours = cover.nodes * grid.hours_in_period(cover.block)
            listed = node_hours * (price[cover.offer_id][cover.period] or 0.0)
            more[cover.offer_id, cover.period] += sign * listed
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
    alternative = _by_the_hour_usd(more, demand, options, decisions)
    return _Use(
        promised,
        covered,
        at_list,
        coverable,
        needed if needed > rounding else 0.0,
        alternative if alternative > rounding else 0.0,
    )


def _by_the_hour_usd(
    more: Mapping[tuple[str, int], float], demand: Demand, options: OptionSet, decisions: Decisions
) -> float:
    """Return what more on-demand spending costs, less volume discounts, discounted.

    Parameters
    ----------
    more
        USD at list prices by offer and period.
    demand, options, decisions
        The records the plan is made from.
    """
    grid = demand.grid
    usd = sum(listed * grid.discount_factor[t] for (_, t), listed in more.items())
    for volume in options.volumes:
        counted = {o.offer_id for o in options.offers if volume.counts(o)}
        if volume.unit != "usd" or not any(name in counted for name, _ in more):
            continue
        spent: dict[int, float] = defaultdict(float)
        for row in counted_rows(volume, demand, options, decisions):
            spent[row.period] += row.usd
        for t in sorted({t for name, t in more if name in counted}):
            here = sum(listed for (name, s), listed in more.items() if s == t and name in counted)
            off = volume.more_off_usd(Spent(spent[t]), Spent(here), grid.months_per_period)
            usd -= off * grid.discount_factor[t]
    return usd
