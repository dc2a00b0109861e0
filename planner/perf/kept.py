"""Results of expensive functions, kept by the content of what they were asked.

Scenarios and repeated plans mostly differ in prices, limits or demand, none of which the
performance model sees, so the same rates are asked for again and again. A key is a digest of all
arguments, never an identity: what is changed in place is another question.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_RESULTS = 512
"""A problem of a dozen workloads asks some hundred times; a result is some kilobytes."""
_P = ParamSpec("_P")
_R = TypeVar("_R")


def kept_by_content(
    most: int, size: Callable[[Any], int] = lambda _: 1
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return a decorator that keeps the results of the last different calls.

    The results are shared, so callers must not change them. Arguments are anything that can be
    pickled; equal ones that pickle to other bytes are computed again, which costs time only.

    Parameters
    ----------
    most
        Results that are kept at most, or the sum of their sizes.
    size
        Size of a result, where results differ much in it; one that is larger than `most` is not
        kept.
    """

    def keep(compute: Callable[_P, _R]) -> Callable[_P, _R]:
        known: OrderedDict[bytes, _R] = OrderedDict()
        total = 0

        @wraps(compute)
        def kept(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            nonlocal total
            asked = pickle.dumps((args, sorted(kwargs.items())), protocol=5)
            key = hashlib.blake2b(asked, digest_size=16).digest()
            if key in known:
                known.move_to_end(key)
                return known[key]
            known[key] = result = compute(*args, **kwargs)
            total += size(result)
            while total > most:
                total -= size(known.popitem(last=False)[1])
            return result

        return kept

    return keep
