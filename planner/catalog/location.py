"""Where the shipped data are: inside the wheel, or beside the package in a source tree."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from planner.errors import PlannerError

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped_path(kind: Literal["catalogs", "problems"], package: Path = _PACKAGE) -> Path:
    """Return the folder of the shipped catalogues or sample problems.

    A wheel carries them in ``_data`` inside the package; an editable install reads the folders
    next to it, so that an edit is seen at once.

    Parameters
    ----------
    kind
        Which folder.
    package
        Folder of the package; the installed one unless a test says otherwise.

    Raises
    ------
    PlannerError
        When the folder is in neither place: the installation is incomplete.
    """
    candidates = (package / "_data" / kind, package.parent / kind)
    for folder in candidates:
        if folder.is_dir():
            return folder
    searched = " nor ".join(str(folder) for folder in candidates)
    message = f"the shipped {kind} are in neither {searched}; install the package again"
    raise PlannerError(message)
