r"""Effects of a two-level factorial design on the logarithm of a cost.

With n factors at levels -1 and +1 and all 2^n runs, the effect of a set S of factors is the mean
difference that its product of levels makes (Box, Hunter and Hunter, Statistics for Experimenters,
1978)::

    effect(S) = 2 / 2^n * sum over runs (prod_{i in S} level_i) y

An effect of one factor is its main effect: the mean of y where it is high less that where it is
low. If y is a sum of one term for each factor, all interactions are 0: a cost that is a product of
its causes has a logarithm like that.
"""

from __future__ import annotations

from itertools import combinations
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def effects(
    factors: Sequence[str], y: Mapping[frozenset[str], float]
) -> dict[frozenset[str], float]:
    """Return the effect of every set of factors that is not empty.

    Parameters
    ----------
    factors
        Names, each once.
    y
        Response by the set of factors that are high, for all sets.
    """
    runs = [frozenset(s) for n in range(len(factors) + 1) for s in combinations(factors, n)]
    scale = 2.0 / len(runs)
    return {
        chosen: scale
        * sum(y[run] * prod(1.0 if f in run else -1.0 for f in chosen) for run in runs)
        for chosen in runs
        if chosen
    }
