"""Who pays for what, split again from the allocation and fleet tables.

The cost of a hardware type in a block goes to the workloads by the accelerators of their replicas,
inside a pool by planned load over capacity. Replicas without load are shared as their pool is in
that block; nodes without replicas as the whole day is. Nodes that start are those of the block
that they begin to serve in.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.units import TOKENS_PER_MTOK
from planner.verify.audit.clock import block_hours, block_seconds, blocks
from planner.verify.audit.expected import by_option, differs, rates_due
from planner.verify.audit.lengths import mean_tokens, paid_level
from planner.verify.audit.moves import moves_due
from planner.verify.audit.people import people_charges
from planner.verify.audit.power_price import power_price_charges
from planner.verify.audit.provisioned import provisioned_charges
from planner.verify.audit.spend import spend_charges
from planner.verify.audit.terms import discount, terms_of, there
from planner.verify.audit.units import replica_accelerators
from planner.verify.audit.volumes import volume_charges
from planner.verify.audit.waiting import members

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, ApiRow, Commitment, FleetRow, Plan, UnitCost
    from planner.problem.schema import Problem, Workload
    from planner.verify.audit.expected import OptionPlace
    from planner.verify.audit.terms import Terms

_Shares = dict[str, float]
LineKey = tuple[int, str, str, str, str]
"""Period, category, workload, hardware and tenure."""
_Amounts = tuple[float, float]
_UNSERVED = "unserved"
_WORTH = {"resale", "terminal_value"}
"""Categories of what comes back for nodes."""
_SMALLEST_SHARE = 1e-9
"""Share of what is asked below which nothing is served."""
_MID_PERIOD = 0.5


def share_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every cost line and unit cost that the tables do not give."""
    split = Split(plan, problem)
    yield from _lines(plan, problem, catalog, split)
    usd: _Shares = defaultdict(float)
    for line in plan.cost_lines:
        usd[line.workload] += line.usd if line.category != _UNSERVED else 0.0
    worth: _Shares = defaultdict(float)
    there = [row for row in plan.commitments if row.is_existing]
    for (_, category, workload, *_), back, _ in _committed(there, problem, catalog, split):
        worth[workload] += back if category in _WORTH else 0.0
    for unit in plan.unit_costs:
        if differs(unit.existing_worth_usd, worth[unit.workload]):
            yield (
                f"unit cost of {unit.workload}: {unit.existing_worth_usd:.6f} USD for nodes that "
                f"were there, recomputed {worth[unit.workload]:.6f}"
            )
        due = usd[unit.workload] - worth[unit.workload]
        yield from _per_unit(unit, due, plan, problem, catalog)
        yield from _utilization(unit, plan, problem, split)


class Split:
    """Accelerators that each workload's replicas hold, by hardware, period and block."""

    def __init__(self, plan: Plan, problem: Problem) -> None:
        hours = {block: block_hours(problem, block) for block in blocks(problem)}
        self.weights = {block: part / sum(hours.values()) for block, part in hours.items()}
        self.workloads = [w.name for w in problem.workloads]
        self.blocks_per_day = problem.time_blocks
        self.held: dict[tuple[str, int, int], _Shares] = defaultdict(lambda: defaultdict(float))
        self.pools: dict[OptionPlace, _Shares] = {}
        pool_load: dict[tuple[int, int, str], _Shares] = defaultdict(lambda: defaultdict(float))
        for row in plan.allocations:
            pool_load[row.period, row.block, row.pool][row.workload] += _load(row)
        for (period, block, pool, _), rows in by_option(plan.allocations).items():
            own: _Shares = defaultdict(float)
            for row in rows:
                own[row.workload] += _load(row)
            if not any(own.values()):
                own = pool_load[period, block, pool]
            if not any(own.values()):
                own = dict.fromkeys(members(problem, pool), 1.0)
            total = sum(own.values())
            self.pools[period, block, pool, rows[0].option_id] = {
                workload: weight / total for workload, weight in own.items()
            }
            for workload, weight in own.items():
                place = (rows[0].hardware, period, block)
                self.held[place][workload] += rows[0].accelerators * weight / total

    def of(self, row: FleetRow) -> _Shares:
        """Return the share of each workload in a fleet row."""
        return self.at(row.hardware, row.period, row.block)

    def of_starting(self, row: FleetRow) -> _Shares:
        """Return the share of each workload in what nodes cost while they start in a block."""
        day, hour = divmod(row.block, self.blocks_per_day)
        serves_from = day * self.blocks_per_day + (hour + 1) % self.blocks_per_day
        return self.at(row.hardware, row.period, serves_from)

    def usd_of(self, row: FleetRow) -> _Shares:
        """Return what each workload pays of a fleet row, USD."""
        startup_usd = row.price_usd_per_hour * row.startup_node_hours
        return self._parts(row, row.usd - startup_usd, startup_usd)

    def node_hours_of(self, row: FleetRow) -> _Shares:
        """Return the node-hours of a fleet row by workload."""
        return self._parts(row, row.nodes * row.hours, row.startup_node_hours)

    def _parts(self, row: FleetRow, served: float, started: float) -> _Shares:
        parts: _Shares = defaultdict(float)
        for name, share in self.of(row).items() if row.nodes else ():
            parts[name] += share * served
        for name, share in self.of_starting(row).items() if row.startup_node_hours else ():
            parts[name] += share * started
        return parts

    def over(
        self, hardware: str, periods: range, present: Collection[int] | None = None
    ) -> _Shares:
        """Return the mean share of each workload over some blocks (all) of some periods."""
        weights = {b: w for b, w in self.weights.items() if present is None or b in present}
        if not periods:
            return dict.fromkeys(self.workloads, 1.0 / len(self.workloads))
        total: _Shares = defaultdict(float)
        for period in periods:
            for block, weight in weights.items():
                for workload, share in self.at(hardware, period, block).items():
                    total[workload] += share * weight / len(periods) / sum(weights.values())
        return total

    def at(self, hardware: str, period: int, block: int) -> _Shares:
        """Return the share of each workload in a block of a hardware type."""
        held: Mapping[str, float] = self.held.get((hardware, period, block), {})
        if not held:
            day: _Shares = defaultdict(float)
            for (name, t, _), weights in self.held.items():
                if (name, t) == (hardware, period):
                    for workload, weight in weights.items():
                        day[workload] += weight
            held = day or dict.fromkeys(self.workloads, 1.0)
        total = sum(held.values())
        return {workload: weight / total for workload, weight in held.items() if weight > 0}


