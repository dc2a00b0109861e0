"""The claims in their order. One that is not here has no test yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.claims import batching, model_size, off_peak, team_size

if TYPE_CHECKING:
    from planner.claims.records import Claim

CLAIMS: tuple[Claim, ...] = (
    batching.C2,
    batching.C7,
    off_peak.C8,
    model_size.C10,
    team_size.C13,
)
