"""A plan on a terminal: headline, proof, bands of hours, unit cost, what binds, alternatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.report.bands import bands_of
from planner.report.commitment_text import (
    write_calendar,
    write_figures,
    write_losses,
    write_unit_figures,
)
from planner.report.finance_text import write_paybacks, write_workload_costs
from planner.report.limit_text import (
    write_average_quality,
    write_energy,
    write_moves,
    write_power_prices,
)
from planner.report.money_text import (
    write_cash,
    write_commitments,
    write_provisioned,
    write_spend,
    write_volumes,
)
from planner.report.tables import NUMBER, Column, money, number, percent, write_table
from planner.units import HOURS_PER_DAY, HOURS_PER_MONTH

if TYPE_CHECKING:
    from typing import TextIO

    from planner.plan.document import FleetRow, Plan
    from planner.report.bands import Band

_SHOWN_ALTERNATIVES = 12
_PER_THOUSAND = 1_000
_PLAIN = "on_demand"


def write_plan(out: TextIO, plan: Plan, months: int) -> None:
    """Write a plan with allocations.

    Parameters
    ----------
    out
        Stream to write to.
    plan
        A plan with a cost.
    months
        Months of the whole horizon, for the cost per month.
    """
    _headline(out, plan, months)
    _bands(out, plan)
    _deferred(out, plan)
    write_average_quality(out, plan)
    write_moves(out, plan)
    write_commitments(out, plan)
    write_provisioned(out, plan)
    write_spend(out, plan)
    write_volumes(out, plan)
    write_figures(out, plan)
    write_unit_figures(out, plan)
    write_losses(out, plan)
    write_calendar(out, plan)
    write_cash(out, plan)
    write_energy(out, plan)
    write_power_prices(out, plan)
    _unit_costs(out, plan)
    write_workload_costs(out, plan)
    write_binding(out, plan)
    _alternatives(out, plan)
    _baselines(out, plan)
    write_paybacks(out, plan)
    _counts(out, plan)
    for warning in plan.warnings:
        out.write(f"note: {warning}\n")


def write_no_plan(out: TextIO, plan: Plan) -> None:
    """Write why there is no plan."""
    name = plan.problem["name"]
    if plan.status == "infeasible":
        out.write(f"{name}: infeasible. No plan can meet this problem.\n")
    else:
        out.write(f"{name}: stopped without a plan. Give more time with --time-limit.\n")
    for line in plan.diagnosis:
        out.write(f"{line}\n")
    _counts(out, plan)


def _headline(out: TextIO, plan: Plan, months: int) -> None:
    name = plan.problem["name"]
    scenario = plan.problem["scenario"]
    title = f"{name} [{scenario}]" if scenario else name
    tco = plan.tco_usd or 0.0
    per_day = tco / (months * HOURS_PER_MONTH / HOURS_PER_DAY)
    out.write(
        f"{title}: {money(tco / months)} USD per month, {money(per_day)} per day; over "
        f"{counted(months, 'month')} {money(plan.cost_usd)} USD discounted, {money(tco)} "
        "undiscounted\n"
    )
    gap = "an unknown gap" if plan.gap is None else f"{plan.gap:.2%}"
    solver = plan.solver
    out.write(
        f"{plan.status}: within {gap} of the optimum (bound {money(plan.bound_usd)} USD; "
        f"{solver['name']} {solver['version']}, {solver['seconds']:.1f} s, "
        f"{counted(solver['variables'], 'variable')})\n"
    )


def _bands(out: TextIO, plan: Plan) -> None:
    bands = bands_of(plan)
    many_periods = len({band.period for band in bands}) > 1
    many_days = len({time.day_type for time in plan.time_blocks}) > 1
    many_pools = len({a.pool for a in plan.allocations} | {r.workload for r in plan.api}) > 1
    columns = [
        *([Column("period", NUMBER)] if many_periods else []),
        *([Column("day", whole=True)] if many_days else []),
        Column("hours", whole=True),
        *([Column("pool", whole=True)] if many_pools else []),
        Column("replicas", whole=True),
        Column("load", NUMBER, gives_way=2),
        Column("rented", gives_way=1),
        Column("USD/h", NUMBER),
    ]
    rows = []
    for band in bands:
        for i, (pool, serves, load) in enumerate(_served(band)):
            first = i == 0
            rows.append(
                [
                    *([str(band.period) if first else ""] if many_periods else []),
                    *([band.day_type if first else ""] if many_days else []),
                    band.clock if first else "",
                    *([pool] if many_pools else []),
                    serves,
                    load,
                    _rented(band) if first else "",
                    money(_usd_per_hour(band), 2) if first else "",
                ]
            )
    apart = ["provisioned units"] if plan.provisioned else []
    apart += ["volume discounts"] if plan.volume_discounts else []
    apart += ["promised spending"] if plan.spend_commitments else []
    paid = f"start-up included, {' and '.join(apart)} apart" if apart else "start-up included"
    title = f"What runs when (load: mean rate over planned capacity; USD/h: {paid})"
    write_table(out, columns, rows, title)


def _served(band: Band) -> list[tuple[str, str, str]]:
    rows: dict[tuple[str, str], tuple[int, dict[int, float]]] = {}
    for a in band.allocations:
        _, load = rows.setdefault((a.pool, a.option_id), (a.replicas, {}))
        load[a.block] = load.get(a.block, 0.0) + a.utilization
    lines = [
        (pool, f"{replicas} x {option}", _range(list(load.values())))
        for (pool, option), (replicas, load) in rows.items()
    ]
    tokens = sorted({(r.workload, r.provider, r.model, r.mode) for r in band.api})
    lines += [(w, f"{model} tokens of {p} ({mode})", "-") for w, p, model, mode in tokens]
    return lines or [("", "nothing", "-")]


def _range(values: list[float]) -> str:
    low, high = percent(min(values)), percent(max(values))
    return low if low == high else f"{low[:-1]}-{high}"


def _rented(band: Band) -> str:
    nodes = [f for f in band.fleet if f.nodes and f.block == band.first_block]
    return ", ".join(f"{f.nodes} x {f.provider} {f.instance} ({_terms(f)})" for f in nodes)


def _terms(row: FleetRow) -> str:
    return row.region if row.tenure == _PLAIN else f"{row.region}, {row.tenure}"


def _usd_per_hour(band: Band) -> float:
    usd = sum(f.usd for f in band.fleet) + sum(r.usd for r in band.api)
    return usd / band.hours_per_period


def _deferred(out: TextIO, plan: Plan) -> None:
    if not plan.deferred:
        return
    many_periods = len({d.period for d in plan.deferred}) > 1
    many_days = len({d.day_type for d in plan.deferred}) > 1
    columns = [
        *([Column("period", NUMBER)] if many_periods else []),
        *([Column("day", whole=True)] if many_days else []),
        Column("workload", whole=True),
        Column("requests/day", NUMBER),
        Column("window h", NUMBER),
        Column("longest wait h", NUMBER),
        Column("own replicas", NUMBER),
        Column("joined", NUMBER),
        Column("tokens", NUMBER),
    ]
    rows = [
        [
            *([str(d.period)] if many_periods else []),
            *([d.day_type] if many_days else []),
            d.workload,
            number(d.requests_per_day, 0),
            number(d.window_h, 1),
            number(d.longest_wait_h, 1),
            *(percent(share) for share in (d.own_share, d.joined_share, d.token_share)),
        ]
        for d in plan.deferred
    ]
    title = "Work that waits (joined: on replicas that serve a pool anyway)"
    write_table(out, columns, rows, title)


def _unit_costs(out: TextIO, plan: Plan) -> None:
    columns = [
        Column("workload", whole=True),
        Column("USD per M tokens", NUMBER),
        Column("USD per M output tokens", NUMBER),
        Column("USD per 1,000 requests", NUMBER),
        Column("utilization", NUMBER),
    ]
    rows = [
        [
            unit.workload,
            number(unit.usd_per_million_tokens, 3),
            number(unit.usd_per_million_output_tokens, 3),
            number(_times(unit.usd_per_request, _PER_THOUSAND), 4),
            percent(unit.utilization),
        ]
        for unit in plan.unit_costs
    ]
    worth = [-unit.existing_worth_usd for unit in plan.unit_costs]
    title = "Unit cost (idle and spare capacity included)"
    if any(worth):  # what the plan did not buy pays for nothing that it serves
        columns.append(Column("existing nodes bring, USD", NUMBER))
        rows = [[*row, money(brought)] for row, brought in zip(rows, worth, strict=True)]
        title += "; what existing nodes bring or are worth at the end is apart"
    write_table(out, columns, rows, title)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def write_binding(out: TextIO, plan: Plan) -> None:
    """Write what binds in a plan, with its shadow prices; nothing when nothing does.

    Parameters
    ----------
    out
        Stream to write to.
    plan
        The plan.
    """
    if not plan.binding:
        return
    columns = [
        Column("what"),
        Column("where"),
        Column("USD per unit", NUMBER),
        Column("unit"),
    ]
    rows = [[b.what, b.where, money(b.shadow_price_usd_per_unit, 2), b.unit] for b in plan.binding]
    write_table(
        out, columns, rows, "What binds (USD per unit: from the linear relaxation, a guide)"
    )


def _alternatives(out: TextIO, plan: Plan) -> None:
    if not plan.alternatives:
        return
    columns = [
        Column("alternative", whole=True),
        Column("kind", gives_way=1),
        Column("cost USD", NUMBER),
        Column("times the plan", NUMBER),
        Column("note"),
    ]
    rows = [
        [a.name, a.kind, money(a.cost_usd), number(a.ratio_to_plan), a.note]
        for a in plan.alternatives[:_SHOWN_ALTERNATIVES]
    ]
    left = len(plan.alternatives) - len(rows)
    title = "Best plan with one hardware type, or with tokens only"
    write_table(out, columns, rows, title + (f" ({left} more in the plan file)" if left else ""))


def _baselines(out: TextIO, plan: Plan) -> None:
    if not plan.baselines:
        return
    columns = [
        Column("baseline"),
        Column("cost USD", NUMBER),
        Column("times the plan", NUMBER),
        Column("note"),
    ]
    rows = [
        [
            b.name,
            money(b.cost_usd),
            number(_ratio(b.cost_usd, plan.cost_usd)),
            b.why_not or b.note,
        ]
        for b in plan.baselines
    ]
    write_table(out, columns, rows, "Baselines: the same program with one restriction")


def _ratio(usd: float | None, of_usd: float | None) -> float | None:
    """Return how many times an amount another one is; sales may make a plan cost nothing."""
    if not usd or of_usd is None or of_usd <= 0:
        return None
    return usd / of_usd


def _counts(out: TextIO, plan: Plan) -> None:
    counts = plan.option_counts
    rejected = ", ".join(f"{n} {reason}" for reason, n in counts["rejected"].items())
    out.write(
        f"\noptions: {counts['considered']} considered, {counts['feasible']} feasible, "
        f"{counts['in_program']} in the program, {counts['dominated']} dominated; "
        f"rejected: {rejected or 'none'}\n"
    )
    oldest = plan.catalog["oldest_price_date"]
    if oldest:
        out.write(f"oldest price used: {oldest}\n")