def _load(row: Allocation) -> float:
    return row.planned_rate_rps / row.capacity_rps


def nominal_usd(plan: Plan, problem: Problem, catalog: Catalog) -> dict[LineKey, float]:
    """Return nominal USD of everything that the tables of a plan have paid, by cost line.

    Parameters
    ----------
    plan
        The plan, with every table but that of cost lines.
    problem, catalog
        What it answers, and the facts.
    """
    usd: dict[LineKey, float] = defaultdict(float)
    for key, amount, _ in _charges(plan, problem, catalog, Split(plan, problem)):
        usd[key] += amount
    return dict(usd)


def _lines(plan: Plan, problem: Problem, catalog: Catalog, split: Split) -> Iterator[str]:
    due: dict[LineKey, _Amounts] = defaultdict(lambda: (0.0, 0.0))
    for key, usd, discounted in _charges(plan, problem, catalog, split):
        due[key] = (due[key][0] + usd, due[key][1] + discounted)
    got: dict[LineKey, _Amounts] = defaultdict(lambda: (0.0, 0.0))
    for line in plan.cost_lines:
        key = (line.period, line.category, line.workload, line.hardware, line.tenure)
        got[key] = (got[key][0] + line.usd, got[key][1] + line.discounted_usd)
    for key in sorted(due.keys() | got.keys()):
        if differs(got[key][0], due[key][0]):
            yield f"cost line {key}: {got[key][0]:.6f} USD, the tables give {due[key][0]:.6f}"
        elif differs(got[key][1], due[key][1]):
            yield (
                f"cost line {key}: discounted with a wrong factor, {due[key][1]:.6f} USD is right"
            )


def _charges(
    plan: Plan, problem: Problem, catalog: Catalog, split: Split
) -> Iterator[tuple[LineKey, float, float]]:
    """Yield cost line, nominal and discounted USD of everything that is paid."""
    months = problem.horizon.months_per_period
    taken_on = {row.offer_id for row in plan.commitments}
    for row in plan.fleet:
        factor = discount(problem, (row.period + _MID_PERIOD) * months)
        for workload, usd in split.usd_of(row).items() if row.offer_id not in taken_on else ():
            yield (row.period, row.tenure, workload, row.hardware, row.tenure), usd, usd * factor
    for item in plan.api:
        factor = discount(problem, (item.period + _MID_PERIOD) * months)
        yield (item.period, "api", item.workload, "", "api"), item.usd, item.usd * factor
    for lost in plan.unserved:
        factor = discount(problem, (lost.period + _MID_PERIOD) * months)
        yield (lost.period, _UNSERVED, lost.workload, "", ""), lost.usd, lost.usd * factor
    yield from _committed(plan.commitments, problem, catalog, split)
    yield from provisioned_charges(plan, problem)
    yield from spend_charges(plan, problem, split.of)
    yield from volume_charges(plan, problem, split.usd_of)
    yield from power_price_charges(plan, problem, split.of)
    yield from _software(plan, problem, split)
    yield from people_charges(plan, problem, catalog, split)
    yield from _models(plan, problem)
    usd = problem.policy.switching_cost_usd_per_move
    for period, name, _ in moves_due(plan, problem):
        start = discount(problem, period * months)
        yield (period, "one_off", name, "", ""), usd, usd * start


