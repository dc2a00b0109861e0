"""Files that a command writes together: all of them or none, and never over something else.

What cannot be written is refused before time is spent on a solve. Every file goes to a temporary
name beside its place first, and only when all are there are they renamed. A file that is there
with another content is kept unless the user says ``--force``.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from planner.cli.context import printable
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def write_files(
    files: Mapping[Path, str], force: bool = False, folder: Path | None = None
) -> None:
    """Write all files, or none.

    Parameters
    ----------
    files
        Text by path.
    force
        Replace files that hold something else.
    folder
        Folder to make first when it is missing; those of `files` have to be there otherwise.

    Raises
    ------
    InputError
        When a file is there with another content, or something cannot be written.
    """
    staged: dict[Path, Path] = {}
    at: Path | None = None
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        _require_free(files, force)
        for path, text in files.items():
            at = path
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            staged[path] = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            staged[path].chmod(0o644)
        _rename_all(staged)
    except OSError as error:
        message = f"cannot be written: {error.strerror or error}; nothing was imported"
        # A temporary name says nothing to the user.
        raise InputError([_fault(error.filename2 or at or error.filename, message)]) from error
    finally:
        for temporary in staged.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def require_apart(outputs: Sequence[Path | None], taken: Mapping[Path | None, str]) -> None:
    """Refuse outputs that cannot be written, or would overwrite each other or an input.

    Parameters
    ----------
    outputs
        Files that will be written or replaced; ``None`` for those that were not asked for.
    taken
        What other files are, in words.

    Raises
    ------
    InputError
        With the first of them.
    """
    known = {path.resolve(): what for path, what in taken.items() if path is not None}
    for path in outputs:
        if path is None:
            continue
        _require_writable(path)
        what = known.setdefault(path.resolve(), "another output")
        if what != "another output" or outputs.count(path) > 1:
            raise InputError([_fault(path, f"would overwrite {what}; name another file", "")])


def _require_writable(path: Path) -> None:
    folder = path.resolve().parent
    if not folder.is_dir():
        message = f"folder {path.parent} does not exist"
    elif path.is_dir():
        message = "is a folder; name a file in it"
    elif path.is_symlink() or (path.exists() and not path.is_file()):
        message = "is a link, pipe or device; name an ordinary file"
    elif not os.access(folder, os.W_OK):
        message = f"folder {path.parent} cannot be written"
    else:
        return
    raise InputError([_fault(path, message, "")])


def _rename_all(staged: Mapping[Path, Path]) -> None:
    """Rename temporary files into place; put back what was there when one of them fails."""
    before = {path: path.read_bytes() if path.exists() else None for path in staged}
    done: list[Path] = []
    try:
        for path, temporary in staged.items():
            temporary.replace(path)
            done.append(path)
    except OSError:
        for path in done:
            old = before[path]
            if old is None:
                path.unlink()
            else:
                path.write_bytes(old)
        raise


def _require_free(files: Mapping[Path, str], force: bool) -> None:
    """Refuse to replace a file with another content, and anything that is no file."""
    faults = []
    for path, text in files.items():
        if path.exists() and not path.is_file():
            faults.append(_fault(path, "is not a file"))
        elif path.exists() and not force and path.read_bytes() != text.encode():
            message = "holds something else; name another place, or replace it with --force"
            faults.append(_fault(path, message))
    if faults:
        raise InputError(faults)


def _fault(path: object, message: str, option: str = "--output") -> Fault:
    return Fault(printable(path), None, None, option, message)
