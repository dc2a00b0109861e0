"""Why there is no plan, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.report.tables import NUMBER, Column, money, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from planner.infeasibility.records import Cause, Explanation, Fix

_CAUSES = (
    Column("limit"),
    Column("workload", whole=True, gives_way=1),
    Column("kind", whole=True, gives_way=2),
    Column("short of enough by", NUMBER),
)
_FIXES = (
    Column("with"),
    Column("USD over the horizon", NUMBER),
    Column("USD per month", NUMBER),
    Column("gap", NUMBER),
)


def write_explanation(out: TextIO, found: Explanation, problem: str) -> None:
    """Write the causes, the smallest changes that mend them, and the next command.

    Parameters
    ----------
    out
        Stream to write to.
    found
        What was found.
    problem
        The problem as the user named it.
    """
    if not found.infeasible:
        state = "no plan was found, nor that there is none" if found.infeasible is None else None
        advice = "more --time-limit" if state else f"planner solve {problem}"
        out.write(f"{found.problem}: {state or 'there is a plan'}\nNext: {advice}\n")
        return
    out.write(f"{found.problem}: there is no plan\n")
    if found.causes:
        rows = [[c.where, c.workload or "all", c.family, _amount(c)] for c in found.causes]
        write_table(out, _CAUSES, rows, "What is too tight")
    if found.fixes:
        rows = [[_as_options(fix), *_cost(fix)] for fix in found.fixes]
        title = (
            "Smallest changes, best first: each line alone is enough, and leaves a plan of this "
            "cost (over the horizon discounted, per month not)"
        )
        write_table(out, _FIXES, rows, title)
        _cheapest(out, found.fixes)
    for remark in found.remarks:
        out.write(f"note: {remark}\n")
    if found.fixes:
        out.write(f"Next: planner solve {problem} {_as_options(found.fixes[0])}\n")
    elif found.remarks:
        out.write("Time ran out before a change was found that leaves a plan.\n")
        out.write(f"Next: planner explain {problem} with more --time-limit\n")
    else:
        out.write(
            "No change of one or two limits that was tried leaves a plan.\n"
            f"Next: planner options {problem} --rejected\n"
        )


def _amount(cause: Cause) -> str:
    if cause.amount is None:
        return "-"
    unit = cause.unit.removesuffix("s") if cause.amount == 1 else cause.unit
    return f"{cause.amount:,.6g} {unit}".strip()


def _as_options(fix: Fix) -> str:
    return " ".join(f"--set '{a}'" for a in fix.assignments)


def _cost(fix: Fix) -> tuple[str, str, str]:
    """Return the cells of what a plan costs; outside the gap a cheaper one may well exist."""
    cost = fix.cost
    if cost is None:
        return "-", "-", "-"
    most = "" if cost.is_within_gap else "at most "
    gap = "unknown" if cost.gap is None else f"{cost.gap:.2%}"
    return f"{most}{money(cost.cost_usd)}", f"{most}{money(cost.usd_per_month)}", gap


def _cheapest(out: TextIO, fixes: Sequence[Fix]) -> None:
    """Say which change that keeps all promises costs least, where another is listed first."""
    known = [(fix.cost.cost_usd, fix) for fix in fixes if fix.keeps_promises and fix.cost]
    if not known:
        return
    usd, fix = min(known, key=lambda item: item[0])
    if fix is not fixes[0]:
        out.write(
            f"Cheapest of those that keep demand, service and spares: {_as_options(fix)}, "
            f"{money(usd)} USD over the horizon\n"
        )
