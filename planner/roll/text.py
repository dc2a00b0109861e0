"""A replay on a terminal: what each policy costs and misses, by period and over all paths."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.options.purchases import UNIT_OF
from planner.report.tables import NUMBER, Column, money, write_table
from planner.roll.policies import FORESIGHT, HEDGED
from planner.roll.scenarios import SCENARIOS, forecast_spread

if TYPE_CHECKING:
    from typing import TextIO

    from planner.roll.records import PeriodOutcome, PolicyOutcome
    from planner.roll.run import PathOutcome, Replayed

GOAL = 0.10
"""Cost above perfect foresight that paths are counted within."""
_FORECASTS = {
    "last-seen": "demand and prices go on from the level seen last as the problem says",
    "as-stated": "demand and prices are what the problem says, whatever came before",
}


def write_roll(out: TextIO, found: Replayed) -> None:
    """Write a replay.

    Parameters
    ----------
    out
        Stream to write to.
    found
        All policies on all paths.
    """
    file = found.paths[0]
    _headline(out, found)
    _policies(out, file)
    _paths(out, found)
    _periods(out, file)
    for policy in found.policies:
        _orders(out, file.of(policy))
    _notes(out, found)


def _headline(out: TextIO, found: Replayed) -> None:
    grid = found.world.demand.grid
    out.write(
        f"{found.problem}: {len(found.policies)} policies "
        f"over {counted(grid.periods, 'period')} from {grid.month_name(0)}, "
        f"{counted(len(found.paths), 'path')} of demand\n"
        f"forecasts {found.settings.forecast}: {_FORECASTS[found.settings.forecast]}\n"
    )


def _policies(out: TextIO, path: PathOutcome) -> None:
    columns = [
        Column("policy", whole=True),
        Column("cost USD", NUMBER),
        Column("above foresight", NUMBER),
        Column("at most", NUMBER, gives_way=1),
        Column("cash USD", NUMBER),
        Column("missed requests", NUMBER),
        Column("missed", NUMBER),
        Column("nodes ordered", NUMBER, gives_way=1),
        Column("why not", gives_way=2),
    ]
    rows = [
        [
            o.policy,
            money(o.cost_usd),
            _share(path.regret(o.policy)),
            _share(path.excess(o.policy)),
            money(o.cash_usd),
            "-" if o.missed_requests is None else f"{o.missed_requests:,.0f}",
            "-" if o.missed_share is None else f"{o.missed_share:.3%}",
            str(sum(order.nodes for order in o.orders)),
            o.why_not or "",
        ]
        for o in path.outcomes
    ]
    write_table(out, columns, rows, "Demand of the file (cost is discounted, cash is not)")
    best = path.of(FORESIGHT)
    if best.bound_usd is not None:
        least = money(best.bound_usd)
        out.write(
            f"no policy can cost less than {least} USD with this demand: proven, and what "
            "`at most` is held against\n"
        )


def _paths(out: TextIO, found: Replayed) -> None:
    if len(found.paths) == 1:
        return
    columns = [
        Column("policy", whole=True),
        Column("paths", NUMBER),
        Column("median", NUMBER),
        Column("least", NUMBER),
        Column("most", NUMBER),
        Column("proven", NUMBER),
        Column(f"within {GOAL:.0%}", NUMBER),
        Column("cheapest of the others", NUMBER, gives_way=1),
        Column("most missed", NUMBER),
    ]
    rows = []
    for policy in found.policies:
        regrets = [r for path in found.paths if (r := path.regret(policy)) is not None]
        proven = [x for path in found.paths if (x := path.excess(policy)) is not None]
        missed = [s for path in found.paths if (s := path.of(policy).missed_share) is not None]
        if not regrets or policy == FORESIGHT:
            continue
        rows.append(
            [
                policy,
                str(len(regrets)),
                _share(statistics.median(regrets)),
                _share(min(regrets)),
                _share(max(regrets)),
                _share(max(proven, default=None)),
                str(sum(r <= GOAL for r in regrets)),
                str(sum(_cheapest(path) == policy for path in found.paths)),
                f"{max(missed):.3%}",
            ]
        )
    spread = found.settings.path_spread
    title = (
        f"Cost above perfect foresight on all paths (steps of {spread:g} a period; proven: most "
        "above the limit of any policy)"
    )
    write_table(out, columns, rows, title)


def _cheapest(path: PathOutcome) -> str | None:
    costs = [(o.cost_usd, o.policy) for o in path.outcomes if o.cost_usd is not None]
    others = [pair for pair in costs if pair[1] != FORESIGHT]
    return min(others)[1] if others else None


def _periods(out: TextIO, path: PathOutcome) -> None:
    done = [o for o in path.outcomes if o.periods]
    if not done:
        return
    columns = [Column("period"), Column("from"), *(Column(o.policy, NUMBER) for o in done)]
    months = {row.period: row.start_month for o in done for row in o.periods}
    last = max(len([p for p in o.periods if p.requests]) for o in done)
    cash: list[list[str]] = []
    missed: list[list[str]] = []
    for period, month in sorted(months.items()):
        head = [str(period), month] if period < last else ["after", month]
        found = [{row.period: row for row in o.periods}.get(period) for o in done]
        cash.append([*head, *(money(_cash_usd(row)) for row in found)])
        missed.append([*head, *(f"{row.missed_requests:,.0f}" if row else "0" for row in found)])
    left_usd = [sum(row.value_left_usd for row in o.periods) for o in done]
    if any(left_usd):
        cash.append(["value left", "no cash", *(money(usd) for usd in left_usd)])
    write_table(out, columns, cash, "Cash by period, USD (commitments are paid used or not)")
    if any(o.missed_requests for o in done):
        write_table(out, columns, missed[:last], "Missed requests by period")


def _cash_usd(row: PeriodOutcome | None) -> float:
    return 0.0 if row is None else row.committed_usd + row.by_use_usd


def _orders(out: TextIO, outcome: PolicyOutcome) -> None:
    columns = [
        Column("ordered in", NUMBER),
        Column("amount", NUMBER),
        Column("of"),
        Column("offer", whole=True),
        Column("from"),
        Column("until"),
        Column("USD/h", NUMBER),
    ]
    rows = [
        [
            str(order.ordered_in),
            f"{order.amount:g}" if order.kind != "spend" else money(order.amount, 2),
            UNIT_OF[order.kind],
            order.offer_id,
            order.start_month,
            order.end_month,
            money(order.usd_per_node_hour, 2),
        ]
        for order in outcome.orders
    ]
    if rows:
        write_table(out, columns, rows, f"Orders of {outcome.policy}")


def _notes(out: TextIO, found: Replayed) -> None:
    problem = found.world.prepared.loaded.problem
    tail = problem.finance.commitment_tail
    what = {
        "full": "are paid to the end of their term, without credit",
        "pro_rata": "are paid to the end of the horizon only (finance.commitment_tail: pro_rata)",
    }[tail]
    out.write(f"\nnote: commitments that outlive the horizon {what}, whatever the policy\n")
    out.write(
        "note: beside what it has ordered, every policy serves what comes by the hour, by tokens, "
        "or not at all; they differ in what they order\n"
    )
    if HEDGED in found.policies:
        first = found.world
        spreads = ", ".join(
            f"{name} {forecast_spread(first, name, 0):.2f}" for name in first.actuals.rates
        )
        out.write(
            f"note: {HEDGED} weighs {SCENARIOS} courses of demand around the forecast; the spread "
            f"of a period is at first what the problem states ({spreads}; forecast_cv), and then "
            "what was seen too\n"
        )
    if found.priced:
        out.write(
            f"note: a missed request of {', '.join(found.priced)} is priced at "
            f"{found.settings.unserved_usd_per_request:g} USD (--unserved-penalty), because the "
            "problem states no price; the price is part of the cost and not of the cash\n"
        )
    late = sum(len(outcome.late) for path in found.paths for outcome in path.outcomes)
    if late:
        out.write(
            f"note: {counted(late, 'program')} stopped by --time-limit, outside the gap: figures "
            "may differ from run to run; give more time\n"
        )
    stated = counted(len(found.world.actuals.prices), "offer")
    out.write(f"note: the file states prices of {stated}; others cost what the problem says\n")


def _share(fraction: float | None) -> str:
    return "-" if fraction is None else f"{fraction:+.1%}"
