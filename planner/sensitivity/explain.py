"""Solves a problem, then again with each limit a little wider, and to the edges near its cost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.milp import SolverSettings, build_program, solve_within_caps
from planner.milp.near_optimal import NearOptimal
from planner.milp.winning_price import WinningPrices
from planner.options.owned import OWNED
from planner.options.reserved import TERM_MONTHS
from planner.pipeline import SolveSettings, decide
from planner.sensitivity.changes import changes_of
from planner.sensitivity.records import Changed, Loser, Sensitivity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.milp import MilpResult
    from planner.milp.near_optimal import HardwareRange
    from planner.options.records import NodeOffer
    from planner.plan.document import Plan
    from planner.plan.records import Decisions
    from planner.preparation import Prepared
    from planner.sensitivity.changes import Change

_LEAST_S = 2.0
_ENDS = 2


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """An offer without a part in the plan: of nodes by its position, of tokens by its id."""

    key: int | str
    offer_id: str
    hardware: str
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class ExplainSettings:
    """How far and how long to look.

    Parameters
    ----------
    gap, time_limit_s, seed
        Of the plan, as in :class:`planner.pipeline.SolveSettings`. The changed problems share a
        second budget of `time_limit_s`, the ranges a third, the prices a fourth.
    within
        Share of the cost by which plans of the ranges may be dearer, above `gap`.
    """

    gap: float = 0.01
    time_limit_s: float = 60.0
    seed: int = 0
    within: float = 0.02


def explain_plan(
    prepared: Callable[[Sequence[str]], Prepared],
    settings: ExplainSettings | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Sensitivity:
    """Return what the plan of a problem hangs on.

    Parameters
    ----------
    prepared
        Prepares the problem with further ``PATH=VALUE`` changes.
    settings
        How far and how long to look.
    tell
        Receives a line before each solve.

    Raises
    ------
    InputError
        With every fault of the problem or the catalogues.
    """
    asked = settings or ExplainSettings()
    base = prepared(())
    tell("solving ...")
    settings_of_plan = SolveSettings(asked.gap, asked.time_limit_s, asked.seed, compare=False)
    decided = decide(base, settings_of_plan)
    if decided.decisions is None:
        return Sensitivity(decided.plan)
    again = _Again(base, decided.plan, decided.decisions, asked, tell)
    changed = again.changed(prepared)
    ranges, losers = again.ranges(), again.losers()
    return Sensitivity(decided.plan, changed, asked.within, ranges, losers, tuple(again.remarks))


class _Again:
    """Solves around a plan."""

    def __init__(
        self,
        base: Prepared,
        plan: Plan,
        decisions: Decisions,
        asked: ExplainSettings,
        tell: Callable[[str], None],
    ) -> None:
        self._base, self._plan, self._decisions = base, plan, decisions
        self._asked, self._tell = asked, tell
        self._program = build_program(base.demand, base.options, base.limits)
        self.remarks: list[str] = []

    def changed(self, prepared: Callable[[Sequence[str]], Prepared]) -> tuple[Changed, ...]:
        """Return the plan with every limit a little wider, as far as there is time."""
        deadline_s = time.perf_counter() + self._asked.time_limit_s
        changes = list(changes_of(self._base))
        limits = sum(change.is_first for change in changes)
        found = []
        for position, change in enumerate(changes):
            left_s = deadline_s - time.perf_counter()
            if left_s <= 0:
                self.remarks.append(
                    f"not solved within the time limit: {change.where}, {change.words}"
                )
                continue
            self._tell(f"solving with {change.where}, {change.words} ...")
            try:
                other = prepared(change.assignments)
            except InputError:  # a value that the schema does not allow
                continue
            # Everything that follows the limits gets as much as one of them, while they last.
            after = limits - position if position < limits else len(changes) - position - 1
            share_s = (deadline_s - time.perf_counter()) / (1 + after)
            result = solve_within_caps(
                other.demand, other.options, other.limits, self._solver(share_s)
            )
            found.append(self._compared(change, result))
        return tuple(found)

    def ranges(self) -> tuple[HardwareRange, ...]:
        """Return how much of every hardware type plans near the cost use."""
        base, cost = self._base, self._plan.cost_usd
        usable = {option.hardware for option in base.options.options}
        types = sorted({o.hardware for o in base.options.offers if o.hardware in usable})
        if cost is None or not types:
            return ()
        solver = self._solver(self._asked.time_limit_s / (_ENDS * len(types)))
        most_usd = cost + self._asked.within * abs(cost)
        near = NearOptimal(self._program, self._decisions, most_usd, solver)
        if not near.is_begun:
            self.remarks.append(
                "ranges near the optimum are left out: the plan was not found again to begin from"
            )
            return ()
        found = []
        for hardware in types:
            self._tell(f"looking for plans with few and with many {hardware} ...")
            found.append(near.range_of(hardware))
        return tuple(found)

    def losers(self) -> tuple[Loser, ...]:
        """Return where the cheapest offers that the plan leaves out would win."""
        deadline_s = time.perf_counter() + self._asked.time_limit_s
        left_out = [
            *_cheapest_nodes(self._base, self._plan),
            *_cheapest_tokens(self._base, self._plan),
        ]
        prices = WinningPrices(
            self._program, self._decisions, self._solver(self._asked.time_limit_s)
        )
        if not prices.is_begun:
            return ()
        # The nearest rivals first: there may not be time for all.
        left_out.sort(key=lambda item: -prices.in_relaxation(item.key))
        found = []
        for number, item in enumerate(left_out):
            left_s = deadline_s - time.perf_counter()
            if left_s <= 0:
                self.remarks.append(f"not priced within the time limit: {item.offer_id}")
                continue
            self._tell(f"looking for the price at which {item.offer_id} wins ...")
            # Half of what is left for each, so that the nearest rivals are priced for certain.
            share_s = left_s / min(len(left_out) - number, 2)
            won = prices.of(item.key, share_s)
            if won.factor is None and time.perf_counter() - deadline_s + left_s >= share_s:
                self.remarks.append(f"no price found within the time limit: {item.offer_id}")
                continue
            usd = item.usd_per_hour
            at = None if usd is None or won.factor is None else usd * won.factor
            found.append(
                Loser(
                    item.offer_id,
                    item.hardware,
                    won.factor,
                    usd,
                    at,
                    won.proven,
                    is_as_good=won.factor == 1.0,
                )
            )
        return tuple(found)

    def _solver(self, time_limit_s: float) -> SolverSettings:
        return SolverSettings(
            gap=self._asked.gap,
            time_limit_s=max(time_limit_s, _LEAST_S),
            seed=self._asked.seed,
            incumbent=self._decisions,
        )

    def _compared(self, change: Change, result: MilpResult) -> Changed:
        plan, cost, bound = self._plan, result.objective_usd, result.proof.bound_usd
        saves = least = most = None
        if cost is not None and plan.cost_usd is not None:
            saves = plan.cost_usd - cost
            least = None if plan.bound_usd is None else plan.bound_usd - cost
        if bound is not None and plan.cost_usd is not None:
            most = plan.cost_usd - bound
        if change.never_costs and least is not None:
            least = max(least, 0.0)
        if change.never_saves and most is not None:
            most = min(most, 0.0)
        return Changed(
            change.family,
            change.where,
            change.words,
            change.assignments,
            cost,
            bound,
            saves,
            least,
            most,
        )


def _cheapest_nodes(base: Prepared, plan: Plan) -> list[_LeftOut]:
    """Return the cheapest offer of every type and way to pay that the plan leaves out.

    Only types that replicas fit.
    """
    used = {row.offer_id for row in plan.fleet}
    usable = {option.hardware for option in base.options.options}
    cheapest: dict[tuple[str, str], tuple[float, _LeftOut]] = {}
    for position, offer in enumerate(base.options.offers):
        usd = _first_price(offer)
        if usd is None or offer.is_existing or offer.hardware not in usable - {""}:
            continue
        if offer.offer_id not in used:
            item = _LeftOut(position, offer.offer_id, offer.hardware, usd)
            each = usd / offer.accelerators_per_node
            kind = (offer.hardware, offer.tenure)
            if kind not in cheapest or each < cheapest[kind][0]:
                cheapest[kind] = each, item
    return [item for _, item in sorted(cheapest.values(), key=lambda found: found[0])]


def _cheapest_tokens(base: Prepared, plan: Plan) -> list[_LeftOut]:
    """Return the cheapest tokens of every model and mode that the plan leaves out."""
    used = {(row.provider, row.model, row.mode) for row in plan.api}
    cheapest: dict[tuple[str, str], tuple[float, _LeftOut]] = {}
    for option in base.options.api:
        usd = max(max(prices) for prices in option.usd_per_request)
        if option.units_id or (option.provider, option.model, option.mode) in used:
            continue
        kind = (option.model, option.mode)
        if kind not in cheapest or usd < cheapest[kind][0]:
            cheapest[kind] = usd, _LeftOut(option.id, option.id, "", None)
    return [item for _, item in sorted(cheapest.values(), key=lambda found: found[0])]


def _first_price(offer: NodeOffer) -> float | None:
    """Return what an hour of a node costs, ``None`` for blocks and for prices in tiers.

    Of nodes for a term and of servers it is the mean of everything that is paid for them.
    """
    if not offer.is_committed:
        return next((usd for usd in offer.price_usd_per_hour if usd is not None), None)
    if any(build.tier for build in offer.builds):
        return None
    if offer.tenure not in TERM_MONTHS and offer.tenure != OWNED:
        return None
    return next((build.usd_per_node_hour for build in offer.builds), None)
