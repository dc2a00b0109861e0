"""LP and MPS files of a program, written whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.milp.model import Program


def write_lp(program: Program, path: Path) -> None:
    """Write the program as an LP file; names are explained by ``program.names``.

    Parameters
    ----------
    program
        The program.
    path
        File to write; replaced only when the new one is complete.
    """
    _write_whole(path, program.problem.writeLP)


def write_mps(program: Program, path: Path) -> None:
    """Write the program as an MPS file; names are explained by ``program.names``.

    Parameters
    ----------
    program
        The program.
    path
        File to write; replaced only when the new one is complete.
    """
    _write_whole(path, program.problem.writeMPS)


def _write_whole(path: Path, write: Callable[[str], object]) -> None:
    # In the same folder, because a rename is atomic only within one file system.
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        written = Path(folder) / path.name
        write(str(written))
        written.replace(path)
