"""The program of one scenario, ready to be joined with others: rows, purchases, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.milp.families import build_program
from planner.milp.model import build_variables
from planner.milp.provisioned import enough_increments
from planner.milp.sets import build_sets, most_nodes
from planner.milp.solver import bounded_arrays, solve_bounded
from planner.options.purchases import purchases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.demand.records import Demand
    from planner.milp.bridge import Arrays
    from planner.milp.model import Model
    from planner.milp.records import Limits, MilpResult, SolverSettings
    from planner.milp.sets import Elsewhere
    from planner.options.purchases import Purchase
    from planner.options.records import OptionSet


@dataclass(frozen=True, slots=True)
class ScenarioProgram:
    """The program of one scenario.

    Parameters
    ----------
    arrays
        The program with the rows that were found to bound it.
    money_unit_usd
        USD of one unit of its objective.
    columns
        Column of every purchase, and what one unit of it stands for (units of an increment).
    """

    arrays: Arrays
    money_unit_usd: float
    columns: Mapping[Purchase, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ScenarioAnswer(ScenarioProgram):
    """The program of one scenario, and its answer.

    Parameters
    ----------
    result
        Decisions and proof.
    """

    result: MilpResult


def bound_scenario(
    demand: Demand,
    options: OptionSet,
    limits: Limits,
    *,
    elsewhere: Elsewhere,
    settings: SolverSettings,
) -> ScenarioProgram | None:
    """Return the program of a scenario without looking for its plan, ``None`` if there is none.

    Parameters
    ----------
    demand, options, limits, elsewhere, settings
        As in :func:`solve_scenario`.
    """
    program = build_program(demand, options, limits, elsewhere)
    arrays = bounded_arrays(program, settings)
    if arrays is None:
        return None
    return ScenarioProgram(arrays, program.money_unit_usd, _columns(program.model, arrays))


def solve_scenario(
    demand: Demand,
    options: OptionSet,
    limits: Limits,
    *,
    elsewhere: Elsewhere,
    settings: SolverSettings,
) -> ScenarioAnswer:
    """Return the answer of a scenario by itself.

    Parameters
    ----------
    demand, options, limits
        The program.
    elsewhere
        What the other scenarios may want to take on, of :func:`worth_having`.
    settings
        Gap, time limit and solver.
    """
    program = build_program(demand, options, limits, elsewhere)
    solved = solve_bounded(program, settings)
    columns = _columns(program.model, solved.arrays)
    return ScenarioAnswer(solved.arrays, program.money_unit_usd, columns, solved.result)


def worth_having(demand: Demand, options: OptionSet, limits: Limits) -> dict[str, float]:
    """Return the most of everything with a term that is worth having in a program, by identity.

    Parameters
    ----------
    demand, options, limits
        The program.
    """
    sets = build_sets(demand, options, limits)
    nodes = {offer.offer_id: float(most_nodes(sets, o)) for o, offer in enumerate(options.offers)}
    model = build_variables(sets) if options.provisioned else None
    units = {
        u.id: float(enough_increments(model, k))
        for k, u in enumerate(options.provisioned)
        if model is not None
    }
    spend = {
        s.id: max(
            sum(
                nodes[offer_id] * (usd[t] or 0.0) for offer_id, usd in s.rates if offer_id in nodes
            )
            * sum(build.serves(t) for build in s.builds)
            for t in range(sets.grid.periods)
        )
        for s in options.spend
    }
    used = frozenset[int]().union(*sets.homes)
    return {
        **{
            offer.offer_id: nodes[offer.offer_id]
            for o, offer in enumerate(options.offers)
            if offer.is_committed and o in used
        },
        **units,
        **spend,
    }


def _columns(model: Model, arrays: Arrays) -> dict[Purchase, tuple[int, int]]:
    place = {name: i for i, name in enumerate(arrays.column_names)}
    return {
        purchase: (place[name], step)
        for purchase, (name, step) in _variables(model).items()
        if name in place
    }


def _variables(model: Model) -> dict[Purchase, tuple[str, int]]:
    """Return the name of the variable of every purchase, and what one of it stands for."""
    options = model.sets.options
    found: dict[Purchase, tuple[str, int]] = {}
    for purchase, (position, k) in purchases(options, model.sets.grid).items():
        key, step = (position, k), 1
        if purchase.kind == "units":
            variable, step = model.bought.get(key), options.provisioned[position].increment_units
        elif purchase.kind == "spend":
            variable = model.spend.get(key)
        else:
            variable = model.builds.get(key)
        if variable is not None:
            found[purchase] = variable.name, step
    return found
