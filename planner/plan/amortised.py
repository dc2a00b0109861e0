"""Cost by period in three views: cash, present value, and amortised.

Cash and present value are the sums of the cost lines. The amortised view spreads every
commitment in a straight line: with `total` everything that its nodes cost, nominal and less the
value left, and `months` those its payments are for (the term of a lease, also after the
horizon; the service of a server within it)::

    amortised[t] = sum over commitments of total x (its months within t) / months
                 + everything else that is paid in t

All three have the same undiscounted total, ``tco_usd``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.builds import TERMINAL_VALUE
from planner.plan.cash import paid_by_use, paid_once, price_of_unserved
from planner.plan.commitments import taken_builds
from planner.plan.finance_rows import UNSERVED, PeriodMoney
from planner.plan.records import taken_beside_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.demand.records import Demand, TimeGrid
    from planner.options.builds import Build
    from planner.options.records import OptionSet
    from planner.plan.document import CostLine
    from planner.plan.records import Decisions


def money_by_period(
    demand: Demand, options: OptionSet, decisions: Decisions, lines: Sequence[CostLine]
) -> tuple[PeriodMoney, ...]:
    """Return every period in which something is paid or amortised.

    Parameters
    ----------
    demand, options, decisions
        The records the cost follows from.
    lines
        The cost lines of these decisions.
    """
    cash: dict[int, float] = defaultdict(float)
    beside = {name: defaultdict[int, float](float) for name in (TERMINAL_VALUE, UNSERVED)}
    present: dict[int, float] = defaultdict(float)
    amortised: dict[int, float] = defaultdict(float)
    for line in lines:
        beside.get(line.category, cash)[line.period] += line.usd
        present[line.period] += line.discounted_usd
    builds = [(build, nodes) for _, build, nodes in taken_builds(options, decisions)]
    for build, nodes in (*builds, *taken_beside_nodes(options, decisions)):
        for period, share in _straight_line(demand.grid, build):
            amortised[period] += nodes * build.usd * share
    for period, usd in (
        *paid_by_use(demand, options, decisions),
        *paid_once(options, decisions),
        *price_of_unserved(demand, decisions),
    ):
        amortised[period] += usd
    back, unserved = beside[TERMINAL_VALUE], beside[UNSERVED]
    return tuple(
        PeriodMoney(t, cash[t], back[t], present[t], amortised[t], unserved[t])
        for t in sorted(present.keys() | amortised.keys())
    )


def _straight_line(grid: TimeGrid, build: Build) -> Iterator[tuple[int, float]]:
    """Yield the periods that a build is paid for, with the share of its months in each."""
    first, last = build.months_used(grid)
    length = grid.months_per_period
    if last == first:  # nodes that are sold at once
        yield build.start, 1.0
        return
    for period in range(math.floor(first / length), math.ceil(last / length)):
        inside = min(last, (period + 1) * length) - max(first, period * length)
        yield period, inside / (last - first)
