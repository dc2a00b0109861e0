"""Faults a user can cause, collected and reported together.

A fault says where (file, line, column, or table row), what (the value), what would be accepted,
and what to do next. Loaders collect every fault of a file before they raise one
:class:`InputError`; nothing is solved or written after that.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOTHING_SOLVED = "nothing was solved"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in one place.

    Parameters
    ----------
    file
        File name as the user gave it; empty when the fault is not in a file.
    line, column
        Position counted from 1; ``None`` when unknown. In a CSV table ``line`` is the line of
        the row and ``column`` the number of the cell.
    path
        Dotted path of the value (``workloads.chat.slo.0.limit``) or table and column.
    message
        What is wrong, with the value, and what would be accepted.
    """

    file: str
    line: int | None
    column: int | None
    path: str
    message: str

    def __str__(self) -> str:
        position = ":".join(str(p) for p in (self.file, self.line, self.column) if p)
        head = "  ".join(part for part in (position, self.path) if part)
        return f"{head}\n    {self.message}" if head else self.message


class PlannerError(Exception):
    """Base of the errors that end a command with a message instead of a traceback."""


class InputError(PlannerError):
    """The input is invalid: exit code 2, nothing solved, nothing written.

    Parameters
    ----------
    faults
        Every fault found, in file order. Never empty.
    next_step
        The command or edit that helps next.
    outcome
        What the command therefore left undone, after the number of errors. Whoever knows the
        command may set it later: a table is read by commands that solve and by others.
    """

    def __init__(
        self, faults: Sequence[Fault], next_step: str = "", outcome: str = NOTHING_SOLVED
    ) -> None:
        self.faults = tuple(faults)
        self.next_step = next_step
        self.outcome = outcome
        super().__init__(str(self))

    def __str__(self) -> str:
        tail = f"{counted(len(self.faults), 'error')}, {self.outcome}."
        if self.next_step:
            tail = f"{tail} Next: {self.next_step}"
        return "\n".join([*(str(f) for f in self.faults), tail])


class InfeasibleError(PlannerError):
    """No plan can meet the problem: exit code 3. The message is the diagnosis."""


class InternalError(PlannerError):
    """A plan failed its own audit: a defect of the planner, never shown as a plan."""


def did_you_mean(value: str, accepted: Iterable[str], limit: int = 3) -> str:
    """Return ``"; did you mean `x` or `y`?"`` for near misses of `value`, else ``""``.

    Parameters
    ----------
    value
        The name that is not known; its capitals do not matter.
    accepted
        The names that are.
    limit
        Most names to show.
    """
    by_lower: dict[str, list[str]] = {}
    for name in accepted:
        by_lower.setdefault(name.lower(), []).append(name)
    lower = value.lower()
    alike = difflib.get_close_matches(lower, by_lower, n=limit, cutoff=0.6)
    alike.sort(key=lambda name: not name.startswith(lower))
    near = [name for key in alike for name in by_lower[key]][:limit]
    if not near:
        return ""
    return "; did you mean " + " or ".join(f"`{n}`" for n in near) + "?"


def counted(number: int, noun: str) -> str:
    """Return ``"1 line"`` or ``"2 lines"``.

    Parameters
    ----------
    number
        How many.
    noun
        In the singular; its plural adds an s.
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def as_asked(
    problem: str, scenario: str | None, assignments: Iterable[str], overlays: Iterable[object]
) -> str:
    """Return a problem with what was asked of it, as a next command takes it.

    Parameters
    ----------
    problem
        As the user named it.
    scenario, assignments, overlays
        What was applied to it.
    """
    words = [problem]
    words += [] if scenario is None else [f"--scenario {scenario}"]
    words += [f"--set '{assignment}'" for assignment in assignments]
    words += [f"--catalog {overlay}" for overlay in overlays]
    return " ".join(words)
