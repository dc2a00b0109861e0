"""Why there is no plan: which requirement of which workload no option meets, and by how much."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.milp import build_program, solve_program
from planner.milp.left_out import left_out
from planner.options.build import build_options
from planner.options.old_prices import oldest_days
from planner.options.round_trips import needed_ms
from planner.units import HOURS_PER_DAY, enough

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand
    from planner.errors import Fault
    from planner.milp import Limits, SolverSettings
    from planner.options.records import OptionSet, Rejection
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem

_NEAREST = 3
_ASK = {
    "quality": "its quality floor",
    "quality_missing": "a known quality score",
    "memory": "memory for the weights and one request",
    "context": "its context length",
    "residency": "its residency",
    "spot_only": "nodes that nobody takes away",
    "ttft_ms": "its time to first token",
    "tpot_ms": "its time per output token",
    "itl_ms": "its gap between tokens",
    "e2e_ms": "its end-to-end latency",
    "rate": "its latency limits at any load",
    "job_time": "the window in which its work has to be done",
    "no_price": "a usable price",
    "no_node": "a node its parallelism divides",
    "no_rate": "a known compute rate",
    "parallelism": "a parallelism that divides the model",
    "no_interconnect": "a measured all-reduce",
    "batch": "an answer within a day",
    "latency_unproven": "proven API latency",
    "excluded": "leave to serve",
    "carbon": "known carbon, which `limits.carbon_kg_per_period` needs",
}


def impossible_limits(options: OptionSet, loaded: LoadedProblem) -> list[Fault]:
    """Return a fault for every latency limit that no option meets even without load.

    Only options that pass everything before latency count, and only workloads that nothing else
    (another option, tokens) can serve.
    """
    served = {c.workload for c in options.capacities} | {a.workload for a in options.api}
    faults = []
    for index, workload in enumerate(loaded.problem.workloads):
        mine = [r for r in options.rejections if r.workload == workload.name]
        missed = [r for r in mine if r.latency_ratios]
        if workload.name in served or not missed or any(r.reason == "rate" for r in mine):
            continue
        for position, nearest in _impossible(missed):
            slo, needed = workload.slo[position], needed_ms(nearest, workload, position)
            message = (
                f"{slo.limit:g} ms is tighter than any option can be, even without load; the "
                f"nearest, {nearest.subject}, needs {enough(needed):.10g} ms. Raise the limit, "
                "lower policy.confidence, or add faster hardware to candidates"
            )
            path = ("workloads", index, "slo", position, "limit")
            faults.append(loaded.fault(path, message))
    return faults


def _impossible(missed: list[Rejection]) -> list[tuple[int, Rejection]]:
    """Return the limits no option meets, each with its nearest option.

    When every limit is met by some option but no option meets all of them, that is the worst
    limit of the nearest option.
    """
    count = len(missed[0].latency_ratios)
    nearest = [min(missed, key=lambda r: r.latency_ratios[j]) for j in range(count)]
    alone = [(j, row) for j, row in enumerate(nearest) if row.latency_ratios[j] > 1]
    if alone:
        return alone
    best = min(missed, key=lambda r: max(r.latency_ratios))
    return [(max(range(count), key=best.latency_ratios.__getitem__), best)]


def unservable(options: OptionSet, demand: Demand, problem: Problem) -> tuple[str, ...]:
    """Return why some workload has no option somewhere; empty when each has one in all blocks.

    A workload that may stay unserved at a price needs none, and one that can wait none in a block.
    """
    always = {a.workload for a in options.api}
    always |= {w.name for w in problem.workloads if w.unserved_penalty_usd_per_request is not None}
    served = [
        always | {c.workload for c in options.capacities if c.points_at(t)}
        for t in range(demand.grid.periods)
    ]
    lines: list[str] = []
    for streams in demand.needs():
        without = [t for t, names in enumerate(served) if not names & set(streams)]
        if not without:
            if not always & set(streams):
                lines += _barred(options, demand, streams)
            continue
        lines.append(f"{streams[0]}: none of {counted(options.considered, 'option')} can serve it")
        if len(without) < len(served):
            lines[-1] += (
                f" with the lengths of {len(without)} of {counted(len(served), 'period')}, first "
                f"in period {without[0]}"
            )
        against = [r for r in options.rejections if r.workload in {"", *streams}]
        lines += _reasons(against)
    return tuple(lines)


def _barred(options: OptionSet, demand: Demand, streams: Sequence[str]) -> list[str]:
    """Return that exclusions leave a workload no option in some block, if they do."""
    rates = demand.of(streams[0])
    mine = [c for c in options.capacities if c.workload in streams]
    if rates.deferral is not None or not any(c.barred for c in mine):
        return []
    asked = [(t, b) for t, b in demand.grid.slots if rates.planned_rps[t, b] > 0]
    without = [(t, b) for t, b in asked if not any(c.serves_in(t, b) for c in mine)]
    if not without:
        return []
    period, block = without[0]
    return [
        f"{streams[0]}: excluded_options of the workload leaves no option in {len(without)} of "
        f"{counted(len(demand.grid.slots), 'block')}, first in block {block} of period {period}"
    ]


def _reasons(rejections: list[Rejection]) -> list[str]:
    groups: dict[tuple[str, str], list[Rejection]] = defaultdict(list)
    for item in rejections:
        if item.kind != "offer":
            groups[item.kind, item.reason].append(item)
    lines = []
    ordered = sorted(groups.items(), key=lambda g: -sum(r.count for r in g[1]))
    for (kind, reason), items in ordered:
        count = sum(item.count for item in items)
        what = "API offers" if kind == "api" else "options"
        lines.append(f"  {count} {what} miss {_ASK.get(reason, reason)}; nearest:")
        nearest = sorted(items, key=lambda r: (r.shortfall or float("inf"), r.subject))
        distinct = {item.detail: item for item in reversed(nearest)}
        shown = sorted(distinct.values(), key=nearest.index)[:_NEAREST]
        lines += [f"    {item.subject}: {item.detail}" for item in shown]
    return lines


def diagnose_program(
    demand: Demand,
    options: OptionSet,
    limits: Limits,
    settings: SolverSettings,
    facts: tuple[LoadedProblem, Catalog] | None = None,
) -> tuple[str, ...]:
    """Return which single limit makes the program infeasible, by solving without it.

    Parameters
    ----------
    demand, options, limits
        The infeasible program.
    settings
        Solver settings; each trial stops at the first plan, and all share the time limit.
    facts
        What the options come from, to offer those again whose price is too old.
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
    lines += _with_older_prices(demand, options, limits, tried, facts)
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
        "survive_loss_of, min_nodes of orders, windows of deferrable work, latency that token "
        "offers do not state and max_price_age_days is the cause alone",
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
    if not options.api_unproven:
        return []
    assumed = replace(options, api=(*options.api, *options.api_unproven), api_unproven=())
    if not tried.has_plan(demand, assumed, limits):
        return []
    return ["with supply.api_latency: assume_met there is a plan"]


def _with_older_prices(
    demand: Demand,
    options: OptionSet,
    limits: Limits,
    tried: _Trials,
    facts: tuple[LoadedProblem, Catalog] | None,
) -> list[str]:
    """Return whether there is a plan with the offers whose price is too old."""
    if facts is None:
        return []
    loaded, catalog = facts
    problem = loaded.problem
    days = oldest_days(options.rejections, problem)
    if days <= problem.supply.max_price_age_days:
        return []
    supply = problem.supply.model_copy(update={"max_price_age_days": days})
    again = replace(loaded, problem=problem.model_copy(update={"supply": supply}))
    if not tried.has_plan(demand, build_options(again, catalog, demand), limits):
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
