"""Replicas that only serve work which waits: their rate when they always have work.

Whether every request ends within its window follows from the rates at which batch replicas serve,
which the audit recomputes hour by hour. What a replay can add is that rate: a replica gets more
requests at once than it can hold, and the share of time until the last one starts counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.verify.replay.arrivals import Span
from planner.verify.replay.intervals import half_width
from planner.verify.replay.records import BatchFound
from planner.verify.replay.requests import Requests
from planner.verify.replay.router import simulate
from planner.verify.replay.sampling import whole_requests

if TYPE_CHECKING:
    from planner.verify.replay.cases import Batch

_REQUESTS = 4_000
_WARM_SHARE, _END_SHARE = 0.25, 0.75
_TOLERANCE = 0.03
"""Relative noise of a rate over some thousand requests, where one simulation shows none."""


def batch_found(batch: Batch, seed: int, seeds: int) -> BatchFound:
    """Return the rate at which one replica serves when it always has work.

    Parameters
    ----------
    batch
        The replica, and the requests as the problem states them.
    seed, seeds
        First seed, and number of simulations.
    """
    station, stream = batch.station, batch.stream
    (planned_rps,) = stream.capacity_rps
    rates = []
    for k in range(seeds):
        rng = np.random.default_rng([seed, k])
        drawn = stream.source.draw(1.0, Span(0.0, float(_REQUESTS), 0.0), rng)
        requests = whole_requests(drawn, stream.factors[0], 0)
        tokens = requests.isl_tokens + requests.osl_tokens + station.engine.state_tokens + 1
        requests = requests.take(tokens <= station.engine.cache_tokens)
        at_once = Requests(
            np.zeros(len(requests)), requests.isl_tokens, requests.osl_tokens,
            requests.hit_tokens, requests.kind,
        )  # fmt: skip
        ends_s = np.sort(simulate(station.engine, 1, at_once).e2e_s)
        begin, end = int(_WARM_SHARE * len(ends_s)), int(_END_SHARE * len(ends_s))
        rates.append((end - begin) / (ends_s[end] - ends_s[begin]))
    served_rps, half_rps = float(np.mean(rates)), half_width(np.array(rates))
    noise_rps = half_rps if seeds > 1 else _TOLERANCE * served_rps
    return BatchFound(
        workload=stream.workload,
        option_id=station.option_id,
        planned_rps=planned_rps,
        served_rps=served_rps,
        kept=served_rps + noise_rps >= planned_rps,
    )
