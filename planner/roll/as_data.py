"""A replay for programs: every period of every policy as CSV, and everything as JSON."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.roll.run import PathOutcome, Replayed


def roll_csv(found: Replayed) -> str:
    """Return a line for every period of every policy on every path.

    Payments after the horizon are a period of their own; a policy that came to no end has one line
    with the reason.
    """
    out = io.StringIO()
    rows = [row for path in found.paths for row in _csv_rows(path)]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _csv_rows(path: PathOutcome) -> Iterator[dict[str, Any]]:
    for outcome in path.outcomes:
        head: dict[str, Any] = {"path": path.path, "policy": outcome.policy}
        for row in outcome.periods:
            yield head | asdict(row) | {"why_not": ""}
        if not outcome.periods:
            yield head | {"why_not": outcome.why_not}


def roll_data(found: Replayed) -> dict[str, Any]:
    """Return everything as values that JSON has."""
    settings, grid = found.settings, found.world.demand.grid
    actuals = found.world.actuals
    return {
        "problem": found.problem,
        "periods": [grid.month_name(t * grid.months_per_period) for t in range(grid.periods)],
        "forecast": settings.forecast,
        "path_spread": settings.path_spread,
        "seed": settings.seed,
        "gap": settings.gap,
        "unserved_usd_per_request": settings.unserved_usd_per_request,
        "priced_workloads": list(found.priced),
        "rate_factors": {name: list(factors) for name, factors in actuals.rates.items()},
        "price_factors": {name: list(factors) for name, factors in actuals.prices.items()},
        "paths": [
            {
                "path": path.path,
                "policies": [
                    {
                        **outcome.as_data,
                        "missed_share": outcome.missed_share,
                        "above_foresight": path.regret(outcome.policy),
                        "above_bound": path.excess(outcome.policy),
                    }
                    for outcome in path.outcomes
                ],
            }
            for path in found.paths
        ],
    }
