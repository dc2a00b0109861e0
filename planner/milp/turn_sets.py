"""What may change its model at the turn of a block: kinds of replicas, and nodes that hold them.

A kind is what a replica has loaded: an option with the tokens of a step that it was started with,
for whatever pool, on the nodes that may hold it. Work that waits is no kind: its replicas lose the
time in which they load, and the time before they give their accelerators back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.milp.homes import unions
from planner.milp.naming import hardware_of

if TYPE_CHECKING:
    from planner.milp.sets import Sets

_FEWEST_KINDS = 2
"""With one kind nothing changes but its number, and packing says all there is to say."""


@dataclass(frozen=True, slots=True)
class TurnGroup:
    """Replicas that can run on some offers only, those of every kind together.

    Parameters
    ----------
    hardware, position
        Position of the hardware, and of the group among its groups.
    offers
        The offers, as positions.
    kinds
        Columns of every kind that does not wait.
    batch
        Columns of work that waits.
    """

    hardware: int
    position: int
    offers: frozenset[int]
    kinds: tuple[tuple[int, ...], ...]
    batch: tuple[int, ...]


def turn_groups(sets: Sets) -> tuple[TurnGroup, ...]:
    """Return the groups in which models can change at the turn of a block, none where none can.

    Parameters
    ----------
    sets
        Index sets and data.
    """
    if sets.changeover_blocks == 0:
        return ()
    found: list[TurnGroup] = []
    kind_of = _kinds(sets)
    for h, hardware in enumerate(hardware_of(sets)):
        columns = [
            c
            for c in range(len(sets.columns))
            if sets.option_of(c).hardware == hardware and not sets.option_of(c).is_interruptible
        ]
        for k, union in enumerate(unions({sets.homes[c] for c in columns})):
            kinds: dict[object, list[int]] = {}
            batch = []
            for c in columns:
                if not sets.homes[c] <= union:
                    continue
                if sets.is_batch(sets.columns[c].pool):
                    batch.append(c)
                else:
                    kinds.setdefault(kind_of[c], []).append(c)
            if len(kinds) >= _FEWEST_KINDS:
                members = tuple(tuple(kind) for kind in kinds.values())
                found.append(TurnGroup(h, k, union, members, tuple(batch)))
    return tuple(found)


def _kinds(sets: Sets) -> list[tuple[int, int | None, frozenset[int]]]:
    """Return what every column loads, and where: option, tokens of a step, offers."""
    names = [rates.workload for rates in sets.demand.workloads]
    chunk = {
        (capacity.workload, capacity.option_id): capacity.setting.chunk_tokens
        for capacity in sets.options.capacities
        if capacity.setting is not None
    }
    kinds = []
    for c, column in enumerate(sets.columns):
        option = sets.option_of(c).id
        members = (names[w] for w in sets.workloads_of_pool[column.pool])
        tokens = next((chunk[name, option] for name in members if (name, option) in chunk), None)
        kinds.append((column.option, tokens, sets.homes[c]))
    return kinds
