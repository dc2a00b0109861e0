"""What the program is asked for and what it answers with.

`Limits` and `SolverSettings` are the questions a problem file turns into; `MilpResult` is the
answer: whole decisions, the proof that goes with them, and what the limits cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from planner.plan.records import GAP_TOLERANCE, relative_gap

if TYPE_CHECKING:
    from planner.options.average_floors import AverageFloor
    from planner.plan.records import Decisions, Proof

DEFAULT_GAP = 0.01
DEFAULT_TIME_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Quota:
    """Most accelerators of a hardware type, at one provider or region when stated.

    Parameters
    ----------
    hardware
        Accelerator key.
    max_accelerators
        Accelerators rented at the same time, idle ones included, >= 0.
    provider, region
        Where the quota applies; ``None`` for everywhere together.
    """

    hardware: str
    max_accelerators: int
    provider: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class BudgetLimit:
    """Most money of a kind in a period, nominal.

    Parameters
    ----------
    kind
        ``cash`` (everything), ``capex`` (servers and their network) or ``opex`` (the rest).
    period
        Position of the period; ``None`` for the whole horizon.
    usd
        The amount, >= 0; what is paid after the horizon and what comes back do not count.
    """

    kind: Literal["cash", "capex", "opex"]
    period: int | None
    usd: float


@dataclass(frozen=True, slots=True)
class ApiLimit:
    """Most that may be sent to a provider of tokens in a minute, at the planned rate.

    Parameters
    ----------
    provider, model, mode
        Offers that the limit counts together; `model` is ``None`` for all of the provider.
    measure
        ``requests``, ``tokens`` (input and output), ``input_tokens`` or ``output_tokens``; cached
        input counts as input.
    per_minute
        The limit, > 0.
    """

    provider: str
    model: str | None
    mode: str
    measure: Literal["requests", "tokens", "input_tokens", "output_tokens"]
    per_minute: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Policy and supply limits of the program.

    Parameters
    ----------
    scaling
        ``hourly``: nodes and replicas may differ by block; ``static``: equal all day.
    spare_replicas
        Largest replicas k of every pool that may be lost without losing planned rate, >= 0.
    spare_nodes
        Nodes k that may be lost, with all replicas on them, without losing planned rate, >= 0.
    max_models, max_hardware_types
        Most models (API models included) and accelerator types in the whole plan; ``None``
        for no limit.
    quotas
        Every one holds in every block.
    budgets
        Every one holds.
    power_kw
        Most IT power of owned nodes in every period; ``None`` for no limit.
    owned_nodes
        Most owned nodes at any time, those that are there included; ``None`` for no limit.
    carbon_kg_by_period
        Most carbon of the electricity of nodes in each period, kg; empty for no limit.
    changeover_h
        Time that a replica of a pool in which everything waits loses when it starts, and when
        it ends, hours.
    max_spot_share
        Most of the accelerators of batch replicas that may be on spot nodes, in every block.
    max_share_per_provider
        Most share of the accelerators that a provider may rent out, in every block, above 0 to 1.
    survive_loss_of, survive_share
        What may be lost whole, and the share of every planned rate that is then kept, 0 to 1.
    unserved_usd_per_request
        Workloads whose requests may stay unserved, with the price of each, > 0.
    api_limits
        Every one holds in every block.
    average_quality
        Floors on the average; every one holds in every block.
    """

    scaling: Literal["hourly", "static"] = "hourly"
    spare_replicas: int = 0
    spare_nodes: int = 0
    max_models: int | None = None
    max_hardware_types: int | None = None
    quotas: tuple[Quota, ...] = ()
    budgets: tuple[BudgetLimit, ...] = ()
    power_kw: float | None = None
    owned_nodes: int | None = None
    carbon_kg_by_period: tuple[float, ...] = ()
    changeover_h: float = 0.0
    max_spot_share: float = 1.0
    max_share_per_provider: float | None = None
    survive_loss_of: Literal["provider", "region"] | None = None
    survive_share: float = 1.0
    unserved_usd_per_request: tuple[tuple[str, float], ...] = ()
    api_limits: tuple[ApiLimit, ...] = ()
    average_quality: tuple[AverageFloor, ...] = ()

    @property
    def is_diverse(self) -> bool:
        """True when it matters whose nodes the plan holds, not only how many."""
        return self.max_share_per_provider is not None or self.survive_loss_of is not None

    @property
    def has_spares(self) -> bool:
        """True when some loss has to be survived."""
        return self.spare_replicas > 0 or self.spare_nodes > 0

    def replicas_lost(self, accelerators: int, largest_node: int) -> int:
        """Return the most replicas of one kind that are lost at once.

        Parameters
        ----------
        accelerators
            Accelerators of a replica.
        largest_node
            Accelerators of the largest node that may hold it, 0 when there is none.
        """
        return max(self.spare_replicas, self.spare_nodes * (largest_node // accelerators))


@dataclass(frozen=True, slots=True)
class SolverSettings:
    """How long, how close and with which solver.

    Parameters
    ----------
    gap
        Relative gap to stop at, 0 to 1; 0 means 1e-9.
    time_limit_s
        Wall time of the solve, > 0.
    seed
        Random seed of the solver, >= 0.
    threads
        Threads of the solver, >= 1. Results repeat exactly with 1.
    solver
        ``highs`` or ``cbc``.
    log
        True to write the solver's log to standard error.
    incumbent
        Decisions of an earlier plan to begin from; ``None`` for none.
    incumbent_terms
        True to begin with what the incumbent takes on for a term too, as far as the program
        allows it. Builds are then by the positions of the options that are solved.
    """

    gap: float = DEFAULT_GAP
    time_limit_s: float = DEFAULT_TIME_LIMIT_S
    seed: int = 0
    threads: int = 1
    solver: Literal["highs", "cbc"] = "highs"
    log: bool = False
    incumbent: Decisions | None = None
    incumbent_terms: bool = False


@dataclass(frozen=True, slots=True)
class ShadowPrice:
    """What one unit of a limit is worth in the **LP relaxation** of the program.

    Replicas and nodes may be fractional in the relaxation, so this is a guide to what is worth
    asking, not a promise: a what-if needs a new solve.

    Parameters
    ----------
    what
        Family of the limit: ``demand``, ``average_quality``, ``quota``, ``api_limit``,
        ``elasticity``, ``max_models`` or ``max_hardware_types``.
    where
        The workload, quota or offer, in the user's words.
    usd_per_unit
        Discounted cost that one unit more adds (demand) or saves (all others), >= 0.
    unit
        The unit: for demand ``requests/s at the peak``, every block growing in proportion; for
        the others the unit more is granted in every block of the horizon.
    """

    what: str
    where: str
    usd_per_unit: float
    unit: str


@dataclass(frozen=True, slots=True)
class MilpResult:
    """Answer of the program.

    Parameters
    ----------
    decisions
        Whole decisions that were checked row by row; ``None`` without a plan.
    proof
        Status, bound, solver and size.
    objective_usd
        Discounted cost of the decisions by the program's own unscaled objective.
    shadow_prices
        From the LP relaxation, largest first; only those above zero, and floors on averages that
        it meets exactly.
    """

    decisions: Decisions | None
    proof: Proof
    objective_usd: float | None
    shadow_prices: tuple[ShadowPrice, ...]

    def proven_by(self, bound_usd: float | None, gap: float) -> MilpResult:
        """Return the result with the higher of two bounds, and the status that follows from it.

        Parameters
        ----------
        bound_usd
            Proven lower limit of the cost; ``None`` for none.
        gap
            Relative gap within which it is optimal.
        """
        bounds = [b for b in (self.proof.bound_usd, bound_usd) if b is not None]
        bound, status = max(bounds, default=None), self.proof.status
        if self.objective_usd is not None:
            bound = None if bound is None else min(bound, self.objective_usd)
            is_within = bound is not None and (
                relative_gap(self.objective_usd, bound) <= gap + GAP_TOLERANCE
            )
            status = "optimal" if is_within else "feasible"
        return replace(self, proof=replace(self.proof, bound_usd=bound, status=status))
