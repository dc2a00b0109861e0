"""Checks of hourly profiles that a problem states itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.yaml_io import Path_

_PROFILE_HOURS = (24, 168)


def profile_findings(profile: str | list[float], path: Path_) -> Iterator[tuple[Path_, str]]:
    """Yield what is wrong with a profile; names are checked against the catalogue elsewhere.

    Parameters
    ----------
    profile
        Name, or multipliers by hour.
    path
        Path of the profile in the problem.
    """
    if isinstance(profile, str):
        return
    if len(profile) not in _PROFILE_HOURS:
        yield path, f"has {len(profile)} multipliers; needs 24 (or 168) of them"
    elif sum(profile) <= 0:
        yield path, "is 0 in every hour; at least one must be above 0"
