"""The claims in their order. One that is not here has no test yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.claims import (
    batching,
    budget_share,
    dedicated,
    factors,
    formats,
    hybrid,
    lengths,
    model_size,
    off_peak,
    payback_map,
    price_history,
    serving,
    specialised,
    team_size,
)

if TYPE_CHECKING:
    from planner.claims.records import Claim

CLAIMS: tuple[Claim, ...] = (
    factors.C1,
    batching.C2,
    formats.C3,
    serving.C4,
    lengths.C5,
    price_history.C6,
    batching.C7,
    off_peak.C8,
    payback_map.C9,
    model_size.C10,
    specialised.C11,
    dedicated.C12,
    team_size.C13,
    budget_share.C14,
    hybrid.C15,
)
