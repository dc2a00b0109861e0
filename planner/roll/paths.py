"""More courses of demand than one: random walks around the one that is given.

On path k > 0 the demand of workload w in period t is that of the file times ``exp(e[0] + ... +
e[t])`` with independent normal e of standard deviation s and mean ``-s^2 / 2``, so that every
factor is 1 on average; each workload has a walk of its own. Path 0 is the file itself. Prices are
those of the file on every path.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from planner.roll.records import Actuals


def actuals_on_path(actuals: Actuals, path: int, spread: float, seed: int) -> Actuals:
    """Return what comes on a path.

    Parameters
    ----------
    actuals
        What the file says.
    path
        Number of the path; 0 for the file.
    spread
        Standard deviation s of the steps of a period, >= 0.
    seed
        Seed of all paths.
    """
    if path == 0:
        return actuals
    random = np.random.default_rng([seed, path])
    rates = {}
    for workload, factors in actuals.rates.items():
        steps = random.normal(-(spread**2) / 2, spread, len(factors))
        walk = np.exp(np.cumsum(steps)) * np.array(factors)
        rates[workload] = tuple(walk.tolist())
    return replace(actuals, rates=rates)
