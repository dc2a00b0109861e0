"""How much of the KV cache a replica keeps for prefixes, and what share of prompts it finds there.

A workload states its prefix hits as one rate, or as a curve over the size of the cache. With a
curve a replica sets C tokens of its KV cache aside; requests in flight have the rest. Hits save
prefill work, and the tokens set aside lower the number of requests at once, so the best C is found
by trying: the points of the curve are the levels, and every option takes the level at which it
carries most. Between two points the curve is taken to be straight, and from zero to its first
point too, which is never above a curve that flattens.

The workloads of a pool share C in proportion to their prompt tokens per second. Hits are those of
one replica's cache, so the router has to send a request to the replica that holds its prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.demand.records import Demand
    from planner.problem.schema import Workload

_MOST_LEVELS = 12
"""Levels tried for a pool; more points than this are thinned out evenly."""


@dataclass(frozen=True, slots=True)
class PrefixLevel:
    """A size of the prefix cache of one replica.

    Parameters
    ----------
    reserved_tokens
        Tokens of the KV cache set aside, >= 0.
    hit_rate
        Share of prompt tokens found in it, by workload, 0 to below 1.
    """

    reserved_tokens: float
    hit_rate: Mapping[str, float]


def prefix_levels(members: Sequence[Workload], demand: Demand) -> tuple[PrefixLevel, ...]:
    """Return the sizes of the prefix cache to try for a pool, the smallest first.

    Parameters
    ----------
    members
        Workloads of the pool.
    demand
        Their rates and lengths, which split the cache between them.
    """
    curves = {w.name: w.prefix_cache.curve for w in members if w.prefix_cache}
    stated = {name: np.array(curve) for name, curve in curves.items() if curve}
    traffic = {name: _prompt_tokens_per_s(demand, name) for name in stated}
    total = sum(traffic.values())
    share = {name: tokens / total if total else 1.0 for name, tokens in traffic.items()}
    sizes = {0.0}
    for name, curve in stated.items():
        sizes |= {float(tokens / share[name]) for tokens in curve[:, 0] if share[name] > 0}
    return tuple(
        PrefixLevel(size, {w.name: _hit_rate(w, size * share.get(w.name, 0.0)) for w in members})
        for size in _thinned(sorted(sizes))
    )


def _prompt_tokens_per_s(demand: Demand, workload: str) -> float:
    rates = demand.of(workload)
    mean = 0.0 if rates.lengths is None else rates.lengths.isl_mean_tokens
    return float(rates.mean_rps.mean()) * mean


def _hit_rate(workload: Workload, tokens: float) -> float:
    cache = workload.prefix_cache
    if cache is None:
        return 0.0
    if not cache.curve:
        return cache.hit_rate or 0.0
    sizes, rates = np.array([(0.0, 0.0), *cache.curve]).T
    return float(np.interp(tokens, sizes, rates))


def _thinned(sizes: list[float]) -> list[float]:
    if len(sizes) <= _MOST_LEVELS:
        return sizes
    positions = np.linspace(0, len(sizes) - 1, _MOST_LEVELS).round().astype(int)
    return [sizes[i] for i in positions]
