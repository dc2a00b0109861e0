"""The cheapest whole nodes for some accelerators, of any shapes together.

A covering knapsack by dynamic programming over the accelerators that are provided (Martello and
Toth, Knapsack Problems, 1990): nodes of a kind enter in bundles of 1, 2, 4, ... of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CHEAPER = 1.0 - 1e-12
"""Share of a cost below which another one is cheaper by more than arithmetic."""


class Kind(NamedTuple):
    """Nodes of one shape: accelerators of one, what one costs, and how many there may be."""

    accelerators: int
    usd: float
    most: int | None = None


def cheapest_nodes(accelerators: int, kinds: Sequence[Kind]) -> tuple[int, ...] | None:
    """Return how many nodes of every kind cost least, ``None`` where they are too few.

    Parameters
    ----------
    accelerators
        Accelerators that the nodes must have together at least, >= 0.
    kinds
        Kinds of nodes; of the same cost the earlier ones are taken.
    """
    if not kinds or any(k.most is not None for k in kinds):
        return _counts(accelerators, kinds)
    # Of n nodes of others some have a multiple of n accelerators, so that n - 1 of them at most
    # stand beside those of n that are cheapest by the accelerator.
    best = min(range(len(kinds)), key=lambda k: kinds[k].usd / kinds[k].accelerators)
    size, largest = kinds[best].accelerators, max(k.accelerators for k in kinds)
    bulk = max(accelerators - size * largest, 0) // size
    counts = _counts(accelerators - bulk * size, kinds)
    return counts and tuple(n + bulk * (k == best) for k, n in enumerate(counts))


def _counts(accelerators: int, kinds: Sequence[Kind]) -> tuple[int, ...] | None:
    usd = np.full(accelerators + 1, np.inf)
    usd[0] = 0.0
    short = np.arange(accelerators + 1)
    bundles = list(_bundles(accelerators, kinds))
    taken = []
    for k, count in bundles:
        before = np.maximum(short - count * kinds[k].accelerators, 0)
        more = usd[before] + count * kinds[k].usd
        is_better = more < usd * _CHEAPER
        taken.append((is_better, before))
        usd = np.where(is_better, more, usd)
    if not np.isfinite(usd[accelerators]):
        return None
    counts, left = [0] * len(kinds), accelerators
    for (k, count), (is_better, before) in zip(reversed(bundles), reversed(taken), strict=True):
        if is_better[left]:
            counts[k] += count
            left = int(before[left])
    return tuple(counts)


def _bundles(accelerators: int, kinds: Sequence[Kind]) -> Iterator[tuple[int, int]]:
    """Yield kind and count of bundles that together make every useful number of nodes."""
    for k, kind in enumerate(kinds):
        left = math.ceil(accelerators / kind.accelerators)
        left = left if kind.most is None else min(left, kind.most)
        size = 1
        while left > 0:
            yield k, min(size, left)
            left -= size
            size *= 2
