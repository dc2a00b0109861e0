"""What tokens can do for a workload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.options.records import Rejection
    from planner.options.supply_records import ApiOption


@dataclass(frozen=True, slots=True)
class TokenSupply:
    """API options of one workload: usable, barred only by unproven latency, and rejected."""

    usable: tuple[ApiOption, ...]
    unproven: tuple[ApiOption, ...]
    rejections: tuple[Rejection, ...]

    def __add__(self, other: TokenSupply) -> TokenSupply:
        """Return both supplies together."""
        return TokenSupply(
            self.usable + other.usable,
            self.unproven + other.unproven,
            self.rejections + other.rejections,
        )
