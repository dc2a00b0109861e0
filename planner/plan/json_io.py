"""Plan files: JSON in canonical key order, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from planner.plan.document import Plan


def plan_json(plan: Plan) -> str:
    """Return the plan as JSON text; the same plan gives the same bytes.

    Raises
    ------
    ValueError
        When a number is not finite: missing is null, never NaN.
    """
    return json.dumps(asdict(plan), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_text_whole(path: Path, text: str) -> None:
    """Write a file by a temporary file and a rename, so that it is never half-written.

    Parameters
    ----------
    path
        File to write or replace; its folder must exist.
    text
        Content, written as UTF-8.

    Raises
    ------
    InputError
        When the folder does not exist or cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        message = f"cannot be written: {error.strerror or error}"
        raise InputError([Fault(str(path), None, None, "", message)]) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        if not isinstance(error, OSError):
            raise
        message = f"cannot be written: {error.strerror or error}"
        raise InputError([Fault(str(path), None, None, "", message)]) from error
