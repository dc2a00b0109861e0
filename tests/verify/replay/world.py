"""Engines whose step times are easy to add up, and requests for them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from planner.perf.one_step import OneStep
from planner.perf.step import StepModel
from planner.verify.replay.replica import Engine
from planner.verify.replay.requests import Requests

EACH_S, TOKEN_S = 0.01, 0.001


def step_model(**columns):
    """Return the step model of one option that takes only the stated times."""
    values = {f.name: np.zeros(1) for f in fields(StepModel) if f.name != "draft"}
    values |= {"overlap": np.ones(1), "groups": np.ones(1), "window_tokens": np.full(1, 1e15)}
    return StepModel(**values | {name: np.array([float(v)]) for name, v in columns.items()})


def engine(chunked=True, budget=100, seats=10, cache=1e6, **columns):
    """Return an engine whose steps take 10 ms, and 1 ms more for every new token of a prompt."""
    columns = {"fixed_s": EACH_S, "dense_token_s": TOKEN_S, "request_s": -TOKEN_S} | columns
    return Engine(OneStep(step_model(**columns)), chunked, budget, seats, cache)


def requests(times, isl, osl, hit=0, kind=0):
    count = len(times)
    whole = [np.broadcast_to(np.asarray(v, dtype=np.int64), count) for v in (isl, osl, hit, kind)]
    return Requests(np.array(times, dtype=float), *whole)


def drawn(seed, count, rate_rps, isl=300.0, osl=40.0, kinds=1):
    """Return Poisson arrivals with lognormal lengths."""
    rng = np.random.default_rng(seed)
    lengths = [
        np.maximum(np.round(mean * rng.lognormal(-0.32, 0.8, count)), 1).astype(np.int64)
        for mean in (isl, osl)
    ]
    arrival_s = np.cumsum(rng.exponential(1 / rate_rps, count))
    kind = rng.integers(kinds, size=count)
    return Requests(arrival_s, *lengths, np.zeros(count, dtype=np.int64), kind)


def serve_all(replica, asked):
    """Let all requests arrive at a replica, and everything end."""
    for request, now_s in enumerate(asked.arrival_s.tolist()):
        while replica.due_s <= now_s:
            replica.advance()
        replica.arrive(request, now_s)
    while replica.due_s < np.inf:
        replica.advance()
