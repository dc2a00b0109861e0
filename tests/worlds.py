"""Tiny worlds built directly from records: demand, options, nodes and tokens in a few words."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.demand.records import Demand, TimeGrid, WorkloadDemand
from planner.options.builds import (
    Build,
    Payment,
    hours_present,
    monthly_payments,
    served_until,
)
from planner.options.records import (
    Capacity,
    CapacityPoint,
    NodeOffer,
    Option,
    OptionSet,
)
from planner.options.supply_records import ApiOption

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOURS_PER_MONTH = 730.0


def grid(periods: int = 1, blocks: int = 1, discount_per_period: float = 1.0) -> TimeGrid:
    """Return a grid of months; block b of a day lasts 24 / blocks hours."""
    return TimeGrid(
        periods=periods,
        months_per_period=1,
        blocks=blocks,
        block_h=24.0 / blocks,
        period_h=HOURS_PER_MONTH,
        period_start=tuple(dt.date(2027, 1 + t, 1) for t in range(periods)),
        discount_factor=tuple(discount_per_period**t for t in range(periods)),
    )


def demand(
    rates_rps: Mapping[str, Sequence[float]] | Mapping[str, Sequence[Sequence[float]]],
    mean_share: float = 1.0,
    discount_per_period: float = 1.0,
) -> Demand:
    """Return a demand from planned rates by block, or by period and block."""
    planned = {w: np.atleast_2d(np.array(r, dtype=float)) for w, r in rates_rps.items()}
    periods, blocks = next(iter(planned.values())).shape
    workloads = tuple(
        WorkloadDemand(name, mean_share * rates, rates, None) for name, rates in planned.items()
    )
    return Demand(grid(periods, blocks, discount_per_period), workloads)


def option(
    name: str, hardware: str = "gpu", accelerators: int = 1, model: str = "model"
) -> Option:
    """Return a replica named by its id."""
    return Option(name, model, "fp8", "engine", hardware, accelerators)


def capacity(workload: str, option_id: str, *points: float | tuple[int, float]) -> Capacity:
    """Return a capacity from one rate, or from pairs of replicas and rate."""
    pairs = [p if isinstance(p, tuple) else (1, p) for p in points]
    return Capacity(
        workload,
        option_id,
        tuple(CapacityPoint(r, mu, mu, None, None, "memory") for r, mu in pairs),
        "modelled",
    )


def offer(
    name: str,
    price: float | Sequence[float | None] = 1.0,
    hardware: str = "gpu",
    accelerators: int = 1,
    startup_h: float = 0.0,
    min_billing_h: float = 0.0,
    elastic_max_nodes: int = 1000,
    provider: str = "cloud",
    region: str = "here",
) -> NodeOffer:
    """Return a node, with one price for a single period or a price for every period."""
    prices = tuple(price) if not isinstance(price, int | float) else (float(price),)
    return NodeOffer(
        offer_id=name,
        provider=provider,
        region=region,
        instance=name,
        tenure="on_demand",
        hardware=hardware,
        accelerators_per_node=accelerators,
        price_usd_per_hour=prices,
        price_date="2026-01-01",
        startup_h=startup_h,
        min_billing_h=min_billing_h,
        elastic_max_nodes=elastic_max_nodes,
    )


def reserved(
    name: str,
    usd_per_hour: float = 0.6,
    hardware: str = "gpu",
    accelerators: int = 6,
    periods: int = 1,
    term_months: int = 12,
) -> NodeOffer:
    """Return nodes to reserve, one build for every month, paid month by month without interest."""
    times = grid(periods)
    builds = tuple(
        Build(
            start=t,
            end=served_until(times, t, term_months),
            order_month=t,
            term_months=term_months,
            payments=tuple(
                monthly_payments(
                    times, "lease", usd_per_hour * HOURS_PER_MONTH, (t, t + term_months)
                )
            ),
            usd_per_node_hour=usd_per_hour,
            price_date="2026-01-01",
            source="a test",
        )
        for t in range(periods)
    )
    return replace(
        offer(name, [usd_per_hour] * periods, hardware, accelerators),
        tenure="reserved_1y",
        builds=builds,
    )


def owned(
    name: str,
    capex_usd: float = 9_000.0,
    hardware: str = "npu",
    accelerators: int = 8,
    periods: int = 1,
    opex_usd_per_month: float = 500.0,
    power_kw: float = 10.0,
    value_left_usd: float = 2_000.0,
) -> NodeOffer:
    """Return servers to buy, one build for every month, with a value left at the end."""
    times = grid(periods)
    builds = []
    for t in range(periods):
        payments = (
            Payment(t, "capex", capex_usd, 1.0),
            *monthly_payments(times, "energy", opex_usd_per_month, (t, periods)),
            Payment(periods - 1, "terminal_value", -value_left_usd, 1.0),
        )
        hours = hours_present(times, t, periods)
        usd = sum(p.usd for p in payments)
        builds.append(Build(t, periods, t, 60, payments, usd / hours, "2026-01-01", "a test"))
    prices = [build.usd_per_node_hour for build in builds]
    return replace(
        offer(name, prices, hardware, accelerators, provider="owned"),
        tenure="owned",
        builds=tuple(builds),
        power_kw=power_kw,
    )


def api(
    workload: str, usd_per_request: float | Sequence[float], name: str = "api", model: str = "api"
) -> ApiOption:
    """Return tokens for one workload, with one price for a single period or one for each."""
    by_period = [usd_per_request] if isinstance(usd_per_request, int | float) else usd_per_request
    prices = tuple((float(price),) for price in by_period)
    return ApiOption(
        f"{name}-{workload}", workload, name, model, "live", prices, 100.0, 10.0, False, "2026-01"
    )


def option_set(
    options: Sequence[Option],
    capacities: Sequence[Capacity],
    offers: Sequence[NodeOffer],
    apis: Sequence[ApiOption] = (),
    pools: Mapping[str, str] | None = None,
) -> OptionSet:
    """Return everything the program may choose from."""
    return OptionSet(
        options=tuple(options),
        capacities=tuple(capacities),
        offers=tuple(offers),
        api=tuple(apis),
        pool_of=tuple((pools or {}).items()),
    )
