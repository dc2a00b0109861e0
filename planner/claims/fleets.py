"""A published fleet beside the one that is planned for its traffic.

DeepSeek states how many nodes served DeepSeek-V3 and R1 on one day, and how many tokens went in
and out. The same tokens are planned on nodes with as many accelerators of the same generation.

Source: deepseek-ai/open-infra-index, ``202502OpenSourceWeek``, day 6 (2025-03-01), CC0-1.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.claims.records import Case, CrossCheck

if TYPE_CHECKING:
    from planner.claims.records import Plans

FLEET = Case("claims/published_fleet")
PUBLISHED_NODES = 226.75
"""Nodes of 8 H800 in use, mean of the day from 2025-02-27 12:00 (UTC+8)."""
_FACT = "DeepSeek-V3 and R1 on 2025-02-27: nodes of 8 H800, mean of the day"
_MORE = (
    "theirs spread the experts of a layer over 144 accelerators, compute prompts apart and "
    "overlap two batches; a planned replica has the 8 H200 of one node, each with 18 times the "
    "experts to read, and prompts hold its decodes up (the weights leave no room on 8 H800)"
)
_FEWER = "the model is too hopeful here, or the fleet was not busy all day"


def fleet_checks(plans: Plans) -> tuple[CrossCheck, ...]:
    """Return the published fleet beside the planned one, nothing without a plan."""
    plan = plans.get(FLEET)
    if plan is None or not plan.fleet:
        return ()
    nodes = float(sum(row.nodes for row in plan.fleet))
    difference = nodes / PUBLISHED_NODES - 1.0
    reason = _MORE if difference > 0 else _FEWER
    unit = "nodes of 8 accelerators"
    return (CrossCheck(_FACT, PUBLISHED_NODES, nodes, unit, difference, reason),)
