"""What follows from a catalogue, worked out once.

Scenarios, sweeps and trials of changes plan with the same catalogue many times, and ask it for
the same prices of the same days.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.catalog.load import Catalog

_P = ParamSpec("_P")
_R = TypeVar("_R")


def kept_with_catalog(
    compute: Callable[Concatenate[Catalog, _P], _R],
) -> Callable[Concatenate[Catalog, _P], _R]:
    """Return a function whose results are kept as long as the catalogue that they follow from.

    Parameters
    ----------
    compute
        A function of a catalogue and of anything that can be hashed. Its results are shared, so
        callers must not change them, and must not refer to the catalogue.
    """
    known: WeakKeyDictionary[Catalog, dict[Any, _R]] = WeakKeyDictionary()

    @wraps(compute)
    def kept(catalog: Catalog, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        results = known.setdefault(catalog, {})
        key = (args, tuple(kwargs.items()))
        if key not in results:
            results[key] = compute(catalog, *args, **kwargs)
        return results[key]

    return kept
