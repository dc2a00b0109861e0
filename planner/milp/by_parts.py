"""Bound and plan of a large program from its parts: pools first, then slots with their nodes.

What pools take alone, at the prices of nodes, is the first plan of a program that is so large
that slots may take all the time. Each step adds bound rows (:mod:`planner.milp.blocks`), solves
the slots with the fleet that the relaxation has then (:mod:`planner.milp.held_slots`), and
completes them to a plan. Where models load before the blocks in which they serve, a plan of few
kinds of replicas comes first (:mod:`planner.milp.few_kinds`). Where the bound proves the plan,
the whole program need not be solved at all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.blocks import (
    with_pool_bounds,
    with_pool_plans,
    with_slot_bounds,
    with_unit_bounds,
)
from planner.milp.few_kinds import plan_of_few_kinds
from planner.milp.held_slots import constants, slots_with_the_fleet
from planner.milp.highs import completed
from planner.milp.improve import improved_with_the_same
from planner.milp.slots import slots_of
from planner.milp.start import complete_start, with_fleet
from planner.milp.warm import on_terms_of_incumbent, warmer_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.milp.blocks import Bounded
    from planner.milp.model import Model
    from planner.milp.records import SolverSettings

    FloatArray = NDArray[np.float64]

_SMALLEST_PROGRAM = 400
"""Columns below which the solver needs no help."""
_POOLS_SHARE = 0.3
_UNITS_SHARE = 0.2
_SLOTS_SHARE = 0.25
_FLEET_SHARE = 0.3
"""Most of the time limit that the pools, the slots by numbers of units, the slots and the slots
with the fleet of a relaxation may take."""
_COMPLETION_SHARE = 0.15
"""The same for the fleet of given replicas."""
_FEW_KINDS_SHARE = 0.4
"""The same for a plan of few kinds of replicas."""
_NEAR = 0.15
"""Gap from which on a plan of few kinds is a better beginning than blocks alone, and an incumbent
is as good a one."""
_BESIDE_SHARE = 0.4
"""Share of the time limit that parts may take beside an incumbent that is as near."""
_TURNS_SHARE = 0.15
"""The same for replicas that go together from block to block."""
_MOST_OF_REST = 0.6
_WORTH_SHARE = 0.1
"""Share of the gap that bounds have to gain."""
_LARGE_PROGRAM = 100_000
"""Columns from which on slots may take all the time that there is: pools give the first plan."""
_HUGE_PROGRAM = 300_000
"""Columns from which on it is not relaxed again with bound rows: that takes longer than all slots
with the fleet of the first relaxation, whose plan the computed bound proves."""
_RELAXATIONS = 4.0
"""Times that a large program took to be relaxed, which have to be left after its pools: as long
takes the relaxation with bound rows, and slots need time after it."""
_START_TIME_S = 10.0
_START_SHARE = 0.1
"""Least time, and share of the time limit, for the linear program that turns a start into a plan;
it takes well under a second but for large programs."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the search for better plans begins.

    Parameters
    ----------
    program
        The program with bound rows.
    values
        By column; integers are whole.
    is_plan
        True when the values are a plan, and not only the integers of what may be one.
    """

    program: Bounded
    values: FloatArray
    is_plan: bool

    @property
    def usd(self) -> float:
        """Cost of the plan in the unit of the objective, infinite without one."""
        return float(self.program.arrays.cost @ self.values) if self.is_plan else np.inf


@dataclass(frozen=True, slots=True)
class _Time:
    """What is left of the time of a solve."""

    settings: SolverSettings
    deadline_s: float

    def left(self) -> SolverSettings:
        """Return the settings with the time that is left."""
        left_s = max(self.deadline_s - time.perf_counter(), 0.0)
        return replace(self.settings, time_limit_s=left_s)

    def share_s(self, share: float) -> float:
        """Return a share of the whole time, in seconds, but not most of what is left."""
        return min(share * self.settings.time_limit_s, _MOST_OF_REST * self.left().time_limit_s)


def begin(
    model: Model,
    program: Bounded,
    settings: SolverSettings,
    deadline_s: float,
    *,
    has_bounds: bool = False,
) -> Begun:
    """Return bounds and the best plan that the parts give, or an incumbent on its own terms.

    Parameters
    ----------
    model
        Variables by index.
    program
        The program without bound rows.
    settings
        Gap, time limit, seed and threads of the whole solve.
    deadline_s
        Moment of :func:`time.perf_counter` at which the time limit is over.
    has_bounds
        True when the program has the bounds of its parts already.
    """
    values = on_terms_of_incumbent(model, program.arrays, settings)
    before = _no_plan(program) if values is None else Begun(program, values, is_plan=True)
    limit_s = settings.time_limit_s
    if values is not None and program.proves(values, max(settings.gap, _NEAR)):
        limit_s *= _BESIDE_SHARE
        deadline_s = min(deadline_s, time.perf_counter() + limit_s)
    clock = _Time(replace(settings, time_limit_s=limit_s), deadline_s)
    begun = _begun_by_parts(model, program, clock, has_bounds=has_bounds)
    return begun if begun.usd <= before.usd else replace(before, program=begun.program)


def _begun_by_parts(model: Model, program: Bounded, clock: _Time, *, has_bounds: bool) -> Begun:
    settings, is_static = clock.settings, model.sets.is_static
    fixed = constants(program.arrays)
    slots = slots_of(program.arrays, is_static=is_static, fixed=fixed)
    known = np.full(program.arrays.cost.size, np.nan)
    if program.arrays.cost.size < _SMALLEST_PROGRAM or len(slots) <= 1:
        return _completed(model, program, known, clock)
    # Slots that hang together at their turns are not solved apart.
    by_period = is_static or bool(model.turn_groups)
    if has_bounds:
        return _with_the_fleet(model, program, known, clock, by_period=by_period, is_narrow=True)
    is_short = _is_short(program, clock)
    solved_pools = with_pool_plans if is_short else with_pool_bounds
    program = solved_pools(program, slots, clock.left(), clock.share_s(_POOLS_SHARE))
    if model.bought:
        limit_s = clock.share_s(_UNITS_SHARE)
        program, known = with_unit_bounds(program, slots, clock.left(), limit_s)
    few = _of_few_kinds(model, program, clock)
    if few.is_plan and program.proves(few.values, max(settings.gap, _NEAR)):
        return few
    first = _of_pools(model, program, clock)
    if not (first.is_plan and program.proves(first.values, settings.gap)):
        slotted = _with_the_fleet(
            model, program, known, clock, by_period=by_period, is_narrow=True
        )
        first = min(slotted, few, first, key=lambda begun: begun.usd)
    if is_short or (first.is_plan and program.proves(first.values, settings.gap)):
        return first
    slots = slots_of(program.arrays, is_static=is_static, fixed=fixed)
    program = with_slot_bounds(program, slots, clock.left(), clock.share_s(_SLOTS_SHARE))
    first = replace(first, program=program)
    if first.is_plan and program.proves(first.values, settings.gap):
        return first
    second = _with_the_fleet(model, program, known, clock, by_period=is_static, is_narrow=False)
    return min(first, second, key=lambda begun: begun.usd)


def bounded_by_parts(
    model: Model, program: Bounded, settings: SolverSettings, deadline_s: float
) -> Bounded:
    """Return the program with the bounds of its parts, without a search for plans.

    Parameters
    ----------
    model, program, settings, deadline_s
        As in :func:`begin`.
    """
    clock, is_static = _Time(settings, deadline_s), model.sets.is_static
    fixed = constants(program.arrays)
    slots = slots_of(program.arrays, is_static=is_static, fixed=fixed)
    if program.arrays.cost.size < _SMALLEST_PROGRAM or len(slots) <= 1:
        return program
    program = with_pool_bounds(program, slots, clock.left(), clock.share_s(_POOLS_SHARE))
    if model.bought:
        limit_s = clock.share_s(_UNITS_SHARE)
        program, _ = with_unit_bounds(program, slots, clock.left(), limit_s)
    slots = slots_of(program.arrays, is_static=is_static, fixed=fixed)
    closer = with_slot_bounds(program, slots, clock.left(), clock.share_s(_SLOTS_SHARE))
    # Rows that gain nothing make whatever the program becomes a part of slower.
    gain = closer.bound - program.bound
    return closer if gain > _WORTH_SHARE * settings.gap * abs(closer.bound) else program


def _is_short(program: Bounded, clock: _Time) -> bool:
    """Say whether a large program has no time for bound rows, by how long its relaxation took."""
    if program.arrays.cost.size >= _HUGE_PROGRAM:
        return True
    left_s = clock.left().time_limit_s
    spent_s = clock.settings.time_limit_s - left_s
    rest_s = left_s - clock.share_s(_POOLS_SHARE)
    return program.arrays.cost.size >= _LARGE_PROGRAM and rest_s < _RELAXATIONS * spent_s


def _of_pools(model: Model, program: Bounded, clock: _Time) -> Begun:
    """Return the plan of a large program in which every pool has what it takes alone, at prices.

    The more pools share the nodes, the less of a node is lost to whole numbers.
    """
    nothing = _no_plan(program)
    pools = _with_pools(program, nothing.values)
    if pools is nothing.values:
        return nothing
    return _completed(model, program, pools, clock, has_nodes=False)


def _with_pools(program: Bounded, values: FloatArray) -> FloatArray:
    """Return values in which pools of a large program stand for slots that were not solved."""
    if program.parts is None or program.arrays.cost.size < _LARGE_PROGRAM:
        return values
    return np.where(np.isnan(values), program.parts, values)


def _no_plan(program: Bounded) -> Begun:
    return Begun(program, np.full(program.arrays.cost.size, np.nan), is_plan=False)


def _of_few_kinds(model: Model, program: Bounded, clock: _Time) -> Begun:
    """Return a plan of the kinds that the relaxation uses most, where blocks hang together."""
    nothing = _no_plan(program)
    if not model.turn_groups or model.sets.is_static:
        return nothing
    limit_s = clock.share_s(_FEW_KINDS_SHARE)
    plan = plan_of_few_kinds(model, program, clock.left(), limit_s)
    return nothing if plan is None else Begun(program, plan, is_plan=True)


def _with_the_fleet(
    model: Model,
    program: Bounded,
    known: FloatArray,
    clock: _Time,
    *,
    by_period: bool,
    is_narrow: bool,
) -> Begun:
    """Return the plan of slots with the fleet of the relaxation, known plans as they are.

    Blocks alone stand in for periods that take too long, where that gives a better plan.
    """
    counts = {variable.name for variable in model.n.values()}
    replicas = np.array([name in counts for name in program.arrays.column_names], dtype=bool)
    values, best = known, Begun(program, known, is_plan=False)
    for is_static in dict.fromkeys((by_period, model.sets.is_static)):
        found = slots_with_the_fleet(
            program,
            clock.left(),
            is_static=is_static,
            is_narrow=is_narrow,
            limit_s=clock.share_s(_FLEET_SHARE),
        )
        values = np.where(np.isnan(values), found, values)
        whole = _with_pools(program, values)
        has_nodes = not np.isnan(values[replicas]).any() or whole is values
        begun = _completed(model, program, whole, clock, has_nodes=has_nodes)
        best = begun if best.values is known else min(best, begun, key=lambda one: one.usd)
        if not np.isnan(values[replicas]).any():
            break
    return best


def _completed(
    model: Model, program: Bounded, values: FloatArray, clock: _Time, *, has_nodes: bool = True
) -> Begun:
    arrays = program.arrays
    start = complete_start(model, arrays, values)
    coupled = (model.builds, model.served, model.bought, model.spend, model.tiers, model.serves)
    people = (model.staff, model.offer_staff)
    if any((*coupled, *people)) or not has_nodes:
        start = with_fleet(model, arrays, start, clock.share_s(_COMPLETION_SHARE), clock.left())
    start = warmer_start(model, arrays, start, clock.left())
    asked = replace(clock.settings, time_limit_s=max(_START_TIME_S, clock.share_s(_START_SHARE)))
    plan = completed(arrays, np.rint(start), asked)
    if plan is None:
        return Begun(program, start, is_plan=False)
    if model.turn_groups:
        by_s = time.perf_counter() + clock.share_s(_TURNS_SHARE)
        plan = improved_with_the_same(program, plan, clock.left(), by_s)
    return Begun(program, plan, is_plan=True)
