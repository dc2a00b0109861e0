"""What may be lost at once, and which replicas of a pool go with it.

The tables of a plan say how many nodes of each offer there are, and not which replicas stand on
which. So every loss takes what a pool would miss most: nodes are taken to be full of its replicas,
those that carry most for their size first. Where a plan says at which provider or region its
replicas stand (`placements`), those go. Requests of tokens that are lost go to the replicas.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Literal

from planner.errors import counted
from planner.verify.audit.diversity import losses_at, place_of
from planner.verify.audit.packing import allowed
from planner.verify.audit.units import replica_accelerators

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.plan.document import Allocation, ApiRow, FleetRow, Plan
    from planner.problem.schema import Problem
    from planner.verify.replay.cases import Case

_Place = tuple[int, int]
"""Period and block."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that goes at once.

    Parameters
    ----------
    kind
        What goes: the largest replicas of every pool, nodes with all replicas on them, or a
        provider or region with its nodes and tokens.
    count
        How many replicas or nodes.
    name
        Which provider or region.
    share
        Share of the planned rate that what is left has to carry.
    """

    kind: Literal["replicas", "nodes", "provider", "region"]
    count: int = 1
    name: str = ""
    share: float = 1.0

    @property
    def text(self) -> str:
        """What goes, in words."""
        if self.kind in {"provider", "region"}:
            return f"{self.kind} {self.name}"
        return counted(self.count, self.kind.removesuffix("s"))


@dataclass(frozen=True, slots=True)
class Gone:
    """What a pool loses.

    Parameters
    ----------
    replicas
        Replicas lost, by station.
    rate_factors
        Factors on the rates of the streams: above 1 where they take over the requests of tokens,
        0 for what is not promised to be served.
    """

    replicas: tuple[int, ...]
    rate_factors: tuple[float, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether no replica is lost, and no stream has more to carry."""
        return not any(self.replicas) and all(factor <= 1.0 for factor in self.rate_factors)


def promised_failures(plan: Plan, problem: Problem) -> list[Failure]:
    """Return every loss that a plan promises to survive.

    Parameters
    ----------
    plan, problem
        The plan, and the problem it answers.
    """
    policy = problem.policy
    found = []
    if policy.spare_replicas:
        found.append(Failure("replicas", policy.spare_replicas))
    if policy.spare_nodes:
        found.append(Failure("nodes", policy.spare_nodes))
    kind = policy.survive_loss_of
    if kind is not None:
        names = lost_names(plan, kind)
        found += [Failure(kind, name=name, share=policy.survive_share) for name in names]
    return found


def lost_names(plan: Plan, kind: Literal["provider", "region"]) -> list[str]:
    """Return every provider or region that a plan uses at some time.

    Parameters
    ----------
    plan
        The plan.
    kind
        Providers, or regions.
    """
    rows: list[FleetRow | ApiRow] = [*plan.fleet, *plan.api]
    slots = {(row.period, row.block) for row in rows}
    return sorted({loss.name for slot in slots for loss in losses_at(slot, plan, kind)})


def gone_at(failure: Failure, case: Case, place: _Place, plan: Plan, problem: Problem) -> Gone:
    """Return what a pool loses in a block.

    Parameters
    ----------
    failure
        What goes.
    case
        The pool.
    place
        Period and block.
    plan, problem
        The plan, and the problem it answers.
    """
    even = (1.0,) * len(case.streams)
    if failure.kind == "replicas":
        return Gone(_largest(case, failure.count), even)
    rows = {
        row.option_id: row
        for row in plan.allocations
        if (row.period, row.block) == place and row.pool == case.pool
    }
    stations = [rows[station.option_id] for station in case.stations]
    nodes = [node for node in plan.fleet if (node.period, node.block) == place]
    if failure.kind == "nodes":
        return Gone(_worst_nodes(failure.count, case, stations, nodes, problem), even)
    loss = next((x for x in losses_at(place, plan, failure.kind) if x.name == failure.name), None)
    if loss is None:
        return Gone((0,) * len(stations), even)
    lost = [node for node in nodes if place_of(node, failure.kind) in loss.places]
    if plan.placements:
        stand: dict[str, int] = defaultdict(int)
        for row in plan.placements:
            here = (row.period, row.block, row.pool) == (*place, case.pool)
            if here and (row.provider, row.region) in loss.places:
                stand[row.option_id] += row.replicas
        replicas = tuple(min(stand[s.option_id], s.replicas) for s in case.stations)
    else:
        replicas = _on(((node, node.nodes) for node in lost), case, stations, problem)
    return Gone(replicas, _rate_factors(failure.share, case, place, plan, loss.providers))


def _worth(case: Case) -> list[float]:
    """Return what a replica of each station carries at most of a stream, requests/s."""
    return [max(s.capacity_rps[k] for s in case.streams) for k in range(len(case.stations))]


