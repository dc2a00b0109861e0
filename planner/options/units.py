"""Units of prefill and decode instances that could be built: xPyD within one node.

A unit has x instances that compute prompts, each split over TP_p accelerators, and y that only
decode, each over TP_d. It is one replica: it is rented whole, lies within one node because caches
cross the scale-up link, and its size divides a node on offer. All splits of such a size are
enumerated from replicas that can be built and draft no tokens; of those with equal size only the
ones that no other surpasses become options (:mod:`planner.options.prune`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.options.candidates import SCALE_UP_LINKS
from planner.options.layout import UnitLayout
from planner.options.records import Rejection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from planner.catalog.schema import Accelerator, Engine, Model, Quantization
    from planner.options.candidates import Candidate
    from planner.options.drafts import Drafter
    from planner.options.records import NodeOffer

DISAGGREGATED = "disaggregated"
"""Last part of the name of all units of a model, format, engine and hardware together."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Instances of a model that share the work of a replica.

    Parameters
    ----------
    prefill, decode
        What one instance of each side is.
    layout
        How many of them.
    """

    prefill: Candidate
    decode: Candidate
    layout: UnitLayout

    @property
    def option_id(self) -> str:
        """Identity of the option: ``model/quantization/engine/hardware/xp-tpN+yd-tpM``."""
        return f"{_group_id(self.decode)}/{self.layout.text}"

    @property
    def model(self) -> Model:
        """Model of all instances."""
        return self.decode.model

    @property
    def quantization(self) -> Quantization:
        """Number format of all instances."""
        return self.decode.quantization

    @property
    def engine(self) -> Engine:
        """Engine of all instances."""
        return self.decode.engine

    @property
    def accelerator(self) -> Accelerator:
        """Hardware of all instances."""
        return self.decode.accelerator

    @property
    def tensor_parallel(self) -> int:
        """Accelerators of one decode instance."""
        return self.layout.decode_tensor_parallel

    @property
    def data_parallel(self) -> int:
        """Groups of attention: all of it is one."""
        return 1

    @property
    def draft(self) -> Drafter | None:
        """What drafts tokens: nothing, in instances that hand requests over."""
        return None

    @property
    def chunk_budgets(self) -> tuple[int, ...]:
        """The largest budget of a step: where nothing decodes, small ones protect nobody."""
        return (self.engine.chunk_budgets[-1],)


def layouts(degrees: Iterable[int], shapes: Collection[int]) -> list[UnitLayout]:
    """Return the layouts of every size that divides a node, smaller sizes first.

    Parameters
    ----------
    degrees
        Accelerators that one instance may be split over.
    shapes
        Accelerators of the nodes on offer.
    """
    known, largest = sorted(set(degrees)), max(shapes, default=0)
    sizes = [
        size
        for size in (1 << k for k in range(1, largest.bit_length()))
        if any(shape % size == 0 for shape in shapes)
    ]
    return [
        UnitLayout(prefill // first, first, (size - prefill) // then, then)
        for size in sizes
        for prefill in range(1, size)
        for first in known
        for then in known
        if prefill % first == 0 and (size - prefill) % then == 0
    ]


def units_of(
    candidates: Sequence[Candidate], nodes: Sequence[NodeOffer]
) -> tuple[list[Unit], list[Rejection], int]:
    """Return the units that can be built, the rejected ones, and how many were considered.

    Parameters
    ----------
    candidates
        Replicas that can be built: an instance of either side is one of them that drafts nothing.
    nodes
        Nodes that can be rented.
    """
    groups: dict[str, dict[int, Candidate]] = defaultdict(dict)
    whole = (c for c in candidates if c.draft is None and c.data_parallel == 1)
    for candidate in whole:
        groups[_group_id(candidate)][candidate.tensor_parallel] = candidate
    units: list[Unit] = []
    rejected: list[Rejection] = []
    considered = 0
    for name, parts in groups.items():
        one = next(iter(parts.values()))
        shapes = {n.accelerators_per_node for n in nodes if n.hardware == one.accelerator.id}
        found = layouts(parts, shapes)
        considered += max(len(found), 1)
        reason = _why_not(one, found, shapes)
        if reason is None:
            units += (
                Unit(
                    parts[layout.prefill_tensor_parallel],
                    parts[layout.decode_tensor_parallel],
                    layout,
                )
                for layout in found
            )
        else:
            subject = f"{name}/{DISAGGREGATED}"
            rejected.append(Rejection("option", subject, "", *reason, count=max(len(found), 1)))
    return units, rejected, considered


def _group_id(candidate: Candidate) -> str:
    parts = (candidate.model, candidate.quantization, candidate.engine, candidate.accelerator)
    return "/".join(part.id for part in parts)


def _why_not(
    one: Candidate, found: Sequence[UnitLayout], shapes: set[int]
) -> tuple[str, str] | None:
    device, engine = one.accelerator, one.engine
    if engine.first_token is None:
        detail = (
            f"{engine.id} is not known to compute prompts and decodes apart; fill the cell "
            f"first_token of the row (id={engine.id}) in engines.csv of an overlay"
        )
        return "no_disaggregation", detail
    if device.link not in SCALE_UP_LINKS or device.link_gb_per_s is None:
        detail = (
            f"caches need a scale-up link between instances ({', '.join(SCALE_UP_LINKS)}) whose "
            f"rate is known; {device.id} states {device.link}: fill the cells link and "
            f"link_gb_per_s of the row (id={device.id}) in accelerators.csv of an overlay"
        )
        return "no_interconnect", detail
    if not found:
        listing = ", ".join(str(s) for s in sorted(shapes))
        detail = (
            f"no offered node of {device.id} ({listing} accelerators) holds a prefill and a "
            "decode instance"
        )
        return "no_node", detail
    return None
