"""Reads a whole plan from its file, or refuses the file: nothing is guessed or skipped.

A file has exactly the fields of :class:`~planner.plan.document.Plan`. One that lacks some, or has
others, was written by another version or by hand, and no verdict on it would be about all of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from planner.errors import Fault, InputError
from planner.plan.document import SCHEMA_VERSION, Plan
from planner.plan.json_io import plan_json
from planner.plan.reading import NEXT_STEP, faults_of, plan_content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SHOWN = 20
_PLAN = TypeAdapter(Plan)


def read_plan(path: Path) -> Plan:
    """Return the plan in a file.

    Parameters
    ----------
    path
        A file that ``planner solve -o`` wrote.

    Raises
    ------
    InputError
        When the file cannot be read, is no plan, or with every field that is missing, unknown or
        of another type, twenty at most.
    """
    content, data = plan_content(path)
    version = content.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        message = f"a plan of schema {version!r}; this version reads schema {SCHEMA_VERSION}"
        raise InputError([Fault(str(path), None, None, "schema_version", message)], NEXT_STEP)
    _require_finite(path, data)
    try:
        plan = _PLAN.validate_json(data.removeprefix(b"\xef\xbb\xbf"), strict=True)
    except ValidationError as error:
        raise InputError(list(faults_of(path, error))[:_SHOWN], NEXT_STEP) from error
    differences = list(_differences(content, json.loads(plan_json(plan)), ""))
    if differences:
        faults = [Fault(str(path), None, None, place, text) for place, text in differences]
        raise InputError(faults[:_SHOWN], NEXT_STEP)
    return plan


def plan_of_text(text: str) -> Plan:
    """Return the plan that `planner.plan.json_io.plan_json` wrote.

    Raises
    ------
    ValueError
        When the text is no plan of this version.
    """
    return _PLAN.validate_json(text, strict=True)


def _require_finite(path: Path, data: bytes) -> None:
    def refuse(name: str) -> NoReturn:
        message = f"holds {name}; every number of a plan is finite, and null where there is none"
        raise InputError([Fault(str(path), None, None, "", message)], NEXT_STEP)

    json.loads(data.decode("utf-8-sig"), parse_constant=refuse)


def _differences(found: Any, known: Any, place: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """Yield every field that is in one of two trees only, with its place."""
    if isinstance(found, dict) and isinstance(known, dict):
        for key in sorted(found.keys() | known.keys()):
            inside = f"{place}.{key}" if place else key
            if key not in known:
                yield inside, "is no field of a plan that this version knows; solve again"
            elif key not in found:
                yield inside, "is missing: the plan is of another version; solve again"
            else:
                yield from _differences(found[key], known[key], inside)
    elif isinstance(found, list) and isinstance(known, list):
        for number, (one, other) in enumerate(zip(found, known, strict=True)):
            yield from _differences(one, other, f"{place}.{number}")
