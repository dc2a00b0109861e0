"""What commitments lose when demand falls, and what it costs to order a quarter later.

Every figure is the difference of two solved programs, each with its bound:

* **Loss of one commitment** at a factor on all demand: operate with everything the plan has taken
  on, less operate with everything but it. Nothing else is taken on in either, and promises of
  spending that only it brought to the least of their tier go with it.
* **Loss of all of them**: operate with everything, less the best plan for that demand in hindsight
  (the regret of decision theory, Savage, 1951).
* **Cost of a delay**: the best plan that keeps what was ordered and sold before a month and does
  neither from then on for a quarter, or the whole periods that cover it, less the plan.

Commitments are nodes of a term, bought nodes, provisioned units of a term and promises of
spending. Nodes that are there and may be sold are sold in losses as suits the demand.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.demand.scale import scaled
from planner.finance.figures import last_day_to_order
from planner.finance.within_time import OWN, Question, answers_within
from planner.options.held import bound_builds, hold, hold_sales
from planner.options.purchases import build_of, hold_purchases, ordered_before, purchases
from planner.plan.commitments import sold_nodes, taken_builds, taken_on
from planner.plan.finance_rows import CommitmentLoss, OrderDate, delay_months
from planner.plan.purchases import terms_beside_nodes
from planner.plan.time_budget import LATE, late

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from planner.alternatives import Answer
    from planner.demand.records import Demand
    from planner.finance.within_time import Name
    from planner.milp import SolverSettings
    from planner.options.builds import Build
    from planner.options.held import Nodes
    from planner.options.purchases import Purchase
    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.records import Decisions

DEMAND_FACTORS = (0.8, 0.6)
"""Demand that is a fifth and two fifths lower than planned."""

_ROUNDING = 1e-6
"""Share of a promise that is the tolerance of the solver, not an order."""


class CommitmentSheet:
    """Solves what commitments risk, within one time budget.

    Parameters
    ----------
    own
        The plan as an answer of its program, with options, limits and decisions.
    demand
        The demand it was made for.
    settings
        Gap of every solve; ``time_limit_s`` is the budget of all of them together.
    """

    def __init__(self, own: Answer, demand: Demand, settings: SolverSettings) -> None:
        if own.options is None or own.decisions is None:
            msg = "nothing to hold: the answer has no decisions"
            raise ValueError(msg)
        self.own, self.demand, self.settings = own, demand, settings
        self.options: OptionSet = own.options
        self.decisions: Decisions = own.decisions
        self._places = purchases(self.options, demand.grid)
        self._beside_nodes = terms_beside_nodes(self.options, demand.grid, self.decisions)
        self._ordered = {
            purchase: ordered_before(self.options, purchase, self._places[purchase])
            for purchase in self._beside_nodes
        }
        self._kept = {
            (offer.offer_id, build.start): build.least_nodes
            for offer in self.options.offers
            for build in offer.builds
        }

    def rows(self) -> tuple[tuple[CommitmentLoss, ...], tuple[OrderDate, ...]]:
        """Return what is lost with less demand, and every month in which something is decided.

        That is the loss of every new commitment, and of all, at every demand factor; and every
        month in which something is ordered or sold, with the cost of a delay.
        """
        why_late = late("the commitment sheet", self.settings.time_limit_s)
        months, factors = self._months(), DEMAND_FACTORS if self._new() else ()
        questions: dict[Name, Question] = {}
        for month in months:
            options = self._without_orders(month, self._until(month))
            questions["delayed", month] = Question(options, self.demand, is_in=OWN)
        for factor in factors:
            questions |= self._at(factor)
        answers = answers_within(questions, self.own, self.settings, why_late)
        losses = [row for factor in factors for row in self._losses(factor, answers)]
        dates = [self._order_date(month, answers["delayed", month]) for month in months]
        return tuple(losses), tuple(dates)

    def _new(self) -> dict[tuple[str, int], OptionSet]:
        """Return the options without each new commitment, by id and start period."""
        held, beside = taken_on(self.options, self.decisions), self._beside_nodes
        without = {}
        for _, offer, build, _ in self._orders():
            key = (offer.offer_id, build.start)
            without[key] = self._held(held | {key: self._kept[key]}, beside)
        for term, _ in self._new_beside():
            others = self._that_stand(beside | {term: self._ordered[term]})
            without[term.supply_id, term.period] = self._held(held, others)
        return without

    def _that_stand(self, beside: dict[Purchase, float]) -> dict[Purchase, float]:
        """Return what is held without promises that are less than is sold together."""
        found = dict(beside)
        for spend in self.options.spend:
            own = [p for p in found if p.kind == "spend" and p.supply_id == spend.id]
            for t in range(self._periods):
                serving = [p for p in own if self._build(p).serves(t)]
                usd = sum(found[p] for p in serving) + spend.running_in(t)
                if usd < spend.min_usd_per_hour * (1.0 - _ROUNDING):
                    found |= {p: self._ordered[p] for p in serving}
        return found

    def _at(self, factor: float) -> dict[Name, Question]:
        """Return what has to be solved for the losses at a demand, by name."""
        demand = scaled(self.demand, factor)
        everything = self._held(taken_on(self.options, self.decisions), self._beside_nodes)
        held, best = ("held", factor), ("best", factor)
        return {
            held: Question(everything, demand, is_in=best),
            best: Question(self.options, demand, begins_with=held),
        } | {
            ("without", factor, *key): Question(options, demand, held, best)
            for key, options in self._new().items()
        }

    def _losses(self, factor: float, answers: dict[Name, Answer]) -> Iterator[CommitmentLoss]:
        held = answers["held", factor]
        yield _loss("", None, factor, held, answers["best", factor])
        for key in self._new():
            yield _loss(*key, factor, held, answers["without", factor, *key])

    def _months(self) -> list[int]:
        """Return the months in which something is ordered or sold."""
        months = {m for m, *_ in self._orders()} | {month for _, month in self._sold}
        months |= {math.floor(build.order_month) for build, _ in self._promises()}
        return sorted(months)

    def _until(self, month: int) -> int:
        return month + delay_months(self.demand.grid.months_per_period)

    def _build(self, purchase: Purchase) -> Build:
        return build_of(self.options, purchase, self._places[purchase])

    def _promises(self) -> Iterator[tuple[Build, str]]:
        """Yield the build of everything that is taken on beside nodes, and the order in words."""
        for purchase, amount in self._new_beside():
            words = f"{amount:.0f} x {purchase.supply_id}"
            if purchase.kind == "spend":
                words = f"{amount:.6g} USD/h of {purchase.supply_id}"
            yield self._build(purchase), words

    def _new_beside(self) -> Iterator[tuple[Purchase, float]]:
        """Yield what is taken on beside nodes, without what was ordered before."""
        for purchase, amount in self._beside_nodes.items():
            new = amount - self._ordered[purchase]
            if new > _ROUNDING * amount:
                yield purchase, new

    def _held(self, nodes: dict[tuple[str, int], int], beside: dict[Purchase, float]) -> OptionSet:
        options = hold_purchases(self.options, self.demand.grid, beside)
        return hold(options, nodes, self._periods)

    @property
    def _sold(self) -> dict[tuple[str, int], int]:
        return sold_nodes(self.options, self.decisions)

    @property
    def _periods(self) -> int:
        return self.demand.grid.periods

    def _orders(self) -> Iterator[tuple[int, NodeOffer, Build, int]]:
        """Yield month of the order, offer, build and nodes of everything that is new."""
        for offer, build, nodes in taken_builds(self.options, self.decisions):
            if build.fixed_nodes is None and nodes > build.least_nodes:
                yield math.floor(build.order_month), offer, build, nodes - build.least_nodes

    def _order_date(self, month: int, delayed: Answer) -> OrderDate:
        due = [(o, b, n) for m, o, b, n in self._orders() if m == month]
        sold = {offer_id: n for (offer_id, m), n in self._sold.items() if m == month}
        own = self.own
        promises = [
            (b, text) for b, text in self._promises() if math.floor(b.order_month) == month
        ]
        days = [last_day_to_order(self.demand, build) for _, build, _ in due]
        days += [last_day_to_order(self.demand, build) for build, _ in promises]
        days += [self._first_day(month)] if sold else []
        return OrderDate(
            order_month=self.demand.grid.month_name(month),
            order_by=min(days).isoformat(),
            orders=(
                *(f"{n} x {offer.offer_id}" for offer, _, n in due),
                *(text for _, text in promises),
                *(f"sell {n} x {offer_id}" for offer_id, n in sold.items()),
            ),
            delayed_usd=delayed.cost_usd,
            delayed_bound_usd=delayed.bound_usd,
            delay_usd=_less(delayed.cost_usd, own.cost_usd),
            delay_low_usd=_not_below_0(_less(delayed.bound_usd, own.cost_usd)),
            delay_high_usd=_less(delayed.cost_usd, own.bound_usd),
            why_not=delayed.why_not,
            delayed_to_month=self.demand.grid.month_name(self._until(month)),
        )

    def _first_day(self, month: int) -> dt.date:
        """Return the first day of the period that begins with a month of the horizon."""
        grid = self.demand.grid
        return grid.period_start[month // grid.months_per_period]

    def _without_orders(self, month: int, until: int) -> OptionSet:
        """Return the options with earlier decisions held, and none between two months."""
        held = taken_on(self.options, self.decisions)

        def bounds(offer: NodeOffer, build: Build) -> Nodes | None:
            if build.order_month >= until:
                return build.least_nodes, build.most_nodes
            ordered = build.order_month < month
            nodes = held.get((offer.offer_id, build.start), 0) if ordered else build.least_nodes
            return (nodes, nodes) if nodes else None

        beside = {
            purchase: amount if build.order_month < month else self._ordered[purchase]
            for purchase, amount in self._beside_nodes.items()
            if (build := self._build(purchase)).order_month < until
        }
        options = bound_builds(hold_purchases(self.options, self.demand.grid, beside), bounds)
        return hold_sales(options, self._sold, (month, until))


def _loss(
    offer_id: str, start: int | None, factor: float, held: Answer, without: Answer
) -> CommitmentLoss:
    low_usd = _less(held.bound_usd, without.cost_usd)
    why = {"with it": held.why_not, "without it": without.why_not}
    reasons = [f"{what}: {reason}" for what, reason in why.items() if reason]
    if hurried := [reason for reason in why.values() if reason and reason.startswith(LATE)]:
        reasons = hurried[:1]
    return CommitmentLoss(
        offer_id=offer_id,
        start_period=start,
        demand_factor=factor,
        held_usd=held.cost_usd,
        held_bound_usd=held.bound_usd,
        without_usd=without.cost_usd,
        without_bound_usd=without.bound_usd,
        loss_usd=_less(held.cost_usd, without.cost_usd),
        loss_low_usd=low_usd if offer_id else _not_below_0(low_usd),
        loss_high_usd=_less(held.cost_usd, without.bound_usd),
        why_not="; ".join(reasons) or None,
    )


def _not_below_0(usd: float | None) -> float | None:
    """Return an amount, 0 in place of less: plans that may do more are never dearer."""
    return None if usd is None else max(usd, 0.0)


def _less(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second
