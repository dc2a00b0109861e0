"""What people of each kind of hosting cost, whatever the number of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.options.records import NodeOffer


@dataclass(frozen=True, slots=True)
class HostingStaff:
    """Fixed cost of people, USD per month, nominal, 0 or more.

    What each node needs is part of its offer (:attr:`NodeOffer.staff_usd_per_hour`).

    Parameters
    ----------
    owned_usd_per_month
        In every period in which owned nodes serve that count (`counts_existing`).
    rented_usd_per_month
        In every period in which any rented node is there.
    api_usd_per_month
        In every period in which tokens serve any request.
    usd_per_offer_month
        For every offer of tokens in every period in which it serves any request.
    counts_existing
        Whether owned nodes that are there already need the people of owned nodes too.
    """

    owned_usd_per_month: float = 0.0
    rented_usd_per_month: float = 0.0
    api_usd_per_month: float = 0.0
    usd_per_offer_month: float = 0.0
    counts_existing: bool = False

    def counts(self, node: NodeOffer) -> bool:
        """Return whether owned nodes that are there already need the people of owned nodes.

        Parameters
        ----------
        node
            The nodes.
        """
        return self.counts_existing or node.needs_people
