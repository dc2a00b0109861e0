"""What else would cost: the same program, data and gap with one restriction.

``alternatives`` answers which hardware comes next; ``baselines`` are the plans people would make
without a planner. A restriction that has no plan, or none in time, is null with the reason. All
of them share one time budget.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp import solve_within_caps
from planner.milp.api_limits import exceeded_by
from planner.milp.naming import api_limit_label
from planner.options.owned import OWNED
from planner.options.reserved import TERM_MONTHS
from planner.options.restrict import restrict
from planner.plan.document import Alternative, Baseline
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.demand.records import Demand
    from planner.milp import Limits, SolverSettings
    from planner.options.records import Option, OptionSet
    from planner.plan.document import Plan

_OUT_OF_TIME = "not solved within the time budget of the comparisons"
_WITHOUT_RESIDENCY = "wherever the nodes stand: residency is not asked"
_ON_DEMAND = "on_demand"
_BF16 = "bf16"


@dataclass(frozen=True, slots=True)
class _Answer:
    cost_usd: float | None
    bound_usd: float | None
    why_not: str | None


def compare_with_restrictions(
    plan: Plan, demand: Demand, options: OptionSet, limits: Limits, settings: SolverSettings
) -> Plan:
    """Return the plan with its alternatives per hardware type and its baselines.

    Parameters
    ----------
    plan, demand, options, limits
        The solved problem.
    settings
        Settings of the main solve; ``time_limit_s`` is the budget of all comparisons together.
    """
    trials = _Trials(demand, options, limits, settings)
    by_hardware = trials.by_hardware()
    alternatives = [
        _alternative(name, "hardware", answer, plan, "") for name, answer in by_hardware.items()
    ]
    alternatives += _tokens(plan, demand, options, limits)
    alternatives.sort(key=lambda a: (a.cost_usd is None, a.cost_usd or 0.0, a.name))
    return replace(
        plan,
        alternatives=tuple(alternatives),
        baselines=tuple(trials.baselines(plan, by_hardware)),
    )


class _Trials:
    """Solves restricted programs within one budget."""

    def __init__(
        self, demand: Demand, options: OptionSet, limits: Limits, settings: SolverSettings
    ) -> None:
        self.demand, self.options, self.limits = demand, options, limits
        self.settings = settings
        self.deadline_s = time.monotonic() + settings.time_limit_s

    def solve(self, options: OptionSet, limits: Limits) -> _Answer:
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            return _Answer(None, None, _OUT_OF_TIME)
        missing = self._without_option(options)
        if missing:
            return _Answer(None, None, f"no option for {', '.join(missing)}")
        settings = replace(self.settings, time_limit_s=left_s, log=False)
        result = solve_within_caps(self.demand, options, limits, settings)
        if result.objective_usd is None:
            infeasible = result.proof.status == "infeasible"
            return _Answer(None, None, "infeasible" if infeasible else _OUT_OF_TIME)
        return _Answer(result.objective_usd, result.proof.bound_usd, None)

    def by_hardware(self) -> dict[str, _Answer]:
        everything = (*self.options.options, *self.options.dominated)
        return {
            name: self.solve(
                restrict(
                    self.options,
                    lambda o, name=name: o.hardware == name,  # type: ignore[misc]
                    tokens=False,
                    same_model_only=self.limits.max_models is not None,
                ),
                self.limits,
            )
            for name in sorted({o.hardware for o in everything})
        }

    def baselines(self, plan: Plan, by_hardware: dict[str, _Answer]) -> list[Baseline]:
        solved = [(a.cost_usd, name) for name, a in by_hardware.items() if a.cost_usd is not None]
        if solved:
            best = by_hardware[min(solved)[1]]
        else:
            best = _Answer(None, None, "no single hardware type serves every workload")
        rented = {r.tenure for r in plan.fleet} | ({"api"} if plan.api else set())
        if rented <= {_ON_DEMAND} and not self.options.barred:
            on_demand = _Answer(plan.cost_usd, plan.bound_usd, None)
        else:
            on_demand = self._with_tenures(frozenset({_ON_DEMAND}), residency=False)
        static = replace(self.limits, scaling="static")
        peak = self.solve(self._only(lambda o: o.quantization == _BF16), static)
        answers = {
            "best_single_hardware": best,
            "all_on_demand": on_demand,
            "all_reserved": self._with_tenures(frozenset(TERM_MONTHS), residency=False),
            "all_owned": self._with_tenures(frozenset({OWNED}), residency=True),
            "all_api": self._all_tokens(),
            "peak_static_bf16": peak,
        }
        free = {"all_on_demand", "all_reserved"} if self.options.barred else set()
        return [
            Baseline(
                n, a.cost_usd, a.bound_usd, a.why_not, _WITHOUT_RESIDENCY if n in free else ""
            )
            for n, a in answers.items()
        ]

    def _all_tokens(self) -> _Answer:
        """Buy every request; a sum over workloads unless rate limits or units couple them."""
        if not self.limits.api_limits and not self.options.provisioned:
            return _all_tokens(self.demand, self.options)
        bought = (*self.options.api, *self.options.api_unproven)
        return self.solve(
            replace(self.options, options=(), capacities=(), offers=(), api=bought), self.limits
        )

    def _with_tenures(self, tenures: frozenset[str], *, residency: bool) -> _Answer:
        """Solve with nodes of some tenures only, wherever they stand if `residency` is false."""
        if not any(o.tenure in tenures and not o.is_existing for o in self.options.offers):
            names = ", ".join(sorted(tenures))
            return _Answer(None, None, f"no node of {names} is on offer; see supply.tenures")
        options = self._only(lambda _: True, tenures)
        if not residency:
            options = replace(options, barred=frozenset())
        return self.solve(options, self.limits)

    def _only(
        self, keep: Callable[[Option], bool], tenures: frozenset[str] | None = None
    ) -> OptionSet:
        return restrict(
            self.options,
            keep,
            tokens=False,
            same_model_only=self.limits.max_models is not None,
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
        cost = _tokens_usd(demand, offer.workload, offer.usd_per_request)
        planned_rps = float(demand.of(offer.workload).planned_rps.max())
        limit = exceeded_by(limits, offer, planned_rps)
        answer = _Answer(cost, cost, None)
        if limit is not None:
            answer = _Answer(None, None, f"above its limit of {api_limit_label(limit)}")
        unproven = "latency unproven" if offer in options.api_unproven else ""
        assumed = "latency assumed" if offer.assumed_latency and not unproven else unproven
        rows.append(_alternative(offer.id, "api", answer, plan, assumed))
    return rows


def _all_tokens(demand: Demand, options: OptionSet) -> _Answer:
    total = 0.0
    for streams in demand.needs():
        offers = [o for o in (*options.api, *options.api_unproven) if o.workload in streams]
        if not offers:
            return _Answer(None, None, f"no API offer may serve {streams[0]}")
        total += min(_tokens_usd(demand, o.workload, o.usd_per_request) for o in offers)
    return _Answer(total, total, None)


def _tokens_usd(
    demand: Demand, workload: str, usd_per_request: tuple[tuple[float, ...], ...]
) -> float:
    grid = demand.grid
    seconds = grid.period_h * SECONDS_PER_HOUR * grid.shares_of_period
    usd = (demand.of(workload).mean_rps * np.array(usd_per_request)) @ seconds
    return float(usd @ np.array(grid.discount_factor))


def _alternative(name: str, kind: str, answer: _Answer, plan: Plan, note: str) -> Alternative:
    ratio = None
    if answer.cost_usd is not None and plan.cost_usd:
        ratio = answer.cost_usd / plan.cost_usd
    return Alternative(name, kind, answer.cost_usd, ratio, answer.why_not or note)
