"""Records of what nodes and replicas draw, and of the grids where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.units import G_PER_KG, W_PER_KW

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class HardwarePower:
    """Power of one accelerator of a kind, with the share of its node, watts; idle <= rated.

    `most_w` is the most that replicas of any option draw, at least `rated_w`; ``None`` for it.
    """

    hardware: str
    idle_w: float
    rated_w: float
    most_w: float | None = None

    @property
    def beyond_idle_w(self) -> float:
        """Most that an accelerator in use draws beyond an idle one."""
        return (self.rated_w if self.most_w is None else self.most_w) - self.idle_w


@dataclass(frozen=True, slots=True)
class PowerDraw:
    """Electric power of the accelerators of one replica that serves one workload, watts.

    Parameters
    ----------
    idle_w
        Up and without requests.
    base_w, marginal_energy_per_request_j
        Mean power is ``base_w + marginal_energy_per_request_j rate`` from a quarter of the planned
        capacity on; below it is less.
    capacity_w
        At the planned capacity with most replicas.
    energy_per_output_token_j
        At that capacity, joules.
    host_w
        What the node adds for these accelerators, whatever they do; ``None`` when unknown.
    """

    idle_w: float
    base_w: float
    capacity_w: float
    marginal_energy_per_request_j: float
    energy_per_output_token_j: float
    host_w: float | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where nodes of an offer stand: the overhead of the site, and its grid.

    Parameters
    ----------
    offer_id
        The offer.
    pue
        Energy drawn over energy of computers, >= 1.
    g_per_kwh
        Carbon of the grid, grams of CO2 equivalent; ``None`` when unknown.
    why_not
        Which rows are missing; empty when none is.
    assumed_w
        What each accelerator of nodes that the plan buys is taken to draw all the time, the share
        of its node included; ``None`` for other nodes.
    rated_w
        Rated power of these nodes for each accelerator; ``None`` for that of its kind.
    """

    offer_id: str
    pue: float
    g_per_kwh: float | None
    why_not: str = ""
    assumed_w: float | None = None
    rated_w: float | None = None

    @property
    def kg_per_wh(self) -> float | None:
        """Carbon of one watt-hour of IT energy."""
        if self.g_per_kwh is None:
            return None
        return self.pue * self.g_per_kwh / W_PER_KW / G_PER_KG


@dataclass(frozen=True, slots=True)
class OwnPower:
    """Power of an accelerator of bought nodes: without requests, and most beyond it, watts."""

    idle_w: float
    beyond_w: float


@dataclass(frozen=True, slots=True)
class EnergyFacts:
    """Power by kind of accelerator (unknown ones left out), and the place of every offer.

    `usd_per_kwh` and `premium_usd_per_kwh` are what electricity costs at the site of owned nodes,
    and beyond the lowest price, by block of a day; empty where its price does not depend on the
    hour.
    """

    power: tuple[HardwarePower, ...] = ()
    places: tuple[Place, ...] = ()
    usd_per_kwh: tuple[float, ...] = ()
    premium_usd_per_kwh: tuple[float, ...] = ()

    def own_power(self, offer_id: str, hardware: str) -> OwnPower:
        """Return what accelerators of bought nodes draw: idle, and most beyond it."""
        assumed_w, known_w = (
            self.place_of(offer_id).assumed_w or 0.0,
            self.idle_w(offer_id, hardware),
        )
        idle_w = assumed_w if known_w is None else known_w
        return OwnPower(idle_w, assumed_w - idle_w)

    def idle_w(self, offer_id: str, hardware: str) -> float | None:
        """Return what an accelerator of an offer draws without requests; ``None`` if not known.

        A bought node draws as much more or less than one of its kind, busy or not, as its rated
        power is higher or lower: hosts differ, boards do not. Idle it never draws more than it is
        taken to draw all the time.
        """
        known, place = self.power_of(hardware), self.place_of(offer_id)
        if known is None or place.assumed_w is None:
            return None if known is None else known.idle_w
        rated_w = known.rated_w if place.rated_w is None else place.rated_w
        return min(max(known.idle_w + rated_w - known.rated_w, 0.0), place.assumed_w)

    def premium_in(self, block: int) -> float:
        """Return the premium of a block, counted through all types of day, USD per kWh."""
        day = self.premium_usd_per_kwh
        return day[block % len(day)] if day else 0.0

    def power_of(self, hardware: str) -> HardwarePower | None:
        """Return the power of a kind of accelerator, ``None`` when it is not known."""
        return next((p for p in self.power if p.hardware == hardware), None)

    def place_of(self, offer_id: str) -> Place:
        """Return where an offer stands."""
        unknown = Place(offer_id, 1.0, None, "not known")
        return next((p for p in self.places if p.offer_id == offer_id), unknown)


@dataclass(frozen=True, slots=True)
class ReplicaDraw:
    """Power of a replica: watts without requests, and joules per request by workload."""

    base_w: float
    marginal_j: Mapping[str, float]
