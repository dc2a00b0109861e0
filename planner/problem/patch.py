"""Scenario patches and ``--set`` assignments, applied to the data before validation.

A patch is merged by key; a list whose items carry a ``name`` is merged item by item, any other
list is replaced. ``--set`` takes a dotted path with list items by name or index. The order of
priority is: file, then scenario, then ``--set``. Positions travel with the values, so a fault
in a patch points at the patch.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import Fault, InputError, did_you_mean
from planner.yaml_io import parse_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.yaml_io import Document, Path_, YamlData

_FEW = 12
"""Names of items that a message may list."""
NOT_PART_OF_A_PATCH = ("probability", "known_from", "parent", "description")
"""Keys of a scenario that describe it."""


def apply_scenario(document: Document, scenario: str) -> Document:
    """Return the document with a named scenario merged in.

    Raises
    ------
    InputError
        When the file has no such scenario.
    """
    found = document.data.get("scenarios") if isinstance(document.data, dict) else None
    scenarios = found if isinstance(found, dict) else {}
    names = list(scenarios)
    if scenario not in names:
        known = ", ".join(f"`{n}`" for n in names) or "none"
        message = (
            f"there is no scenario `{scenario}`{did_you_mean(scenario, names) or '.'} "
            f"Scenarios of this file: {known}"
        )
        line, column = document.positions.get(("scenarios",), (None, None))
        raise InputError([Fault(document.file, line, column, "scenarios", message)])
    patch = scenarios[scenario]
    if not isinstance(patch, dict):
        return document
    content = {k: v for k, v in patch.items() if k not in NOT_PART_OF_A_PATCH}
    positions = dict(document.positions)
    data = _merged(document.data, content, (), ("scenarios", scenario), positions)
    return replace(document, data=data, positions=positions)


def apply_assignments(document: Document, assignments: Sequence[str]) -> Document:
    """Return the document with every ``PATH=VALUE`` applied in order.

    Raises
    ------
    InputError
        With every assignment that has no ``=``, an unreadable value, or a path that leads
        nowhere.
    """
    assigned, faults = assign(document, assignments)
    if faults:
        raise InputError(faults, "planner schema problem")
    return assigned


def assign(document: Document, assignments: Sequence[str]) -> tuple[Document, list[Fault]]:
    """Return the document with every assignment that can be applied, and faults of the others.

    Parameters
    ----------
    document
        The file.
    assignments
        ``PATH=VALUE`` changes, applied in order.
    """
    data = document.data
    assigned = dict(document.assigned)
    faults: list[Fault] = []
    for assignment in assignments:
        try:
            keys, value = _read(assignment)
            data, place = _assigned(data, keys, value, ())
            assigned[place] = assignment
        except ValueError as error:
            faults.append(Fault(f"--set {assignment}", None, None, "", str(error)))
    return replace(document, data=data, assigned=assigned), faults


def value_at(data: YamlData, path: str) -> YamlData:
    """Return the value at the path of an assignment.

    Parameters
    ----------
    data
        Plain data of a problem.
    path
        Dotted, with list items by name or index.

    Raises
    ------
    ValueError
        When the path leads nowhere.
    """
    keys, node = _keys(path), data
    while keys:
        if isinstance(node, list):
            index, keys = _item(node, keys, ())
            node = node[index]
        elif isinstance(node, dict):
            head, keys = _key(node, keys)
            if head not in node:
                text = f"there is no `{head}`"
                raise ValueError(text)
            node = node[head]
        else:
            text = f"a single value has no item `{keys[0]}`"
            raise ValueError(text)  # noqa: TRY004 - the path is wrong, not a type
    return node


def _read(assignment: str) -> tuple[list[str], YamlData]:
    path, separator, value = assignment.partition("=")
    keys = _keys(path.strip())
    if not separator or "" in keys:
        text = (
            f"`{assignment}` is not an assignment; write PATH=VALUE with dots in the path, as "
            "policy.spare_replicas=2"
        )
        raise ValueError(text)
    return keys, parse_value(value)


def _keys(path: str) -> list[str]:
    """Return the keys of a path; items of lists may stand in brackets too, as `workloads[0]`."""
    return re.sub(r"(?<=[^.\[])\[([^\[\]]+)\]", r".\1", path).split(".")


def _merged(
    base: YamlData,
    patch: YamlData,
    path: Path_,
    origin: Path_,
    positions: dict[Path_, tuple[int, int]],
) -> YamlData:
    if origin in positions:
        positions[path] = positions[origin]
    if isinstance(base, dict) and isinstance(patch, dict):
        result = dict(base)
        for key, value in patch.items():
            result[key] = _merged(base.get(key), value, (*path, key), (*origin, key), positions)
        return result
    if _is_named_list(base) and _is_named_list(patch):
        return _merged_named_list(base, patch, path, origin, positions)
    for stale in [p for p in positions if p[: len(path)] == path and len(p) > len(path)]:
        del positions[stale]
    _move_positions(patch, path, origin, positions)
    return patch


def _merged_named_list(
    base: list[dict[str, YamlData]],
    patch: list[dict[str, YamlData]],
    path: Path_,
    origin: Path_,
    positions: dict[Path_, tuple[int, int]],
) -> list[dict[str, YamlData]]:
    result = list(base)
    for source, item in enumerate(patch):
        names = [existing.get("name") for existing in result]
        target = names.index(item["name"]) if item["name"] in names else len(result)
        old = result[target] if target < len(result) else None
        merged = _merged(old, item, (*path, target), (*origin, source), positions)
        result[target:] = [merged, *result[target + 1 :]]
    return result


def _move_positions(
    value: YamlData, path: Path_, origin: Path_, positions: dict[Path_, tuple[int, int]]
) -> None:
    if origin in positions:
        positions[path] = positions[origin]
    if isinstance(value, dict):
        for key, item in value.items():
            _move_positions(item, (*path, key), (*origin, key), positions)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _move_positions(item, (*path, index), (*origin, index), positions)


def _is_named_list(value: YamlData) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and "name" in item for item in value)
    )


def _assigned(
    node: YamlData, keys: list[str], value: YamlData, path: Path_
) -> tuple[YamlData, Path_]:
    """Return the data with `value` at `keys`, and the path where it now stands."""
    if not keys:
        return value, path
    if isinstance(node, list):
        index, rest = _item(node, keys, path)
        items = list(node)
        items[index], place = _assigned(items[index], rest, value, (*path, index))
        return items, place
    if isinstance(node, dict) or node is None:
        result = dict(node or {})
        head, rest = _key(result, keys)
        result[head], place = _assigned(result.get(head), rest, value, (*path, head))
        return result, place
    where = ".".join(str(p) for p in path)
    text = f"`{where}` is {node!r}, a single value: it has no item `{keys[0]}`"
    raise ValueError(text)


def _key(node: dict[str, YamlData], keys: list[str]) -> tuple[str, list[str]]:
    """Return the key that `keys` start with, and the rest; names of models contain dots."""
    for length in range(len(keys), 1, -1):
        name = ".".join(keys[:length])
        if name in node:
            return name, keys[length:]
    return keys[0], keys[1:]


def _item(items: list[YamlData], keys: list[str], path: Path_) -> tuple[int, list[str]]:
    names = [str(i.get("name")) if isinstance(i, dict) else None for i in items]
    for length in range(len(keys), 0, -1):
        name = ".".join(keys[:length])
        if name in names:
            return names.index(name), keys[length:]
    key, *rest = keys
    if key.isdigit() and int(key) < len(items):
        return int(key), rest
    where = ".".join(str(p) for p in path)
    known = [n for i, n in enumerate(names) if isinstance(items[i], dict) and "name" in items[i]]
    listed = [str(n) for n in known]
    last = len(items) - 1
    numbers = f"0 to {last}" if last else "0"
    names_shown = ", ".join(f"`{n}`" for n in listed[:_FEW]) + (", ..." if last >= _FEW else "")
    accepted = f"{names_shown} ({numbers})" if listed else numbers
    hint = did_you_mean(key, listed) or "."
    text = f"`{where}` has no item `{key}`{hint} It has {accepted if items else 'no item'}"
    raise ValueError(text)
