"""A difference of two plans between what is proven of it, on a terminal.

A figure that rests on a plan far from its own bound says nothing, and then it is not shown: what
stands there are the limits that it lies between.
"""

from __future__ import annotations

from dataclasses import dataclass

from planner.report.tables import money

_CLOSE = 0.1
"""Share of a figure that its limits may be apart for it to stand alone."""
_TELLING = 0.5
"""Share of a figure that its limits may be apart for it to be shown at all."""
_SAME_USD = 0.01
"""Amounts that are shown alike."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What two plans differ by, and what their best ones may differ by.

    Parameters
    ----------
    usd
        The difference of the plans that were found; ``None`` where one was not.
    low_usd, high_usd
        Limits of the difference of optimal plans; ``None`` where nothing is proven.
    is_proven
        Whether both plans are within the gap that was asked for.
    """

    usd: float | None
    low_usd: float | None
    high_usd: float | None
    is_proven: bool

    @property
    def is_exact(self) -> bool:
        """Whether the figure can stand alone: its limits hardly differ from it."""
        width = self._width
        if self.usd is None or width is None:
            return False
        close = _CLOSE * abs(self.usd) if self.is_proven else 0.0
        return self._is_inside and width <= max(close, _SAME_USD)

    @property
    def is_between(self) -> bool:
        """Whether limits stand beside the figure, or in place of it."""
        return str(self) not in {money(self.usd), "-"}

    def __str__(self) -> str:
        """Return the figure, with its limits or without, or the limits alone."""
        low, high, width = self.low_usd, self.high_usd, self._width
        if self.is_exact:
            return money(self.usd)
        if width is not None:
            limits = f"{money(low)} to {money(high)}"
            is_telling = width <= _TELLING * abs(self.usd or 0.0) and self._is_inside
            return f"{money(self.usd)} ({limits})" if is_telling else limits
        if low is not None and (self.usd is not None or low > 0):
            return f"at least {money(low)}"
        if high is not None and (self.usd is not None or high < 0):
            return f"at most {money(high)}"
        return "-"

    @property
    def _width(self) -> float | None:
        if self.low_usd is None or self.high_usd is None:
            return None
        return max(self.high_usd - self.low_usd, 0.0)

    @property
    def _is_inside(self) -> bool:
        if self.usd is None or self.low_usd is None or self.high_usd is None:
            return False
        return self.low_usd - _SAME_USD <= self.usd <= self.high_usd + _SAME_USD
