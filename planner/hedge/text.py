"""A hedge on a terminal: the cost, what is ordered together, each scenario, what it is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.options.purchases import UNIT_OF
from planner.report.tables import NUMBER, Column, money, number, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from planner.hedge.records import Hedge, ScenarioOutcome, SharedOrder, Value
    from planner.plan.document import Plan

_NOT_ASKED = "not asked for"
_CENT_USD = 0.005


def write_hedge(out: TextIO, hedge: Hedge) -> None:
    """Write a hedge.

    Parameters
    ----------
    out
        Stream to write to.
    hedge
        The answer.
    """
    if hedge.measure_usd is None:
        out.write(f"{hedge.problem}: {hedge.status}\n")
        out.writelines(f"  {note}\n" for note in hedge.notes)
        return
    _headline(out, hedge)
    _orders(out, hedge)
    _scenarios(out, hedge)
    _values(out, hedge)
    out.writelines(f"note: {note}\n" for note in hedge.notes)


def _headline(out: TextIO, hedge: Hedge) -> None:
    level, weight = hedge.risk.level, hedge.risk.weight
    out.write(
        f"{hedge.problem}: {counted(len(hedge.scenarios), 'scenario')} hedged, {hedge.status}\n"
        f"expected cost {money(hedge.expected_usd or 0.0)} USD discounted; mean of the worst "
        f"{1 - level:.4g} of probability (CVaR {level:g}) {money(hedge.cvar_usd or 0.0)} USD\n"
    )
    what = "expected cost"
    if weight:
        what = f"{1 - weight:g} x expected cost + {weight:g} x CVaR"
    if hedge.bound_usd is None or hedge.gap is None:
        out.write(f"minimised: {what}; no bound is proven\n")
        return
    out.write(
        f"minimised: {what}, {money(hedge.measure_usd or 0.0)} USD; no policy costs less than "
        f"{money(hedge.bound_usd)} USD (gap {hedge.gap:.2%})\n"
    )


def _orders(out: TextIO, hedge: Hedge) -> None:
    everyone = len(hedge.scenarios)
    now = [o for o in hedge.orders if o.decided_in == 0 and len(o.scenarios) == everyone]
    later = [o for o in hedge.orders if o not in now]
    out.write("\nDecide now, the same in every scenario\n")
    _order_rows(out, now)
    if later:
        out.write("\nDecided later, the same in scenarios that still look alike\n")
        _order_rows(out, later)
    rows = [(s.name, *row) for s in hedge.scenarios for row in _own_orders(s, hedge.orders)]
    if rows:
        out.write("\nAdapted once the scenario is known\n")
        columns = [
            Column("scenario"),
            Column("amount", NUMBER),
            Column("what"),
            Column("order in"),
            Column("from"),
        ]
        write_table(out, columns, rows)


def _order_rows(out: TextIO, orders: list[SharedOrder]) -> None:
    if not orders:
        out.write("nothing: what is rented by the hour and tokens adapt to every scenario\n")
        return
    columns = [
        Column("amount", NUMBER),
        Column("what"),
        Column("decided in period", NUMBER),
        Column("serves from period", NUMBER),
        Column("scenarios"),
    ]
    write_table(
        out,
        columns,
        [
            (
                f"{number(o.amount)} {UNIT_OF[o.purchase.kind]}",
                f"{o.purchase.supply_id}{_tier(o.purchase.tier)}",
                str(o.decided_in),
                str(o.purchase.period),
                ", ".join(o.scenarios),
            )
            for o in orders
        ],
    )


def _tier(tier: int) -> str:
    return f" (tier {tier} of its volume discount)" if tier else ""


def _own_orders(
    scenario: ScenarioOutcome, shared: tuple[SharedOrder, ...]
) -> list[tuple[str, str, str, str]]:
    """Return what a scenario orders by itself: amount, what, month of order and of start."""
    own = {
        (o.purchase.supply_id, o.purchase.period) for o in shared if scenario.name in o.scenarios
    }
    plan: Plan = scenario.plan
    nodes = [
        (counted(c.nodes, "node"), c.offer_id, c.order_month, c.start_month, c.start_period)
        for c in plan.commitments
        if not c.is_existing
    ]
    units = [
        (counted(u.units, "unit"), u.units_id, u.start_month, u.start_month, u.start_period)
        for u in plan.provisioned
    ]
    spend = [
        (
            f"{number(s.usd_per_hour)} USD per hour",
            s.commitment_id,
            s.start_month,
            s.start_month,
            s.start_period,
        )
        for s in plan.spend_commitments
        if not s.is_existing
    ]
    return [row[:4] for row in (*nodes, *units, *spend) if (row[1], row[4]) not in own]


def _scenarios(out: TextIO, hedge: Hedge) -> None:
    out.write("\nCost of each scenario, USD discounted\n")
    columns = [
        Column("scenario"),
        Column("probability", NUMBER),
        Column("known from period", NUMBER),
        Column("hedged", NUMBER),
        Column("perfect foresight", NUMBER),
        Column("regret", NUMBER),
    ]
    rows = [
        [
            s.name,
            f"{s.probability:g}",
            str(s.known_from),
            money(s.cost_usd),
            money(s.alone_usd),
            money(s.regret_usd),
        ]
        for s in hedge.scenarios
    ]
    if hedge.waiting.why_not != _NOT_ASKED:
        columns.append(Column("orders of the mean-value plan", NUMBER))
        columns.append(Column("ordered without waiting", NUMBER))
        for row, s in zip(rows, hedge.scenarios, strict=True):
            row += [_maybe(s.deterministic_usd), _maybe(s.waiting_usd)]
    write_table(out, columns, rows)


def _maybe(usd: float | None) -> str:
    return "none" if usd is None else money(usd)


def _values(out: TextIO, hedge: Hedge) -> None:
    out.write("\nWhat it is worth, USD discounted\n")
    out.writelines(f"{line}\n" for line in worth(hedge))


def worth(hedge: Hedge) -> Iterator[str]:
    """Yield what deciding for all scenarios, waiting and foresight are worth, a line for each.

    Parameters
    ----------
    hedge
        The answer.
    """
    mean = f"to plan for all scenarios instead of for {hedge.mean_of}" if hedge.mean_of else ""
    for name, what, value in (
        ("value of the stochastic solution", mean, hedge.stochastic_solution),
        ("value of waiting", "to order no earlier than needed", hedge.waiting),
        ("value of perfect information", "to know the scenario today", hedge.perfect_information),
    ):
        if value.why_not != _NOT_ASKED:
            yield f"{name} ({what}): {_value_text(value)}"


def _value_text(value: Value) -> str:
    if value.found_usd is None:
        return f"no figure: {value.why_not}"
    low = "0" if value.least_usd is None else money(value.least_usd)
    high = "no proven limit" if value.most_usd is None else money(value.most_usd)
    if value.most_usd is not None and value.most_usd <= _CENT_USD:
        return "nothing, proven"
    within = f"between {low} and {high}"
    if value.is_proven:
        return f"{money(value.found_usd)}, proven to be {within}"
    return f"{money(value.found_usd)}, not proven: the gaps leave {within}"
