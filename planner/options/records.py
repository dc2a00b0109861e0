"""What the options step hands to the program: ways to serve, what they can carry, what rejects.

An option is one replica: model x quantization x engine x hardware x parallelism. What a
replica can carry depends on the workload, on the other classes of the pool, and on how many
replicas share the queue, so capacities are separate records. Rented nodes are offers; API
tokens are a third kind of supply.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.options.energy_records import EnergyFacts
from planner.options.staff_records import HostingStaff

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.options.builds import Build
    from planner.options.energy_records import PowerDraw
    from planner.options.engine_setting import EngineSetting
    from planner.options.layout import UnitLayout
    from planner.options.supply_records import (
        ApiOption,
        ModelCost,
        ProvisionedUnits,
        SpendCommitment,
        VolumeDiscount,
    )

MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Option:
    """One replica: a complete copy of a model that serves alone.

    Parameters
    ----------
    id
        ``model/quantization/engine/hardware/tpN``, followed by ``/draft`` where one is, or with
        a layout of instances at the end: ``model/quantization/engine/hardware/2p-tp1+1d-tp2``.
    model, quantization, engine, hardware
        Catalogue keys (or names of a table of measured capacities).
    tensor_parallel, pipeline_parallel, data_parallel
        Accelerators the replica is split over, and its groups with attention of their own; their
        product is `accelerators`. Of a layout, those of one decode instance.
    weight_bytes, kv_capacity_tokens
        Memory of the weights over the whole replica, and tokens its KV cache holds (that of the
        decode instances of a layout); ``None`` for measured options.
    quality
        Lowest score by benchmark that a workload asks for, as ``(benchmark, score)``.
    draft
        What drafts tokens; empty without speculative decoding.
    layout
        Instances for prompts and for decodes, ``None`` when one instance does both.
    is_interruptible
        Whether it runs on spot nodes, and on no others; its id then ends in ``/spot``.
    """

    id: str
    model: str
    quantization: str
    engine: str
    hardware: str
    tensor_parallel: int
    pipeline_parallel: int = 1
    data_parallel: int = 1
    weight_bytes: float | None = None
    kv_capacity_tokens: float | None = None
    quality: tuple[tuple[str, float], ...] = ()
    draft: str = ""
    layout: UnitLayout | None = None
    is_interruptible: bool = False
    round_trip_ms: float = 0.0
    """Longest round trip to the users that its capacity leaves time for; its id then names it."""
    software_usd_per_hour: float = 0.0
    """Licences of one replica for an hour."""

    @property
    def accelerators(self) -> int:
        """Accelerators of one replica."""
        if self.layout is not None:
            return self.layout.accelerators
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel


@dataclass(frozen=True, slots=True)
class CapacityPoint:
    """Capacity of one replica when at least `min_replicas` share its queue.

    Parameters
    ----------
    min_replicas
        Replicas R that share the queue (the capacity holds for R and more).
    planned_rps
        Requests/s of one replica at the stated confidence.
    nominal_rps
        The same at the median of the coefficient.
    ttft_p99_s, tpot_mean_s
        Latencies at the planned capacity, at the stated confidence; ``None`` for measured
        options without them.
    limit
        What stops a higher rate, in words (``ttft p99 of chat``, ``memory``, ``utilization``).
    """

    min_replicas: int
    planned_rps: float
    nominal_rps: float
    ttft_p99_s: float | None
    tpot_mean_s: float | None
    limit: str

    def less(self, factor: float) -> CapacityPoint:
        """Return the point with rates that are so many times less, factor > 0."""
        rates = self.planned_rps / factor, self.nominal_rps / factor
        return replace(self, planned_rps=rates[0], nominal_rps=rates[1])


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one replica of an option carries of one workload, by replicas sharing the queue.

    `points` are in ascending ``min_replicas``, never empty, with ``planned_rps`` > 0 and
    non-decreasing. Where lengths grow they are those of the first period in which the option
    serves, and `by_period` has the points of every period, none where it does not serve; else
    `by_period` is empty. `quality` holds the score compared with each floor of the workload, as
    ``(benchmark, score)``. `setting` is how the engine has to run for it, ``None`` where
    the capacity was measured. `power` is ``None`` there too, and where the rated power of the
    accelerator is unknown. `job_h` is the time of the longest request of work that waits, and what
    may be lost on spot nodes, hours; `lead_h` is how long before the end of its window such a
    request has to begin with the problem's blocks (:func:`planner.demand.deferral.lead_h`).
    `ttft_share_unloaded` is the largest share of a limit on the time to
    the first token that passes without any load, ``None`` without such a limit. `power` is that
    of `points`; where lengths grow, `power_by_period` has that of every period, at the lengths
    it is planned with. `averaged` is what counts in each average floor of the workload, in their
    order: a score, or a share of the reference's. `barred` has the periods and blocks in which the
    option may not serve the workload, `headroom` those in which a replica carries less than the
    points say, with how many times less: above 1.
    """

    workload: str
    option_id: str
    points: tuple[CapacityPoint, ...]
    origin: str
    quality: tuple[tuple[str, float], ...] = ()
    setting: EngineSetting | None = None
    power: PowerDraw | None = None
    ttft_share_unloaded: float | None = None
    job_h: float = 0.0
    lead_h: float = 0.0
    by_period: tuple[tuple[CapacityPoint, ...], ...] = ()
    power_by_period: tuple[PowerDraw | None, ...] = ()
    averaged: tuple[float, ...] = ()
    barred: frozenset[tuple[int, int]] = frozenset()
    headroom: Mapping[tuple[int, int], float] = field(default_factory=dict)

    def serves_in(self, period: int, block: int) -> bool:
        """Return whether the option serves in a block, both counted from 0."""
        return (period, block) not in self.barred and bool(self.points_at(period))

    def points_at(self, period: int) -> tuple[CapacityPoint, ...]:
        """Return the points of a period, counted from 0; none where the option does not serve."""
        return self.by_period[period] if self.by_period else self.points

    def points_in(self, period: int, block: int) -> tuple[CapacityPoint, ...]:
        """Return the points of a block, counted from 0, with the headroom there."""
        factor = self.headroom.get((period, block), 1.0)
        points = self.points_at(period)
        return points if factor == 1 else tuple(point.less(factor) for point in points)

    def power_at(self, period: int) -> PowerDraw | None:
        """Return the power of a period, counted from 0."""
        return self.power_by_period[period] if self.power_by_period else self.power

    @property
    def distinct_points(self) -> tuple[tuple[CapacityPoint, ...], ...]:
        """Points that some period has, `points` alone where lengths do not grow."""
        return tuple(dict.fromkeys(self.by_period)) or (self.points,)


