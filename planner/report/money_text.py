"""What is taken on for a term, and what is paid in which period, on a terminal."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.plan.finance_rows import UNSERVED
from planner.report.tables import NUMBER, Column, money, percent, write_table

if TYPE_CHECKING:
    from typing import TextIO

    from planner.plan.document import Commitment, Plan
    from planner.plan.finance_rows import ProvisionedRow, SpendRow, VolumeRow

_CATEGORIES = (
    "on_demand", "spot", "rebate", "lease", "api", "capex", "energy", "colocation", "maintenance",
    "staff", "software", "one_off", "resale", UNSERVED, "terminal_value",
)  # fmt: skip
_LATER = "later"
_UNITS = {"usd_per_month": "USD", "mtok_per_month": "Mtok"}


def write_commitments(out: TextIO, plan: Plan) -> None:
    """Write the nodes that are taken on for a term; nothing when there are none."""
    if not plan.commitments:
        return
    columns = [
        Column("order", NUMBER),
        Column("from", NUMBER),
        Column("until", NUMBER),
        Column("taken on", whole=True),
        Column("USD/h a node", NUMBER),
        Column("USD", NUMBER),
        Column("after the horizon", NUMBER, gives_way=1),
    ]
    rows = [
        [
            "there" if c.is_existing else c.order_month,
            c.start_month,
            c.end_month if c.sold_month is None else f"sold {c.sold_month}",
            f"{c.nodes} x {c.offer_id}{_tier(c)}",
            money(c.usd_per_node_hour, 2),
            money(c.usd),
            _later_usd(c),
        ]
        for c in plan.commitments
    ]
    write_table(
        out,
        columns,
        rows,
        "Taken on for a term, paid whether used or not (USD: less the value left, and sales)",
    )


def _later_usd(row: Commitment | ProvisionedRow | SpendRow) -> str:
    """Return what is due after the horizon; of what is there already it is in no figure."""
    return "-" if row.is_existing else money(row.usd_after_horizon)


def _tier(row: Commitment) -> str:
    """Return the tier of its volume discount in words, empty where none counts it."""
    if row.volume_discount is None:
        return ""
    if row.tier_from_nodes is None:
        return f" ({row.volume_discount}: no tier reached)"
    off = _off(row.discount)
    return f" ({row.volume_discount}: {off} off from {row.tier_from_nodes} nodes)"


def _off(discount: float) -> str:
    """Return a discount in percent, as exactly as contracts state it."""
    return f"{100 * discount:.4g}%"


def write_provisioned(out: TextIO, plan: Plan) -> None:
    """Write the units of token throughput that are taken on; nothing when there are none."""
    if not plan.provisioned:
        return
    columns = [
        Column("from", NUMBER),
        Column("until", NUMBER),
        Column("units", whole=True),
        Column("model", gives_way=1),
        Column("tokens/min", NUMBER),
        Column("USD/h a unit", NUMBER),
        Column("USD", NUMBER),
        Column("after the horizon", NUMBER, gives_way=1),
    ]
    rows = [
        [
            "there" if row.is_existing else row.start_month,
            row.end_month,
            f"{row.units} x {row.units_id}",
            f"{row.model} of {row.provider}",
            money(row.tokens_per_minute),
            money(row.usd_per_unit_hour, 2),
            money(row.usd),
            _later_usd(row),
        ]
        for row in plan.provisioned
    ]
    title = "Provisioned units, paid whether used or not (prices are the problem's)"
    write_table(out, columns, rows, title)


def write_spend(out: TextIO, plan: Plan) -> None:
    """Write the spending that is promised to providers; nothing when there is none."""
    if not plan.spend_commitments:
        return
    columns = [
        Column("from", NUMBER),
        Column("until", NUMBER),
        Column("promised", whole=True),
        Column("USD/h", NUMBER),
        Column("USD", NUMBER),
        Column("after the horizon", NUMBER, gives_way=1),
        Column("of on-demand use", NUMBER),
        Column("used", NUMBER),
        Column("needed", NUMBER, gives_way=1),
        Column("break-even use", NUMBER),
        Column("price fall", NUMBER, gives_way=1),
    ]
    rows = [
        [
            "there" if row.is_existing else row.start_month,
            row.end_month,
            f"{row.commitment_id} to {row.provider}{_step(row)}",
            money(row.usd_per_hour, 2),
            money(row.usd),
            _later_usd(row),
            percent(row.coverage),
            percent(row.used_share),
            percent(row.needed_share),
            percent(row.break_even_used_share),
            percent(row.alternative_price_fall),
        ]
        for row in plan.spend_commitments
    ]
    title = "Spending promised by the hour, paid whether used or not (rates are the problem's)"
    write_table(out, columns, rows, title)


def _step(row: SpendRow) -> str:
    """Return the tier of promised spending in words, empty where there are no tiers."""
    if row.tier_from_usd_per_hour is None or row.discount is None:
        return ""
    return f" ({_off(row.discount)} off from {row.tier_from_usd_per_hour:,.10g} USD/h)"


def write_volumes(out: TextIO, plan: Plan) -> None:
    """Write what volume discounts take off; nothing when there are none."""
    if not plan.volume_discounts:
        return
    columns = [
        Column("period", NUMBER),
        Column("volume discount", whole=True),
        Column("tier reached"),
        Column("what counts USD", NUMBER),
        Column("taken off USD", NUMBER),
        Column("of it", NUMBER),
    ]
    rows = [
        [
            str(row.period),
            f"{row.name} of {row.provider}",
            _tier_of_months(row),
            money(row.spent_usd),
            money(row.rebate_usd),
            percent(row.rebate_usd / row.spent_usd),
        ]
        for row in plan.volume_discounts
    ]
    write_table(out, columns, rows, "What volume discounts take off (tiers are the problem's)")


def _tier_of_months(row: VolumeRow) -> str:
    """Return the highest tier that a month reaches, in words."""
    unit = _UNITS[row.unit]
    applies = "on all" if row.applies_to == "all" else "on the part above"
    return f"{_off(row.discount)} from {row.tier_from:,.10g} {unit} a month, {applies}"


def write_cash(out: TextIO, plan: Plan) -> None:
    """Write what is paid by period and category, and the same amortised and discounted.

    Nothing is written for a single category and period.
    """
    periods = sorted(
        {line.period for line in plan.cost_lines} | {row.period for row in plan.money_by_period}
    )
    used = {line.category for line in plan.cost_lines}
    if len(periods) <= 1 and len(used) <= 1:
        return
    names = [c for c in _CATEGORIES if c in used] + sorted(used - set(_CATEGORIES))
    usd: dict[tuple[int, str], float] = defaultdict(float)
    for line in plan.cost_lines:
        usd[line.period, line.category] += line.usd
    served = {a.period for a in plan.allocations} | {a.period for a in plan.api}
    last = max(served, default=periods[-1])
    groups = [(str(p), [p]) for p in periods if p <= last]
    late = [p for p in periods if p > last]
    groups += [(_LATER, late)] if late else []
    columns = [Column("period", NUMBER), *(Column(n, NUMBER) for n in names)]
    columns += [Column("total", NUMBER), Column("discounted", NUMBER), Column("amortised", NUMBER)]
    views = {row.period: (row.discounted_usd, row.amortised_usd) for row in plan.money_by_period}
    rows = []
    for label, members in groups:
        amounts = [sum(usd[p, name] for p in members) for name in names]
        present, even = (sum(views[p][i] for p in members if p in views) for i in (0, 1))
        cells = [*(money(a) if a else "" for a in amounts), money(sum(amounts))]
        rows.append([label, *cells, money(present), money(even)])
    title = "What is paid when (USD, nominal), discounted, and commitments in a straight line"
    if UNSERVED in used:
        title += "; the price of unserved requests counts and is not paid"
    write_table(out, columns, rows, title)
