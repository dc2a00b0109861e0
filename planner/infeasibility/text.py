"""Why there is no plan, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.report.tables import NUMBER, Column, write_table

if TYPE_CHECKING:
    from typing import TextIO

    from planner.infeasibility.records import Cause, Explanation

_CAUSES = (
    Column("limit"),
    Column("workload", whole=True, gives_way=1),
    Column("kind", whole=True, gives_way=2),
    Column("short of enough by", NUMBER),
)
_FIXES = (Column("with"), Column("there is a plan", whole=True))


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
        rows = [
            [" ".join(f"--set '{a}'" for a in fix.assignments), "solved"] for fix in found.fixes
        ]
        title = "Smallest changes, best first: each line alone is enough"
        write_table(out, _FIXES, rows, title)
    for remark in found.remarks:
        out.write(f"note: {remark}\n")
    if found.fixes:
        change = " ".join(f"--set '{a}'" for a in found.fixes[0].assignments)
        out.write(f"Next: planner solve {problem} {change}\n")
    elif found.remarks:
        out.write("Time ran out before a change was found that leaves a plan.\n")
        out.write(f"Next: planner explain {problem} with more --time-limit\n")
    else:
        out.write(
            "No change of one or two limits that was tried leaves a plan.\n"
            f"Next: planner options {problem} --rejected\n"
        )


def _amount(cause: Cause) -> str:
    return "-" if cause.amount is None else f"{cause.amount:,.6g} {cause.unit}".strip()
