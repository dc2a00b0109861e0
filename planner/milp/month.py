"""What counts in a volume discount in a month of a period, by variable, and the most of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.milp.model import Terms
from planner.milp.sets import most_nodes
from planner.units import SECONDS_PER_HOUR, TOKENS_PER_MTOK

if TYPE_CHECKING:
    from pulp import LpVariable

    from planner.milp.model import Model
    from planner.options.supply_records import VolumeDiscount

    TokenTerms = dict[LpVariable, tuple[float, float]]

_MOST_STARTS = 2.0
"""Most that start-up time adds to spending, as a factor; generous, it only sizes a big M."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What counts in a month of one period.

    Parameters
    ----------
    usd, mtok
        Spending before volume discounts, and millions of tokens, by variable.
    most_usd, most_mtok
        More than any plan worth having reaches.
    """

    usd: Terms
    mtok: Terms
    most_usd: float
    most_mtok: float

    def most(self, unit: str) -> float:
        """Return the most volume in a unit of thresholds, ``usd`` or ``mtok``."""
        return self.most_usd if unit == "usd" else self.most_mtok


def counted_of_a_month(model: Model, volume: VolumeDiscount, t: int) -> Counted:
    """Return what counts in a month of a period: rented nodes and tokens.

    Parameters
    ----------
    model
        Variables by index.
    volume
        The volume discount; not one of terms.
    t
        Position of the period.
    """
    tokens = _token_terms(model, volume, t)
    most = _most_tokens(model, volume, t, tokens)
    usd = _rent_terms(model, volume, t) | {x: usd for x, (usd, _) in tokens.items()}
    mtok = {x: mtok for x, (_, mtok) in tokens.items()}
    return Counted(usd, mtok, _most_rent_usd(model, volume, t) + most[0], most[1])


def _rent_terms(model: Model, volume: VolumeDiscount, t: int) -> Terms:
    """Return the rent of a month by variable."""
    sets, grid = model.sets, model.sets.grid
    terms: Terms = {}
    for (o, t2, b), nodes in model.nodes.items():
        offer = sets.options.offers[o]
        if t2 == t and volume.counts(offer) and not offer.is_committed:
            price = offer.price_usd_per_hour[t] or 0.0
            paid = model.uncovered.get((o, t, b), nodes)
            terms[paid] = price * grid.hours_in_period(b) / grid.months_per_period
            if (o, t, b) in model.starts:
                hours = grid.days_in_period(b) * offer.startup_h / grid.months_per_period
                terms[model.starts[o, t, b]] = price * hours
    return terms


def _most_rent_usd(model: Model, volume: VolumeDiscount, t: int) -> float:
    """Return more than what all nodes worth having cost in a month."""
    sets = model.sets
    hours = sets.grid.period_h / sets.grid.months_per_period
    most = _MOST_STARTS * sum(
        most_nodes(sets, o) * hours * (offer.price_usd_per_hour[t] or 0.0)
        for o, offer in enumerate(sets.options.offers)
        if volume.counts(offer) and not offer.is_committed and (o, t, 0) in model.nodes
    )
    # Where a tier holds for everything, idle nodes that reach it may be worth their rent.
    return most + (volume.tiers[-1][0] if volume.on_all and most else 0.0)


def _token_terms(model: Model, volume: VolumeDiscount, t: int) -> TokenTerms:
    """Return USD and millions of tokens of a month by variable."""
    sets, grid = model.sets, model.sets.grid
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    found: TokenTerms = {}
    for (i, t2, b), flow in model.a.items():
        api = sets.options.api[i]
        if t2 != t or not volume.counts_tokens(api):
            continue
        w = position[api.workload]
        asked = sets.actual_rps[w, t, b] / sets.planned_rps[w, t, b]
        share = float(sets.demand.of(api.workload).usage_shares(t)[b])
        seconds = grid.hours_in_period(b) * SECONDS_PER_HOUR / grid.months_per_period
        requests = float(share * asked * sets.rate_unit_rps[w]) * seconds
        tokens = api.usage_tokens_at(t)
        mtok = requests * (tokens.input + tokens.output) / TOKENS_PER_MTOK
        found[flow] = (requests * api.usd_per_request_at(t, b), mtok)
    return found


def _most_tokens(
    model: Model, volume: VolumeDiscount, t: int, terms: TokenTerms
) -> tuple[float, float]:
    """Return USD and tokens of a month with every request at its dearest, or longest, tokens."""
    sets = model.sets
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    most: dict[tuple[int, int], tuple[float, float]] = {}
    for (i, t2, b), flow in model.a.items():
        if t2 != t or flow not in terms:
            continue
        w = position[sets.options.api[i].workload]
        rate = float(sets.planned_rps[w, t, b] / sets.rate_unit_rps[w])
        usd, mtok = most.get((w, b), (0.0, 0.0))
        more_usd, more_mtok = terms[flow]
        most[w, b] = (max(usd, rate * more_usd), max(mtok, rate * more_mtok))
    return sum(usd for usd, _ in most.values()), sum(mtok for _, mtok in most.values())
