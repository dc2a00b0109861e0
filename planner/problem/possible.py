"""What a problem file with refused values may have meant.

One wrong value must not hide the faults behind it, nor bring others about. So the rest of the file
is checked with several values in its place, and what all of these problems have is a fault of the
file whatever was meant.
"""

from __future__ import annotations

import copy
import difflib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from planner.problem.schema import Problem
from planner.problem.semantics import independent_of
from planner.problem.stand_ins import fields_beside, is_optional, stand_ins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic_core import ErrorDetails

    from planner.yaml_io import Path_, YamlData

    Finding = tuple[Path_, str]

RANGE_KINDS = ("greater_than", "less_than", "finite_number")
"""Errors of a number that is there, and only too small or too large."""
_ROUNDS = 4
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Possible:
    """Problems that a file may have meant.

    Parameters
    ----------
    problems
        One when nothing was refused; none when too much is wrong to tell. In the first one,
        refused values that may be left out are.
    refused
        Paths of the values that the schema refused, or that are missing.
    opaque
        Those of them that no few values can stand for, such as a whole section.
    """

    problems: tuple[Problem, ...]
    refused: frozenset[Path_] = frozenset()
    opaque: frozenset[Path_] = frozenset()

    def findings(self, check: Callable[[Problem], Iterable[Finding]]) -> list[Finding]:
        """Return what a check finds whatever the refused values are.

        Parameters
        ----------
        check
            Returns path and sentence of every fault of a problem.
        """
        first, *others = [list(check(problem)) for problem in self.problems] or [[]]
        sure = [finding for finding in first if all(finding in other for other in others)]
        outside = [f for f in sure if not any(f[0][: len(bad)] == bad for bad in self.refused)]
        return independent_of(outside, self.opaque)


def possible_problems(data: YamlData) -> Possible:
    """Return the problems that a file may have meant.

    Parameters
    ----------
    data
        The values of a problem file.
    """
    tries = [_Try(data, 0)]
    while len(tries) < tries[0].most:
        tries.append(_Try(data, len(tries)))
    return Possible(
        tuple(t.problem for t in tries if t.problem is not None),
        frozenset(path for t in tries for path in t.refused),
        frozenset(path for t in tries for path in t.opaque),
    )


class _Try:
    """The data with the stand-ins of one turn.

    Parameters
    ----------
    data
        The values of the file.
    turn
        Which of its stand-ins every refused value takes.
    """

    def __init__(self, data: YamlData, turn: int) -> None:
        self.problem: Problem | None = None
        self.refused: set[Path_] = set()
        self.opaque: set[Path_] = set()
        self.most = 1
        self._turn = turn
        self._data = copy.deepcopy(data)
        for _ in range(_ROUNDS):
            try:
                self.problem = Problem.model_validate(self._data)
                break
            except ValidationError as error:
                details = error.errors(include_url=False)
            kinds = {data_path(self._data, d): d["type"] for d in details}
            for path, kind in kinds.items():
                # The branches of a union fail together: what is wrong stands furthest inside.
                if not any(other[: len(path)] == path != other for other in kinds):
                    self._replace(path, kind)

    def _replace(self, path: Path_, kind: str) -> None:
        choices = [] if path in self.refused else _choices(path, kind)
        self.refused.add(path)
        if not choices or any(_is_section(value) for value in choices):
            self.opaque.add(path)
        if choices:
            self._put(path, choices)
        else:
            _take_out(self._data, path[:-1] if kind == "missing" else path)
        meant = _meant(path) if kind == "extra_forbidden" else None
        if meant is not None and _node(self._data, meant) is None:
            self.refused.add(meant)
            self._put(meant, _choices(meant, kind))

    def _put(self, path: Path_, choices: list[Any]) -> None:
        self.most = max(self.most, len(choices))
        value = choices[self._turn % len(choices)]
        parent = _node(self._data, path[:-1])
        if value is _ABSENT:
            _take_out(self._data, path)
        elif parent is not None:
            parent[path[-1]] = copy.deepcopy(value)


def data_path(data: YamlData, error: ErrorDetails) -> Path_:
    """Return the place of an error without the parts that name the branch of a union."""
    path: list[str | int] = []
    node = data
    for part in error["loc"]:
        inside = part in node if isinstance(node, dict) else False
        if isinstance(node, list) and isinstance(part, int):
            inside = part < len(node)
        if inside:
            node = node[part]
            path.append(part)
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    return tuple(path)


def _choices(path: Path_, kind: str) -> list[Any]:
    values = _values(tuple(0 if isinstance(part, int) else part for part in path))
    if kind.startswith(RANGE_KINDS):
        return [value for value in values if value is not None]
    return [_ABSENT, *values] if is_optional(Problem, path) else values


@cache
def _values(path: Path_) -> list[Any]:
    return stand_ins(Problem, path)


def _meant(path: Path_) -> Path_ | None:
    """Return the path of the field whose name an unknown one is like."""
    near = difflib.get_close_matches(str(path[-1]), fields_beside(Problem, path), n=1)
    return (*path[:-1], near[0]) if near else None


def _is_section(value: object) -> bool:
    inside = value[:1] if isinstance(value, list) else [value]
    return any(isinstance(v, dict) for v in inside)


def _take_out(data: YamlData, path: Path_) -> None:
    """Remove the value at `path`, or the list it is an item of, unless it is gone already.

    Items of a list stay where they are, so that paths keep their meaning.
    """
    while path and not isinstance(path[-1], str):
        path = path[:-1]
    parent = _node(data, path[:-1]) if path else None
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def _node(data: YamlData, path: Path_) -> YamlData:
    node = data
    for part in path:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return None
    return node
