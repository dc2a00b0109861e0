"""A comparison of two plans on a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.report.tables import NUMBER, Column, money, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from planner.compare.records import Comparison, Figure, FleetChange, PlanHead, Running

_UNIT_COSTS = "Unit cost (idle and spare capacity included)"
_CENT = 0.005
_LONG = 60


def write_comparison(out: TextIO, found: Comparison) -> None:
    """Write a comparison: what it costs, what runs, what is promised, what was asked.

    Parameters
    ----------
    out
        Stream to write to.
    found
        The comparison.
    """
    if found.is_of_one_length:
        _headline(out, found)
    else:
        _unlike(out, found)
    _costs(out, found)
    _fleet(out, found.fleet)
    if found.is_of_one_length:
        _figures(out, _UNIT_COSTS, found.unit_costs)
    _figures(out, "Promises", found.promises)
    _problem(out, found)
    _catalog(out, found)
    for note in found.notes:
        out.write(f"note: {note}\n")


def _unlike(out: TextIO, found: Comparison) -> None:
    """Lead with what compares although the horizons are not equally long."""
    a, b = found.a, found.b
    out.write(
        f"The horizons differ: A is over {counted(a.months, 'month')} from {a.start}, B over "
        f"{counted(b.months, 'month')} from {b.start}, so that totals do not compare. Below is "
        "what does, each over its own horizon, with the growth and the prices in it.\n"
    )
    if a.usd_per_month is not None and b.usd_per_month is not None:
        usd = b.usd_per_month - a.usd_per_month
        share = f" ({usd / a.usd_per_month:+.1%})" if a.usd_per_month > 0 else ""
        more = "more" if usd > 0 else "less"
        out.write(
            f"B costs {money(abs(usd))} USD per month {more} than A{share}, undiscounted.\n"
            if abs(usd) >= _CENT
            else "Both cost the same per month, undiscounted.\n"
        )
    _figures(out, f"{_UNIT_COSTS}, and cost by month and day", (*found.rates, *found.unit_costs))
    out.write("\n")
    _plans(out, found)


def _plans(out: TextIO, found: Comparison) -> None:
    for letter, head in (("A", found.a), ("B", found.b)):
        out.write(f"{letter}: {_in_a_line(head)}\n")
        for reason in head.diagnosis:
            out.write(f"   {reason}\n")


def _headline(out: TextIO, found: Comparison) -> None:
    _plans(out, found)
    cost = found.cost
    if cost is None:
        return
    if abs(cost.usd) < _CENT:
        out.write("Both cost the same.\n")
        return
    share = "" if cost.fraction is None else f" ({cost.fraction:+.1%})"
    more = "more" if cost.usd > 0 else "less"
    out.write(f"B costs {money(abs(cost.usd))} USD {more} than A{share}, discounted.\n")
    low, high = cost.optima_at_least_usd, cost.optima_at_most_usd
    if low is None or high is None:
        return
    if low <= 0 <= high:
        out.write(
            f"Of the optima, B less A is {_signed(low)} to {_signed(high)} USD: the gaps of the "
            "solves leave open which is cheaper; solve with a smaller --gap.\n"
        )
    else:
        out.write(f"Of the optima, B less A is {_signed(low)} to {_signed(high)} USD.\n")


def _in_a_line(head: PlanHead) -> str:
    title = f"{head.name} [{head.scenario}]" if head.scenario else head.name
    if head.cost_usd is None or head.tco_usd is None:
        return f"{title}, {head.status} ({head.file})"
    gap = "an unknown gap" if head.gap is None else f"{head.gap:.2%}"
    return (
        f"{title}, {money(head.tco_usd / head.months)} USD per month; over "
        f"{counted(head.months, 'month')} {money(head.cost_usd)} USD discounted, "
        f"{money(head.tco_usd)} undiscounted; {head.status}, within {gap} ({head.file})"
    )


def _costs(out: TextIO, found: Comparison) -> None:
    if not found.cost_lines:
        return
    title, lines = "Cost over the horizon, discounted", _discounted(found)
    if not found.is_of_one_length:
        title, lines = "Cost per month of each horizon, undiscounted", _by_month(found)
    columns = [
        Column("category", whole=True),
        Column("workload", gives_way=1),
        Column("hardware", gives_way=1),
        Column("tenure", gives_way=1),
        Column("A USD", NUMBER),
        Column("B USD", NUMBER),
        Column("B less A USD", NUMBER),
    ]
    ordered = sorted(
        zip(found.cost_lines, lines, strict=True), key=lambda item: -abs(item[1][1] - item[1][0])
    )
    rows = [
        [row.category, row.workload, row.hardware, row.tenure, money(a), money(b), _signed(b - a)]
        for row, (a, b) in ordered
    ]
    a, b = (sum(usd) for usd in zip(*lines, strict=True))
    rows.append(["total", "", "", "", money(a), money(b), _signed(b - a)])
    write_table(out, columns, rows, title)


def _discounted(found: Comparison) -> list[tuple[float, float]]:
    return [(row.a_discounted_usd, row.b_discounted_usd) for row in found.cost_lines]


def _by_month(found: Comparison) -> list[tuple[float, float]]:
    months = (found.a.months, found.b.months)
    return [(row.a_usd / months[0], row.b_usd / months[1]) for row in found.cost_lines]


def _fleet(out: TextIO, fleet: Sequence[FleetChange]) -> None:
    if not fleet:
        return
    months = len({(row.from_month, row.to_month) for row in fleet}) > 1
    days = len({row.day_type for row in fleet}) > 1
    columns = [
        *([Column("months", whole=True)] if months else []),
        *([Column("day", whole=True)] if days else []),
        Column("hours", whole=True),
        Column("A"),
        Column("USD/h", NUMBER),
        Column("B"),
        Column("USD/h", NUMBER),
    ]
    rows = [
        [
            *([f"{row.from_month} to {row.to_month}"] if months else []),
            *([row.day_type] if days else []),
            f"{row.start_h:02g}-{row.end_h:02g}",
            _running(row.a),
            _usd_per_hour(row.a),
            "as A" if row.is_same else _running(row.b),
            _usd_per_hour(row.b),
        ]
        for row in fleet
    ]
    title = "What runs when (USD/h: start-up included, nodes for a term amortised)"
    write_table(out, columns, rows, title)


def _running(running: Running | None) -> str:
    if running is None:
        return "-"
    serving = [f"{row.replicas} x {row.option_id}" for row in running.replicas]
    serving += [f"{t.model} tokens of {t.provider} ({t.mode})" for t in running.tokens]
    rented = [f"{row.nodes} x {row.rented}" for row in running.nodes]
    return (
        f"{', '.join(serving) or 'nothing'} on {', '.join(rented)}"
        if rented
        else (", ".join(serving) or "nothing")
    )


def _usd_per_hour(running: Running | None) -> str:
    return "-" if running is None else money(running.usd_per_hour, 2)


def _figures(out: TextIO, title: str, figures: Sequence[Figure]) -> None:
    if not figures:
        return
    columns = [
        Column("of", whole=True),
        Column("what"),
        Column("unit", gives_way=1),
        Column("A", NUMBER),
        Column("B", NUMBER),
        Column("B less A", NUMBER, gives_way=1),
    ]
    rows = [
        [
            row.subject,
            row.what,
            row.unit,
            _number(row.a),
            _number(row.b),
            "" if row.a is None or row.b is None else _plus(row.b - row.a),
        ]
        for row in figures
    ]
    write_table(out, columns, rows, title)


def _problem(out: TextIO, found: Comparison) -> None:
    if not found.problem:
        out.write("\nThe problems are the same.\n")
        return
    columns = [Column("field", whole=True), Column("A"), Column("B")]
    rows = [[row.path, _json(row.a), _json(row.b)] for row in found.problem]
    write_table(out, columns, rows, "What changed in the problem")


def _catalog(out: TextIO, found: Comparison) -> None:
    catalog = found.catalog
    same = "are the same" if catalog.is_same else "differ"
    told = "" if catalog.figures or catalog.is_same else ", in no price that both plans pay"
    out.write(f"\nThe catalogues {same}{told}.\n")
    title = "Other prices and capacities of what both use (capacities follow from the problem too)"
    _figures(out, title, catalog.figures)
    for version in found.versions:
        out.write(f"note: {version.name}: A {version.a or 'none'}, B {version.b or 'none'}\n")


def _json(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


def _signed(usd: float) -> str:
    return "0" if abs(usd) < _CENT else f"{'+' if usd > 0 else ''}{money(usd)}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if abs(value) < 1_000 else f"{value:,.0f}"  # noqa: PLR2004


def _plus(value: float) -> str:
    return "0" if value == 0 else f"{'+' if value > 0 else ''}{_number(value)}"
