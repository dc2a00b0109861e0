"""What else would cost: the same program, data and gap with one restriction.

``alternatives`` answers which hardware comes next; ``baselines`` are the plans people would make
without a planner. A restriction that has no plan, or none in time, is null with the reason. All
of them share one time budget.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp import Limits, decisions_usd, solve_within_caps
from planner.milp.api_limits import exceeded_by
from planner.milp.average_quality import falls_short
from planner.milp.naming import api_limit_label
from planner.options.held import sunk
from planner.options.old_prices import why_no_node
from planner.options.owned import OWNED
from planner.options.reserved import TERM_MONTHS
from planner.options.restrict import promised_spend, restrict
from planner.options.volumes import at_reached_tiers, kept_nodes
from planner.plan.cash import cash_flows
from planner.plan.document import Alternative, Baseline
from planner.plan.records import (
    BuildDecision,
    Decisions,
    FlowDecision,
    NodeDecision,
    SpendDecision,
    UnitDecision,
)
from planner.plan.time_budget import late
from planner.plan.volumes import volume_rows
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.demand.records import Demand, TimeGrid
    from planner.milp import SolverSettings
    from planner.options.builds import Build
    from planner.options.records import NodeOffer, Option, OptionSet
    from planner.options.supply_records import ApiOption
    from planner.plan.document import Plan

NOT_IN_TIME = "not solved in time"
"""Why a program has no plan that was stopped: its caller knows whose time that was."""
_INFEASIBLE = "infeasible"
_WITHOUT_RESIDENCY = "wherever the nodes stand: residency is not asked"
_ON_DEMAND = "on_demand"
_BF16 = "bf16"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a restriction costs, and the decisions behind it.

    Parameters
    ----------
    cost_usd, bound_usd
        Discounted cost and proven lower limit; ``None`` without a plan.
    why_not
        Why there is no plan.
    options, limits
        The restricted program, to solve it again; ``None`` where nothing was solved. Without
        `limits` every request is bought as tokens.
    decisions
        Whole decisions.
    """

    cost_usd: float | None
    bound_usd: float | None
    why_not: str | None
    options: OptionSet | None = None
    limits: Limits | None = None
    decisions: Decisions | None = None


def compare_with_restrictions(
    plan: Plan, own: Answer, demand: Demand, settings: SolverSettings
) -> tuple[Plan, dict[str, Answer]]:
    """Return the plan with its alternatives and baselines, and the answer of every baseline.

    Parameters
    ----------
    plan
        The solved problem.
    own
        The same as an answer of the program without a restriction, with options and limits.
    demand
        The demand that is served.
    settings
        Settings of the main solve; ``time_limit_s`` is the budget of all comparisons together.
    """
    options, limits = own.options, own.limits
    if options is None or limits is None:
        msg = "nothing to restrict: the answer has no program"
        raise ValueError(msg)
    trials = _Trials(demand, options, limits, settings)
    by_hardware = trials.by_hardware()
    alternatives = [
        _alternative(name, "hardware", answer, plan, "") for name, answer in by_hardware.items()
    ]
    alternatives += _tokens(plan, demand, options, limits)
    alternatives.sort(key=lambda a: (a.cost_usd is None, a.cost_usd or 0.0, a.name))
    answers = trials.baselines(plan, own, by_hardware)
    paid = [
        cash_flows(name, demand, answer.options, answer.decisions)
        for name, answer in answers.items()
        if answer.options is not None and answer.decisions is not None
    ]
    free = {"all_on_demand", "all_reserved"} if options.barred else set()
    return replace(
        plan,
        cash_flows=(*plan.cash_flows, *(row for rows in paid for row in rows)),
        alternatives=tuple(alternatives),
        baselines=tuple(
            Baseline(n, a.cost_usd, a.bound_usd, a.why_not, _WITHOUT_RESIDENCY * (n in free))
            for n, a in answers.items()
        ),
    ), answers


def solve_again(answer: Answer, demand: Demand, settings: SolverSettings) -> Answer:
    """Return what a restriction costs with another demand.

    Parameters
    ----------
    answer
        The restriction, solved before.
    demand
        The demand to serve.
    settings
        Gap and time limit.
    """
    if answer.options is None:
        return answer
    if answer.limits is None:
        return _all_tokens(demand, answer.options)
    result = solve_within_caps(demand, answer.options, answer.limits, settings)
    if result.decisions is None:
        infeasible = result.proof.status == "infeasible"
        return Answer(None, None, _INFEASIBLE if infeasible else NOT_IN_TIME)
    return replace(
        answer,
        cost_usd=result.objective_usd,
        bound_usd=result.proof.bound_usd,
        decisions=result.decisions,
    )