@dataclass(frozen=True, slots=True)
class NodeOffer:
    """A node that can be rented, with its price in every period.

    Parameters
    ----------
    offer_id, provider, region, instance, tenure, hardware
        Identity; `hardware` is the accelerator key.
    accelerators_per_node
        Accelerators G of the node.
    price_usd_per_hour
        Price of the node by period, length T; ``None`` in a period without a valid price.
    price_date
        Date of the newest price used.
    price_dates
        Date of the price of every period, ``None`` without one; empty when all prices carry
        `price_date`.
    startup_h
        Time paid in the block before a node serves, hours.
    min_billing_h
        Shortest time billed, hours.
    elastic_max_nodes
        Nodes beyond the all-day minimum that the offer can be expected to add.
    note
        What the catalogue says about the offer (no service level, host not included, ...).
    sources
        Source of the price of every period; empty when nobody states them.
    builds
        Nodes that are taken on for long: one build for every period they can start in; empty
        where nodes are rented by the hour. `price_usd_per_hour` is then that of the cheapest
        build that serves in a period.
    power_kw
        IT power of one node at full load where the plan pays for it or limits it; ``None`` for
        rented nodes.
    hours, blocks_of_day
        Hours of every day in which its nodes are there, empty for all; and the blocks of a day
        wholly inside, ``None`` for all.
    """

    offer_id: str
    provider: str
    region: str
    instance: str
    tenure: str
    hardware: str
    accelerators_per_node: int
    price_usd_per_hour: tuple[float | None, ...]
    price_date: str
    startup_h: float
    min_billing_h: float
    elastic_max_nodes: int
    note: str = ""
    price_dates: tuple[str | None, ...] = ()
    sources: tuple[str, ...] = ()
    builds: tuple[Build, ...] = ()
    power_kw: float | None = None
    hours: tuple[tuple[float, float], ...] = ()
    blocks_of_day: frozenset[int] | None = None

    def is_there(self, block: int, blocks_per_day: int) -> bool:
        """Return whether its nodes can be there in a block, counted through all types of day."""
        return self.blocks_of_day is None or block % blocks_per_day in self.blocks_of_day

    def present_blocks(self, blocks_per_day: int) -> int:
        """Return the blocks of a day in which its nodes can be there."""
        return blocks_per_day if self.blocks_of_day is None else len(self.blocks_of_day)

    round_trip_ms: float = 0.0
    """Time on the way to the users and back."""
    interruptions_per_h: float = 0.0
    """How often a spot node is taken away."""
    staff_usd_per_hour: float = 0.0
    """People that a node needs while it is there, USD per hour; no part of its price."""
    needs_people: bool = False
    """Whether nodes that are there need the fixed people of owned nodes, stated or not."""
    assumes_startup: bool = False
    """Whether `startup_h` is assumed, as the offer states none."""
    assumes_elastic: bool = False
    """Whether `elastic_max_nodes` is assumed, as the offer states none."""

    @property
    def is_committed(self) -> bool:
        """Whether its nodes are taken on for long, and are there in every block."""
        return bool(self.builds)

    @property
    def is_existing(self) -> bool:
        """Whether its nodes are there already, and paid whatever the plan decides."""
        return any(build.fixed_nodes is not None for build in self.builds)

    @property
    def nodes_there(self) -> int:
        """Nodes that are there already."""
        return max((build.fixed_nodes or 0 for build in self.builds), default=0)

    @property
    def may_be_sold(self) -> bool:
        """Whether its nodes are there already, and the plan may sell them."""
        return any(build.sold_month is not None for build in self.builds)

    def price_date_at(self, period: int) -> str:
        """Return the date of the price of a period, counted from 0."""
        return (self.price_dates[period] if self.price_dates else None) or self.price_date

    def source_at(self, period: int) -> str:
        """Return the source of the price of a period, counted from 0."""
        return self.sources[period] if self.sources else ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something cannot serve.

    Parameters
    ----------
    kind
        ``option``, ``offer`` or ``api``.
    subject
        Id of what is rejected; a group of options may be one row (``l40s-48gb``).
    workload
        Workload it was rejected for; empty when for all.
    reason
        Short code that reports count by (``memory``, ``quality``, ``ttft_ms``, ``no_price``).
    detail
        Sentence with the figures and the way out.
    count
        Options this row stands for.
    shortfall
        How far the option misses, as a ratio above 1 (limit / reached or reached / limit), when
        that is a number; used to name the nearest miss.
    latency_ratios
        Latency without load over limit for every limit of the workload, in its order; only for
        options that miss one. Both are those of users, round trips included.
    round_trip_ms
        Time to the nodes and back in those of `latency_ratios` that contain it, milliseconds.
    """

    kind: str
    subject: str
    workload: str
    reason: str
    detail: str
    count: int = 1
    shortfall: float | None = None
    latency_ratios: tuple[float, ...] = ()
    round_trip_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class OptionSet:
    """Everything the program may choose from, and everything it may not with the reason.

    Parameters
    ----------
    options
        Replica options with a capacity for at least one workload.
    capacities
        One record per (workload, option) that can be served, dominated options included.
    offers
        Nodes of hardware that at least one option needs.
    api
        API options usable by a workload.
    api_unproven
        API options barred only because they state no latency: shown as alternatives.
    rejections
        What cannot serve.
    pruned
        Why each dominated option is left out of the program.
    dominated
        Options that another option dominates: feasible, never better.
    """

    options: tuple[Option, ...]
    capacities: tuple[Capacity, ...]
    offers: tuple[NodeOffer, ...]
    api: tuple[ApiOption, ...]
    api_unproven: tuple[ApiOption, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    pruned: tuple[Rejection, ...] = ()
    warnings: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()
    """What the problem asks for in vain, in sentences; `warnings` has them too."""
    considered: int = 0
    dominated: tuple[Option, ...] = ()
    pool_of: tuple[tuple[str, str], ...] = field(default=())
    """Pool of every workload, as ``(workload, pool)`` in problem order."""
    barred: frozenset[tuple[str, str]] = frozenset()
    """Pools and the offers whose nodes must not hold their replicas, as ``(pool, offer_id)``."""
    provisioned: tuple[ProvisionedUnits, ...] = ()
    """Units that the tokens of some API options come out of."""
    spend: tuple[SpendCommitment, ...] = ()
    """Spending that may be promised to providers, for lower rates on demand."""
    volumes: tuple[VolumeDiscount, ...] = ()
    """Discounts that grow with what is rented from a provider."""
    model_costs: tuple[ModelCost, ...] = ()
    """What models cost beyond serving them."""
    energy: EnergyFacts = field(default_factory=EnergyFacts)
    """What nodes draw, and the carbon of the places where they stand."""
    switching_usd_per_move: float = 0.0
    """What it costs that a model begins to serve a workload."""
    served_before: frozenset[tuple[str, str, int]] = frozenset()
    """Workload, model and period of models that serve already when the period begins, though the
    decisions do not show it: to begin then is no switch. Workloads without any of period 0 have
    one model of their first period free."""
    staff: HostingStaff = field(default_factory=HostingStaff)
    """People that hosting needs whatever the number of nodes."""

    @property
    def prices_models(self) -> bool:
        """Whether it costs something which model serves, beyond serving."""
        return bool(self.model_costs) or self.switching_usd_per_move > 0
