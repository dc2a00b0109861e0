"""Energy and carbon, computed again from allocations, nodes and the tables of sites and servers.

Not recomputed: what a replica draws, which the performance model says. It is held against the
power of idle accelerators, and has to be the rated one where a capacity was measured.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.verify.audit.expected import TOLERANCE, by_option, differs
from planner.verify.audit.terms import serving_power_w
from planner.verify.audit.units import replica_accelerators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, FleetRow, Plan
    from planner.plan.limit_rows import EnergyRow
    from planner.problem.schema import Problem

_OWNED, _MEASURED, _PROVISIONED = "owned", "measured", "provisioned"
_THOUSAND = 1_000.0


def energy_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every figure of energy or carbon that does not follow."""
    fleet: dict[tuple[int, str], list[FleetRow]] = defaultdict(list)
    for node in plan.fleet:
        fleet[node.period, node.offer_id].append(node)
    keys = [(row.period, row.offer_id) for row in plan.energy]
    if keys != sorted(fleet):
        yield "energy: needs one row for every period and offer with nodes, in order"
        return
    load = loads(plan)
    there = {row.offer_id for row in plan.commitments if row.is_existing}
    held: dict[tuple[str, int, int], int] = defaultdict(int)
    for node in plan.fleet:
        held[node.hardware, node.period, node.block] += node.accelerators
    for row in plan.energy:
        nodes = fleet[row.period, row.offer_id]
        it_wh = sum(_it_wh(row, node, load, held) for node in nodes)
        place = f"energy of period {row.period} {row.offer_id}"
        bought = nodes[0].tenure == _OWNED and row.offer_id not in there
        for text in (
            *_row(row, nodes[0], it_wh),
            *_facts(row, nodes[0], problem, catalog),
            *_own_idle(row, nodes[0], catalog, bought=bought),
        ):
            yield f"{place}: {text}"
    for taken in plan.allocations:
        place = f"period {taken.period} block {taken.block} {taken.option_id}"
        yield from (f"{place}: {text}" for text in _replica(taken, plan, catalog))
    yield from _limit(plan, problem)


def loads(plan: Plan) -> dict[tuple[str, int, int], float]:
    """Return what replicas draw beyond idle accelerators, by hardware, period and block."""
    idle = {row.hardware: row.idle_w_per_accelerator or 0.0 for row in plan.energy}
    load: dict[tuple[str, int, int], float] = defaultdict(float)
    for (period, block, _, _), rows in by_option(plan.allocations).items():
        first = rows[0]
        spare_w = first.accelerators * idle.get(first.hardware, 0.0)
        watts = first.replicas * (first.replica_power_w or 0.0) - spare_w
        watts += sum(row.rate_rps * (row.request_energy_j or 0.0) for row in rows)
        load[first.hardware, period, block] += watts
    return load


def _it_wh(
    row: EnergyRow,
    node: FleetRow,
    load: dict[tuple[str, int, int], float],
    held: dict[tuple[str, int, int], int],
) -> float:
    hours = node.accelerators * node.hours + node.startup_node_hours * node.accelerators_per_node
    slot = (node.hardware, node.period, node.block)
    share = node.accelerators / held[slot] if held[slot] else 0.0
    return drawn_idle_w(row) * hours + load[slot] * node.hours * share


def drawn_idle_w(row: EnergyRow) -> float:
    """Return what an accelerator of the nodes of a row draws without requests, watts."""
    own = row.own_idle_w_per_accelerator
    return (row.idle_w_per_accelerator or 0.0) if own is None else own


def _own_idle(row: EnergyRow, node: FleetRow, catalog: Catalog, *, bought: bool) -> Iterator[str]:
    """Hosts of bought servers differ from those of their kind by the difference of ratings."""
    got, of_kind = row.own_idle_w_per_accelerator, row.idle_w_per_accelerator
    if not bought or of_kind is None:
        if got is not None:
            yield f"idle power {got} W of a bought server, which this is not"
        return
    boards = node.accelerators_per_node
    figure = catalog.figure("servers", node.instance, "it_power_w")
    own_w = (0.0 if figure is None else figure.value or 0.0) / boards
    more_w = own_w - (rated_w(node.hardware, catalog) or 0.0)
    assumed_w = serving_power_w(node.instance, node.hardware, boards, catalog) / boards
    want = min(max(of_kind + more_w, 0.0), assumed_w)
    if got is None or differs(got, want):
        yield f"idle power {got} W of a server of {own_w:.6g} W, expected {want:.6g}"


def _row(row: EnergyRow, node: FleetRow, it_wh: float) -> Iterator[str]:
    named = (row.provider, row.region, row.hardware)
    if named != (node.provider, node.region, node.hardware):
        yield f"of {named}, the nodes are {(node.provider, node.region, node.hardware)}"
    if row.idle_w_per_accelerator is None:
        if (row.it_kwh, row.kwh, row.carbon_kg) != (None, None, None):
            yield "energy without a power"
        return
    for name, got, want in (
        ("it_kwh", row.it_kwh, it_wh / _THOUSAND),
        ("kwh", row.kwh, (row.it_kwh or 0.0) * row.pue),
    ):
        if got is None or differs(got, want):
            yield f"{name} {got}, nodes and replicas draw {want:.6f}"
    grid = row.carbon_g_per_kwh
    kg = None if grid is None else (row.kwh or 0.0) * grid / _THOUSAND
    if (row.carbon_kg is None) != (kg is None):
        yield f"{row.carbon_kg} kg of carbon with a grid of {grid} g per kWh"
    elif kg is not None and differs(row.carbon_kg or 0.0, kg):
        yield f"{row.carbon_kg} kg of carbon, energy x grid is {kg:.6f}"


