"""Rows of a plan about what it prices or limits beside money: moves, energy, average quality."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """A workload that a model serves from this period on, and not in the one before.

    In the first period every model counts but the one that most is planned on. `usd` is paid at
    the start of the period.
    """

    period: int
    workload: str
    model: str
    usd: float


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """Electric energy and carbon of the nodes of one offer in one period.

    ``kwh = it_kwh x pue`` and ``carbon_kg = kwh x carbon_g_per_kwh / 1000``; null with the missing
    rows in `note` where they are not known. `idle_w_per_accelerator` counts for accelerators
    that no replica holds, the share of the node included; `own_idle_w_per_accelerator` is that of
    servers that the plan buys, by their own rated power, and ``None`` for other nodes.
    """

    period: int
    offer_id: str
    provider: str
    region: str
    hardware: str
    idle_w_per_accelerator: float | None
    it_kwh: float | None
    pue: float
    kwh: float | None
    carbon_g_per_kwh: float | None
    carbon_kg: float | None
    note: str
    own_idle_w_per_accelerator: float | None = None


@dataclass(frozen=True, slots=True)
class PowerPrice:
    """What electricity costs bought nodes beyond the lowest price of the day, in one block.

    ``usd = kwh x premium_usd_per_kwh``, the premium being `usd_per_kwh` less the lowest price.
    `kwh` is drawn by `accelerators` of bought nodes, idle power and load, overhead of the site
    included. They take load before others of their hardware, up to the power that is paid for at
    the lowest price; `is_capped` where there is more load than that, so that the energy that is
    modelled (:class:`EnergyRow`) is more than what is billed.
    """

    period: int
    block: int
    hardware: str
    accelerators: int
    usd_per_kwh: float
    premium_usd_per_kwh: float
    kwh: float
    usd: float
    is_capped: bool = False


@dataclass(frozen=True, slots=True)
class AverageQuality:
    """Average score of the requests of a workload in one period and block, and its floor.

    Both are fractions; with a `reference` they are shares of its bf16 score. `of_chain`: only
    requests of the workload's chain of answers count.
    """

    period: int
    block: int
    workload: str
    benchmark: str
    reference: str
    of_chain: bool
    floor: float
    average: float
