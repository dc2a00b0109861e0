"""Systems that are planned from their own measured figures: wafers, LPUs, RDUs, IPUs.

``systems.csv`` has one figure per row. A figure about a model has the case ``MODEL/FORMAT``, or
``MODEL`` where the number format does not matter; figures of the machine have none. The figures
of memory are those of one chip, and a system has ``chips`` of them (1 without a row). A replica
takes whole systems, and a system is what offers count as an accelerator. Figures per system are
those of a replica over its systems.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.units import BYTES_PER_GB

if TYPE_CHECKING:
    from planner.catalog.load import Catalog

TABLE = "systems"
VENDOR_ENGINE = "vendor"
"""Name of the engine of a system: what its vendor ships with it; it has no row in engines.csv."""
CHIPS = "chips"
MEMORY = "memory_gb"
ALONE = "decode_tokens_per_s_per_user"
TOTAL = "decode_tokens_per_s_per_system"
REQUESTS = "concurrent_requests_per_system"
PREFILL = "prefill_tokens_per_s_per_system"
OF_A_MODEL = frozenset({ALONE, TOTAL, REQUESTS, PREFILL, CHIPS})
"""Figures whose case may name a model."""
POSITIVE = OF_A_MODEL | {MEMORY}
"""Figures that a plan divides by."""


@dataclass(frozen=True, slots=True)
class System:
    """The figures of one system.

    Parameters
    ----------
    id
        Its id in ``systems.csv``.
    catalog
        The catalogue.
    """

    id: str
    catalog: Catalog

    def value(self, quantity: str, case: str = "") -> float | None:
        """Return a figure, ``None`` without one."""
        row = self.catalog.figure(TABLE, self.id, quantity, case)
        return None if row is None else row.value

    def runs(self, model: str, quantization: str) -> bool:
        """Return whether a speed of a model in a number format is known."""
        return self.value(ALONE, case_of(model, quantization)) is not None

    def systems(self, model: str, quantization: str) -> int | None:
        """Return how many systems a replica takes, ``None`` when nobody states its chips."""
        chips = self.value(CHIPS, case_of(model, quantization)) or self.value(CHIPS, model)
        return None if chips is None else math.ceil(chips / (self.value(CHIPS) or 1.0))

    def load(self, case: str) -> tuple[float, float] | None:
        """Return tokens per second and requests of a loaded system, over the systems of a replica.

        A pipeline that states one of the two keeps the speed of a single request until it is
        full, so the other one follows. ``None`` when neither is stated.
        """
        alone, total, requests = (self.value(q, case) for q in (ALONE, TOTAL, REQUESTS))
        if alone is None or (total is None and requests is None):
            return None
        return total or alone * (requests or 0.0), requests or (total or 0.0) / alone

    def memory_bytes(self) -> float | None:
        """Return the memory of one system, ``None`` when nobody states that of a chip."""
        memory_gb = self.value(MEMORY)
        chips = self.value(CHIPS) or 1.0
        return None if memory_gb is None else memory_gb * chips * BYTES_PER_GB


def systems_of(catalog: Catalog) -> list[System]:
    """Return the systems of a catalogue in the order of their first rows."""
    return [System(key, catalog) for key in dict.fromkeys(row.id for row in catalog.systems)]


def case_of(model: str, quantization: str) -> str:
    """Return the case of a figure about a model in a number format."""
    return f"{model}/{quantization}"
