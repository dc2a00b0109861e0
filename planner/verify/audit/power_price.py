"""What electricity costs bought nodes in dear hours, computed again from fleet and allocations."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.verify.audit.clock import block_hours
from planner.verify.audit.electricity import lowest_site_price, site_price
from planner.verify.audit.energy import drawn_idle_w, loads
from planner.verify.audit.expected import TOLERANCE, differs
from planner.verify.audit.terms import discount, serving_power_w

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import FleetRow, Plan
    from planner.plan.limit_rows import PowerPrice
    from planner.problem.schema import Problem

    Charge = tuple[tuple[int, str, str, str, str], float, float]
    Split = Callable[[FleetRow], dict[str, float]]

_OWNED, _ENERGY = "owned", "energy"
_THOUSAND, _MID_PERIOD = 1_000.0, 0.5
_Slot = tuple[int, int, str]


def power_price_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every row that prices, fleet and load do not give."""
    own = _bought(plan)
    dear = {
        (t, b, hardware)
        for (t, b, hardware), nodes in own.items()
        if _premium(problem, catalog, b) and any(node.nodes for node in nodes)
    }
    got = [(row.period, row.block, row.hardware) for row in plan.power_prices]
    if got != sorted(dear):
        yield f"power prices of {got}, bought nodes are in dear blocks {sorted(dear)}"
        return
    load = loads(plan)
    for row in plan.power_prices:
        place = f"power price of period {row.period} block {row.block} {row.hardware}"
        nodes = own[row.period, row.block, row.hardware]
        load_w = load[row.hardware, row.period, row.block]
        idle_w, most_w = _own_w(nodes, plan, catalog)
        watts, is_capped = idle_w + min(load_w, most_w), load_w > most_w
        if row.is_capped != is_capped and differs(load_w, most_w):
            yield f"{place}: is_capped {row.is_capped}, {load_w:g} W of load, {most_w:g} W paid"
        found = _figures(row, nodes, watts, plan, problem, catalog)
        yield from (f"{place}: {text}" for text in found)


def power_price_charges(plan: Plan, problem: Problem, split: Split) -> Iterator[Charge]:
    """Yield cost line, nominal and discounted USD of every dear block."""
    own = _bought(plan)
    for row in plan.power_prices:
        nodes = own.get((row.period, row.block, row.hardware), [])
        middle = (row.period + _MID_PERIOD) * problem.horizon.months_per_period
        for workload, share in (split(nodes[0]) if nodes else {}).items():
            usd = row.usd * share
            key = (row.period, _ENERGY, workload, row.hardware, _OWNED)
            yield key, usd, usd * discount(problem, middle)


def _bought(plan: Plan) -> dict[_Slot, list[FleetRow]]:
    there = {row.offer_id for row in plan.commitments if row.is_existing}
    own: dict[_Slot, list[FleetRow]] = defaultdict(list)
    for node in plan.fleet:
        if node.tenure == _OWNED and node.offer_id not in there:
            own[node.period, node.block, node.hardware].append(node)
    return own


def _premium(problem: Problem, catalog: Catalog, block: int) -> float:
    price, least = site_price(problem, catalog, block), lowest_site_price(problem, catalog)
    beyond = (price or 0.0) - (least or 0.0)
    return beyond if beyond > TOLERANCE * (price or 0.0) else 0.0


def _own_w(nodes: list[FleetRow], plan: Plan, catalog: Catalog) -> tuple[float, float]:
    """Return idle power of bought nodes, and the most beyond it that they are assumed to draw."""
    idle_of = {energy.offer_id: drawn_idle_w(energy) for energy in plan.energy}
    idle = most = 0.0
    for node in nodes:
        assumed = node.nodes * serving_power_w(
            node.instance, node.hardware, node.accelerators_per_node, catalog
        )
        unused = min(node.accelerators * idle_of[node.offer_id], assumed)
        idle, most = idle + unused, most + assumed - unused
    return idle, most


def _figures(  # noqa: PLR0917
    row: PowerPrice,
    nodes: list[FleetRow],
    watts: float,
    plan: Plan,
    problem: Problem,
    catalog: Catalog,
) -> Iterator[str]:
    pue = next(energy.pue for energy in plan.energy if energy.offer_id == nodes[0].offer_id)
    kwh = pue * block_hours(problem, row.block) * watts / _THOUSAND
    for name, got, want in (
        ("accelerators", row.accelerators, sum(node.accelerators for node in nodes)),
        ("USD per kWh", row.usd_per_kwh, site_price(problem, catalog, row.block) or 0.0),
        (
            "USD per kWh beyond the lowest",
            row.premium_usd_per_kwh,
            _premium(problem, catalog, row.block),
        ),
        ("kWh", row.kwh, kwh),
        ("USD", row.usd, row.kwh * row.premium_usd_per_kwh),
    ):
        if differs(got, want):
            yield f"{got} {name}, expected {want}"
