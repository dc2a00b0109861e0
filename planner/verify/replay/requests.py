"""Requests of a simulation, and what becomes of each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from math import floor, log
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_BINS_PER_E = 400.0
"""Bins of a gap per factor e: percentiles of gaps are right to 0.125 %."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests in order of arrival; arrays of shape (n,).

    Parameters
    ----------
    arrival_s
        Times of arrival, ascending, seconds.
    isl_tokens, osl_tokens
        Prompt tokens (those in the prefix cache included) and output tokens, >= 1.
    hit_tokens
        Prompt tokens found in the prefix cache, at least one less than the prompt.
    kind
        Class of each request, from 0.
    stratum
        Stratum of the prompt; ``None`` where nobody asks.
    """

    arrival_s: Floats
    isl_tokens: Ints
    osl_tokens: Ints
    hit_tokens: Ints
    kind: Ints
    stratum: Ints | None = None

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self.arrival_s)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Requests:
        """Return some of the requests, in their order."""
        return Requests(
            self.arrival_s[chosen],
            self.isl_tokens[chosen],
            self.osl_tokens[chosen],
            self.hit_tokens[chosen],
            self.kind[chosen],
            None if self.stratum is None else self.stratum[chosen],
        )


def merged(streams: list[Requests]) -> Requests:
    """Return the requests of several streams, at least one, in order of arrival."""
    columns = [
        np.concatenate([getattr(s, name) for s in streams])
        for name in ("arrival_s", "isl_tokens", "osl_tokens", "hit_tokens", "kind")
    ]
    order = np.argsort(columns[0], kind="stable")
    strata = [np.zeros(len(s), np.int64) if s.stratum is None else s.stratum for s in streams]
    joined = Requests(*(column[order] for column in columns))
    return replace(joined, stratum=np.concatenate(strata)[order])


@dataclass(frozen=True, slots=True)
class Window:
    """Time in which what happens is counted, seconds: from `start_s` to `end_s`."""

    start_s: float = 0.0
    end_s: float = math.inf


@dataclass(slots=True)
class Gaps:
    """Gaps between tokens of one class: how many of each length.

    Parameters
    ----------
    counts
        Gaps by bin, a bin being ``ln(gap / s) * 400`` rounded down.
    total, total_s
        Gaps, and their sum, seconds.
    """

    counts: dict[int, float] = field(default_factory=dict)
    total: float = 0.0
    total_s: float = 0.0

    def add(self, gap_s: float, count: float) -> None:
        """Add `count` gaps of `gap_s` seconds, > 0."""
        place, counts = floor(log(gap_s) * _BINS_PER_E), self.counts
        counts[place] = counts.get(place, 0.0) + count
        self.total += count
        self.total_s += count * gap_s

    def include(self, other: Gaps) -> None:
        """Add the gaps of others."""
        for place, count in other.counts.items():
            self.counts[place] = self.counts.get(place, 0.0) + count
        self.total += other.total
        self.total_s += other.total_s

    def values(self) -> tuple[Floats, Floats]:
        """Return lengths in seconds, ascending, and the gaps of each, both of shape (m,)."""
        places = sorted(self.counts)
        lengths_s = np.exp((np.array(places, dtype=float) + 0.5) / _BINS_PER_E)
        return lengths_s, np.array([self.counts[p] for p in places], dtype=float)


class Log:
    """What replicas need to know of requests, and what they write down, as plain lists.

    Parameters
    ----------
    requests
        The requests.
    window
        When gaps and busy time are counted.
    """

    __slots__ = (
        "busy_s", "cached", "done_s", "first_s", "gaps", "hit", "kind", "kinds", "left",
        "preempted", "preempted_counted", "prompts_s", "token_steps", "window",
    )  # fmt: skip

    def __init__(self, requests: Requests, window: Window) -> None:
        self.window = window
        self.kind: list[int] = requests.kind.tolist()
        self.kinds = int(requests.kind.max()) + 1 if len(requests) else 1
        self.hit: list[int] = requests.hit_tokens.tolist()
        self.cached: list[int] = requests.isl_tokens.tolist()
        """Tokens that a request holds in the cache when its prompt is computed."""
        self.left: list[int] = requests.osl_tokens.tolist()
        """Tokens that it has still to get then."""
        self.first_s = [math.nan] * len(requests)
        self.done_s = [math.nan] * len(requests)
        self.gaps = [Gaps() for _ in range(self.kinds)]
        self.preempted = self.preempted_counted = 0
        self.busy_s = self.prompts_s = 0.0
        self.token_steps = 0.0

    def worked(self, start_s: float, end_s: float, *, prompts: bool) -> None:
        """Count the part of a step that lies in the window as busy time."""
        # Comparisons, not `min` and `max`: every step of every replica comes here.
        window = self.window
        if start_s < window.start_s:  # noqa: PLR1730
            start_s = window.start_s
        if end_s > window.end_s:  # noqa: PLR1730
            end_s = window.end_s
        if end_s > start_s:
            self.busy_s += end_s - start_s
            if prompts:
                self.prompts_s += end_s - start_s
