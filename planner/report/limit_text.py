"""Average quality, moves between models, and energy with its carbon, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.report.tables import NUMBER, Column, money, number, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from planner.plan.document import Plan
    from planner.plan.limit_rows import AverageQuality, EnergyRow, PowerPrice

_KWH_PER_MWH = 1_000.0


def write_average_quality(out: TextIO, plan: Plan) -> None:
    """Write the least and the highest average of every floor on an average.

    Parameters
    ----------
    out
        Stream to write to.
    plan
        The plan.
    """
    floors: dict[tuple[str, str, str, bool], list[AverageQuality]] = {}
    for row in plan.average_quality:
        key = (row.workload, row.benchmark, row.reference, row.of_chain)
        floors.setdefault(key, []).append(row)
    if not floors:
        return
    out.write("\naverage quality of the requests of a block\n")
    columns = [
        Column("workload", whole=True),
        Column("benchmark", whole=True),
        Column("floor", NUMBER),
        Column("least", NUMBER),
        Column("most", NUMBER),
    ]
    table = []
    for (workload, benchmark, reference, of_chain), group in floors.items():
        who = f"{workload} (chain)" if of_chain else workload
        name = f"{benchmark} of {reference} in bf16" if reference else benchmark
        reached = [row.average for row in group]
        figures = (group[0].floor, min(reached), max(reached))
        table.append([who, name, *(f"{value:.4f}" for value in figures)])
    write_table(out, columns, table)


def write_moves(out: TextIO, plan: Plan) -> None:
    """Write who moves to which model, and when; nothing where nobody does.

    Parameters
    ----------
    out
        Stream to write to.
    plan
        The plan.
    """
    if not plan.moves:
        return
    out.write("\nmoves between models\n")
    columns = [
        Column("period", NUMBER),
        Column("workload", whole=True),
        Column("to model", whole=True),
        Column("USD", NUMBER),
    ]
    rows = [[str(r.period), r.workload, r.model, money(r.usd)] for r in plan.moves]
    write_table(out, columns, rows)


def write_energy(out: TextIO, plan: Plan) -> None:
    """Write energy and carbon by period and place, where any of it is known.

    Parameters
    ----------
    out
        Stream to write to.
    plan
        The plan.
    """
    known = [row for row in plan.energy if row.kwh is not None]
    if not known:
        return
    places: dict[tuple[int, str, str], list[EnergyRow]] = {}
    for row in plan.energy:
        places.setdefault((row.period, row.provider, row.region), []).append(row)
    out.write("\nelectricity and carbon of nodes\n")
    columns = [
        Column("period", NUMBER),
        Column("place", whole=True),
        Column("MWh", NUMBER),
        Column("kg CO2e", NUMBER),
    ]
    rows = []
    for (period, provider, region), group in places.items():
        energy = [row.kwh for row in group]
        carbon = [row.carbon_kg for row in group]
        rows.append([str(period), f"{provider} {region}", _mwh(energy), _sum(carbon)])
    write_table(out, columns, rows)
    for reason in dict.fromkeys(row.note for row in plan.energy if row.note):
        out.write(f"  {reason}\n")


def write_power_prices(out: TextIO, plan: Plan) -> None:
    """Write what dear hours cost bought nodes, by block of a day; nothing without any.

    Parameters
    ----------
    out
        Stream to write to.
    plan
        The plan.
    """
    if not plan.power_prices:
        return
    times = {time.block: time for time in plan.time_blocks}
    hours: dict[tuple[float, float], list[PowerPrice]] = {}
    for row in plan.power_prices:
        time = times[row.block]
        hours.setdefault((time.start_h, time.end_h), []).append(row)
    out.write("\nelectricity of bought nodes in hours that are not the cheapest\n")
    columns = [
        Column("hours", whole=True),
        Column("USD per kWh", NUMBER),
        Column("MWh", NUMBER),
        Column("USD beyond the lowest price", NUMBER),
    ]
    rows = [
        [
            f"{start:g}-{end:g}",
            f"{group[0].usd_per_kwh:.4f}",
            number(sum(row.kwh for row in group) / _KWH_PER_MWH),
            money(sum(row.usd for row in group)),
        ]
        for (start, end), group in sorted(hours.items())
    ]
    write_table(out, columns, rows)
    capped = [span for span, group in sorted(hours.items()) if any(r.is_capped for r in group)]
    if capped:
        spans = ", ".join(f"{start:g}-{end:g}" for start, end in capped)
        out.write(
            "  billed on the power that servers are assumed to draw at most: in hours "
            f"{spans} they are modelled to draw more, so the energy above is more than the MWh "
            "here\n"
        )


def _mwh(kwh: Sequence[float | None]) -> str:
    known = [value for value in kwh if value is not None]
    return number(sum(known) / _KWH_PER_MWH) if len(known) == len(kwh) else "unknown"


def _sum(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return money(sum(known)) if len(known) == len(values) else "unknown"
