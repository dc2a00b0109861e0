"""The plan: decisions of the program, the proof, and the tables a reader sees.

:class:`Decisions` is what a solver returns, in whole replicas and nodes. Everything else is
computed from it on unscaled data (:mod:`planner.plan.assemble`), so that no number of a plan
comes out of a solver's floating point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.options.builds import Build
    from planner.options.records import OptionSet

GAP_TOLERANCE = 1e-9
"""A plan is optimal when its gap is within what was asked for, to this tolerance."""
_SMALLEST_COST_USD = 1.0


@dataclass(frozen=True, slots=True)
class ReplicaDecision:
    """Whole replicas of an option in a pool, in one period and block."""

    pool: str
    option_id: str
    period: int
    block: int
    replicas: int
    min_replicas: int
    """Bracket of the capacity that was used: at least this many replicas share the queue."""


@dataclass(frozen=True, slots=True)
class FlowDecision:
    """Planned rate of a workload sent to an option (`supply_id` an option or API id)."""

    workload: str
    supply_id: str
    period: int
    block: int
    planned_rps: float


@dataclass(frozen=True, slots=True)
class UnservedDecision:
    """Planned rate of a workload that stays unserved at its price."""

    workload: str
    period: int
    block: int
    planned_rps: float


@dataclass(frozen=True, slots=True)
class PlacementDecision:
    """Replicas of an option in a pool that stand on nodes of some offers."""

    pool: str
    option_id: str
    offer_ids: tuple[str, ...]
    period: int
    block: int
    replicas: int


@dataclass(frozen=True, slots=True)
class NodeDecision:
    """Whole nodes of an offer, in one period and block."""

    offer_id: str
    period: int
    block: int
    nodes: int
    replaced: int = 0
    """Those of them that start in place of old ones, so that models load before the block."""


@dataclass(frozen=True, slots=True)
class BuildDecision:
    """Nodes of one build of an offer (`build` is its position), taken on for its whole term."""

    offer_id: str
    build: int
    nodes: int


@dataclass(frozen=True, slots=True)
class UnitDecision:
    """Provisioned units of one build (`build` is its position), taken on for its whole term."""

    units_id: str
    build: int
    units: int


@dataclass(frozen=True, slots=True)
class SpendDecision:
    """USD per hour promised in one build of a spend commitment, for its whole term."""

    commitment_id: str
    build: int
    usd_per_hour: float


@dataclass(frozen=True, slots=True)
class Decisions:
    """Everything the program decided; rows with zero are left out."""

    replicas: tuple[ReplicaDecision, ...]
    flows: tuple[FlowDecision, ...]
    api_flows: tuple[FlowDecision, ...]
    nodes: tuple[NodeDecision, ...]
    builds: tuple[BuildDecision, ...] = ()
    unserved: tuple[UnservedDecision, ...] = ()
    placements: tuple[PlacementDecision, ...] = ()
    units: tuple[UnitDecision, ...] = ()
    spend: tuple[SpendDecision, ...] = ()


def taken_beside_nodes(options: OptionSet, decisions: Decisions) -> Iterator[tuple[Build, float]]:
    """Yield the builds of units and spending that were taken on, with how much of each.

    Parameters
    ----------
    options
        The options.
    decisions
        Whole decisions.
    """
    units = {units.id: units.builds for units in options.provisioned}
    for row in decisions.units:
        yield units[row.units_id][row.build], row.units
    spending = {spend.id: spend.builds for spend in options.spend}
    for promised in decisions.spend:
        yield spending[promised.commitment_id][promised.build], promised.usd_per_hour


def model_periods(options: OptionSet, decisions: Decisions) -> dict[str, list[int]]:
    """Return the periods in which each model with a cost of its own is used, in order.

    Parameters
    ----------
    options
        The options.
    decisions
        Whole decisions.
    """
    of_option = {o.id: o.model for o in options.options}
    of_tokens = {(a.workload, a.id): a.model for a in options.api}
    used: dict[str, set[int]] = {cost.model: set() for cost in options.model_costs}
    for row in decisions.replicas:
        used.get(of_option[row.option_id], set()).add(row.period)
    for flow in decisions.api_flows:
        used.get(of_tokens[flow.workload, flow.supply_id], set()).add(flow.period)
    return {model: sorted(periods) for model, periods in used.items()}


@dataclass(frozen=True, slots=True)
class Proof:
    """How good the plan is known to be.

    Parameters
    ----------
    status
        ``optimal`` (within the gap asked for), ``feasible``, ``infeasible`` or ``no_solution``.
    bound_usd
        Proven lower limit of the discounted cost, constants included; ``None`` without one.
    solver, solver_version
        Name and version.
    seconds
        Wall time of the solve.
    variables, constraints
        Size of the program.
    """

    status: str
    bound_usd: float | None
    solver: str
    solver_version: str
    seconds: float
    variables: int
    constraints: int


def relative_gap(cost_usd: float, bound_usd: float) -> float:
    """Return ``max(0, cost - bound) / max(|cost|, 1 USD)``.

    Parameters
    ----------
    cost_usd
        Cost of a plan.
    bound_usd
        Proven lower limit.
    """
    return max(0.0, cost_usd - bound_usd) / max(abs(cost_usd), _SMALLEST_COST_USD)


def is_within_gap(cost_usd: float, bound_usd: float, gap: float) -> bool:
    """Return whether a plan is proven within a gap, as status ``optimal`` asks.

    Parameters
    ----------
    cost_usd, bound_usd
        As in :func:`relative_gap`.
    gap
        Relative gap asked for, >= 0.
    """
    return relative_gap(cost_usd, bound_usd) <= max(gap, GAP_TOLERANCE) + GAP_TOLERANCE
