"""Options that may serve for less where a plan misses a promise, tried in the replay.

Where the options of a plan need more replicas than the formulas ask for, or no number of them
keeps a promise, others may cost less. By how much, formulas that have just been wrong there cannot
say. So each is replayed alone in the same block, from the one that is cheapest by the formulas on,
as long as that is cheaper than what is known to keep its promises there: with the replicas that
the formulas ask for, and where these are too few with up to four times as many that still cost
less. What each needs is what the program then decides with.

Prices are those of an accelerator of the cheapest nodes that may hold a replica, without the hours
in which nodes start or stand idle: they say what is worth a simulation, and the program decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.options.homes import holds
from planner.plan.records import ReplicaDecision
from planner.plan.tables import allocation_row
from planner.verify.lack import MOST_TIMES, lack_of, with_more
from planner.verify.places import at_places, missed_workloads, place_of
from planner.verify.replay.run import replay_plan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from planner.options.records import Capacity, Option
    from planner.plan.document import Allocation, Plan
    from planner.preparation import Prepared
    from planner.verify.places import Place
    from planner.verify.replay.run import ReplaySettings

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Rival:
    """An option with all requests of a pool in a block that do not wait.

    Parameters
    ----------
    option_id, place
        The option, and where.
    rows
        A row for every workload, with the replicas that the formulas ask for, spares included.
    usd_per_h
        Price of one replica, USD per hour.
    """

    option_id: str
    place: Place
    rows: tuple[Allocation, ...]
    usd_per_h: float

    @property
    def replicas(self) -> int:
        """Replicas that the formulas ask for."""
        return self.rows[0].replicas


@dataclass(frozen=True, slots=True)
class Trial:
    """What the replay says of an option.

    Parameters
    ----------
    rival
        The option, and where.
    lacking
        Replicas that it needs beyond those of the formulas; where more were not worth trying, the
        most that are ever tried and one, so that no plan mixes it with what costs less.
    missed
        Workloads to which four times the replicas miss a promise.
    """

    rival: Rival
    lacking: int = 0
    missed: frozenset[str] = frozenset()

    @property
    def usd_per_h(self) -> float:
        """What it takes to keep all promises, USD per hour."""
        return (
            math.inf
            if self.missed
            else self.rival.usd_per_h * (self.rival.replicas + self.lacking)
        )


def rivals_tried(
    plan: Plan,
    prepared: Prepared,
    known_usd: Mapping[Place, float],
    tried: Collection[tuple[Place, str]],
    settings: ReplaySettings,
) -> list[Trial]:
    """Return what the replay says of the options that may be the cheapest to keep a promise.

    Parameters
    ----------
    plan
        The plan that misses promises.
    prepared
        The problem with its options.
    known_usd
        Where, with the cost of the cheapest that keeps them as far as known, USD per hour.
    tried
        Options that are known already, by place.
    settings
        How plans are replayed.
    """
    best = dict(known_usd)
    waiting = {
        place: sorted(
            (r for r in rivals_at(plan, prepared, place) if (place, r.option_id) not in tried),
            key=lambda r: (r.usd_per_h * r.replicas, r.option_id),
            reverse=True,
        )
        for place in best
    }
    found: list[Trial] = []
    while True:
        going = [
            mine.pop()
            for place, mine in waiting.items()
            if mine and mine[-1].usd_per_h * mine[-1].replicas < best[place]
        ]
        if not going:
            return found
        for trial in _trials(going, plan, prepared, best, settings):
            best[trial.rival.place] = min(best[trial.rival.place], trial.usd_per_h)
            found.append(trial)


def _trials(
    rivals: Sequence[Rival],
    plan: Plan,
    prepared: Prepared,
    best: Mapping[Place, float],
    settings: ReplaySettings,
) -> Iterator[Trial]:
    """Yield what the replay says of one option at each of some places."""
    # Where nodes stand that are not there yet, nobody knows.
    here = {"spare_nodes": 0, "survive_loss_of": None}
    policy = prepared.loaded.problem.policy.model_copy(update=here)
    problem = prepared.loaded.problem.model_copy(update={"policy": policy})
    loaded = replace(prepared.loaded, problem=problem)
    steady = replace(settings, turns=False, verdict=True)

    def missed(tried: Plan) -> set[tuple[str, Place]]:
        return missed_workloads(replay_plan(tried, loaded, prepared.catalog, steady), problem)

    rows = tuple(row for rival in rivals for row in rival.rows)
    alone = replace(plan, allocations=rows, deferred=())
    short = {place for _, place in missed(alone)}
    most = {r.place: _most(r, best[r.place]) for r in rivals if r.place in short}
    more = {r.place: most[r.place] - r.replicas for r in rivals if r.place in short}
    worth = {place for place in short if more[place]}
    still = missed(with_more(at_places(alone, worth), more)) if worth else set()
    enough = worth - {place for _, place in still}
    lack = lack_of(alone, loaded, prepared.catalog, enough, steady, most=most)
    for rival in rivals:
        place = rival.place
        if place not in short:
            yield Trial(rival)
        elif (lacking := lack.get(place)) is not None:
            yield Trial(rival, lacking)
        elif most[place] < MOST_TIMES * rival.replicas:
            yield Trial(rival, (MOST_TIMES - 1) * rival.replicas + 1)
        else:
            yield Trial(rival, missed=frozenset(w for w, at in still if at == place))


def _most(rival: Rival, best_usd: float) -> int:
    """Return the most replicas worth trying: four times as many that cost less than the best."""
    most = MOST_TIMES * rival.replicas
    if math.isinf(best_usd) or not rival.usd_per_h:
        return most
    return max(min(most, math.ceil(best_usd / rival.usd_per_h) - 1), rival.replicas)


def rivals_at(plan: Plan, prepared: Prepared, place: Place) -> Iterator[Rival]:
    """Yield every option that may serve all requests of a pool in a block, used there or not.

    First and second answers of chains are left alone.

    Parameters
    ----------
    plan
        A plan with the rates of the workloads.
    prepared
        The problem with its options.
    place
        The pool, period and block.
    """
    _, period, block = place
    rows = [r for r in plan.allocations if place_of(r) == place and not r.is_deferred]
    if any(row.answer for row in rows):
        return
    names = dict.fromkeys(row.workload for row in rows)
    rates = {
        name: (
            sum(row.rate_rps for row in rows if row.workload == name),
            sum(row.planned_rate_rps for row in rows if row.workload == name),
        )
        for name in names
    }
    known = {(c.workload, c.option_id): c for c in prepared.options.capacities}
    spares = prepared.loaded.problem.policy.spare_replicas
    for option in (*prepared.options.options, *prepared.options.dominated):
        mine = [known.get((name, option.id)) for name in names]
        able = [c for c in mine if c is not None and c.serves_in(period, block)]
        usd_per_h = None if len(able) < len(names) else replica_usd(option, prepared, place)
        if usd_per_h is not None:
            count = _asked_for(able, [rates[name][1] for name in names], place, spares)
            alone = _alone(option, able, place, list(rates.values()), count)
            yield Rival(option.id, place, alone, usd_per_h)


def replica_usd(option: Option, prepared: Prepared, place: Place) -> float | None:
    """Return what a replica costs in a block on the cheapest nodes, USD/h; ``None`` without any.

    Parameters
    ----------
    option
        The option.
    prepared
        The problem with its offers.
    place
        The pool, period and block.
    """
    pool, period, block = place
    options, blocks = prepared.options, prepared.demand.grid.blocks_per_day
    prices = (
        (price + offer.staff_usd_per_hour) / offer.accelerators_per_node
        for offer in options.offers
        if holds(offer, option)
        and (pool, offer.offer_id) not in options.barred
        and offer.is_there(block, blocks)
        and (price := offer.price_usd_per_hour[period]) is not None
    )
    usd = min(prices, default=None)
    return None if usd is None else usd * option.accelerators + option.software_usd_per_hour


def _asked_for(
    able: Sequence[Capacity], planned_rps: Sequence[float], place: Place, spares: int
) -> int:
    """Return the fewest replicas that carry rates with some of them lost, by the formulas."""
    points = [capacity.points_in(*place[1:]) for capacity in able]
    found = []
    for least in {point.min_replicas for mine in points for point in mine}:
        usable = [[p.planned_rps for p in mine if p.min_replicas <= least] for mine in points]
        if all(usable):
            load = sum(f / max(mu) for f, mu in zip(planned_rps, usable, strict=True))
            found.append(max(least, math.ceil(load - _ROUNDING) + spares))
    return min(found)


def _alone(
    option: Option,
    able: Sequence[Capacity],
    place: Place,
    rates: Sequence[tuple[float, float]],
    count: int,
) -> tuple[Allocation, ...]:
    """Return the rows of all requests of a pool in a block on one option."""
    pool, period, block = place
    decision = ReplicaDecision(pool, option.id, period, block, count, 1)
    return tuple(
        allocation_row(
            decision,
            capacity.workload,
            option,
            capacity,
            mean_rps=mean_rps,
            planned_rps=planned_rps,
        )
        for capacity, (mean_rps, planned_rps) in zip(able, rates, strict=True)
    )
