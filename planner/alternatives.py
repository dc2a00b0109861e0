"""What else would cost: the same program, data and gap with one restriction.

``alternatives`` answers which hardware comes next; ``baselines`` are the plans people would make
without a planner. A restriction that has no plan, or none in time, is null with the reason. All
of them share one time budget.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.milp import Limits, solve_within_caps
from planner.milp.api_limits import exceeded_by
from planner.milp.average_quality import falls_short
from planner.milp.naming import api_limit_label
from planner.options.old_prices import why_no_node
from planner.options.owned import OWNED
from planner.options.reserved import TERM_MONTHS
from planner.options.restrict import only_tokens, restrict
from planner.plan.cash import cash_flows
from planner.plan.document import Alternative, Baseline
from planner.plan.time_budget import late

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.demand.records import Demand
    from planner.milp import SolverSettings
    from planner.options.records import Option, OptionSet
    from planner.options.supply_records import ApiOption
    from planner.plan.document import Plan
    from planner.plan.records import Decisions

NOT_IN_TIME = "not solved in time"
"""Why a program has no plan that was stopped: its caller knows whose time that was."""
_INFEASIBLE = "infeasible"
_WITHOUT_RESIDENCY = "wherever the nodes stand: residency is not asked"
_UNPROVEN = "latency unproven"
_ON_DEMAND = "on_demand"
_BF16 = "bf16"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a restriction costs, and the decisions behind it.

    Parameters
    ----------
    cost_usd, bound_usd
        Discounted cost and proven lower limit; ``None`` without a plan, the limit also without a
        proof. A program that was stopped before it had a plan may have a limit all the same.
    why_not
        Why there is no plan.
    options, limits
        The restricted program, to solve it again; ``None`` where nothing was solved.
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
    # Tokens alone take a moment each, so they come before what may use up the time.
    alternatives = [
        _alternative(offer.id, "api", answer, plan, _latency_note(options, offer))
        for offer, answer in trials.by_tokens()
    ]
    all_api = trials.all_tokens()
    by_hardware = trials.by_hardware()
    alternatives += [
        _alternative(name, "hardware", answer, plan, "") for name, answer in by_hardware.items()
    ]
    alternatives.sort(key=lambda a: (a.cost_usd is None, a.cost_usd or 0.0, a.name))
    answers = trials.baselines(plan, own, by_hardware, all_api)
    paid = [
        cash_flows(name, demand, answer.options, answer.decisions)
        for name, answer in answers.items()
        if answer.options is not None and answer.decisions is not None
    ]
    return replace(
        plan,
        cash_flows=(*plan.cash_flows, *(row for rows in paid for row in rows)),
        alternatives=tuple(alternatives),
        baselines=tuple(
            Baseline(n, a.cost_usd, a.bound_usd, a.why_not, _left_out(n, a, options))
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
    if answer.options is None or answer.limits is None:
        return answer
    result = solve_within_caps(demand, answer.options, answer.limits, settings)
    if result.decisions is None:
        if result.proof.status == "infeasible":
            return Answer(None, None, _INFEASIBLE)
        return Answer(None, result.proof.bound_usd, NOT_IN_TIME)
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
        self, plan: Plan, own: Answer, by_hardware: dict[str, Answer], all_api: Answer
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
            "all_api": all_api,
            "peak_static_bf16": peak,
        }

    def by_tokens(self) -> list[tuple[ApiOption, Answer]]:
        """Solve with the tokens of each offer alone where one workload is all there is."""
        if len(self.demand.workloads) != 1:
            return []
        # What units cost depends on how many are taken on, and on what else is bought.
        offers = [o for o in self._tokens_on_offer() if not o.units_id]
        return [(offer, self._alone(offer)) for offer in offers]

    def _alone(self, offer: ApiOption) -> Answer:
        answer = self.solve(only_tokens(self.options, (offer,)), self.limits)
        if answer.why_not != _INFEASIBLE:
            return answer
        by_period = enumerate(self.demand.of(offer.workload).planned_rps.max(axis=1).tolist())
        over = (exceeded_by(self.limits, offer, rps, t) for t, rps in by_period)
        limit = next((limit for limit in over if limit is not None), None)
        if limit is not None:
            return replace(answer, why_not=f"above its limit of {api_limit_label(limit)}")
        if falls_short(self.limits, offer.workload, offer.averaged):
            return replace(answer, why_not="alone below the average quality that is asked")
        return answer

    def all_tokens(self) -> Answer:
        bought = self._tokens_on_offer()
        served = {offer.workload for offer in bought}
        without = next((s[0] for s in self.demand.needs() if not served & set(s)), None)
        if without is not None:
            return Answer(None, None, f"no API offer may serve {without}")
        return self.solve(only_tokens(self.options, bought), self.limits)

    def _tokens_on_offer(self) -> tuple[ApiOption, ...]:
        return (*self.options.api, *self.options.api_unproven)

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


def _left_out(baseline: str, answer: Answer, options: OptionSet) -> str:
    """Return what a baseline is allowed and the plan is not."""
    if baseline in {"all_on_demand", "all_reserved"} and options.barred:
        return _WITHOUT_RESIDENCY
    if baseline == "all_api" and answer.decisions is not None:
        unproven = {offer.id for offer in options.api_unproven}
        if any(flow.supply_id in unproven for flow in answer.decisions.api_flows):
            return _UNPROVEN
    return ""


def _latency_note(options: OptionSet, offer: ApiOption) -> str:
    if offer in options.api_unproven:
        return _UNPROVEN
    return "latency assumed" if offer.assumed_latency else ""


def _alternative(name: str, kind: str, answer: Answer, plan: Plan, note: str) -> Alternative:
    ratio = None
    # What sold nodes bring may be more than everything else costs.
    if answer.cost_usd is not None and plan.cost_usd is not None and plan.cost_usd > 0:
        ratio = answer.cost_usd / plan.cost_usd
    return Alternative(name, kind, answer.cost_usd, ratio, answer.why_not or note)
