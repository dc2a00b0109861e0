"""What scenarios mean to a plan that was made for one future.

Its orders are signed in every scenario, and the rest adapts once the scenario is known. Beside
that stand the orders that suit all scenarios best, and those that would have to be signed if
nothing could wait.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.hedge.run import hedged
from planner.hedge.text import worth
from planner.report.tables import money

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from planner.hedge.futures import Futures
    from planner.hedge.records import Hedge
    from planner.hedge.run import HedgeSettings
    from planner.options.purchases import Purchase
    from planner.plan.document import Plan


def with_worth(
    plan: Plan,
    held: Mapping[Purchase, float],
    futures: Futures,
    settings: HedgeSettings,
    *,
    overlays: Sequence[Path] = (),
    on_solve: Callable[[int, int], None] | None = None,
) -> Plan:
    """Return a plan that says what its scenarios, waiting and foresight are worth to it.

    Parameters
    ----------
    plan
        The plan.
    held
        What it takes on for a term (:func:`planner.plan.purchases.taken_purchases`).
    futures
        The scenarios of its problem.
    settings, overlays, on_solve
        As in :func:`planner.hedge.run.run_hedge`.
    """
    found = hedged(futures, overlays, replace(settings, held=held, compare=True), on_solve)
    return replace(plan, warnings=(*plan.warnings, *_remarks(found)))


def _remarks(hedge: Hedge) -> Iterator[str]:
    if hedge.measure_usd is None:
        yield f"what scenarios are worth to this plan: {hedge.status}"
        return
    costs = [s.deterministic_usd for s in hedge.scenarios]
    if all(usd is not None for usd in costs):
        shares = [s.probability for s in hedge.scenarios]
        mean = sum(p * (usd or 0.0) for p, usd in zip(shares, costs, strict=True))
        yield (
            f"in {len(costs)} scenarios the orders of this plan cost {money(mean)} USD on "
            f"average, those that suit all of them best {money(hedge.expected_usd or 0.0)} USD "
            "(planner hedge shows them)"
        )
    yield from worth(hedge)
