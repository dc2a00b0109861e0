"""Facts of one run that stand in several places of its result file, or in several forms."""

from __future__ import annotations

import datetime
from typing import Any

from planner.catalog.importers.files import number


def part(run: object, name: str) -> dict[str, Any]:
    """Return the object `name` of a run, empty when there is none."""
    stated = run.get(name) if isinstance(run, dict) else None
    return stated if isinstance(stated, dict) else {}


def subtasks(run: dict[str, Any], group: str) -> list[str]:
    """Return the parts of a group of tasks, none when it is no group."""
    parts = part(run, "group_subtasks").get(group)
    return [name for name in parts if isinstance(name, str)] if isinstance(parts, list) else []


def model_name(run: dict[str, Any]) -> str:
    """Return the name of the model, empty when the run states none."""
    arguments = part(run, "config").get("model_args")
    if isinstance(arguments, str):
        arguments = dict(a.partition("=")[::2] for a in arguments.split(","))
    stated = arguments if isinstance(arguments, dict) else {}
    names = (run.get("model_name"), stated.get("pretrained"), stated.get("model"))
    return next((name.strip() for name in names if isinstance(name, str) and name.strip()), "")


def questions(
    run: dict[str, Any], task: str, metrics: dict[str, Any]
) -> tuple[int | None, int | None]:
    """Return the number asked, and the number there are when only a part was."""
    samples = [part(part(run, "n-samples"), name) for name in _leaves(run, task)]
    counts = [number(sample.get("effective")) or 0 for sample in samples]
    asked = number(sum(counts)) if all(counts) else None
    if asked is None:
        stated = number(metrics.get("sample_len")) or 0
        return (int(stated) if stated >= 1 else None), None
    of = number(sum(number(sample.get("original")) or 0 for sample in samples)) or 0
    return int(asked), int(of) if of > asked else None


def _leaves(run: dict[str, Any], task: str) -> list[str]:
    """Return the tasks that a group consists of, each once; a task consists of itself."""
    found: list[str] = []
    waiting, seen = [task], {task}
    while waiting:
        name = waiting.pop()
        parts = subtasks(run, name)
        if not parts or name in parts:
            found.append(name)
        new = [other for other in dict.fromkeys(parts) if other not in seen]
        waiting += new
        seen.update(new)
    return found or [task]


def day(seconds: object) -> str | None:
    """Return the UTC day of a time in seconds, ``None`` when it is no time."""
    known = number(seconds)
    try:
        moment = datetime.datetime.fromtimestamp(known, tz=datetime.UTC) if known else None
    except (OverflowError, OSError, ValueError):
        return None
    return moment.date().isoformat() if moment else None
