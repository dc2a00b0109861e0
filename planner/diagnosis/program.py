"""Which limits leave the program without a plan: it is solved again with less asked.

Every trial stops at the first plan. What is not on offer in the problem as it stands (prices that
are too old, tokens where none are asked for) takes the options of a changed problem.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from planner.errors import counted
from planner.milp import build_program, solve_program
from planner.milp.left_out import left_out
from planner.options.build import build_options
from planner.options.old_prices import oldest_days
from planner.options.token_supply import somebody_sells
from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.demand.records import Demand, TimeGrid
    from planner.milp import Limits, SolverSettings
    from planner.options.records import OptionSet
    from planner.problem.load import LoadedProblem
    from planner.problem.supply import Supply

_ASSUMED = "supply.api_latency: assume_met"


class Incumbent(Protocol):
    """An earlier plan whose orders may stand."""

    def held(self, options: OptionSet, grid: TimeGrid) -> OptionSet:
        """Return options with the orders that stand."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the options of a program come from.

    Parameters
    ----------
    loaded, catalog
        The problem and its facts.
    incumbent
        The earlier plan that the run begins from, ``None`` for none.
    """

    loaded: LoadedProblem
    catalog: Catalog
    incumbent: Incumbent | None = None

    @property
    def supply(self) -> Supply:
        """What the problem may use."""
        return self.loaded.problem.supply

    def with_supply(self, demand: Demand, **changes: object) -> OptionSet:
        """Return the options of the problem with changes of its supply.

        Parameters
        ----------
        demand
            Its demand.
        changes
            Other values of fields of ``supply``.
        """
        supply = self.supply.model_copy(update=changes)
        problem = self.loaded.problem.model_copy(update={"supply": supply})
        options = build_options(replace(self.loaded, problem=problem), self.catalog, demand)
        return options if self.incumbent is None else self.incumbent.held(options, demand.grid)


def diagnose_program(
    demand: Demand,
    options: OptionSet,
    limits: Limits,
    settings: SolverSettings,
    source: Source | None = None,
) -> tuple[str, ...]:
    """Return which single limit makes the program infeasible, by solving without it.

    Parameters
    ----------
    demand, options, limits
        The infeasible program.
    settings
        Solver settings; each trial stops at the first plan, and all share the time limit.
    source
        Where the options come from, to try what is left out of them: prices that are too old, and
        tokens where the problem asks for none.
    """
    tried = _Trials(settings)
    lines: list[str] = []
    for kind in left_out(limits):
        causes = [x for x in kind.alone if tried.has_plan(demand, options, x.limits)]
        if not causes and kind.together is not None:
            causes = [x for x in [kind.together] if tried.has_plan(demand, options, x.limits)]
        lines += [f"without the {cause.name} there is a plan" for cause in causes]
    lines += _with_longer_windows(demand, options, limits, tried)
    lines += _with_more_units(demand, options, limits, tried)
    lines += _with_smaller_orders(demand, options, limits, tried)
    lines += _with_unproven_tokens(demand, options, limits, tried)
    if source is not None:
        lines += _with_tokens(demand, limits, tried, source)
        lines += _with_older_prices(demand, options, limits, tried, source)
    if options.barred:
        lines += _without_residency(demand, options, limits, tried)
    if lines:
        return ("every workload has options, but the limits leave no plan:", *lines)
    if tried.is_unsure:
        return (
            "every workload has options, but the limits leave no plan; whether a single one of "
            "them is the cause was not found out within the time limit",
        )
    return (
        "every workload has options, but the limits leave no plan, and no single limit of "
        "quotas, average quality, rate limits, budgets, power, space, carbon, residency, "
        "max_models, max_hardware_types, spare_replicas, spare_nodes, max_share_per_provider, "
        "survive_loss_of, min_nodes of orders, windows of deferrable work, tenures without "
        "tokens, latency that token offers do not state and max_price_age_days is the cause alone",
    )


class _Trials:
    """Solves with less asked, to the first plan."""

    def __init__(self, settings: SolverSettings) -> None:
        self._settings = replace(settings, gap=1.0, log=False)
        self._deadline_s = time.perf_counter() + settings.time_limit_s
        self.is_unsure = False
        """Whether a trial ended without a plan, and without a proof that there is none."""

    def has_plan(self, demand: Demand, options: OptionSet, limits: Limits) -> bool:
        """Return whether a plan was found in time."""
        left_s = self._deadline_s - time.perf_counter()
        if left_s <= 0:
            self.is_unsure = True
            return False
        settings = replace(self._settings, time_limit_s=left_s)
        result = solve_program(build_program(demand, options, limits), settings)
        if result.decisions is not None:
            return True
        self.is_unsure |= result.proof.status != "infeasible"
        return False


def _with_longer_windows(
    demand: Demand, options: OptionSet, limits: Limits, tried: _Trials
) -> list[str]:
    """Return the shortest longer window of each backlog with which there is a plan.

    It is longer by whole hours. A longer window never takes a plan away, so the shortest one is
    found by halving.
    """

    def has_plan(name: str, window_h: float) -> bool:
        return tried.has_plan(_with_window(demand, name, window_h), options, limits)

    lines = []
    windows = {w.deferral.backlog: w.deferral.window_h for w in demand.workloads if w.deferral}
    for name, window_h in windows.items():
        more = math.ceil(HOURS_PER_DAY - window_h)
        if more < 1 or not has_plan(name, HOURS_PER_DAY):
            continue
        too_few = 0
        while more - too_few > 1:
            middle = (too_few + more) // 2
            if has_plan(name, window_h + middle):
                more = middle
            else:
                too_few = middle
        enough_h = min(window_h + more, HOURS_PER_DAY)
        lines.append(
            f"with a window of {enough_h:g} h for {name} instead of {window_h:g} h there is a plan"
        )
    return lines


def _with_window(demand: Demand, backlog: str, window_h: float) -> Demand:
    workloads = tuple(
        replace(w, deferral=replace(w.deferral, window_h=min(window_h, HOURS_PER_DAY)))
        if w.deferral is not None and w.deferral.backlog == backlog
        else w
        for w in demand.workloads
    )
    return replace(demand, workloads=workloads)


def _with_more_units(
    demand: Demand, options: OptionSet, limits: Limits, tried: _Trials
) -> list[str]:
    """Return whether there is a plan with any number of provisioned units."""
    if all(units.max_units is None for units in options.provisioned):
        return []
    free = tuple(replace(units, max_units=None) for units in options.provisioned)
    if not tried.has_plan(demand, replace(options, provisioned=free), limits):
        return []
    return ["without the max_units of provisioned units there is a plan"]


def _with_smaller_orders(
    demand: Demand, options: OptionSet, limits: Limits, tried: _Trials
) -> list[str]:
    """Return the offers with which there is a plan when their orders have no minimum."""
    asked = {o.offer_id: max((b.min_nodes for b in o.builds), default=1) for o in options.offers}
    lines = []
    for least in sorted(set(asked.values()) - {1}):
        named = [offer_id for offer_id, nodes in asked.items() if nodes == least]
        offers = tuple(
            replace(o, builds=tuple(replace(b, min_nodes=1) for b in o.builds))
            if asked[o.offer_id] == least
            else o
            for o in options.offers
        )
        if tried.has_plan(demand, replace(options, offers=offers), limits):
            more = f" and {counted(len(named) - 1, 'more offer')}" if named[1:] else ""
            lines.append(f"without the min_nodes {least} of {named[0]}{more} there is a plan")
    return lines


def _with_unproven_tokens(
    demand: Demand, options: OptionSet, limits: Limits, tried: _Trials
) -> list[str]:
    """Return whether there is a plan with tokens whose latency nobody states."""
    assumed = _with_assumed_latency(options)
    if assumed is None or not tried.has_plan(demand, assumed, limits):
        return []
    return [f"with {_ASSUMED} there is a plan"]


def _with_tokens(demand: Demand, limits: Limits, tried: _Trials, source: Source) -> list[str]:
    """Return whether there is a plan with tokens, where the problem asks for none.

    Those that state no latency count only where the others are not enough.
    """
    tenures, start = source.supply.tenures, demand.grid.period_start[0]
    sold = somebody_sells(source.loaded.problem, source.catalog, start)
    if "api" in tenures or not sold:
        return []
    options = source.with_supply(demand, tenures=[*tenures, "api"])
    if options.api and tried.has_plan(demand, options, limits):
        return ["with api in supply.tenures there is a plan"]
    assumed = _with_assumed_latency(options)
    if assumed is None or not tried.has_plan(demand, assumed, limits):
        return []
    return [f"with api in supply.tenures and {_ASSUMED} there is a plan"]


def _with_assumed_latency(options: OptionSet) -> OptionSet | None:
    """Return the options with tokens that state no latency, ``None`` where there are none."""
    if not options.api_unproven:
        return None
    return replace(options, api=(*options.api, *options.api_unproven), api_unproven=())


def _with_older_prices(
    demand: Demand, options: OptionSet, limits: Limits, tried: _Trials, source: Source
) -> list[str]:
    """Return whether there is a plan with the offers whose price is too old."""
    days = oldest_days(options.rejections, source.loaded.problem)
    if days <= source.supply.max_price_age_days:
        return []
    older = source.with_supply(demand, max_price_age_days=days)
    if not tried.has_plan(demand, older, limits):
        return []
    return [f"with supply.max_price_age_days: {days} there is a plan"]


def _without_residency(
    demand: Demand, options: OptionSet, limits: Limits, tried: _Trials
) -> list[str]:
    """Return whether there is a plan where work may run anywhere."""
    if not tried.has_plan(demand, replace(options, barred=frozenset()), limits):
        return []
    return [
        "without the residency of the workloads there is a plan: the nodes they may use are too "
        "few, or are gone in some period"
    ]
