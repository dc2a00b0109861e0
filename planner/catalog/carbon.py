"""Power of nodes and carbon of grids, as the tables state them.

The grid of a rented region is the row of ``sites.csv`` with the region as `id` and the provider as
`case`, because names of regions mean different places to different providers. That of an own site
is the row of the site. Nothing stands in for a grid that is not known, not even that of the
default site, from which a site takes whatever else it does not state: grids differ a hundredfold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Figure

CARBON = "carbon_g_per_kwh"
_PUE = "pue"
_DEFAULT_SITE = "default"


def grid_carbon(catalog: Catalog, place: str, provider: str = "") -> Figure | None:
    """Return the carbon of the grid of a region or site, ``None`` when it is not known.

    Parameters
    ----------
    catalog
        The catalogue.
    place
        Region of a provider, or own site.
    provider
        Provider of the region; empty for an own site.
    """
    row = catalog.figure("sites", place, CARBON, provider)
    return None if row is None or row.value is None else row


def overhead(catalog: Catalog, place: str, provider: str = "") -> float:
    """Return energy drawn over energy of computers (PUE), that of the default site if unknown.

    Parameters
    ----------
    catalog, place, provider
        As in :func:`grid_carbon`.
    """
    for key, case in ((place, provider), (_DEFAULT_SITE, "")):
        row = catalog.figure("sites", key, _PUE, case)
        if row is not None and row.value is not None:
            return row.value
    return 1.0


def rated_power_w(catalog: Catalog, hardware: str) -> float | None:
    """Return the rated IT power of a whole node for each of its accelerators, watts.

    That of the node of ``accelerators.csv``; where it states none, the highest of the servers
    with such accelerators. ``None`` when neither is known.

    Parameters
    ----------
    catalog
        The catalogue.
    hardware
        Accelerator key.
    """
    listed = _listed_node_w(catalog, hardware)
    return max(_servers_w(catalog, hardware), default=None) if listed is None else listed


def highest_power_w(catalog: Catalog, hardware: str) -> float | None:
    """Return the highest rated IT power of nodes and servers, for each accelerator, watts.

    Parameters
    ----------
    catalog, hardware
        As in :func:`rated_power_w`.
    """
    listed = _listed_node_w(catalog, hardware)
    every = [*_servers_w(catalog, hardware), *([] if listed is None else [listed])]
    return max(every, default=None)


def _listed_node_w(catalog: Catalog, hardware: str) -> float | None:
    accelerator = catalog.accelerator(hardware)
    if accelerator is None:
        return None
    node_w, count = accelerator.node_it_power_w, accelerator.accelerators_per_node
    return None if node_w is None or count is None else node_w / count


def _servers_w(catalog: Catalog, hardware: str) -> list[float]:
    return [
        power.value / parts.value
        for parts in catalog.servers
        if parts.quantity == "accelerators" and parts.case == hardware and parts.value
        if (power := catalog.figure("servers", parts.id, "it_power_w")) is not None
        and power.value is not None
    ]


def why_unknown(
    catalog: Catalog, hardware: str, place: str, provider: str = "", *, grid: bool = True
) -> str:
    """Return which rows are missing to know the carbon of nodes; empty when none is.

    Parameters
    ----------
    catalog, place, provider
        As in :func:`grid_carbon`.
    hardware
        Accelerator key.
    grid
        Whether the grid counts; else only energy.
    """
    missing = []
    if rated_power_w(catalog, hardware) is None:
        missing.append(
            f"power of a node of {hardware} (add accelerators_per_node and node_it_power_w to "
            "its row of accelerators.csv in an overlay)"
        )
    if grid and grid_carbon(catalog, place, provider) is None:
        case = f", case={provider}" if provider else ""
        missing.append(
            f"carbon of the grid (add a row id={place}, quantity={CARBON}{case} to sites.csv of "
            "an overlay)"
        )
    return "not known: " + "; ".join(missing) if missing else ""
