"""The plan as its readers see it: tables with units in every name, and the proof.

Fields are in the order of the JSON file. ``rate_rps`` is the mean rate; ``utilization`` is mean
rate over capacity times replicas, spares included; ``capacity_rps`` is of one replica at the
stated confidence, ``capacity_nominal_rps`` at the median.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Readers of plan files look up the types of all fields, so none is imported for checkers alone.
from planner.plan.finance_rows import (
    CashFlow,
    CommitmentFigures,
    CommitmentLoss,
    OrderDate,
    Payback,
    PeriodMoney,
    ProvisionedRow,
    SpendRow,
    VolumeRow,
    WorkloadCost,
)
from planner.plan.limit_rows import AverageQuality, EnergyRow, Move, PowerPrice

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class TimeBlock:
    """A block of a type of day: its hours on the clock, and what it sums to over a period."""

    block: int
    day_type: str
    start_h: float
    end_h: float
    hours_per_period: float


@dataclass(frozen=True, slots=True)
class Allocation:
    """One workload on one option in one period and block; replicas belong to the pool."""

    period: int
    block: int
    pool: str
    workload: str
    rate_rps: float
    planned_rate_rps: float
    option_id: str
    model: str
    quantization: str
    engine: str
    hardware: str
    tensor_parallel: int
    pipeline_parallel: int
    replicas: int
    accelerators: int
    capacity_rps: float
    capacity_nominal_rps: float
    utilization: float
    ttft_p99_ms: float | None
    tpot_mean_ms: float | None
    quality: dict[str, float]
    coefficient_origin: str
    chunk_tokens: int | None = None
    """Token budget of one engine step that the capacity rests on."""
    draft: str = ""
    """What drafts tokens; empty without speculative decoding."""
    draft_tokens: int = 0
    tokens_per_step: float = 1.0
    """Mean tokens that a step makes of a request."""
    prefix_tokens: float = 0.0
    """Tokens of the cache of one replica set aside for prefixes."""
    prefix_hit_rate: float = 0.0
    """Share of the workload's prompt tokens that the capacity counts on finding there."""
    prefill_instances: int | None = None
    """Instances of a replica that compute prompts apart; ``None`` when all do everything."""
    prefill_tensor_parallel: int | None = None
    decode_instances: int | None = None
    """Its instances that only decode, each over `tensor_parallel` accelerators."""
    is_deferred: bool = False
    """Whether these are requests that wait; no limit on latency applies to them."""
    is_interruptible: bool = False
    """Whether the replicas run on spot nodes; the capacity is what interruptions leave."""
    replica_power_w: float | None = None
    """Power of one replica with its share of the node, requests apart; ``None`` when unknown."""
    request_energy_j: float | None = None
    """Energy of one request of the mean in addition."""
    answer: str = ""
    """``first`` or ``then`` for answers of a chain, which second ones do not add requests to."""
    round_trip_ms: float = 0.0
    """Longest round trip to the users, part of `ttft_p99_ms`."""
    data_parallel: int = 1
    """Groups of a replica that have attention of their own and share the experts."""


