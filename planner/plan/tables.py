"""Allocation, fleet and API tables from whole replicas and nodes, on unscaled data."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.options.energy import replica_draw
from planner.plan.document import Allocation, ApiRow, FleetRow, TimeBlock
from planner.plan.spend import covered_nodes
from planner.problem.deferral import is_deferred, owner
from planner.problem.escalation import answer_of
from planner.units import MS_PER_S, SECONDS_PER_HOUR, TOKENS_PER_MTOK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.demand.records import Demand, TimeGrid
    from planner.options.records import (
        Capacity,
        CapacityPoint,
        NodeOffer,
        Option,
        OptionSet,
    )
    from planner.options.supply_records import ApiOption
    from planner.plan.records import Decisions, FlowDecision, ReplicaDecision, UnservedDecision


def time_blocks(grid: TimeGrid) -> tuple[TimeBlock, ...]:
    """Return a row for every block: its type of day, its hours, and its time in a period."""
    rows = []
    for block in range(grid.blocks):
        start_h = block % grid.blocks_per_day * grid.block_h
        rows.append(
            TimeBlock(
                block=block,
                day_type=grid.day_type_at(block).name,
                start_h=start_h,
                end_h=start_h + grid.block_h,
                hours_per_period=grid.hours_in_period(block),
            )
        )
    return tuple(rows)


def allocation_rows(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> tuple[Allocation, ...]:
    """Return a row for every workload that an option serves, and for spare-only options.

    The mean rate of a flow is its planned rate times mean over planned of the workload.
    """
    option_of = {o.id: o for o in options.options}
    capacity_of = {(c.workload, c.option_id): c for c in options.capacities}
    pool_of = dict(options.pool_of)
    flows = {(f.workload, f.supply_id, f.period, f.block): f.planned_rps for f in decisions.flows}
    rows = []
    for decision in decisions.replicas:
        option = option_of[decision.option_id]
        members = [w for w, pool in pool_of.items() if pool == decision.pool]
        usable = [
            w
            for w in members
            if (known := capacity_of.get((w, option.id))) is not None
            and known.serves_in(decision.period, decision.block)
        ]
        where = (option.id, decision.period, decision.block)
        # Replicas without traffic are spares: show them once for every workload they cover.
        served = [w for w in usable if flows.get((w, *where), 0.0) > 0] or usable
        for workload in served:
            planned = flows.get((workload, *where), 0.0)
            mean = planned * mean_share(demand, workload, decision.period, decision.block)
            capacity = capacity_of[workload, option.id]
            row = allocation_row(
                decision, workload, option, capacity, mean_rps=mean, planned_rps=planned
            )
            draw = replica_draw(options, decision.pool, option, decision.period)
            if draw is not None:
                joules = draw.marginal_j[workload]
                row = replace(row, replica_power_w=draw.base_w, request_energy_j=joules)
            rows.append(row)
    return tuple(rows)


def allocation_row(
    decision: ReplicaDecision,
    workload: str,
    option: Option,
    capacity: Capacity,
    *,
    mean_rps: float,
    planned_rps: float,
) -> Allocation:
    """Return the row of a workload on replicas of an option.

    Parameters
    ----------
    decision
        The replicas.
    workload
        The workload, or the stream of one.
    option, capacity
        The option, and what one replica carries of the workload.
    mean_rps, planned_rps
        Mean and planned rate that is sent there, requests/s.

    Raises
    ------
    ValueError
        When so few replicas meet no limit.
    """
    place, layout = (decision.period, decision.block), option.layout
    point = point_at(capacity, decision.replicas, place)
    drafting = None if capacity.setting is None else capacity.setting.speculation
    return Allocation(
        period=decision.period,
        block=decision.block,
        pool=decision.pool,
        workload=owner(workload),
        rate_rps=mean_rps,
        planned_rate_rps=planned_rps,
        option_id=option.id,
        model=option.model,
        quantization=option.quantization,
        engine=option.engine,
        hardware=option.hardware,
        tensor_parallel=option.tensor_parallel,
        pipeline_parallel=option.pipeline_parallel,
        replicas=decision.replicas,
        accelerators=decision.replicas * option.accelerators,
        capacity_rps=point.planned_rps,
        capacity_nominal_rps=point.nominal_rps,
        utilization=mean_rps / (point.planned_rps * decision.replicas),
        ttft_p99_ms=_ms(point.ttft_p99_s),
        tpot_mean_ms=_ms(point.tpot_mean_s),
        quality=dict(capacity.quality),
        coefficient_origin=capacity.origin,
        chunk_tokens=None if capacity.setting is None else capacity.setting.chunk_tokens,
        draft=option.draft,
        draft_tokens=0 if drafting is None else drafting.draft_tokens,
        tokens_per_step=1.0 if drafting is None else drafting.tokens_per_step,
        prefix_tokens=0.0 if capacity.setting is None else capacity.setting.prefix_tokens,
        prefix_hit_rate=0.0 if capacity.setting is None else capacity.setting.prefix_hit_rate,
        prefill_instances=None if layout is None else layout.prefill_instances,
        prefill_tensor_parallel=None if layout is None else layout.prefill_tensor_parallel,
        decode_instances=None if layout is None else layout.decode_instances,
        is_deferred=is_deferred(workload),
        answer=answer_of(workload),
        is_interruptible=option.is_interruptible,
        round_trip_ms=option.round_trip_ms,
        data_parallel=option.data_parallel,
    )


def fleet_rows(demand: Demand, options: OptionSet, decisions: Decisions) -> tuple[FleetRow, ...]:
    """Return a row for every offer with nodes in a block, start-up time included.

    Raises
    ------
    KeyError
        When a decision names an unknown offer.
    """
    grid = demand.grid
    offers = {o.offer_id: o for o in options.offers}
    nodes: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * grid.blocks)
    replaced: dict[tuple[str, int, int], int] = {}
    for decision in decisions.nodes:
        nodes[decision.offer_id, decision.period][decision.block] = decision.nodes
        replaced[decision.offer_id, decision.period, decision.block] = decision.replaced
    built = _builds_by_offer(decisions)
    covered = covered_nodes(options, decisions)
    rows = []
    for (offer_id, period), counts in sorted(nodes.items(), key=lambda item: item[0][::-1]):
        offer = offers[offer_id]
        if offer.is_committed:
            offer = _amortised(offer, built[offer_id], period)
        for block, count in enumerate(counts):
            # Nodes that are taken on are up whenever they are there.
            after = grid.after(block)
            more = max(counts[after] - count, 0) + replaced.get((offer_id, period, after), 0)
            started = 0 if offer.is_committed else more
            if count or started:
                row = _fleet_row(offer, demand, period, block, nodes=count, started=started)
                rows.append(_less_covered(row, covered.get((offer_id, period, block), 0.0)))
    return tuple(sorted(rows, key=lambda r: (r.period, r.block, r.offer_id)))


def _builds_by_offer(decisions: Decisions) -> dict[str, dict[int, int]]:
    built: dict[str, dict[int, int]] = defaultdict(dict)
    for row in decisions.builds:
        built[row.offer_id][row.build] = row.nodes
    return built


def _amortised(offer: NodeOffer, built: Mapping[int, int], period: int) -> NodeOffer:
    """Return an offer with the mean price of the builds that serve in a period."""
    serving = [(offer.builds[k], n) for k, n in built.items() if offer.builds[k].serves(period)]
    usd = sum(n * build.usd_per_node_hour for build, n in serving)
    periods = len(offer.price_usd_per_hour)
    return replace(
        offer,
        price_usd_per_hour=(usd / sum(n for _, n in serving),) * periods,
        price_date=min(build.price_date for build, _ in serving),
        price_dates=(),
        sources=("; ".join(dict.fromkeys(build.source for build, _ in serving)),) * periods,
    )


def _fleet_row(
    offer: NodeOffer, demand: Demand, period: int, block: int, *, nodes: int, started: int
) -> FleetRow:
    grid = demand.grid
    price = offer.price_usd_per_hour[period]
    if price is None:
        text = f"{offer.offer_id} has no price in period {period}"
        raise KeyError(text)
    hours = grid.hours_in_period(block)
    startup = started * offer.startup_h * grid.days_in_period(block)
    return FleetRow(
        period=period,
        block=block,
        offer_id=offer.offer_id,
        provider=offer.provider,
        region=offer.region,
        instance=offer.instance,
        tenure=offer.tenure,
        hardware=offer.hardware,
        nodes=nodes,
        accelerators_per_node=offer.accelerators_per_node,
        accelerators=nodes * offer.accelerators_per_node,
        price_usd_per_hour=price,
        price_date=offer.price_date_at(period),
        hours=hours,
        startup_node_hours=startup,
        usd=price * (nodes * hours + startup),
        note=offer.note,
        price_source=offer.source_at(period),
        starting_nodes=started,
    )


def _less_covered(row: FleetRow, nodes: float) -> FleetRow:
    """Return a row without the on-demand price of nodes that spend commitments cover."""
    usd = row.usd - row.price_usd_per_hour * nodes * row.hours
    return replace(row, covered_nodes=nodes, usd=usd) if nodes else row


def api_rows(demand: Demand, options: OptionSet, decisions: Decisions) -> tuple[ApiRow, ...]:
    """Return a row for every workload served by tokens in a block; cost follows the mean rate."""
    offers = {(a.workload, a.id): a for a in options.api}
    rows = []
    for flow in decisions.api_flows:
        offer = offers[flow.workload, flow.supply_id]
        mean = mean_rps_of(demand, flow)
        requests = mean * demand.grid.hours_in_period(flow.block) * SECONDS_PER_HOUR
        rows.append(_api_row(offer, flow, mean, requests))
    return tuple(rows)


def _api_row(offer: ApiOption, flow: FlowDecision, mean_rps: float, requests: float) -> ApiRow:
    tokens = offer.usage_tokens_at(flow.period)
    return ApiRow(
        period=flow.period,
        block=flow.block,
        workload=owner(offer.workload),
        provider=offer.provider,
        model=offer.model,
        mode=offer.mode,
        rate_rps=mean_rps,
        planned_rate_rps=flow.planned_rps,
        input_mtok=requests * tokens.input / TOKENS_PER_MTOK,
        output_mtok=requests * tokens.output / TOKENS_PER_MTOK,
        usd=requests * offer.usd_per_request_at(flow.period, flow.block),
        price_date=offer.price_date_at(flow.period),
        ttft_p99_ms=None,
        tpot_mean_ms=None,
        price_source=offer.source_at(flow.period),
        is_deferred=is_deferred(offer.workload),
        offer_id=offer.id,
        answer=answer_of(offer.workload),
    )


def point_at(capacity: Capacity, replicas: int, place: tuple[int, int]) -> CapacityPoint:
    """Return the capacity that holds in a period and block when `replicas` share the queue.

    Raises
    ------
    ValueError
        When so few replicas meet no limit.
    """
    points = [p for p in capacity.points_in(*place) if p.min_replicas <= replicas]
    if not points:
        count = counted(replicas, "replica")
        text = f"{capacity.option_id} meets no limit with {count}, period {place[0]}"
        raise ValueError(text)
    return points[-1]


def mean_share(demand: Demand, workload: str, period: int, block: int) -> float:
    """Return mean over planned rate of a workload in a block (0 without demand)."""
    return float(demand.of(workload).usage_shares(period)[block])


def mean_rps_of(demand: Demand, row: FlowDecision | UnservedDecision) -> float:
    """Return the mean rate of what is planned for in a block, requests/s.

    Parameters
    ----------
    demand
        Mean and planned rates.
    row
        What is served, or not, of a workload.
    """
    return row.planned_rps * mean_share(demand, row.workload, row.period, row.block)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * MS_PER_S