class _Trials:
    """Solves restricted programs within one budget."""

    def __init__(
        self, demand: Demand, options: OptionSet, limits: Limits, settings: SolverSettings
    ) -> None:
        self.demand, self.options, self.limits = demand, options, limits
        self.models_matter = limits.max_models is not None or options.prices_models
        self.settings = settings
        self.deadline_s = time.monotonic() + settings.time_limit_s

    def solve(self, options: OptionSet, limits: Limits) -> Answer:
        left_s = self.deadline_s - time.monotonic()
        out_of_time = Answer(None, None, late("the comparisons", self.settings.time_limit_s))
        if left_s <= 0:
            return out_of_time
        missing = self._without_option(options)
        if missing:
            return Answer(None, None, f"no option for {', '.join(missing)}")
        settings = replace(self.settings, time_limit_s=left_s, log=False)
        answer = solve_again(Answer(None, None, None, options, limits), self.demand, settings)
        return out_of_time if answer.why_not == NOT_IN_TIME else answer

    def by_hardware(self) -> dict[str, Answer]:
        everything = (*self.options.options, *self.options.dominated)
        return {
            name: self.solve(
                restrict(
                    self.options,
                    lambda o, name=name: o.hardware == name,  # type: ignore[misc]
                    tokens=False,
                    same_model_only=self.models_matter,
                ),
                self.limits,
            )
            for name in sorted({o.hardware for o in everything})
        }

    def baselines(
        self, plan: Plan, own: Answer, by_hardware: dict[str, Answer]
    ) -> dict[str, Answer]:
        solved = [(a.cost_usd, name) for name, a in by_hardware.items() if a.cost_usd is not None]
        if solved:
            best = by_hardware[min(solved)[1]]
        else:
            best = Answer(None, None, "no single hardware type serves every workload")
        rented = {r.tenure for r in plan.fleet} | ({"api"} if plan.api else set())
        by_the_hour = rented <= {_ON_DEMAND} and not plan.spend_commitments
        if by_the_hour and not self.options.barred:
            on_demand = own
        else:
            on_demand = self._with_tenures(frozenset({_ON_DEMAND}), residency=False)
        static = replace(self.limits, scaling="static")
        peak = self.solve(self._only(lambda o: o.quantization == _BF16), static)
        return {
            "best_single_hardware": best,
            "all_on_demand": on_demand,
            "all_reserved": self._with_tenures(frozenset(TERM_MONTHS), residency=False),
            "all_owned": self._with_tenures(frozenset({OWNED}), residency=True),
            "all_api": self._all_tokens(),
            "peak_static_bf16": peak,
        }

    def _all_tokens(self) -> Answer:
        """Buy every request; a sum of cheapest offers unless something couples them."""
        options = self.options
        coupled = bool(self.limits.api_limits or self.limits.average_quality)
        coupled = coupled or any("api" in v.tenures for v in options.volumes)
        coupled = coupled or any(rates.chain for rates in self.demand.workloads)
        if not (coupled or options.provisioned or options.prices_models):
            return _all_tokens(self.demand, options)
        bought = (*options.api, *options.api_unproven)
        there = tuple(left for o in options.offers if (left := sunk(o)) is not None)
        return self.solve(
            replace(options, options=(), capacities=(), offers=there, api=bought), self.limits
        )

    def _with_tenures(self, tenures: frozenset[str], *, residency: bool) -> Answer:
        """Solve with nodes of some tenures only, wherever they stand if `residency` is false."""
        if not any(o.tenure in tenures and not o.is_existing for o in self.options.offers):
            return Answer(None, None, why_no_node(self.options, tenures))
        options = self._only(lambda _: True, tenures)
        if not residency:
            options = replace(options, barred=frozenset())
        answer = self.solve(options, self.limits)
        if answer.why_not != _INFEASIBLE or (self.options.barred and not residency):
            return answer
        asked = f"--set 'supply.tenures=[{', '.join(sorted(tenures))}]'"
        return replace(answer, why_not=f"{_INFEASIBLE}; planner explain with {asked} says why")

    def _only(
        self, keep: Callable[[Option], bool], tenures: frozenset[str] | None = None
    ) -> OptionSet:
        return restrict(
            self.options,
            keep,
            tokens=False,
            same_model_only=self.models_matter,
            tenures=tenures,
        )

    def _without_option(self, options: OptionSet) -> list[str]:
        ids = {o.id for o in options.options}
        served = {c.workload for c in options.capacities if c.option_id in ids}
        served |= {a.workload for a in options.api}
        return [streams[0] for streams in self.demand.needs() if not served & set(streams)]


def _tokens(plan: Plan, demand: Demand, options: OptionSet, limits: Limits) -> list[Alternative]:
    """Return the cost of buying every request of a single-workload problem from each API offer."""
    if len(demand.workloads) != 1:
        return []
    rows = []
    for offer in (*options.api, *options.api_unproven):
        if offer.units_id:
            continue  # what units cost depends on how many are taken on
        cost = _all_from(demand, options, offer)
        by_period = enumerate(demand.of(offer.workload).planned_rps.max(axis=1).tolist())
        over = (exceeded_by(limits, offer, rps, t) for t, rps in by_period)
        limit = next((limit for limit in over if limit is not None), None)
        answer = Answer(cost, cost, None)
        if limit is not None:
            answer = Answer(None, None, f"above its limit of {api_limit_label(limit)}")
        elif falls_short(limits, offer.workload, offer.averaged):
            answer = Answer(None, None, "alone below the average quality that is asked")
        unproven = "latency unproven" if offer in options.api_unproven else ""
        assumed = "latency assumed" if offer.assumed_latency and not unproven else unproven
        rows.append(_alternative(offer.id, "api", answer, plan, assumed))
    return rows


