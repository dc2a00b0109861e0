"""People beside owned nodes, rented nodes and tokens: a fixed part, and one by node or offer.

USD per month, nominal, with the cost of a person per year that the problem states or its site::

    fixed      fte x cost of a person / 12, in every period in which there is any of that hosting
    by node    fte_per_node x cost of a person / 12 for every node that is there, on average over
               the hours of the period, so that an hour of a node costs
               fte_per_node x cost of a person / 8,760
    by offer   fte_per_offer x cost of a person / 12 for every offer of tokens in a period in
               which it serves any request

Nodes count while they are there, busy or not: somebody operates them. Start-up time does not
count, and neither do people after the horizon: they are not committed to. Tokens have no nodes;
what they take is by provider, contract and endpoint, which is an offer.

Where the problem does not state people of owned nodes, bought servers have those of the site as
part of their own cost (:mod:`planner.options.owned`), and nodes that are there have none but for
the fixed part where they say so (``needs_people``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.options.owned import OWNED, site_figure, staff_fte_per_accelerator, usd_per_fte_year
from planner.options.staff_records import HostingStaff
from planner.units import HOURS_PER_MONTH, MONTHS_PER_YEAR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.options.records import NodeOffer
    from planner.problem.schema import Problem

_FTE = "staff_fte"
_RENTED, _API = "rented", "api"
"""Cases of the figure of a site; without a case it is of bought servers."""


def hosting_staff(problem: Problem, catalog: Catalog) -> HostingStaff:
    """Return what people cost whatever the number of nodes.

    Parameters
    ----------
    problem
        The problem, for its people and site.
    catalog
        Figures of sites.
    """
    stated = problem.supply.staff
    usd = (usd_per_fte_year(problem, catalog) or 0.0) / MONTHS_PER_YEAR
    own, rented, api = stated.owned, stated.rented, stated.api

    def fixed_usd(fte: float | None, case: str) -> float:
        if fte is not None:
            return fte * usd
        row = site_figure(problem, catalog, _FTE, case)
        return 0.0 if row is None else (row.value or 0.0) * usd

    return HostingStaff(
        owned_usd_per_month=fixed_usd(own.fte if own else None, ""),
        rented_usd_per_month=fixed_usd(rented.fte if rented else None, _RENTED),
        api_usd_per_month=fixed_usd(api.fte if api else None, _API),
        usd_per_offer_month=api.fte_per_offer * usd if api else 0.0,
        counts_existing=own is not None,
    )


def with_people(nodes: Sequence[NodeOffer], problem: Problem, catalog: Catalog) -> list[NodeOffer]:
    """Return nodes with what the people that each of them needs cost by the hour.

    Parameters
    ----------
    nodes
        Offers.
    problem
        The problem, for its people and site.
    catalog
        Figures of sites.
    """
    usd = usd_per_fte_year(problem, catalog) or 0.0
    hourly = usd / (MONTHS_PER_YEAR * HOURS_PER_MONTH)
    return [
        replace(node, staff_usd_per_hour=fte * hourly)
        if (fte := _fte_per_node(node, problem, catalog))
        else node
        for node in nodes
    ]


def _fte_per_node(node: NodeOffer, problem: Problem, catalog: Catalog) -> float:
    stated = problem.supply.staff
    if node.tenure != OWNED:
        return (stated.rented.fte_per_node or 0.0) if stated.rented else 0.0
    if stated.owned is None:  # bought servers have those of the site in their payments
        return 0.0
    if stated.owned.fte_per_node is not None:
        return stated.owned.fte_per_node
    return (staff_fte_per_accelerator(problem, catalog) or 0.0) * node.accelerators_per_node
