"""Replicas that are late at the turn of a block, because their accelerators change the model.

What the blocks have in common stays loaded, for whatever pool. Nodes that start, accelerators
that were idle, and those that batch replicas give back have loaded what they need when the block
begins: the plan pays for that before. The rest of what grows takes over accelerators that served
another model, or the same with other settings, to the end of the block before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.verify.audit.units import replica_accelerators
from planner.verify.audit.waiting import is_batch

if TYPE_CHECKING:
    from planner.plan.document import Allocation, FleetRow, Plan
    from planner.verify.replay.cases import Case

_Place = tuple[int, int]
"""Period and block."""
_Held = dict[tuple[str, str], "Allocation"]
"""Rows of a block, by pool and option."""


def late_replicas(case: Case, place: _Place, earlier: _Place, plan: Plan) -> tuple[int, ...]:
    """Return the replicas of each station whose accelerators served another model until then.

    Parameters
    ----------
    case
        A pool in a block.
    place, earlier
        The block and the one before, as ``(period, block)``.
    plan
        The plan.
    """
    now, then = _held(place, plan), _held(earlier, plan)
    nodes, nodes_then = _nodes(place, plan), _nodes(earlier, plan)
    late = []
    for station in case.stations:
        mine = now[case.pool, station.option_id]
        was = then.get((case.pool, station.option_id))
        size = replica_accelerators(mine)
        grown = station.replicas - (was.replicas if was else 0)
        loaded = _loaded(mine, now) - _loaded(mine, then)
        switched = _switched(mine.hardware, (now, then), (nodes, nodes_then))
        late.append(max(min(grown, math.ceil(min(loaded, switched) / size)), 0))
    return tuple(late)


def _held(place: _Place, plan: Plan) -> _Held:
    """Return the rows of a block by pool and option, those on spot nodes apart."""
    return {
        (row.pool, row.option_id): row
        for row in plan.allocations
        if (row.period, row.block) == place and not row.is_interruptible
    }


def _nodes(place: _Place, plan: Plan) -> list[FleetRow]:
    """Return the nodes of a block, spot nodes apart: pools that do not wait never use them."""
    return [n for n in plan.fleet if (n.period, n.block) == place and n.tenure != "spot"]


def _loaded(row: Allocation, held: _Held) -> int:
    """Return the accelerators that have loaded what a row needs, for whatever pool."""
    return sum(
        other.accelerators
        for other in held.values()
        if (other.option_id, other.chunk_tokens) == (row.option_id, row.chunk_tokens)
        and not is_batch(other.pool)
    )


def _switched(
    hardware: str, held: tuple[_Held, _Held], nodes: tuple[list[FleetRow], list[FleetRow]]
) -> int:
    """Return the accelerators that change their model at a turn, given now and the block before.

    Those of nodes that start, those that were idle, and those that batch replicas give back are
    ready: the time in which they load a model is paid before.
    """
    now, then = (
        {key: row for key, row in rows.items() if row.hardware == hardware} for rows in held
    )
    kinds = {(r.option_id, r.chunk_tokens): r for r in now.values() if not is_batch(r.pool)}
    grown = sum(max(_loaded(row, now) - _loaded(row, then), 0) for row in kinds.values())
    there, before = ([n for n in mine if n.hardware == hardware] for mine in nodes)
    count = {n.offer_id: n.accelerators for n in before}
    # Nodes start for the block, some in place of old ones; those of hours of the day are there.
    begun = {n.offer_id: n.starting_nodes * n.accelerators_per_node for n in before}
    for node in there:
        more = node.accelerators - count.get(node.offer_id, 0)
        begun[node.offer_id] = max(begun.get(node.offer_id, 0), more)
    started = sum(begun.values())
    idle = sum(count.values()) - sum(row.accelerators for row in then.values())
    given_back = sum(
        max(row.accelerators - (now[key].accelerators if key in now else 0), 0)
        for key, row in then.items()
        if is_batch(key[0])
    )
    return max(grown - started - max(idle, 0) - given_back, 0)