def _all_from(demand: Demand, options: OptionSet, offer: ApiOption) -> float:
    """Return what it costs to buy every request of a workload from one offer."""
    planned_rps = demand.of(offer.workload).planned_rps
    flows = tuple(
        FlowDecision(offer.workload, offer.id, t, b, float(planned_rps[t, b]))
        for t, b in np.argwhere(planned_rps > 0).tolist()
    )
    bought = replace(options, api=(offer,))
    off = volume_rows(demand, bought, Decisions((), (), flows, ()))
    usd = _tokens_usd(demand, offer.workload, offer.usd_per_request)
    return usd - sum(row.rebate_usd * demand.grid.discount_factor[row.period] for row in off)


def _all_tokens(demand: Demand, options: OptionSet) -> Answer:
    """Buy every request from the cheapest offer; nodes that are there are paid all the same."""
    everything = (*options.api, *options.api_unproven)
    tokens_only = replace(
        options,
        options=(),
        offers=tuple(left for o in options.offers if (left := sunk(o)) is not None),
        api=everything,
        api_unproven=(),
    )
    tokens_only = at_reached_tiers(tokens_only, kept_nodes(tokens_only))
    flows: list[FlowDecision] = []
    for streams in demand.needs():
        offers = [o for o in everything if o.workload in streams]
        if not offers:
            return Answer(None, None, f"no API offer may serve {streams[0]}")
        best = min(offers, key=lambda o: _tokens_usd(demand, o.workload, o.usd_per_request))
        planned_rps = demand.of(best.workload).planned_rps
        flows += [
            FlowDecision(best.workload, best.id, t, b, float(planned_rps[t, b]))
            for t, b in np.argwhere(planned_rps > 0).tolist()
        ]
    decisions = replace(_sunk_decisions(tokens_only, demand.grid), api_flows=tuple(flows))
    usd = decisions_usd(demand, tokens_only, Limits(), decisions)
    return Answer(usd, usd, None, tokens_only, None, decisions)


def _sunk_decisions(options: OptionSet, grid: TimeGrid) -> Decisions:
    """Return the nodes that are there or were decided before, and nothing on them.

    Those that may be sold are, when that costs least: nothing else depends on them.
    """
    builds = [
        (offer, k, build, build.fixed_nodes or build.least_nodes)
        for offer in options.offers
        for k, build in enumerate(offer.builds)
        if not offer.may_be_sold or build is _cheapest(offer)
    ]
    nodes: Counter[tuple[str, int, int]] = Counter()
    for offer, _, build, count in builds:
        there = [b for b in range(grid.blocks) if offer.is_there(b, grid.blocks_per_day)]
        for t in range(build.start, build.end):
            nodes.update({(offer.offer_id, t, b): count for b in there})
    return Decisions(
        replicas=(),
        flows=(),
        api_flows=(),
        nodes=tuple(NodeDecision(*place, count) for place, count in nodes.items()),
        builds=tuple(BuildDecision(offer.offer_id, k, n) for offer, k, _, n in builds),
        units=tuple(
            UnitDecision(units.id, k, count)
            for units in options.provisioned
            for k, build in enumerate(units.builds)
            if (count := build.fixed_nodes or build.least_nodes)
        ),
        spend=tuple(
            SpendDecision(spend.id, k, usd)
            for spend in promised_spend(options)
            for k, usd in enumerate(spend.held_usd_per_hour or ())
            if usd
        ),
    )


def _cheapest(offer: NodeOffer) -> Build:
    return min(offer.builds, key=lambda build: build.discounted_usd)


def _tokens_usd(
    demand: Demand, workload: str, usd_per_request: tuple[tuple[float, ...], ...]
) -> float:
    grid = demand.grid
    seconds = grid.period_h * SECONDS_PER_HOUR * grid.shares_of_period
    usd = (demand.of(workload).mean_rps * np.array(usd_per_request)) @ seconds
    return float(usd @ np.array(grid.discount_factor))


def _alternative(name: str, kind: str, answer: Answer, plan: Plan, note: str) -> Alternative:
    ratio = None
    # What sold nodes bring may be more than everything else costs.
    if answer.cost_usd is not None and plan.cost_usd is not None and plan.cost_usd > 0:
        ratio = answer.cost_usd / plan.cost_usd
    return Alternative(name, kind, answer.cost_usd, ratio, answer.why_not or note)
