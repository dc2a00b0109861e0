"""Sentences of a fault that name a second place of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.yaml_io import Path_


class Mention(str):
    """A sentence about two places: that of the fault, and another item of the same list.

    As text it counts the other item from 0. Whoever knows the file says its line instead.

    Parameters
    ----------
    before, after
        The sentence around the other place.
    other
        Path of the other item.
    """

    parts: tuple[str, Path_, str]

    def __new__(cls, before: str, other: Path_, after: str) -> Mention:
        """Return the sentence."""
        sentence = super().__new__(cls, f"{before}item {other[-1]}{after}")
        sentence.parts = (before, other, after)
        return sentence

    def placed(self, where: str) -> str:
        """Return the sentence with the place of the other item.

        Parameters
        ----------
        where
            File, line and column, or whatever else says it.
        """
        before, _, after = self.parts
        return f"{before}{where}{after}"
