"""Shapley values: how much each of several causes adds, whatever the order they come in.

With ``v(S)`` the saving when the causes of S are there, of n causes (Shapley, A value for n-person
games, 1953)::

    phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S))

They sum to ``v(all) - v(none)``.
"""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def shapley_values(
    causes: Sequence[str], value: Mapping[frozenset[str], float]
) -> dict[str, float]:
    """Return the share of every cause.

    Parameters
    ----------
    causes
        Names, each once.
    value
        Value of every set of them, the empty one included.
    """
    n = len(causes)
    shares = {}
    for cause in causes:
        others = [other for other in causes if other != cause]
        shares[cause] = sum(
            factorial(size)
            * factorial(n - size - 1)
            / factorial(n)
            * (value[frozenset((*chosen, cause))] - value[frozenset(chosen)])
            for size in range(n)
            for chosen in combinations(others, size)
        )
    return shares