def _largest(case: Case, count: int) -> tuple[int, ...]:
    counts = [station.replicas for station in case.stations]
    left = without_largest(counts, _worth(case), count)
    return tuple(n - kept for n, kept in zip(counts, left, strict=True))


def without_largest(counts: Sequence[int], worth: Sequence[float], lost: int) -> list[int]:
    """Return what is left of replicas after the loss of those that carry most.

    Parameters
    ----------
    counts, worth
        Replicas by station, and what one of each carries.
    lost
        How many go.
    """
    left = list(counts)
    for k in sorted(range(len(left)), key=lambda k: -worth[k]):
        taken = min(left[k], lost)
        left[k] -= taken
        lost -= taken
    return left


def _worst_nodes(
    count: int,
    case: Case,
    rows: Sequence[Allocation],
    nodes: Sequence[FleetRow],
    problem: Problem,
) -> tuple[int, ...]:
    """Return the replicas on the nodes whose loss takes most, over all choices of their kind."""
    kinds: dict[tuple[object, ...], tuple[FleetRow, int]] = {}
    for node in nodes:
        usable = tuple(_may_stand(row, case, node, problem) for row in rows)
        if any(usable):
            key = (node.accelerators_per_node, usable)
            kinds[key] = (node, node.nodes + kinds.get(key, (node, 0))[1])
    worth, worst = _worth(case), (0,) * len(rows)
    there = sum(number for _, number in kinds.values())
    for chosen in combinations_with_replacement(kinds, min(count, there)):
        if any(chosen.count(key) > kinds[key][1] for key in set(chosen)):
            continue
        picked = ((kinds[key][0], chosen.count(key)) for key in dict.fromkeys(chosen))
        lost = _on(picked, case, rows, problem)
        if _value(lost, worth) > _value(worst, worth):
            worst = lost
    return worst


def _value(lost: Sequence[int], worth: Sequence[float]) -> float:
    return sum(count * each for count, each in zip(lost, worth, strict=True))


def _on(
    nodes: Iterable[tuple[FleetRow, int]],
    case: Case,
    rows: Sequence[Allocation],
    problem: Problem,
) -> tuple[int, ...]:
    """Return the replicas that nodes hold when they are full of what carries most for its size."""
    worth, sizes = _worth(case), [replica_accelerators(row) for row in rows]
    order = sorted(range(len(rows)), key=lambda k: -worth[k] / sizes[k])
    left = [station.replicas for station in case.stations]
    for node, count in nodes:
        fits = [k for k in order if _may_stand(rows[k], case, node, problem)]
        for _ in range(count):
            space = node.accelerators_per_node
            for k in fits:
                taken = min(left[k], space // sizes[k])
                left[k] -= taken
                space -= taken * sizes[k]
    return tuple(s.replicas - n for s, n in zip(case.stations, left, strict=True))


def _may_stand(row: Allocation, case: Case, node: FleetRow, problem: Problem) -> bool:
    size = replica_accelerators(row)
    if row.hardware != node.hardware or node.accelerators_per_node % size:
        return False
    return allowed((case.pool, row.is_interruptible, row.round_trip_ms), node, problem)


def _rate_factors(
    share: float, case: Case, place: _Place, plan: Plan, sellers: frozenset[str]
) -> tuple[float, ...]:
    """Return what each stream has to carry over what it carries; work that waits pauses."""
    here: dict[tuple[str, str], float] = defaultdict(float)
    for row in plan.allocations:
        if (row.period, row.block, row.pool) == (*place, case.pool) and not row.is_deferred:
            here[row.workload, row.answer] += row.planned_rate_rps
    bought, kept = _tokens(place, plan, sellers)
    factors = []
    for stream in case.streams:
        key = (stream.workload, stream.answer)
        if stream.is_deferred or not here[key]:
            factors.append(0.0)
            continue
        if not bought.get(key) and share == 1.0:
            factors.append(1.0)
            continue
        due = share * (here[key] + bought.get(key, 0.0)) - kept.get(key, 0.0)
        factors.append(max(due, 0.0) / here[key])
    return tuple(factors)


def _tokens(
    place: _Place, plan: Plan, sellers: frozenset[str]
) -> tuple[Mapping[tuple[str, str], float], Mapping[tuple[str, str], float]]:
    """Return the planned rates bought as tokens, all and without those of some sellers."""
    bought: dict[tuple[str, str], float] = defaultdict(float)
    kept: dict[tuple[str, str], float] = defaultdict(float)
    for row in plan.api:
        if (row.period, row.block) == place and not row.is_deferred:
            bought[row.workload, row.answer] += row.planned_rate_rps
            if row.provider not in sellers:
                kept[row.workload, row.answer] += row.planned_rate_rps
    return bought, kept
