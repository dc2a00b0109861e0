"""Shares of providers, where replicas stand, and what the loss of a provider or region leaves.

Losses are taken from the tables of the plan: each provider with its nodes and tokens, or each
region with all nodes there, and with the nodes and tokens that its providers place nowhere. Work
that waits is not promised to survive.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.verify.audit.expected import TOLERANCE
from planner.verify.audit.units import replica_accelerators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Allocation, ApiRow, FleetRow, Placement, Plan
    from planner.problem.schema import Policy, Problem

_OWNED, _ANYWHERE = "owned", "any"
Slot = tuple[int, int]
"""Period and block."""
Place = tuple[str, str]
"""Provider and region; the region is empty where providers are lost."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What goes with one provider or region: the places of nodes, and sellers of tokens."""

    name: str
    places: frozenset[Place]
    providers: frozenset[str]


def diversity_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every policy of diversity that the tables do not keep."""
    policy = problem.policy
    yield from _provider_shares(plan, policy)
    if policy.survive_loss_of is None:
        if plan.placements:
            yield "placements, but no loss has to be survived"
        return
    yield from _placed(plan)
    yield from _room(plan, policy)
    rows: list[Allocation | ApiRow] = [*plan.allocations, *plan.api]
    served = {(r.period, r.block) for r in rows}
    for slot in sorted(served):
        yield from _losses(slot, plan, problem)


def _provider_shares(plan: Plan, policy: Policy) -> Iterator[str]:
    share = policy.max_share_per_provider
    if share is None:
        return
    held: dict[Slot, Counter[str]] = defaultdict(Counter)
    for row in plan.fleet:
        name = "" if row.tenure == _OWNED else row.provider
        held[row.period, row.block][name] += row.accelerators
    for (period, block), counts in held.items():
        total = sum(counts.values())
        for provider, count in counts.items():
            if provider and count > share * total * (1 + TOLERANCE):
                yield (
                    f"period {period} block {block}: {count} of {total} accelerators are of "
                    f"{provider}, a share of {share:g} is allowed"
                )


def _placed(plan: Plan) -> Iterator[str]:
    """Compare the replicas that have a place with those that run."""
    stand: Counter[tuple[int, int, str, str]] = Counter()
    for row in plan.placements:
        if row.replicas < 1:
            yield f"{counted(row.replicas, 'replica')} of {row.option_id} at {row.provider}"
        stand[row.period, row.block, row.pool, row.option_id] += row.replicas
    runs = {(r.period, r.block, r.pool, r.option_id): r.replicas for r in plan.allocations}
    for key in sorted(stand.keys() | runs.keys()):
        if stand[key] != runs.get(key, 0):
            period, block, _, option_id = key
            yield (
                f"period {period} block {block} {option_id}: {counted(stand[key], 'replica')} "
                f"with a place, {runs.get(key, 0)} run"
            )


def _room(plan: Plan, policy: Policy) -> Iterator[str]:
    """Compare replicas with the nodes of their place, from each size up."""
    rows = {(r.period, r.block, r.pool, r.option_id): r for r in plan.allocations}
    kind = policy.survive_loss_of or "provider"
    held: dict[tuple[Slot, Place, str], Counter[int]] = defaultdict(Counter)
    for stand in plan.placements:
        row = rows.get((stand.period, stand.block, stand.pool, stand.option_id))
        if row is not None:
            size = replica_accelerators(row)
            place = ((stand.period, stand.block), (stand.provider, stand.region), row.hardware)
            held[place][size] += size * stand.replicas
    room: dict[tuple[Slot, Place, str], Counter[int]] = defaultdict(Counter)
    for node in plan.fleet:
        place = ((node.period, node.block), place_of(node, kind), node.hardware)
        room[place][node.accelerators_per_node] += node.accelerators
    for place, sizes in held.items():
        for least in sizes:
            needed = sum(count for size, count in sizes.items() if size % least == 0)
            there = sum(count for size, count in room[place].items() if size % least == 0)
            if needed > there:
                (period, block), (provider, region), hardware = place
                yield (
                    f"period {period} block {block}: {needed} accelerators of {hardware} are "
                    f"needed at {' '.join(filter(None, (provider, region)))}, {there} are there"
                )


def place_of(node: FleetRow, kind: str) -> Place:
    """Return what nodes are lost with: their provider, or their region there.

    Parameters
    ----------
    node
        Nodes of a plan.
    kind
        What is lost at once: ``provider`` or ``region``.
    """
    if kind == "region":
        return node.provider, node.region
    return (_OWNED if node.tenure == _OWNED else node.provider), ""


def losses_at(slot: Slot, plan: Plan, kind: str) -> list[Loss]:
    """Return everything that may be lost in a block: each provider, or each region.

    Parameters
    ----------
    slot
        Period and block.
    plan
        The plan.
    kind
        What is lost at once: ``provider`` or ``region``.
    """
    nodes = [n for n in plan.fleet if (n.period, n.block) == slot]
    sellers = {r.provider for r in plan.api if (r.period, r.block) == slot}
    if kind == "provider":
        names = sellers | {n.provider for n in nodes if n.tenure != _OWNED}
        return [Loss(name, frozenset({(name, "")}), frozenset({name})) for name in sorted(names)]
    return _regions(nodes, sellers)


def _losses(slot: Slot, plan: Plan, problem: Problem) -> Iterator[str]:
    for loss in losses_at(slot, plan, problem.policy.survive_loss_of or "provider"):
        for text in _after(slot, loss, plan, problem):
            yield f"period {slot[0]} block {slot[1]}: {text} after the loss of {loss.name}"


def _regions(nodes: list[FleetRow], sellers: set[str]) -> list[Loss]:
    cases = []
    named: set[str] = set()
    for region in sorted({n.region for n in nodes} - {_ANYWHERE}):
        rented = {n.provider for n in nodes if n.region == region and n.tenure != _OWNED}
        named |= rented
        places = {(n.provider, region) for n in nodes if n.region == region}
        places |= {(provider, _ANYWHERE) for provider in rented}
        cases.append(Loss(region, frozenset(places), frozenset(rented)))
    nowhere = sellers | {n.provider for n in nodes if n.region == _ANYWHERE}
    cases += [
        Loss(name, frozenset({(name, _ANYWHERE)}), frozenset({name}))
        for name in sorted(nowhere - named)
    ]
    return cases


def _after(slot: Slot, loss: Loss, plan: Plan, problem: Problem) -> Iterator[str]:
    needed = _needed(slot, loss.providers, plan, problem)
    rates: dict[tuple[str, str], Allocation] = {
        (r.workload, r.option_id): r
        for r in plan.allocations
        if (r.period, r.block) == slot and not r.is_deferred
    }
    left: dict[str, list[Placement]] = defaultdict(list)
    for row in plan.placements:
        if (row.period, row.block) == slot and (row.provider, row.region) not in loss.places:
            left[row.pool].append(row)
    for pool in {w.pool_name: None for w in problem.workloads}:
        short = {
            w.name: needed[w.name]
            for w in problem.workloads
            if w.pool_name == pool and needed[w.name] > TOLERANCE
        }
        if len(short) > 1 and len({row.option_id for row in left[pool]}) > 1:
            continue
        # What a workload is sent to only after a loss has no rate of it in the tables.
        if any((name, row.option_id) not in rates for name in short for row in left[pool]):
            continue
        load = 0.0
        for name, rate_rps in short.items():
            known = [(r, rates.get((name, r.option_id))) for r in left[pool]]
            worth = sum(r.replicas * a.capacity_rps for r, a in known if a is not None)
            load += rate_rps / worth if worth else math.inf
        if load > 1 + TOLERANCE:
            yield f"{pool} needs {load:.4g} times what is left"


def _needed(
    slot: Slot, providers: frozenset[str], plan: Plan, problem: Problem
) -> dict[str, float]:
    """Return the rate that replicas have to carry for each workload after a loss."""
    share = problem.policy.survive_share
    needed: dict[str, float] = defaultdict(float)
    rows: list[Allocation | ApiRow] = [*plan.allocations, *plan.api]
    for row in rows:
        if (row.period, row.block) == slot and not row.is_deferred:
            needed[row.workload] += share * row.planned_rate_rps
    for item in plan.api:
        kept = item.provider not in providers and not item.is_deferred
        if (item.period, item.block) == slot and kept:
            needed[item.workload] -= item.planned_rate_rps
    return needed
