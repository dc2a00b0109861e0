"""Pools that would be fuller than `policy.max_utilization` allows, by what the replay finds.

The stable rate s of a replica is what it serves when it always has work. With the rates f of the
workloads of a pool, and n replicas of each option left after the spares are lost, a pool is within
the cap u when ``sum_w f[w] / sum_o s[w, o] n[o] <= u``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.problem.deferral import owner
from planner.verify.replay.batch import served_by
from planner.verify.replay.cases import Batch, situations_of
from planner.verify.replay.failures import without_largest

if TYPE_CHECKING:
    from planner.verify.places import Place
    from planner.verify.replay.cases import Case, Station, Stream, World

_Key = tuple[str, str, tuple[float, float]]
"""Stream, option, and the factors on its lengths."""


class Cap:
    """The cap on utilization; stable rates are simulated once.

    Parameters
    ----------
    seed, seeds
        First seed, and simulations of every stable rate, >= 1.
    """

    def __init__(self, seed: int, seeds: int) -> None:
        self._seed, self._seeds = seed, seeds
        self._known: dict[_Key, float] = {}

    def passed_at(self, world: World) -> set[Place]:
        """Return the pools and blocks that are fuller than the cap.

        Parameters
        ----------
        world
            A plan, without traces: the cap is on the planned rates of the requests as stated.
        """
        policy = world.problem.policy
        return {
            (owner(case.pool), *place)
            for case in situations_of(world).cases
            if self._utilization(case, policy.spare_replicas) > policy.max_utilization
            for place in case.places
        }

    def _utilization(self, case: Case, lost: int) -> float:
        """Return the share of their stable rate that replicas are used for after a loss."""
        stable = [
            [self._stable_rps(stream, station, k) for k, station in enumerate(case.stations)]
            for stream in case.streams
        ]
        left = without_largest([s.replicas for s in case.stations], stable[0], lost)
        load = 0.0
        for stream, rates in zip(case.streams, stable, strict=True):
            carried = sum(rate * count for rate, count in zip(rates, left, strict=True))
            load += stream.rate_rps / carried if carried else float("inf")
        return load

    def _stable_rps(self, stream: Stream, station: Station, k: int) -> float:
        if not stream.capacity_rps[k]:
            return 0.0
        key = (stream.name, station.option_id, stream.factors[k])
        if key not in self._known:
            alone = replace(
                stream,
                shares=(1.0,),
                factors=(stream.factors[k],),
                capacity_rps=(stream.capacity_rps[k],),
            )
            served = served_by(Batch(station, alone), self._seed, self._seeds)
            self._known[key] = served.rate_rps
        return self._known[key]
