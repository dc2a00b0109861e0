"""Every way to serve the workloads of a problem, and why the others cannot.

Order: nodes that can be rented, replicas that could be built on them, residency, context and
quality, memory and capacity, API tokens, and last the options that others dominate. A measured
capacity replaces the modelled one of the same workload and option; a workload without lengths has
measured options only.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from planner.options.candidates import buildable
from planner.options.capacity import modelled_capacities
from planner.options.energy import (
    energy_facts,
    unmeasured_nodes,
    wanting_carbon,
    without_unknown_carbon,
)
from planner.options.excluded import unknown_exclusions, without_excluded
from planner.options.gate import Gate
from planner.options.headroom import with_option_headroom
from planner.options.homes import homeless
from planner.options.in_vain import in_vain
from planner.options.jobs import with_job_times, with_leads
from planner.options.measured import measured_id, measured_options
from planner.options.minimums import with_minimums
from planner.options.nodes import barred_nodes, supplied_nodes, unwanted_nodes
from planner.options.provisioned import provisioned_supply, units_of_problem
from planner.options.prune import best_layouts, prune
from planner.options.quality import QualityBook
from planner.options.records import MEASURED, OptionSet
from planner.options.round_trips import at_distance, distances, with_round_trips
from planner.options.software import with_software
from planner.options.spend import spend_of_problem
from planner.options.spot import spot_options
from planner.options.staff import hosting_staff, with_people
from planner.options.supply_records import ModelCost
from planner.options.system_capacity import system_capacities
from planner.options.systems import buildable_systems
from planner.options.tokens import token_supply
from planner.options.units import units_of
from planner.options.volumes import volume_discounts, with_tiers
from planner.options.ways import Ways, combined, joined, with_quality
from planner.problem.deferral import JOINED, with_streams
from planner.problem.escalation import answer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand, TimeGrid
    from planner.options.candidates import Candidate, Way
    from planner.options.capacity import ModelledOptions
    from planner.options.records import Capacity, NodeOffer, Option, Rejection
    from planner.options.token_supply import TokenSupply
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem, Workload

_WayT = TypeVar("_WayT", bound="Way")


def build_options(loaded: LoadedProblem, catalog: Catalog, demand: Demand) -> OptionSet:
    """Return everything the program may choose from, with the reasons against the rest.

    Parameters
    ----------
    loaded
        The problem, with its table of measured capacities when it has one.
    catalog
        Facts about hardware, models, prices and quality.
    demand
        Rates and lengths of the workloads.
    """
    loaded = with_streams(loaded)
    problem = loaded.problem
    nodes, rejected = supplied_nodes(problem, catalog, demand.grid)
    volumes = volume_discounts(problem)
    nodes = with_round_trips(list(with_tiers(nodes, volumes)), problem)
    nodes = with_people(with_minimums(nodes, problem), problem, catalog)
    unmeasured = unmeasured_nodes(problem, catalog, nodes)
    offered, nodes = nodes, [n for n in nodes if n.offer_id not in {r.subject for r in unmeasured}]
    rejected += unmeasured
    gates = {w.name: _gate(w, problem, catalog, demand) for w in problem.workloads}
    tokens = [
        _tokens(w, problem, catalog, demand, gates[w.name])
        for w in problem.workloads
        if not w.name.endswith(JOINED)  # tokens are bought for the deferred stream
    ]
    modelled_gates = {name: g for name, g in gates.items() if demand.of(name).lengths is not None}
    ways = _by_round_trip(loaded, catalog, demand, nodes, modelled_gates, gates)
    ways = replace(ways, rejections=wanting_carbon(ways.rejections, offered, unmeasured))
    ways = with_software(ways, problem)
    barred = barred_nodes(problem, nodes)
    ways = _with_leads(_with_spot(_in_time(ways, problem, demand), nodes, problem), demand)
    strange = tuple(unknown_exclusions(ways, problem))
    ways = _housed(ways, nodes, barred, problem, demand.grid)
    unwanted = unwanted_nodes(problem, nodes, barred)
    gone = {r.subject for r in unwanted}
    nodes = [n for n in nodes if n.offer_id not in gone or n.is_existing]
    rejected += unwanted
    rejected += [r for g in gates.values() for r in g.rejections]
    notes = tuple(note for g in gates.values() for note in g.unproven_notes())
    kept, pruned = prune(ways.options, ways.capacities, same_model_only=_models_matter(problem))
    found = replace(
        _option_set(problem, ways, kept=kept, nodes=nodes, tokens=tokens),
        rejections=(*rejected, *ways.rejections, *(r for t in tokens for r in t.rejections)),
        volumes=volumes,
    )
    idle = in_vain(problem, catalog, demand.grid, nodes, found)
    return replace(
        found,
        warnings=(*notes, *strange, *_engine_notes(ways, catalog), *idle),
        without_effect=(*strange, *idle),
        pruned=tuple(pruned),
        barred=barred,
        provisioned=units_of_problem(problem, demand.grid),
        spend=spend_of_problem(problem, demand.grid, nodes),
        model_costs=tuple(
            ModelCost(c.model, c.usd, c.usd_per_period) for c in problem.one_off_costs
        ),
        energy=energy_facts(problem, catalog, nodes, ways.options, ways.capacities),
        switching_usd_per_move=problem.policy.switching_cost_usd_per_move,
        staff=hosting_staff(problem, catalog),
    )


def _models_matter(problem: Problem) -> bool:
    """Return whether it matters which model serves, not only what it carries."""
    policy = problem.policy
    priced = bool(problem.one_off_costs) or policy.switching_cost_usd_per_move > 0
    return priced or policy.max_models is not None


def _tokens(
    workload: Workload, problem: Problem, catalog: Catalog, demand: Demand, gate: Gate
) -> TokenSupply:
    rates, grid = demand.of(workload.name), demand.grid
    levels, book = rates.length_levels, gate.book
    by_use = token_supply(
        workload, rates.lengths, problem, catalog=catalog, grid=grid, book=book, levels=levels
    )
    units = provisioned_supply(
        workload, rates.lengths, problem, grid=grid, book=book, levels=levels
    )
    return without_unknown_carbon(problem, by_use + units)


def _by_round_trip(  # noqa: PLR0917
    loaded: LoadedProblem,
    catalog: Catalog,
    demand: Demand,
    nodes: list[NodeOffer],
    modelled_gates: dict[str, Gate],
    gates: dict[str, Gate],
) -> Ways:
    """Return the ways to serve on nodes of every distance to the users."""
    found = Ways()
    for there in distances(loaded, catalog, nodes):
        problem, own = there.loaded.problem, list(there.nodes)
        ways = combined(
            _measured(there.loaded, own, gates),
            _modelled(problem, catalog, demand, own, modelled_gates),
            _on_systems(problem, catalog, demand, own, modelled_gates),
        )
        found = joined(found, at_distance(ways, there.round_trip_ms, loaded.problem))
    return found


def _housed(
    ways: Ways,
    nodes: list[NodeOffer],
    barred: frozenset[tuple[str, str]],
    problem: Problem,
    grid: TimeGrid,
) -> Ways:
    """Return the ways that some allowed node can hold and their workload does not exclude."""
    by_id = {o.id: o for o in ways.options}
    allowed, rejections = without_excluded(ways.capacities, problem, grid)
    allowed = list(with_option_headroom(allowed, problem, grid))
    without_home = homeless(allowed, by_id, nodes, barred, problem)
    gone = {(r.workload, r.subject) for r in without_home}
    capacities = tuple(c for c in allowed if (c.workload, c.option_id) not in gone)
    return replace(
        ways,
        options=with_quality(ways.options, capacities),
        capacities=capacities,
        rejections=(*ways.rejections, *rejections, *without_home),
    )


def _with_spot(ways: Ways, nodes: list[NodeOffer], problem: Problem) -> Ways:
    """Return the ways with those of batch replicas on spot nodes."""
    twins, capacities = spot_options(ways.options, ways.capacities, nodes, problem)
    return replace(
        ways,
        options=(*ways.options, *twins),
        capacities=(*ways.capacities, *capacities),
    )


def _in_time(ways: Ways, problem: Problem, demand: Demand) -> Ways:
    """Return the ways on which work that waits does not run for too long."""
    options = {o.id: o for o in ways.options}
    return _kept(ways, *with_job_times(ways.capacities, options, problem, demand))


def _with_leads(ways: Ways, demand: Demand) -> Ways:
    """Return the ways with how early work that waits has to begin, those that leave it time."""
    return _kept(ways, *with_leads(ways.capacities, demand))


def _kept(ways: Ways, capacities: list[Capacity], rejections: list[Rejection]) -> Ways:
    """Return the ways with some of their capacities, and why not the others."""
    return replace(
        ways,
        options=with_quality(ways.options, capacities),
        capacities=tuple(capacities),
        rejections=(*ways.rejections, *rejections),
    )


_BASES = {None: "memory", "device": "memory", "free": "memory that weights leave free"}
"""What the share of memory of an engine is of, in words."""


def _engine_notes(ways: Ways, catalog: Catalog) -> list[str]:
    """Return the engine settings that modelled capacities stand on."""
    modelled = {c.option_id for c in ways.capacities if c.origin != MEASURED}
    names = sorted({o.engine for o in ways.options if o.id in modelled})
    engines = [engine for name in names if (engine := catalog.engine(name)) is not None]
    return [
        f"{e.name} is taken to run with at most {e.max_num_seqs:,} sequences and "
        f"{e.memory_fraction:.0%} of the {_BASES[e.memory_basis]}: deploy it so"
        for e in engines
    ]


def _gate(workload: Workload, problem: Problem, catalog: Catalog, demand: Demand) -> Gate:
    book = QualityBook(
        catalog.quality,
        catalog.quantizations,
        workload.quality_scores,
        problem.policy.quality_evidence,
        _chain_scores(workload),
    )
    rates = demand.of(workload.name)
    longest = None if rates.lengths is None else rates.lengths.at(rates.longest_level)
    return Gate(workload, longest, book)


def _chain_scores(workload: Workload) -> dict[str, float]:
    """Return the scores stated for the chain that a stream belongs to."""
    if not answer_of(workload.name) or workload.escalation is None:
        return {}
    return {score.benchmark: score.score for score in workload.escalation.quality_scores}


def _measured(loaded: LoadedProblem, nodes: list[NodeOffer], gates: dict[str, Gate]) -> Ways:
    problem = loaded.problem
    options, capacities, rejected = measured_options(
        loaded.measured, problem.candidates, nodes, problem.policy.max_utilization
    )
    by_id = {o.id: o for o in options}
    admitted = []
    for capacity in capacities:
        option, gate = by_id[capacity.option_id], gates[capacity.workload]
        if not gate.asks(option.model):
            continue
        if gate.admits_measured(option.id, option.model, option.quantization):
            admitted.append(_with_scores(capacity, option, gate))
    considered = len({measured_id(row) for row in loaded.measured})
    return Ways(tuple(options), tuple(admitted), tuple(rejected), considered)


def _admitted(
    candidates: Sequence[_WayT], problem: Problem, gates: dict[str, Gate]
) -> dict[str, list[_WayT]]:
    """Return what every workload may use; nothing for workloads without a gate."""
    usable: dict[str, list[_WayT]] = {w.name: [] for w in problem.workloads}
    return usable | {
        name: [c for c in candidates if g.asks(c.model.id) and g.admits(c)]
        for name, g in gates.items()
    }


def _modelled(
    problem: Problem,
    catalog: Catalog,
    demand: Demand,
    nodes: list[NodeOffer],
    gates: dict[str, Gate],
) -> Ways:
    """Return the options of the performance model for the workloads of `gates`."""
    if not gates:
        return Ways()
    candidates, unbuildable, considered = buildable(problem.candidates, catalog, nodes)
    usable: dict[str, list[Way]] = _admitted(candidates, problem, gates)
    if problem.candidates.disaggregation == "on":
        unfit, more = _add_units(usable, candidates, nodes)
        unbuildable, considered = [*unbuildable, *unfit], considered + more
    modelled = modelled_capacities(problem, catalog, demand, usable)
    options, surpassed = best_layouts(modelled.options, modelled.capacities)
    kept = {o.id for o in options}
    worth_showing = replace(
        modelled,
        options=tuple(options),
        capacities=tuple(c for c in modelled.capacities if c.option_id in kept),
        rejections=(*modelled.rejections, *surpassed),
    )
    return _scored(worth_showing, unbuildable, considered, gates)


def _add_units(
    usable: dict[str, list[Way]], candidates: Sequence[Candidate], nodes: Sequence[NodeOffer]
) -> tuple[list[Rejection], int]:
    """Add the units of usable replicas; return the rejected ones and how many were considered."""
    allowed = {name: {way.option_id for way in ways} for name, ways in usable.items()}
    anywhere = set().union(*allowed.values())
    wanted = [c for c in candidates if c.option_id in anywhere]
    units, rejected, considered = units_of(wanted, nodes)
    for name, ids in allowed.items():
        usable[name] += (u for u in units if {u.prefill.option_id, u.decode.option_id} <= ids)
    return rejected, considered


def _on_systems(
    problem: Problem,
    catalog: Catalog,
    demand: Demand,
    nodes: list[NodeOffer],
    gates: dict[str, Gate],
) -> Ways:
    """Return the options on systems that are planned from their own measured figures."""
    if not gates:
        return Ways()
    candidates, unbuildable, considered = buildable_systems(problem.candidates, catalog, nodes)
    usable = _admitted(candidates, problem, gates)
    found = system_capacities(problem, catalog, demand, usable)
    return _scored(found, unbuildable, considered, gates)


def _scored(
    found: ModelledOptions,
    unbuildable: list[Rejection],
    considered: int,
    gates: dict[str, Gate],
) -> Ways:
    """Return the options with the scores that each workload compares."""
    by_id = {o.id: o for o in found.options}
    capacities = tuple(
        _with_scores(c, by_id[c.option_id], gates[c.workload]) for c in found.capacities
    )
    return Ways(found.options, capacities, (*unbuildable, *found.rejections), considered)


def _with_scores(capacity: Capacity, option: Option, gate: Gate) -> Capacity:
    """Return a capacity with the scores that floors on each model and on the average compare."""
    return replace(
        capacity,
        quality=gate.scores(option.model, option.quantization),
        averaged=gate.averaged(option.model, option.quantization),
    )


def _option_set(
    problem: Problem,
    ways: Ways,
    *,
    kept: list[Option],
    nodes: list[NodeOffer],
    tokens: list[TokenSupply],
) -> OptionSet:
    ids = {o.id for o in kept}
    sizes: dict[str, set[int]] = defaultdict(set)
    for option in ways.options:
        sizes[option.hardware].add(option.accelerators)
    needed = [
        node
        for node in nodes
        if node.is_existing
        or any(node.accelerators_per_node % size == 0 for size in sizes[node.hardware])
    ]
    return OptionSet(
        options=tuple(kept),
        capacities=ways.capacities,
        dominated=tuple(o for o in ways.options if o.id not in ids),
        offers=tuple(needed),
        api=tuple(option for t in tokens for option in t.usable),
        api_unproven=tuple(option for t in tokens for option in t.unproven),
        considered=ways.considered,
        pool_of=tuple((w.name, w.pool_name) for w in problem.workloads),
    )