def _facts(row: EnergyRow, node: FleetRow, problem: Problem, catalog: Catalog) -> Iterator[str]:
    place = (problem.supply.site, "") if node.tenure == _OWNED else (node.region, node.provider)

    def stated(key: str, case: str, quantity: str) -> float | None:
        figure = catalog.figure("sites", key, quantity, case)
        return None if figure is None else figure.value

    grid = stated(*place, "carbon_g_per_kwh")
    if row.carbon_g_per_kwh != grid:
        yield f"a grid of {row.carbon_g_per_kwh} g per kWh, the tables say {grid}"
    own, default = stated(*place, "pue"), stated("default", "", "pue")
    pue = own if own is not None else 1.0 if default is None else default
    if row.pue != pue:
        yield f"PUE {row.pue}, the tables say {pue}"
    rated = rated_w(node.hardware, catalog)
    idle = row.idle_w_per_accelerator
    if (rated is None) != (idle is None):
        yield f"idle power {idle} W with a rated one of {rated}"
    elif rated is not None and not 0 <= (idle or 0.0) <= rated * (1 + TOLERANCE):
        yield f"idle power {idle} W is above the rated {rated:.6g} W"
    if bool(row.note) != (grid is None or rated is None):
        yield f"note `{row.note}` with a grid of {grid} and a rated power of {rated}"


def rated_w(hardware: str, catalog: Catalog) -> float | None:
    """Return the rated IT power of a node by accelerator: its own, or of the largest server.

    Parameters
    ----------
    hardware, catalog
        Key of the accelerator, and the tables.
    """
    node_w = _node_w(hardware, catalog)
    return max(_server_w(hardware, catalog), default=None) if node_w is None else node_w


def highest_w(hardware: str, catalog: Catalog) -> float:
    """Return the highest rated IT power of a node or server, by accelerator, 0 if not known.

    Parameters
    ----------
    hardware, catalog
        Key of the accelerator, and the tables.
    """
    return max(_node_w(hardware, catalog) or 0.0, *_server_w(hardware, catalog), 0.0)


def _node_w(hardware: str, catalog: Catalog) -> float | None:
    known = catalog.accelerator(hardware)
    if known is None or not known.accelerators_per_node or known.node_it_power_w is None:
        return None
    return known.node_it_power_w / known.accelerators_per_node


def _server_w(hardware: str, catalog: Catalog) -> list[float]:
    found = []
    for server in catalog.servers:
        if (server.quantity, server.case) == ("accelerators", hardware) and server.value:
            power = catalog.figure("servers", server.id, "it_power_w")
            if power is not None and power.value is not None:
                found.append(power.value / server.value)
    return found


def _replica(row: Allocation, plan: Plan, catalog: Catalog) -> Iterator[str]:
    rated = rated_w(row.hardware, catalog)
    stated = (row.replica_power_w, row.request_energy_j)
    if rated is None:
        if stated != (None, None):
            yield f"power {stated}, of a node whose power is not known"
        return
    size = replica_accelerators(row)
    idle = max(
        (e.idle_w_per_accelerator or 0.0 for e in plan.energy if e.hardware == row.hardware),
        default=0.0,
    )
    if row.replica_power_w is None or row.replica_power_w < size * idle * (1 - TOLERANCE):
        yield f"a replica draws {row.replica_power_w} W, {size} idle accelerators {size * idle} W"
    elif row.request_energy_j is None or row.request_energy_j < 0:
        yield f"a request takes {row.request_energy_j} J"
    elif row.coefficient_origin == _MEASURED:
        due = size * rated
        if differs(row.replica_power_w, due) or row.request_energy_j > 0:
            yield f"power {stated}, measured replicas count with their rated {due:.6g} W"


def _limit(plan: Plan, problem: Problem) -> Iterator[str]:
    limit = problem.limits.carbon_kg_per_period
    if limit is None:
        return
    emitted: dict[int, float] = defaultdict(float)
    for row in plan.energy:
        if row.carbon_kg is None:
            yield f"carbon of period {row.period} {row.offer_id} is limited and not known"
        emitted[row.period] += row.carbon_kg or 0.0
    for period in range(problem.horizon.periods):
        most = limit[period] if isinstance(limit, list) else limit
        if emitted[period] > most * (1 + TOLERANCE) + TOLERANCE:
            yield f"period {period}: {emitted[period]:.6g} kg of carbon, limit {most:.6g}"
    tokens = [*plan.api, *plan.provisioned]
    if tokens and problem.limits.api_carbon != "ignore":
        yield "tokens, whose carbon nobody states, where carbon is limited"