def _committed(
    taken: Iterable[Commitment], problem: Problem, catalog: Catalog, split: Split
) -> Iterator[tuple[LineKey, float, float]]:
    for row in taken:
        terms = terms_of(row, problem, catalog)
        if terms is None:
            continue
        present = [block for block in blocks(problem) if there(row, problem, block)]
        parts = split.over(row.hardware, _served(row, terms), present)
        for (period, category), (usd, later) in terms.due.items():
            for workload, share in parts.items():
                key = (period, category, workload, row.hardware, row.tenure)
                yield key, row.nodes * usd * share, row.nodes * later * share


def _software(
    plan: Plan, problem: Problem, split: Split
) -> Iterator[tuple[LineKey, float, float]]:
    """Yield the licences of replicas, by the accelerators that each option holds."""
    stated = problem.supply.software_usd_per_accelerator_hour
    months = problem.horizon.months_per_period
    for place, rows in by_option(plan.allocations).items() if stated else ():
        row = rows[0]
        rates = [stated[name] for name in {row.engine, row.hardware} if name in stated]
        rate = sum(rates) if rates else stated.get("default", 0.0)
        usd = rate * row.accelerators * block_hours(problem, row.block)
        factor = discount(problem, (row.period + _MID_PERIOD) * months)
        for workload, share in split.pools[place].items() if usd else ():
            key = (row.period, "software", workload, row.hardware, "")
            yield key, usd * share, usd * share * factor


def _models(plan: Plan, problem: Problem) -> Iterator[tuple[LineKey, float, float]]:
    """Yield the cost of using models at all, by the requests that workloads send to them."""
    months = problem.horizon.months_per_period
    for cost in problem.one_off_costs:
        every: list[Allocation | ApiRow] = [*plan.allocations, *plan.api]
        rows = [r for r in every if r.model == cost.model]
        periods = sorted({r.period for r in rows})
        total = sum(r.rate_rps for r in rows)
        sent: dict[str, float] = defaultdict(float)
        for row in rows:
            sent[row.workload] += row.rate_rps / total if total else 0.0
        for workload, share in sent.items() if total else ():
            paid = [(t, cost.usd_per_period, (t + _MID_PERIOD) * months) for t in periods]
            for period, usd, month in [(periods[0], cost.usd, periods[0] * months), *paid]:
                key = (period, "one_off", workload, "", "")
                yield key, usd * share, usd * share * discount(problem, month)


def _served(row: Commitment, terms: Terms) -> range:
    return range(row.start_period, row.start_period + terms.served_periods)


def _asked_and_served(
    workload: Workload, plan: Plan, problem: Problem, catalog: Catalog
) -> tuple[float, dict[int, float]]:
    """Return the requests that are asked over the horizon, and those served by period."""
    seconds = {block: block_seconds(problem, block) for block in blocks(problem)}
    served: dict[int, float] = defaultdict(float)
    for (period, block), (mean_rps, _) in rates_due(workload, problem, catalog).items():
        served[period] += mean_rps * seconds[block]
    asked = sum(served.values())
    for row in plan.unserved:
        if row.workload == workload.name:
            served[row.period] -= row.rate_rps * seconds[row.block]
    return asked, served


def _per_unit(
    unit: UnitCost, usd: float, plan: Plan, problem: Problem, catalog: Catalog
) -> Iterator[str]:
    workload = problem.workload(unit.workload)
    asked, served = _asked_and_served(workload, plan, problem, catalog)
    requests = sum(served.values())
    if requests <= _SMALLEST_SHARE * asked:
        stated = (unit.usd_per_request, unit.usd_per_million_tokens)
        if stated != (None, None) or unit.usd_per_million_output_tokens is not None:
            yield f"unit cost of {unit.workload}: figures, but nothing is served"
        return
    figures = [("request", unit.usd_per_request or 0.0, usd / requests)]
    tokens = mean_tokens(workload, catalog)
    if tokens is not None:
        isl, osl = (
            sum(count * mean * paid_level(workload, t)[k] for t, count in served.items())
            for k, mean in enumerate(tokens)
        )
        paid = usd * TOKENS_PER_MTOK
        figures += [
            ("million output tokens", unit.usd_per_million_output_tokens or 0.0, paid / osl),
            ("million tokens", unit.usd_per_million_tokens or 0.0, paid / (isl + osl)),
        ]
    for name, got, want in figures:
        if differs(got, want):
            yield f"unit cost of {unit.workload}: {got:.6g} USD per {name}, recomputed {want:.6g}"


def _utilization(unit: UnitCost, plan: Plan, problem: Problem, split: Split) -> Iterator[str]:
    used = sum(
        row.rate_rps
        / row.capacity_rps
        * replica_accelerators(row)
        * block_hours(problem, row.block)
        for row in plan.allocations
        if row.workload == unit.workload
    )
    paid = sum(
        row.accelerators_per_node * split.node_hours_of(row).get(unit.workload, 0.0)
        for row in plan.fleet
    )
    if differs(unit.utilization or 0.0, used / paid if paid else 0.0):
        yield (
            f"unit cost of {unit.workload}: utilization {unit.utilization}, {used:.6g} of "
            f"{paid:.6g} paid accelerator-hours are at work"
        )