@dataclass(frozen=True, slots=True)
class FleetRow:
    """Nodes of one offer in one period and block.

    ``usd = price_usd_per_hour x ((nodes - covered_nodes) x hours + startup_node_hours)``: nodes
    that serve from the next block on (`starting_nodes`) are paid while they start, and what spend
    commitments cover is paid with them (:class:`planner.plan.finance_rows.SpendRow`). Of nodes
    that are taken on for a term this is the amortised view: the price is the average cost of an
    hour, and what is paid, and when, is in :class:`Commitment` and in the cost lines.
    """

    period: int
    block: int
    offer_id: str
    provider: str
    region: str
    instance: str
    tenure: str
    hardware: str
    nodes: int
    accelerators_per_node: int
    accelerators: int
    price_usd_per_hour: float
    price_date: str
    hours: float
    startup_node_hours: float
    usd: float
    note: str
    price_source: str = ""
    covered_nodes: float = 0.0
    """Nodes, on average over the block, that spend commitments pay for."""
    starting_nodes: int = 0
    """Nodes that start to serve from the next block on; more than the fleet grows by take the
    place of others, whose models differ."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """Nodes that are taken on together, for a term or for their life, used or not.

    Months are ``YYYY-MM``: of the order (the money of an order before the horizon falls at its
    start), of the first and of the first month without them. `usd` is everything that is paid for
    them, nominal, less the value of owned nodes at the end of the horizon; `usd_after_horizon` is
    the part of it that is due after the horizon; `usd_per_month` what all its nodes cost each
    month beside what is paid at once. `nodes_kept` of the nodes were decided by an earlier plan.
    Terms count in `volume_discount`; `tier_from_nodes` and `discount` are of the tier they reach.
    """

    offer_id: str
    provider: str
    region: str
    instance: str
    tenure: str
    hardware: str
    nodes: int
    accelerators_per_node: int
    accelerators: int
    is_existing: bool
    order_month: str
    start_month: str
    end_month: str
    start_period: int
    usd_per_node_hour: float
    usd: float
    discounted_usd: float
    usd_after_horizon: float
    usd_per_month: float
    nodes_kept: int
    price_date: str
    price_source: str
    hours: tuple[tuple[float, float], ...] = ()
    """Hours of the day in which its nodes are there, and paid; empty for all."""
    sold_month: str | None = None
    """First month without nodes that were there and are sold; what they bring is in `usd`."""
    volume_discount: str | None = None
    tier_from_nodes: int | None = None
    discount: float = 0.0


@dataclass(frozen=True, slots=True)
class ApiRow:
    """Tokens for one workload in one period and block; latencies are not promised.

    Tokens of mode ``provisioned`` come out of units, which are paid by themselves
    (:class:`planner.plan.finance_rows.ProvisionedRow`): `usd` is then 0.
    """

    period: int
    block: int
    workload: str
    provider: str
    model: str
    mode: str
    rate_rps: float
    planned_rate_rps: float
    input_mtok: float
    output_mtok: float
    usd: float
    price_date: str
    ttft_p99_ms: float | None
    tpot_mean_ms: float | None
    price_source: str = ""
    """Where the price comes from, as the catalogue states it."""
    is_deferred: bool = False
    """Whether these are requests that wait."""
    offer_id: str = ""
    """Offer or units that the tokens are from."""
    answer: str = ""
    """``first`` or ``then`` for answers of a chain."""


@dataclass(frozen=True, slots=True)
class DeferredWork:
    """Requests of a workload that wait, on a type of day of one period.

    `own_share`, `joined_share` and `token_share` say where they are served: in replicas of their
    own, on replicas that serve a pool anyway, by tokens. `longest_wait_h` is the time from arrival
    to the moment at which the fluid of requests is served, in order of arrival. Where that order
    would leave too little time on the slowest option in use, it takes the oldest requests that it
    can still finish, and others may wait longer, within their window.
    """

    period: int
    day_type: str
    workload: str
    requests_per_day: float
    window_h: float
    longest_wait_h: float
    own_share: float
    joined_share: float
    token_share: float


@dataclass(frozen=True, slots=True)
class Placement:
    """Replicas of an option of a pool on the nodes of one provider, or of one of its regions.

    Only in plans that survive the loss of a provider or region; no `region` where providers fail.
    """

    period: int
    block: int
    pool: str
    option_id: str
    provider: str
    region: str
    replicas: int


@dataclass(frozen=True, slots=True)
class UnservedRow:
    """Requests of one workload that stay unserved in one period and block, and their price.

    ``usd = rate_rps x seconds of the block x penalty_usd_per_request``.
    """

    period: int
    block: int
    workload: str
    rate_rps: float
    planned_rate_rps: float
    penalty_usd_per_request: float
    usd: float


@dataclass(frozen=True, slots=True)
class CostLine:
    """Cost of one category in one period, split by workload and hardware."""

    period: int
    category: str
    workload: str
    hardware: str
    tenure: str
    usd: float
    discounted_usd: float


@dataclass(frozen=True, slots=True)
class UnitCost:
    """Average cost of what is served of a workload, idle and spare capacity included.

    The price of unserved requests is not part of it, nor is what nodes that were there bring when
    they are sold, and what is left of them at the end (`existing_worth_usd`); the cost of a
    request is null where none is served. Unit cost times what is served, that worth and the price
    of unserved requests add up to the cost lines of the workload.
    """

    workload: str
    usd_per_million_output_tokens: float | None
    usd_per_million_tokens: float | None
    usd_per_request: float | None
    utilization: float | None
    existing_worth_usd: float = 0.0
    """What comes back for nodes that were there before the plan, in the cost lines of the
    workload; negative."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The same program with one restriction: what it costs, or why it cannot be compared."""

    name: str
    cost_usd: float | None
    bound_usd: float | None
    why_not: str | None
    note: str = ""
    """What the comparison leaves out, such as the residency of the work."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """The best plan with one hardware type only, or one API offer for all requests."""

    name: str
    kind: str
    cost_usd: float | None
    ratio_to_plan: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit met with equality, and what one unit more of it is worth in the LP relaxation."""

    what: str
    where: str
    shadow_price_usd_per_unit: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All allocations, their cost, and the proof."""

    schema_version: int
    problem: dict[str, Any]
    catalog: dict[str, Any]
    versions: dict[str, str]
    seed: int
    options: dict[str, Any]
    status: str
    cost_usd: float | None
    bound_usd: float | None
    gap: float | None
    tco_usd: float | None
    solver: dict[str, Any]
    time_blocks: tuple[TimeBlock, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    fleet: tuple[FleetRow, ...] = ()
    placements: tuple[Placement, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    provisioned: tuple[ProvisionedRow, ...] = ()
    spend_commitments: tuple[SpendRow, ...] = ()
    volume_discounts: tuple[VolumeRow, ...] = ()
    commitment_figures: tuple[CommitmentFigures, ...] = ()
    commitment_losses: tuple[CommitmentLoss, ...] = ()
    order_calendar: tuple[OrderDate, ...] = ()
    api: tuple[ApiRow, ...] = ()
    unserved: tuple[UnservedRow, ...] = ()
    deferred: tuple[DeferredWork, ...] = ()
    average_quality: tuple[AverageQuality, ...] = ()
    moves: tuple[Move, ...] = ()
    energy: tuple[EnergyRow, ...] = ()
    power_prices: tuple[PowerPrice, ...] = ()
    cost_lines: tuple[CostLine, ...] = ()
    money_by_period: tuple[PeriodMoney, ...] = ()
    cash_flows: tuple[CashFlow, ...] = ()
    unit_costs: tuple[UnitCost, ...] = ()
    workload_costs: tuple[WorkloadCost, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    paybacks: tuple[Payback, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    binding: tuple[Binding, ...] = ()
    option_counts: dict[str, Any] = field(default_factory=dict)
    diagnosis: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
