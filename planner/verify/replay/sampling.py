"""Simulates a case with several seeds, for as many requests as a verdict needs.

Every seed has arrivals, lengths and choices of its own, the same for every case (common random
numbers). Where a problem states the lengths, what requests saw is weighed so that prompts of each
length count as often as they come: chance has no part in how many long ones there were, which
decides the percentiles of the time to the first token. A simulation begins with empty replicas, so
that what happens in the first tenth of its time and three mean residences, and in the last
twentieth, does not count.

By default the time is such that 20 requests of every workload with limits are expected beyond the
percentile that is promised, and 2,000 at least, with each seed, and that it is eight times as long
as requests stay; of a trace it is whole turns.
While 1.96 standard errors over the seeds reach from a limited value to its limit, or are more than
10 % of the value and three times as many reach the limit, more time is simulated, at most 16 times
the first: of many blocks near a limit some would miss it by chance. It is what the errors ask for,
which go with the root of the time, and at least four times the first where they reach a limit: few
seeds know their errors badly. A value that then is known to 2 % and still reaches its limit is at
its limit: what more time would tell is less than what the step times are known to. Stopping on
what was seen biases an interval a little.

Where fewer requests end than come, the replicas may still be filling: with large batches a tenth
of a short sample and three mean residences, of which the estimate counts prompts roughly, end
before the longest answers do. What has to fill is the same however long the sample is, and its
share falls with time; the share that a queue without end keeps back does not. So four times the
first time tell the two apart, where the limits are kept so far: where they are missed, nothing
hangs on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.verify.replay.arrivals import Drawn, Span
from planner.verify.replay.requests import Requests, Window, merged
from planner.verify.replay.router import simulate
from planner.verify.replay.seen import Seen, balanced, pooled, value_s
from planner.verify.replay.size import require_room

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from planner.perf.traffic import LatencyLimit
    from planner.verify.replay.cases import Case, Station, Stream
    from planner.verify.replay.requests import Floats, Ints

LEAST_BEYOND = 20.0
LEAST_REQUESTS = 2_000.0
MOST_REQUESTS = 400_000.0
"""Requests of all workloads of a case and seed at first, at most."""
_MOST_TIMES, _TRIES = 16.0, 4
"""Time simulated over the first at most, and how often it grows."""
_LEAST_TIMES, _TIMES_AT_LIMIT, _MARGIN = 2.0, 4.0, 1.2
"""Time over the one before at least; over the first where the errors reach a limit; and what is
added to the time that they ask for."""
_PRECISION, _CLEAR, _AT_LIMIT, _NORMAL_975 = 0.1, 3.0, 0.02, 1.96
GROWS = 0.03
"""Requests that do not end over those that come, from which a queue is taken to grow."""
_TIMES_TO_FILL = 4.0
"""Time over the first in which a queue shows whether it grows or only fills."""
_WARM_SHARE, _TAIL_SHARE, _WARM_RESIDENCES, _LEAST_RESIDENCES = 0.10, 0.05, 3.0, 8.0
_DELAY = 2.0
"""Steps with prompts over steps without, about, in the time that a request decodes."""
_PERCENT = 100.0
_ROUNDS = 40
_SHORTEST_TOKENS = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """How a case is simulated.

    Parameters
    ----------
    seed, seeds
        First seed, and number of simulations.
    span_s
        Time that counts; ``None`` for as much as a verdict needs.
    warm_s
        Time before it; ``None`` for as much as it takes until replicas are as full as they get.
    """

    seed: int = 0
    seeds: int = 5
    span_s: float | None = None
    warm_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sampled:
    """What the streams of a case saw, one entry for each seed.

    Parameters
    ----------
    by_stream
        For each stream of the case, what its requests saw with every seed.
    requests
        Requests simulated, all of them.
    span_s, warm_s
        Time that counted with every seed, and time before it, seconds.
    """

    by_stream: tuple[tuple[Seen, ...], ...]
    requests: int
    span_s: float
    warm_s: float


def sample(case: Case, limits: Mapping[str, Sequence[LatencyLimit]], asked: Asked) -> Sampled:
    """Return what the requests of a case saw.

    Parameters
    ----------
    case
        The case.
    limits
        Limits of every stream, by name.
    asked
        Seeds and time.
    """
    own = _limits_of(case, limits)
    first_s = asked.span_s or _first_span_s(case, own)
    span_s = counted_s(case, first_s)
    require_room([(case, span_s)])
    requests, residences_s, times = 0, _WARM_RESIDENCES * residence_s(case), 1.0
    for tries in range(_TRIES + 1):
        own_s = _WARM_SHARE * span_s + residences_s
        warm_s = own_s if asked.warm_s is None else asked.warm_s
        span = Span(warm_s, span_s, _TAIL_SHARE * span_s)
        runs = [_run(case, span, (asked.seed, k)) for k in range(asked.seeds)]
        requests += sum(run.requests for run in runs)
        by_stream = tuple(zip(*(run.by_stream for run in runs), strict=True))
        if asked.span_s is not None or asked.seeds == 1 or tries == _TRIES:
            break
        wanted = max(
            max(_times(s, mine, times), _times_to_fill(s, mine, times))
            for s, mine in zip(by_stream, own, strict=True)
        )
        times = min(max(wanted, _LEAST_TIMES * times), _MOST_TIMES) if wanted > times else times
        longer_s = counted_s(case, first_s * times)
        if longer_s <= span_s:
            break
        span_s = longer_s
    return Sampled(by_stream, requests, span_s, warm_s)


def first_span_s(case: Case, limits: Mapping[str, Sequence[LatencyLimit]]) -> float:
    """Return the time in which enough requests of every stream come.

    Parameters
    ----------
    case
        The case.
    limits
        Limits of every stream, by name.
    """
    return counted_s(case, _first_span_s(case, _limits_of(case, limits)))


def _limits_of(
    case: Case, limits: Mapping[str, Sequence[LatencyLimit]]
) -> list[tuple[LatencyLimit, ...]]:
    return [() if s.is_deferred else tuple(limits.get(s.name, ())) for s in case.streams]


def _first_span_s(case: Case, limits: Sequence[Sequence[LatencyLimit]]) -> float:
    spans = [_least(own) / s.rate_rps for s, own in zip(case.streams, limits, strict=True) if own]
    total = sum(stream.rate_rps for stream in case.streams)
    least_s = max([*spans, LEAST_REQUESTS / total if not spans else 0.0])
    return max(min(least_s, MOST_REQUESTS / total), _LEAST_RESIDENCES * residence_s(case))


def counted_s(case: Case, wanted_s: float) -> float:
    """Return the time that counts: that of the block where the requests are those of a block."""
    blocks_s = [s.source.block_s for s in case.streams if s.source.block_s is not None]
    if blocks_s:
        return max(blocks_s)
    return max(s.source.counted_s(wanted_s, s.rate_rps) for s in case.streams)


def _least(limits: Sequence[LatencyLimit]) -> float:
    beyond = [1.0 - (limit.percentile or 0.0) / _PERCENT for limit in limits]
    return max(LEAST_REQUESTS, LEAST_BEYOND / min(beyond, default=1.0))


def _times(runs: Sequence[Seen], limits: Sequence[LatencyLimit], times: float) -> float:
    """Return the time over the first that a verdict on all limits needs.

    Parameters
    ----------
    runs
        What requests saw with every seed.
    limits
        Their limits.
    times
        Time over the first in which they did.
    """
    needed = times
    for limit in limits:
        values = np.array([value_s(seen, limit.metric, limit.percentile) for seen in runs])
        mean = float(values.mean())
        if not np.isfinite(mean):
            continue
        half = _NORMAL_975 * float(values.std(ddof=1)) / math.sqrt(len(values))
        distance = abs(mean - limit.limit_s)
        if distance <= half:
            needed = max(needed, _TIMES_AT_LIMIT)
            enough = max(distance, _AT_LIMIT * limit.limit_s)
        elif half > _PRECISION * mean:
            enough = max(distance / _CLEAR, _PRECISION * mean)
        else:
            continue
        if half > enough:
            needed = max(needed, times * _MARGIN * (half / enough) ** 2)
    return needed


def _times_to_fill(runs: Sequence[Seen], limits: Sequence[LatencyLimit], times: float) -> float:
    """Return the time over the first that it takes to see whether a queue grows or only fills."""
    came = sum(run.requests for run in runs)
    left = came - sum(run.completed for run in runs)
    if left <= GROWS * came:
        return times
    for limit in limits:
        values = [value_s(seen, limit.metric, limit.percentile) for seen in runs]
        if np.mean(values) > limit.limit_s:
            return times
    return max(times, _TIMES_TO_FILL)


@dataclass(frozen=True, slots=True)
class _Run:
    by_stream: tuple[Seen, ...]
    requests: int


def _run(case: Case, span: Span, seed: tuple[int, int]) -> _Run:
    """Simulate a case once."""
    window = Window(span.before_s, span.before_s + span.counted_s)
    by_station: list[list[Requests]] = [[] for _ in case.stations]
    for kind, stream in enumerate(case.streams):
        rng = np.random.default_rng([*seed, kind])
        for parts, requests in zip(by_station, split(stream, kind, span, rng), strict=True):
            parts.append(requests)
    found: list[list[Seen]] = [[] for _ in case.streams]
    count = 0
    for number, (station, parts) in enumerate(zip(case.stations, by_station, strict=True)):
        requests = merged(parts)
        count += len(requests)
        held = holds(station, requests)
        served = requests.take(held)
        outcome = simulate(
            station.engine, station.replicas, served, routing=case.routing, window=window,
            rng=np.random.default_rng([*seed, len(case.streams) + number]),
        )  # fmt: skip
        refused = requests.take(~held)
        counted = (refused.arrival_s >= window.start_s) & (refused.arrival_s <= window.end_s)
        for kind, seen in enumerate(found):
            if len(served):
                lost = refused.take(counted & (refused.kind == kind))
                seen.append(Seen.of(outcome, served, kind, window, lost))
    by_stream = (
        balanced(pooled(seen, span.counted_s), stream.source.strata_shares)
        for stream, seen in zip(case.streams, found, strict=True)
    )
    return _Run(tuple(by_stream), count)


def split(stream: Stream, kind: int, span: Span, rng: np.random.Generator) -> list[Requests]:
    """Return the requests of a stream at each station.

    Parameters
    ----------
    stream, kind
        The stream, and the class that its requests are of.
    span
        Time that is simulated.
    rng
        Random numbers.
    """
    requests_rng, station_rng = rng.spawn(2)
    drawn = stream.source.draw(stream.rate_rps, span, requests_rng)
    count = len(drawn.arrival_s)
    cuts = np.cumsum(stream.shares)
    station = np.searchsorted(cuts / cuts[-1], station_rng.random(count), side="right")
    parts = []
    for number, factors in enumerate(stream.factors):
        parts.append(whole_requests(drawn, factors, kind).take(station == number))
    return parts


def whole_requests(
    drawn: Drawn, factors: tuple[float, float] | tuple[Floats, Floats], kind: int | Ints
) -> Requests:
    """Return requests in whole tokens of a model; each computes one token of its prompt at least.

    Parameters
    ----------
    drawn
        Requests in the tokens of the problem.
    factors
        Factors on prompts and outputs, for all or for each.
    kind
        Class that they are of, for all or for each.
    """
    isl, osl = _whole(drawn.isl_tokens * factors[0]), _whole(drawn.osl_tokens * factors[1])
    hit = np.minimum(np.floor(drawn.hit_share * isl), isl - 1).astype(np.int64)
    return Requests(drawn.arrival_s, isl, osl, hit, np.full(len(isl), kind), drawn.stratum)


def _whole(tokens: Floats) -> Ints:
    return np.maximum(np.rint(tokens), _SHORTEST_TOKENS).astype(np.int64)


def holds(station: Station, requests: Requests) -> NDArray[np.bool_]:
    """Return which requests the cache of a replica can hold.

    Parameters
    ----------
    station
        The replicas.
    requests
        The requests.
    """
    engine = station.engine
    tokens = requests.isl_tokens + requests.osl_tokens
    return np.asarray(tokens + engine.state_tokens + 1 <= engine.cache_tokens, dtype=bool)


def residence_s(case: Case) -> float:
    """Return about how long requests stay: rate x tokens x step time is the batch.

    Parameters
    ----------
    case
        The case.
    """
    longest = 0.0
    rng = np.random.default_rng(0)
    spans = [Span(0.0, counted_s(case, LEAST_REQUESTS / s.rate_rps), 0.0) for s in case.streams]
    drawn = [
        s.source.draw(s.rate_rps, span, rng) for s, span in zip(case.streams, spans, strict=True)
    ]
    for number, station in enumerate(case.stations):
        step, tokens_per_s, osl = station.engine.step, 0.0, 0.0
        for stream, some in zip(case.streams, drawn, strict=True):
            mean = float(some.osl_tokens.mean()) * stream.factors[number][1]
            osl = max(osl, mean)
            tokens_per_s += stream.rate_rps * stream.shares[number] * mean
        batch = 1.0
        for _ in range(_ROUNDS):
            most = float(station.engine.max_requests)
            time_s = _DELAY * step.decode_s(int(batch) + 1)
            batch = min(tokens_per_s / station.replicas * time_s, most)
        longest = max(longest, _DELAY * osl * step.decode_s(int(batch) + 1))
    return longest
