"""What came out of one run: status and reason, cost and proof, unit costs, fleet."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.plan.document import Plan

FAILED = "failed"
"""Status of a run that ended by an error of the planner or of its machine, not by an answer."""


@dataclass(frozen=True, slots=True)
class WorkloadCost:
    """Average cost of a workload, as in :class:`planner.plan.document.UnitCost`."""

    workload: str
    usd_per_million_tokens: float | None
    usd_per_million_output_tokens: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of one run.

    Parameters
    ----------
    status
        That of the plan, or ``failed``.
    status_reason
        Why there is no plan, or none within the gap; empty for an optimal plan.
    cost_usd, bound_usd, gap, tco_usd
        As in the plan; ``None`` where there is none.
    usd_per_month
        Undiscounted.
    peak_accelerators
        Most accelerators of nodes in one block.
    fleet
        Nodes of every offer, least and most over all blocks.
    serving
        Options and tokens that serve, the one with most replicas first.
    unit_costs
        A row for each workload.
    solve_seconds
        Of the main program.
    processor_seconds
        From the catalogue to the plan file, of all threads; ``None`` where it was not measured.
    """

    status: str
    status_reason: str
    cost_usd: float | None = None
    bound_usd: float | None = None
    gap: float | None = None
    tco_usd: float | None = None
    usd_per_month: float | None = None
    peak_accelerators: int | None = None
    fleet: str = ""
    serving: str = ""
    unit_costs: tuple[WorkloadCost, ...] = ()
    solve_seconds: float | None = None
    processor_seconds: float | None = None

    @property
    def as_data(self) -> dict[str, Any]:
        """Values that JSON has."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Outcome:
        """Return the outcome that `as_data` was made of."""
        costs = tuple(WorkloadCost(**row) for row in data["unit_costs"])
        return cls(**{**data, "unit_costs": costs})


def outcome_of(plan: Plan) -> Outcome:
    """Return what came out of a run that has ended with this plan, or without one."""
    seconds = plan.solver["seconds"]
    if plan.cost_usd is None:
        # Some lines end in a colon and have their list in the lines below.
        reason = "; ".join(plan.diagnosis).replace(":; ", ": ")
        reason = reason or "stopped without a plan; give more time"
        return Outcome(plan.status, reason, bound_usd=plan.bound_usd, solve_seconds=seconds)
    is_within = plan.status == "optimal"
    horizon = plan.problem["horizon"]
    months = horizon["periods"] * horizon["months_per_period"]
    return Outcome(
        status=plan.status,
        status_reason="" if is_within else "stopped outside the gap; give more time",
        cost_usd=plan.cost_usd,
        bound_usd=plan.bound_usd,
        gap=plan.gap,
        tco_usd=plan.tco_usd,
        usd_per_month=None if plan.tco_usd is None else plan.tco_usd / months,
        peak_accelerators=_peak_accelerators(plan),
        fleet=_fleet(plan),
        serving=_serving(plan),
        unit_costs=tuple(
            WorkloadCost(
                row.workload, row.usd_per_million_tokens, row.usd_per_million_output_tokens
            )
            for row in plan.unit_costs
        ),
        solve_seconds=seconds,
    )


def _peak_accelerators(plan: Plan) -> int:
    by_block: dict[tuple[int, int], int] = defaultdict(int)
    for row in plan.fleet:
        by_block[row.period, row.block] += row.accelerators
    return max(by_block.values(), default=0)


def _fleet(plan: Plan) -> str:
    """Return nodes by offer, as in ``3-10 x runpod secure-mi300x-192gb (on_demand)``."""
    horizon = plan.problem["horizon"]
    blocks = horizon["periods"] * len(plan.time_blocks)
    nodes: dict[str, list[int]] = defaultdict(list)
    for row in plan.fleet:
        if row.nodes:
            name = f"{row.provider} {row.instance} ({row.tenure})"
            nodes[name].append(row.nodes)
    shown = []
    for name, counts in sorted(nodes.items()):
        least = min(counts) if len(counts) == blocks else 0
        span = f"{least}-{max(counts)}" if least != max(counts) else f"{least}"
        shown.append(f"{span} x {name}")
    return ", ".join(shown)


def _serving(plan: Plan) -> str:
    replicas: dict[str, int] = defaultdict(int)
    for row in {(a.pool, a.option_id, a.period, a.block): a for a in plan.allocations}.values():
        replicas[row.option_id] += row.replicas
    options = sorted(replicas, key=lambda name: (-replicas[name], name))
    tokens = sorted({f"{row.model} tokens of {row.provider}" for row in plan.api})
    return ", ".join([*options, *tokens])
