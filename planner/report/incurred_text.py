"""What a replay costs, for people: plan and replay side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.report.tables import NUMBER, Column, money, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from planner.verify.incurred.records import (
        Incurred,
        Money,
        UnitsIncurred,
        WorkloadIncurred,
    )

_COLUMNS = (
    Column("workload", whole=True),
    Column("cost"),
    Column("plan USD", NUMBER),
    Column("incurred USD", NUMBER),
    Column("95 % interval", NUMBER, gives_way=2),
    Column("more", NUMBER),
    Column("USD per 1,000 requests", NUMBER, gives_way=1),
)
_PER, _SAME_USD = 1_000.0, 0.005
_DIGITS = 4


def write_incurred(out: TextIO, found: Incurred) -> None:
    """Write what each workload bears, what spot nodes lose, and what units do not take.

    Parameters
    ----------
    out
        Stream to write to.
    found
        What the replay costs.
    """
    out.write(
        "\ncost incurred over the horizon at the mean rates, undiscounted; shared nodes by the "
        "accelerators held, in a pool by planned load over capacity, idle ones in proportion:\n\n"
    )
    rows = [cells for item in found.workloads for cells in _rows(item)]
    if len(found.workloads) > 1:
        rows.append(_cells("all", "all", found.money))
    write_table(out, _COLUMNS, rows)
    out.write("\n")
    for offer_id in dict.fromkeys(spot.offer_id for spot in found.spot):
        mine = [spot for spot in found.spot if spot.offer_id == offer_id]
        taken, paid_h, lost_h = (
            sum(getattr(spot, name) for spot in mine)
            for name in ("interruptions", "node_hours", "lost_node_hours")
        )
        out.write(
            f"spot: {offer_id}: {counted(round(taken), 'node')} taken away over the horizon; of "
            f"{paid_h:,.0f} node-hours paid {lost_h:,.0f} "
            f"({money(sum(spot.lost_usd for spot in mine))} USD) go to the start of successors\n"
        )
    for units_id in dict.fromkeys(units.units_id for units in found.units):
        out.write(_units(units_id, [one for one in found.units if one.units_id == units_id]))
    for note in found.notes:
        out.write(f"cost incurred: {note}\n")


def _units(units_id: str, found: Sequence[UnitsIncurred]) -> str:
    sent = sum(one.sent_mtok for one in found)
    spilled = sum(one.sent_mtok * one.spilled_share for one in found)
    most = max(one.most_spilled_share for one in found)
    return (
        f"units: {units_id}: {spilled / sent if sent else 0.0:.2%} of {sent:,.0f} million counted "
        f"tokens come when the units are full ({most:.2%} in the worst block), for "
        f"{money(sum(one.spilled_usd for one in found))} USD by use\n"
    )


def _rows(item: WorkloadIncurred) -> Iterator[list[str]]:
    """Yield the categories of a workload and their sum; one alone is the sum."""
    for part in item.parts if len(item.parts) > 1 else ():
        yield _cells(item.workload, part.category, part.money)
    kind = item.parts[0].category if len(item.parts) == 1 else "all"
    each = item.usd_per_request
    per = "" if each is None else money(_PER * each, _DIGITS)
    yield _cells(item.workload, kind, item.money, per)


def _cells(workload: str, kind: str, amount: Money, per_thousand: str = "") -> list[str]:
    interval = ""
    if amount.low_usd is not None and amount.high_usd is not None:
        wide = amount.high_usd - amount.low_usd > _SAME_USD
        interval = f"{money(amount.low_usd)}-{money(amount.high_usd)}" if wide else ""
    more = ""
    if amount.plan_usd and abs(amount.more_usd) > _SAME_USD:
        more = f"{amount.more_usd / abs(amount.plan_usd):+.2%}"
    return [
        workload,
        kind.replace("_", " "),
        money(amount.plan_usd),
        money(amount.usd),
        interval,
        more,
        per_thousand,
    ]
