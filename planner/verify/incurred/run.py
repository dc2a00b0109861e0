"""What the replayed period costs, by the rules of the plan's own cost lines.

Whatever is paid for a term, used or not, stands as it is due: bought nodes with their staff and
colocation, leases, promised spending, provisioned units, fees for models, the price of requests
that are not served. What depends on the replay is put in its place:

- nodes by the hour, as their provider bills them (:mod:`planner.verify.incurred.meter`), those on
  spot with their interruptions (:mod:`planner.verify.incurred.rented`);
- tokens, request by request (:mod:`planner.verify.incurred.tokens`);
- tokens by use of requests that come when provisioned units are full
  (:mod:`planner.verify.incurred.units`);
- electricity of bought nodes, by what is drawn (:mod:`planner.verify.incurred.electricity`);
- volume discounts, on what is then spent.

Shared cost goes to workloads by the rule of the plan's unit costs: the nodes of a hardware in a
block by the accelerators of the replicas on them, idle ones and spares in proportion, those of a
pool by planned load ``f / mu``; promises and discounts by the use that they cover. Everything is
undiscounted and over the whole horizon, at the mean rates: limits are replayed at the planned
ones, which nobody pays for.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.verify.audit.clock import block_seconds
from planner.verify.audit.shares import nominal_usd
from planner.verify.incurred.electricity import ENERGY, OWNED, electricity_usd, metered_hardware
from planner.verify.incurred.rates import rate_of_use_rps
from planner.verify.incurred.records import (
    Incurred,
    IncurredLine,
    Money,
    PartIncurred,
    WorkloadIncurred,
)
from planner.verify.incurred.rented import billed_fleet, bills, spot_incurred
from planner.verify.incurred.tokens import bought_tokens
from planner.verify.incurred.units import spilled_tokens
from planner.verify.replay.intervals import half_width

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from planner.plan.document import Allocation, ApiRow
    from planner.verify.audit.shares import LineKey
    from planner.verify.replay.cases import World
    from planner.verify.replay.requests import Floats


def incurred_cost(world: World, seed: int = 0, seeds: int = 5, *, full: bool = False) -> Incurred:
    """Return what a plan costs when its requests are replayed.

    Parameters
    ----------
    world
        A plan that agrees with its problem and catalogue, with what its replay rests on.
    seed, seeds
        First seed, and number of seeds, >= 1.
    full
        Whether all requests of a block are priced, not some thousand.
    """
    plan, problem = world.plan, world.problem
    billed = bills(world, seed, seeds)
    tokens = bought_tokens(world, seed, seeds, full=full)
    spilled = spilled_tokens(world, seed, seeds, full=full)
    energy, metered = electricity_usd(world), metered_hardware(world)
    by_seed = []
    for k in range(seeds):
        bought = (*tokens.by_seed[k], *spilled.by_seed[k])
        came = replace(plan, fleet=billed_fleet(plan, billed, k), api=bought)
        due = nominal_usd(came, problem, world.catalog)
        kept = {key: usd for key, usd in due.items() if not _is_drawn(key, metered)}
        by_seed.append(kept | energy)
    planned: dict[LineKey, float] = defaultdict(float)
    for line in plan.cost_lines:
        key = (line.period, line.category, line.workload, line.hardware, line.tenure)
        planned[key] += line.usd
    requests = _requests(world)
    names = [workload.name for workload in problem.workloads]
    keys = sorted(planned.keys() | {key for seen in by_seed for key in seen})
    return Incurred(
        money=_money(keys, planned, by_seed),
        workloads=tuple(_workload(name, requests[name], keys, planned, by_seed) for name in names),
        lines=tuple(IncurredLine(*key, money=_money([key], planned, by_seed)) for key in keys),
        spot=tuple(spot_incurred(billed)),
        units=spilled.found,
        notes=(
            *(f"{what}: as planned" for what in tokens.as_planned),
            *spilled.notes,
            *_unmetered(keys, metered),
        ),
    )


def _workload(
    name: str,
    requests: float,
    keys: Sequence[LineKey],
    planned: Mapping[LineKey, float],
    by_seed: Sequence[Mapping[LineKey, float]],
) -> WorkloadIncurred:
    mine = [key for key in keys if key[2] == name]
    parts = tuple(
        PartIncurred(category, _money([k for k in mine if k[1] == category], planned, by_seed))
        for category in dict.fromkeys(sorted(key[1] for key in mine))
    )
    return WorkloadIncurred(name, _money(mine, planned, by_seed), requests, parts)


def _money(
    keys: Sequence[LineKey],
    planned: Mapping[LineKey, float],
    by_seed: Sequence[Mapping[LineKey, float]],
) -> Money:
    usd: Floats = np.array([sum(seen.get(key, 0.0) for key in keys) for seen in by_seed])
    mean = float(usd.mean())
    half = half_width(usd) if len(usd) > 1 else None
    return Money(
        plan_usd=sum(planned.get(key, 0.0) for key in keys),
        usd=mean,
        low_usd=None if half is None else mean - half,
        high_usd=None if half is None else mean + half,
    )


def _requests(world: World) -> dict[str, float]:
    """Return the requests of every workload that come over the horizon, first answers once."""
    requests: dict[str, float] = defaultdict(float)
    rows: list[Allocation | ApiRow] = [*world.plan.allocations, *world.plan.api]
    for row in rows:
        if row.answer != "then":
            seconds = block_seconds(world.problem, row.block)
            requests[row.workload] += rate_of_use_rps(row, world) * seconds
    return requests


def _is_drawn(key: LineKey, metered: Collection[tuple[int, str]]) -> bool:
    """Return whether a line is electricity that is metered here, not as the plan assumes it."""
    period, category, _, hardware, tenure = key
    return (category, tenure) == (ENERGY, OWNED) and (period, hardware) in metered


def _unmetered(keys: Iterable[LineKey], metered: Collection[tuple[int, str]]) -> list[str]:
    """Return a sentence for hardware whose electricity is paid as planned."""
    left = {key[3] for key in keys if key[1] == ENERGY and not _is_drawn(key, metered)}
    return [
        f"electricity of {name}: as planned, because what it draws is not known"
        for name in sorted(left)
    ]
