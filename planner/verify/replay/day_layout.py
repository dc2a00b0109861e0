"""Stations, streams and phases of a day of a pool, and the requests that come in it.

Requests come at the rates of their blocks, as :mod:`planner.verify.replay.sampling` draws them;
those of a trace of whole days are of one of its days from midnight on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.units import HOURS_PER_DAY, SECONDS_PER_HOUR
from planner.verify.replay.arrivals import Drawn, Span
from planner.verify.replay.through import Phase
from planner.verify.replay.trace import TracedHours

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.verify.replay.cases import Case, Station, Stream
    from planner.verify.replay.requests import Floats, Ints

_WARM_S = 6 * SECONDS_PER_HOUR
_TAIL_S = 0.5 * SECONDS_PER_HOUR
_REQUESTS, _STATIONS = 0, 1
"""Random numbers of requests, and of the stations that they are sent to, are apart."""


@dataclass(frozen=True, slots=True)
class DayLayout:
    """Stations and streams of a day, each once, and its phases.

    Parameters
    ----------
    blocks
        The case of a pool in every block; ``None`` where it has no requests.
    stations, streams
        All of them.
    phases
        What goes before the day, its blocks, and what comes after it.
    block_s, warm_s
        Time of a block, and of what goes before the day, seconds.
    """

    blocks: tuple[Case | None, ...]
    stations: tuple[Station, ...]
    streams: tuple[Stream, ...]
    phases: tuple[Phase, ...]
    block_s: float
    warm_s: float

    @staticmethod
    def of(blocks: tuple[Case | None, ...]) -> DayLayout:
        """Return the layout of a day, whose first block comes after its last."""
        cases = [case for case in blocks if case is not None]
        stations = {_station_key(s): s for case in cases for s in case.stations}
        streams = {stream_key(s): s for case in cases for s in case.streams}
        block_s = HOURS_PER_DAY / len(blocks) * SECONDS_PER_HOUR
        warm_s, tail_s = min(block_s, _WARM_S), min(block_s, _TAIL_S)
        lengths_s = [warm_s, *[block_s] * len(blocks), tail_s]
        edges_s = np.cumsum([0.0, *lengths_s]).tolist()
        order = [blocks[-1], *blocks, blocks[0]]
        phases = tuple(
            _phase(case, span_s, list(stations), list(streams))
            for case, span_s in zip(order, pairwise(edges_s), strict=True)
        )
        return DayLayout(
            blocks, tuple(stations.values()), tuple(streams.values()), phases, block_s, warm_s
        )

    @property
    def order(self) -> tuple[Case | None, ...]:
        """The case of every phase."""
        return (self.blocks[-1], *self.blocks, self.blocks[0])

    def factors(self, number: int, kind: Ints) -> tuple[Floats, Floats]:
        """Return the factors on the lengths of each request in the tokens of a station.

        Parameters
        ----------
        number
            The station.
        kind
            Stream of each request, shape (n,).
        """
        key = _station_key(self.stations[number])
        pairs = np.ones((len(self.streams), 2))
        names = [stream_key(stream) for stream in self.streams]
        for case in self.blocks:
            for stream in case.streams if case is not None else ():
                for k, one in enumerate(case.stations if case is not None else ()):
                    if _station_key(one) == key:
                        pairs[names.index(stream_key(stream))] = stream.factors[k]
        return pairs[kind, 0], pairs[kind, 1]

    def requests(self, seed: tuple[int, int]) -> tuple[Drawn, Ints, Ints]:
        """Return all requests by arrival, their stream, and the station that each is sent to.

        Parameters
        ----------
        seed
            Seed, and number of the simulation.
        """
        parts = [
            (drawn, kind, phase)
            for kind, stream in enumerate(self.streams)
            for phase, drawn in self._drawn(stream, kind, seed)
        ]
        arrival_s = np.concatenate([drawn.arrival_s for drawn, _, _ in parts])
        order = np.argsort(arrival_s, kind="stable")

        def joined(columns: Sequence[Floats]) -> Floats:
            return np.concatenate(list(columns))[order]

        kind = np.concatenate([np.full(len(d.arrival_s), k) for d, k, _ in parts])[order]
        stations = []
        for drawn, number, phase in parts:
            cuts = np.cumsum(self.phases[phase].shares[number])
            rng = np.random.default_rng([*seed, _STATIONS, number, phase])
            stations.append(
                np.searchsorted(cuts / cuts[-1], rng.random(len(drawn.arrival_s)), side="right")
            )
        every = Drawn(
            arrival_s[order],
            joined([drawn.isl_tokens for drawn, _, _ in parts]),
            joined([drawn.osl_tokens for drawn, _, _ in parts]),
            joined([drawn.hit_share for drawn, _, _ in parts]),
        )
        return every, kind.astype(np.int64), np.concatenate(stations)[order].astype(np.int64)

    def _drawn(
        self, stream: Stream, kind: int, seed: tuple[int, int]
    ) -> Iterator[tuple[int, Drawn]]:
        """Yield the requests of a stream in every phase in which it has any."""
        mine = [
            (number, one)
            for number, case in enumerate(self.order)
            for one in (case.streams if case is not None else ())
            if stream_key(one) == stream_key(stream)
        ]
        if isinstance(stream.source, TracedHours):
            yield from self._traced(mine, kind, seed)
            return
        for number, one in mine:
            phase = self.phases[number]
            rng = np.random.default_rng([*seed, _REQUESTS, kind, number])
            span = Span(0.0, phase.end_s - phase.start_s, 0.0)
            drawn = one.source.draw(one.rate_rps, span, rng)
            yield number, replace(drawn, arrival_s=drawn.arrival_s + phase.start_s)

    def _traced(
        self, mine: Sequence[tuple[int, Stream]], kind: int, seed: tuple[int, int]
    ) -> Iterator[tuple[int, Drawn]]:
        """Yield the requests of one day of a trace, thinned where part of them goes elsewhere."""
        source = mine[0][1].source
        if not isinstance(source, TracedHours):
            return
        most_rps = max(one.rate_rps for _, one in mine)
        rng = np.random.default_rng([*seed, _REQUESTS, kind])
        day_s = HOURS_PER_DAY * SECONDS_PER_HOUR
        whole = replace(source, start_h=0.0, block_h=HOURS_PER_DAY)
        drawn = whole.draw(most_rps, Span(0.0, day_s, 0.0), rng)
        chance = rng.random(len(drawn.arrival_s))
        for number, one in mine:
            phase = self.phases[number]
            # What goes before the day, and what comes after it, is of the same day.
            since_s = (drawn.arrival_s - (phase.start_s - self.warm_s)) % day_s
            here = (since_s < phase.end_s - phase.start_s) & (chance < one.rate_rps / most_rps)
            yield (
                number,
                Drawn(
                    phase.start_s + since_s[here],
                    drawn.isl_tokens[here],
                    drawn.osl_tokens[here],
                    drawn.hit_share[here],
                ),
            )


def _phase(
    case: Case | None,
    span_s: tuple[float, float],
    stations: Sequence[tuple[str, int]],
    streams: Sequence[tuple[str, bool]],
) -> Phase:
    shares, replicas = np.zeros((len(streams), len(stations))), [0] * len(stations)
    if case is not None:
        places = [stations.index(_station_key(one)) for one in case.stations]
        for place, one in zip(places, case.stations, strict=True):
            replicas[place] = one.replicas
        for stream in case.streams:
            shares[streams.index(stream_key(stream)), places] = stream.shares
    return Phase(*span_s, tuple(replicas), shares)


def _station_key(station: Station) -> tuple[str, int]:
    """Return what tells options apart; one with other settings has to be started again."""
    return station.option_id, id(station.engine)


def stream_key(stream: Stream) -> tuple[str, bool]:
    """Return what tells the streams of a pool apart."""
    return stream.name, stream.is_deferred
