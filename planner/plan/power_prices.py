"""What electricity costs bought nodes beyond the lowest price of the day, by block.

Their commitments pay the lowest price on the power that they are assumed to draw all the time.
With the accelerators a of the bought nodes of each offer of a hardware, idle power up to the
assumed one, and the load of the hardware as in :mod:`planner.plan.energy`, a block of H hours pays
in addition::

    kwh = PUE H (sum of a idle + min(load, sum of a (assumed - idle))) / 1000
    usd = kwh x (price of the block - lowest price of the day)

because own nodes take load before rented ones. So no block pays more than its price on the assumed
power, and a lower price never costs more. Nodes that were there state what is paid for an hour,
energy included, and are no part of it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.owned import OWNED
from planner.plan.document import CostLine
from planner.plan.energy import load_by_slot_w
from planner.plan.limit_rows import PowerPrice
from planner.units import W_PER_KW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.demand.records import Demand
    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.records import Decisions
    from planner.plan.shares import HardwareShares

ENERGY = "energy"
_ROUNDING = 1e-9
"""Share of a power by which a load is above it by rounding."""


def is_bought(offer: NodeOffer) -> bool:
    """Return whether the plan pays for the electricity of the nodes of an offer.

    Parameters
    ----------
    offer
        The offer.
    """
    return offer.tenure == OWNED and not offer.is_existing


def power_price_rows(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> tuple[PowerPrice, ...]:
    """Return a row for every block with bought nodes that is dearer than the cheapest one.

    Parameters
    ----------
    demand, options, decisions
        The records the plan is made from.
    """
    facts = options.energy
    if not facts.premium_usd_per_kwh:
        return ()
    bought = {o.offer_id: o for o in options.offers if is_bought(o)}
    nodes: dict[tuple[int, int, str], list[tuple[NodeOffer, int]]] = defaultdict(list)
    for row in decisions.nodes:
        offer = bought.get(row.offer_id)
        if offer is not None and facts.premium_in(row.block) > 0:
            count = row.nodes * offer.accelerators_per_node
            nodes[row.period, row.block, offer.hardware].append((offer, count))
    load_w = load_by_slot_w(demand, options, decisions)
    rows = []
    for (t, b, hardware), own in sorted(nodes.items()):
        powers = [(n, facts.own_power(o.offer_id, hardware)) for o, n in own]
        most_w = sum(n * power.beyond_w for n, power in powers)
        watts = sum(n * power.idle_w for n, power in powers) + min(load_w[hardware, t, b], most_w)
        pue = facts.place_of(own[0][0].offer_id).pue
        kwh = pue * demand.grid.hours_in_period(b) * watts / W_PER_KW
        price = facts.usd_per_kwh[b % len(facts.usd_per_kwh)]
        premium, count = facts.premium_in(b), sum(n for n, _ in powers)
        usd, is_capped = kwh * premium, load_w[hardware, t, b] > most_w * (1 + _ROUNDING)
        rows.append(PowerPrice(t, b, hardware, count, price, premium, kwh, usd, is_capped))
    return tuple(rows)


def power_price_charges(
    demand: Demand, options: OptionSet, decisions: Decisions, shares: HardwareShares
) -> Iterator[CostLine]:
    """Yield, block by block, what each workload bears of it.

    Parameters
    ----------
    demand, options, decisions
        The records the plan is made from.
    shares
        Who uses which hardware.
    """
    for row in power_price_rows(demand, options, decisions):
        factor = demand.grid.discount_factor[row.period]
        for workload, share in shares.at(row.hardware, row.period, row.block).items():
            usd = row.usd * share
            yield CostLine(row.period, ENERGY, workload, row.hardware, OWNED, usd, usd * factor)
