"""Scenario patches and ``--set`` assignments, applied to the data before validation.

A patch is merged by key; a list whose items carry a ``name`` is merged item by item, any other
list is replaced. ``--set`` takes a dotted path with list items by name or index. The order of
priority is: file, then scenario, then ``--set``. Positions travel with the values, so a fault
in a patch points at the patch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import Fault, InputError, did_you_mean
from planner.yaml_io import parse_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.yaml_io import Document, Path_, YamlData

NOT_PART_OF_A_PATCH = ("probability", "description")
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
            f"there is no scenario `{scenario}`{did_you_mean(scenario, names)} "
            f"Scenarios of this file: {known}"
        )
        raise InputError([Fault(document.file, None, None, "scenarios", message)])
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
    data = document.data
    positions = dict(document.positions)
    faults: list[Fault] = []
    for assignment in assignments:
        path_text, separator, value_text = assignment.partition("=")
        if not separator:
            message = f"`{assignment}` is not an assignment; write PATH=VALUE"
            faults.append(Fault("--set", None, None, "", message))
            continue
        try:
            value = parse_value(value_text)
            data = _assigned(data, path_text.split("."), value, (), positions)
        except (ValueError, KeyError) as error:
            faults.append(Fault("--set", None, None, path_text, str(error.args[0])))
        except Exception as error:
            message = f"`{value_text}` is not a YAML value: {error}".splitlines()[0]
            faults.append(Fault("--set", None, None, path_text, message))
    if faults:
        raise InputError(faults, "planner schema problem")
    return replace(document, data=data, positions=positions)


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
    node: YamlData,
    keys: list[str],
    value: YamlData,
    path: Path_,
    positions: dict[Path_, tuple[int, int]],
) -> YamlData:
    if not keys:
        positions.pop(path, None)
        return value
    head, *rest = keys
    if isinstance(node, list):
        index = _item_index(node, head, path)
        items = list(node)
        items[index] = _assigned(items[index], rest, value, (*path, index), positions)
        return items
    if isinstance(node, dict) or node is None:
        result = dict(node or {})
        result[head] = _assigned(result.get(head), rest, value, (*path, head), positions)
        return result
    where = ".".join(str(p) for p in path)
    message = f"`{where}` is {node!r}, a single value: it has no item `{head}`"
    raise ValueError(message)


def _item_index(items: list[YamlData], key: str, path: Path_) -> int:
    names = [str(i["name"]) for i in items if isinstance(i, dict) and "name" in i]
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("name") == key:
            return index
    if key.isdigit() and int(key) < len(items):
        return int(key)
    where = ".".join(str(p) for p in path)
    known = ", ".join(f"`{n}`" for n in names) or f"0 to {len(items) - 1}"
    message = f"`{where}` has no item `{key}`{did_you_mean(key, names)} Items: {known}"
    raise ValueError(message)
