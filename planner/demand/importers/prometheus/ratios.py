"""Means and hit rates: growth of one counter over that of another, at servers that have both.

A server that counts requests and no tokens would halve the mean of two, so it is left out of both
sums and named in a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.demand.importers.prometheus.series import (
    COUNT,
    HITS,
    QUERIES,
    REQUESTS,
    SUM,
    growth_by_server,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planner.demand.importers.prometheus.series import Series, Server

_DECIMALS = 4
_HIGHEST_HIT_RATE = 1 - 10**-_DECIMALS
_MOST_NAMED = 3


def mean_length(
    series: list[Series], counter: str, histogram: str, name: str, notes: list[str]
) -> float | None:
    """Return the mean length in tokens, ``None`` when no server shows it.

    Parameters
    ----------
    series
        Everything that was read.
    counter
        Counter of the tokens, which is divided by the requests.
    histogram
        Histogram of the lengths, whose sum and count serve where the counter is missing.
    name
        Name of the length in notes.
    notes
        Where servers that do not count are named.
    """
    requests = growth_by_server(series, REQUESTS)
    tokens = growth_by_server(series, counter)
    sums, counts = (growth_by_server(series, f"{histogram}{end}") for end in (SUM, COUNT))
    pairs: dict[Server, tuple[float, float]] = {}
    for server in dict.fromkeys([*requests, *counts]):
        if server in requests and server in tokens:
            pairs[server] = tokens[server], requests[server]
        elif server in sums and server in counts:
            pairs[server] = sums[server], counts[server]
    left_out = [s for s in {**tokens, **requests} if s not in pairs]
    _name_servers(left_out, f"lengths.{name}: without", "requests and tokens", notes)
    if any(server not in tokens for server in pairs):
        notes.append(f"lengths.{name}: mean from {histogram}{SUM} where {counter} is missing")
    return _ratio(pairs)


def prefix_cache(series: list[Series], notes: list[str]) -> dict[str, Any]:
    """Return the section of prefix hits of a workload, empty when no server shows them.

    Parameters
    ----------
    series
        Everything that was read.
    notes
        Where servers that do not count are named.
    """
    queries, hits = growth_by_server(series, QUERIES), growth_by_server(series, HITS)
    pairs = {server: (hits[server], queries[server]) for server in queries if server in hits}
    rate = _ratio(pairs)
    if rate is None:
        return {}
    left_out = [s for s in {**queries, **hits} if s not in pairs]
    _name_servers(left_out, "prefix_cache: without", "hits and queries", notes)
    return {"prefix_cache": {"hit_rate": round(min(rate, _HIGHEST_HIT_RATE), _DECIMALS)}}


def _ratio(pairs: Mapping[Server, tuple[float, float]]) -> float | None:
    above = sum(part for part, _ in pairs.values())
    below = sum(whole for _, whole in pairs.values())
    return above / below if below > 0 else None


def _name_servers(servers: Iterable[Server], what: str, both: str, notes: list[str]) -> None:
    names = [",".join(f"{k}={v}" for k, v in server) or "no labels" for server in servers]
    if names:
        shown = "; ".join(names[:_MOST_NAMED])
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        notes.append(f"{what} servers that do not count both {both}: {shown}{more}")
