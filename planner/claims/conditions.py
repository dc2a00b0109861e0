"""Conditions of a verdict in words: for what it stands, and what flips it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.claims.judge import BreakEven
    from planner.claims.records import Band, TornadoRow
    from planner.plan.document import Plan


def where_it_flips(
    band: Band,
    found: float,
    tornado: Sequence[TornadoRow],
    swept: str,
    crossed: Sequence[BreakEven],
) -> tuple[str, ...]:
    """Return what takes a figure into the claimed range, or out of it.

    Parameters
    ----------
    band
        What is claimed.
    found
        The figure.
    tornado
        Inputs with the figure at both ends.
    swept
        Name of what the reader may choose.
    crossed
        Where the figure crosses an end of what is claimed.
    """
    inside = band.holds(found)
    texts = [
        f"{'fails' if inside else 'holds'} at {row.name} {label} ({value:.3g})"
        for row in tornado
        for label, value in ((row.low_label, row.low), (row.high_label, row.high))
        if value is not None and band.holds(value) != inside
    ]
    texts += [
        f"crosses {at.edge:.3g} at {swept} of {at.place:,.4g}{gaps_text(at)}" for at in crossed
    ]
    return tuple(texts)


def gaps_text(at: BreakEven) -> str:
    """Return how far the gaps of the solves may move a break-even; empty for not at all."""
    if at.low is None or at.high is None:
        return " (the gaps of the solves leave open whether, or where else)"
    low, high = f"{at.low:,.4g}", f"{at.high:,.4g}"
    return "" if low == high else f" ({low} to {high} with the gaps of the solves)"


def with_others(band: Band, found: float, others: Sequence[tuple[str, float]]) -> tuple[str, ...]:
    """Return the conditions, beside that of the figure, under which the verdict is another."""
    inside = band.holds(found)
    return tuple(
        f"{'fails' if inside else 'holds'}: {label} ({value:.3g})"
        for label, value in others
        if band.holds(value) != inside
    )


CHAT_LIMITS = "p99 of 2,000 ms to the first token and 200 ms per token where nothing waits"
"""Limits of the problems with chats and documents."""


def served_by(plan: Plan) -> str:
    """Return options, providers and mean utilization of a plan, for a condition."""
    options = sorted({row.option_id for row in plan.allocations})
    providers = sorted({f"{row.provider} ({row.tenure})" for row in plan.fleet if row.nodes})
    known = [row.utilization for row in plan.unit_costs if row.utilization is not None]
    busy = f", {', '.join(f'{u:.0%}' for u in known)} busy" if known else ""
    return f"{', '.join(options)} from {', '.join(providers)}{busy}"


def setting(*plans: Plan | None, limits: str = CHAT_LIMITS) -> tuple[str, ...]:
    """Return for what a figure stands: what serves, how busy, limits, dates of prices.

    Parameters
    ----------
    plans
        Those behind the figure; ``None`` for one that is missing.
    limits
        On latency, in words.
    """
    known = [plan for plan in plans if plan is not None]
    served = dict.fromkeys(f"served by {served_by(plan)}" for plan in known)
    return (*served, limits, prices_of(known))


def prices_of(plans: Sequence[Plan]) -> str:
    """Return the oldest and newest price date of the fleets and tokens of plans."""
    rented = {row.price_date for plan in plans for row in plan.fleet if row.nodes}
    bought = {row.price_date for plan in plans for row in plan.api}
    dates = sorted(rented | bought)
    return f"prices of {dates[0]} to {dates[-1]}" if dates else "no prices"
