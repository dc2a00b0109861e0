"""The program of one scenario, ready to be joined with others: its rows and its purchases."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.families import build_program
from planner.milp.joint import Part, Risk, join, solve_joint
from planner.milp.model import build_variables
from planner.milp.provisioned import enough_increments
from planner.milp.sets import build_sets, most_nodes
from planner.milp.solver import bounded_arrays, solve_bounded
from planner.options.purchases import hold_purchases, purchases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from planner.demand.records import Demand
    from planner.milp.bridge import Arrays
    from planner.milp.model import Model
    from planner.milp.records import Limits, MilpResult, SolverSettings
    from planner.milp.sets import Elsewhere
    from planner.options.purchases import Purchase
    from planner.options.records import OptionSet

    FloatArray = NDArray[np.float64]

_GAP_SHARE = 0.3
_RECOURSE_SHARE = 0.5
"""Shares of the gap that purchases, and then the rest, may leave."""


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

    def orders(self, values: FloatArray) -> dict[Purchase, float]:
        """Return how much of every purchase some values take on.

        Parameters
        ----------
        values
            By column of the program.
        """
        whole = self.arrays.integer
        return {
            purchase: step * float(round(values[c]) if whole[c] else max(values[c], 0.0))
            for purchase, (c, step) in self.columns.items()
        }


def bound_scenario(
    demand: Demand,
    options: OptionSet,
    limits: Limits,
    *,
    elsewhere: Elsewhere,
    settings: SolverSettings,
) -> ScenarioProgram | None:
    """Return the program of a scenario by itself, ``None`` when it has no plan for certain.

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
    arrays = bounded_arrays(program, settings)
    if arrays is None:
        return None
    place = {name: i for i, name in enumerate(arrays.column_names)}
    columns = {
        purchase: (place[name], step)
        for purchase, (name, step) in _variables(program.model).items()
        if name in place
    }
    return ScenarioProgram(arrays, program.money_unit_usd, columns)


def solve_scenario(
    demand: Demand,
    options: OptionSet,
    limits: Limits,
    *,
    program: ScenarioProgram,
    elsewhere: Elsewhere,
    settings: SolverSettings,
) -> MilpResult:
    """Return the decisions and the proof of a scenario by itself.

    Purchases come from the program in which nothing else has to be whole, which bounds the cost
    too; the rest is solved with them as they are. Where that is not within the gap, it is what the
    solve of the whole begins from.

    Parameters
    ----------
    demand, options, limits, elsewhere
        As in :func:`bound_scenario`.
    program
        What that returned.
    settings
        Gap, time limit and solver.
    """
    began_s = time.perf_counter()
    part = Part(program.arrays, program.money_unit_usd, 1.0)
    asked = replace(settings, gap=_GAP_SHARE * settings.gap)
    outcome = solve_joint(join([part], [], Risk()), asked)
    result: MilpResult | None = None
    found: MilpResult | None = None
    if outcome.values is not None:
        orders = program.orders(outcome.values)
        held = hold_purchases(options, demand.grid, orders)
        asked = replace(settings, gap=_RECOURSE_SHARE * settings.gap)
        built = build_program(demand, held, limits, elsewhere)
        result = solve_bounded(built, asked, program.arrays).result
    bound_usd = None if outcome.bound is None else outcome.bound * program.money_unit_usd
    if result is not None and result.decisions is not None:
        # What no plan with these purchases costs less than bounds only those.
        unproven = replace(result, proof=replace(result.proof, bound_usd=None))
        found = unproven.proven_by(bound_usd, settings.gap)
        left_s = settings.time_limit_s - (time.perf_counter() - began_s)
        if found.proof.status == "optimal" or left_s <= 0:
            return found
        settings = replace(settings, time_limit_s=left_s, incumbent=result.decisions)
    whole = solve_bounded(build_program(demand, options, limits, elsewhere), settings).result
    if found is not None and whole.decisions is None:
        return found
    return whole.proven_by(bound_usd, settings.gap)


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
