"""Electricity of bought nodes by what is drawn, at the price of the hour.

The plan pays the lowest price of the day on the power that nodes are assumed to draw all the
time, and in dear hours more on what is drawn. Here nodes pay the price of each block on what they
draw in it: idle power, and their part of the load of their hardware at the mean rates of the
replay, by accelerators, as in the plan's table of energy::

    usd = PUE H (a idle + load a / A) / 1000 x price of the block

A request takes the energy that the plan states for a mean one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.units import W_PER_KW
from planner.verify.audit.electricity import site_price
from planner.verify.audit.energy import drawn_idle_w, loads
from planner.verify.audit.shares import Split
from planner.verify.incurred.rates import rate_of_use_rps

if TYPE_CHECKING:
    from planner.plan.document import FleetRow
    from planner.verify.audit.shares import LineKey
    from planner.verify.replay.cases import World

ENERGY, OWNED = "energy", "owned"


def metered_hardware(world: World) -> set[tuple[int, str]]:
    """Return periods and hardware whose bought nodes draw what is known, at a known price.

    Parameters
    ----------
    world
        The plan and what it rests on.
    """
    problem, catalog = world.problem, world.catalog
    drawn = {(row.period, row.hardware) for row in world.plan.energy if row.it_kwh is not None}
    nodes = _bought(world)
    unpriced = {
        (node.period, node.hardware)
        for node in nodes
        if site_price(problem, catalog, node.block) is None
    }
    return drawn & {(node.period, node.hardware) for node in nodes} - unpriced


def electricity_usd(world: World) -> dict[LineKey, float]:
    """Return what bought nodes pay for electricity, by cost line.

    Parameters
    ----------
    world
        The plan and what it rests on.
    """
    plan = world.plan
    came = tuple(replace(row, rate_rps=rate_of_use_rps(row, world)) for row in plan.allocations)
    load_w = loads(replace(plan, allocations=came))
    held: dict[tuple[str, int, int], int] = defaultdict(int)
    for node in plan.fleet:
        held[node.hardware, node.period, node.block] += node.accelerators
    facts = {(row.period, row.offer_id): row for row in plan.energy}
    split = Split(plan, world.problem)
    usd: dict[LineKey, float] = {}
    for node in _bought(world):
        energy = facts[node.period, node.offer_id]
        price = site_price(world.problem, world.catalog, node.block)
        if energy.it_kwh is None or price is None or not node.accelerators:
            continue
        slot = (node.hardware, node.period, node.block)
        watts = drawn_idle_w(energy) * node.accelerators
        watts += load_w[slot] * node.accelerators / held[slot]
        whole = energy.pue * node.hours * watts / W_PER_KW * price
        for workload, share in split.of(node).items():
            key = (node.period, ENERGY, workload, node.hardware, OWNED)
            usd[key] = usd.get(key, 0.0) + whole * share
    return usd


def _bought(world: World) -> list[FleetRow]:
    """Return the nodes whose electricity the plan pays; a price of others has it in it."""
    there = {row.offer_id for row in world.plan.commitments if row.is_existing}
    return [
        node for node in world.plan.fleet if node.tenure == OWNED and node.offer_id not in there
    ]
