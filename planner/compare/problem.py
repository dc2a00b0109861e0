"""What changed between two problems: fields with other values, defaults filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.compare.records import ProblemChange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem

_NO_PART = ("description", "scenarios")
"""Fields that no plan depends on: a scenario that was asked for is merged in already."""


def problem_changes(a: Problem, b: Problem) -> tuple[ProblemChange, ...]:
    """Return every field with another value, as paths of ``--set``.

    Items of a list that have names are compared by name; items of other lists of one length by
    position, and lists of different lengths as a whole.
    """
    ours, theirs = (problem.model_dump(mode="json", exclude=set(_NO_PART)) for problem in (a, b))
    return tuple(_changes(ours, theirs, ""))


def _changes(a: Any, b: Any, path: str) -> Iterator[ProblemChange]:  # noqa: ANN401 - any JSON
    if isinstance(a, dict) and isinstance(b, dict):
        for key in dict.fromkeys((*a, *b)):
            yield from _changes(a.get(key), b.get(key), f"{path}.{key}" if path else str(key))
    elif _is_named(a) and _is_named(b):
        ours, theirs = ({item["name"]: item for item in items} for items in (a, b))
        yield from _changes(ours, theirs, path)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and _holds_parts(a):
        for index, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from _changes(one, other, f"{path}.{index}")
    elif a != b:
        yield ProblemChange(path, a, b)


def _is_named(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and "name" in item for item in value)
    )


def _holds_parts(value: list[object]) -> bool:
    return all(isinstance(item, dict) for item in value)
