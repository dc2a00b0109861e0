"""What of a problem is changed a little, one thing at a time, to see what the plan hangs on.

Limits that stand in rows of the program move by a node, a kind or a percent; rules of policy by
their next setting; least nodes of orders by one, or to the largest that the limits on nodes allow,
and to none; latency limits and quality floors of every workload one by one, and together, because
two limits that both bind are worth nothing alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.infeasibility.levers import levers_of
from planner.infeasibility.records import CAP, DEMAND
from planner.infeasibility.rules import steps_of
from planner.options.minimums import minimums_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.infeasibility.levers import Lever
    from planner.preparation import Prepared
    from planner.problem.schema import Problem, Workload

_PERCENT = 0.01
_LOOSER = 1.1
_POINT = 0.01
_MINIMUM = "order_minimum"
_NO_LOOSENING = "elasticity"
"""Nodes that stay all day need no provider to add any, but are paid at night too."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing of a problem, changed a little.

    Parameters
    ----------
    family, where
        What kind of limit, and which.
    words
        What is changed, in words.
    assignments
        ``PATH=VALUE`` changes.
    never_costs, never_saves
        Whether every plan of the problem is one of the changed problem at the same cost, or the
        other way round: whatever the solver finds in time, the optimum does not move against it.
    is_first
        Whether it is a limit of the program or its demand; these come before all others.
    """

    family: str
    where: str
    words: str
    assignments: tuple[str, ...]
    never_costs: bool = False
    never_saves: bool = False
    is_first: bool = False


def changes_of(base: Prepared) -> Iterator[Change]:
    """Yield what is changed of a problem: limits and demand, floors, latency, rules.

    Parameters
    ----------
    base
        The problem.
    """
    problem = base.loaded.problem
    for lever in levers_of(base):
        value, words = _a_little_more(base, lever)
        yield Change(
            lever.family,
            lever.where,
            words,
            (lever.assignment(value),),
            never_costs=lever.kind == CAP,
            never_saves=lever.kind == DEMAND,
            is_first=True,
        )
    for workload in problem.workloads:
        yield from _together("quality", workload, _floors(workload), "0.01 down")
    for workload in problem.workloads:
        yield from _together("latency", workload, _limits(workload), "10 % up")
    yield from _rules(base, problem)


def _together(
    family: str, workload: Workload, limits: list[tuple[str, str]], words: str
) -> Iterator[Change]:
    """Yield limits of a workload, each alone and all at once."""
    for where, assignment in limits:
        yield Change(family, f"{where} of {workload.name}", words, (assignment,))
    if len(limits) > 1:
        where = f"all of {workload.name} together"
        yield Change(family, where, words, tuple(assignment for _, assignment in limits))


def _floors(workload: Workload) -> list[tuple[str, str]]:
    found = []
    for k, floor in enumerate(workload.quality):
        field = "min_relative" if floor.min_score is None else "min_score"
        asked = getattr(floor, field)
        if asked is None or asked <= 0:
            continue
        of = "" if floor.reference is None else f" x {floor.reference}"
        path = f"workloads.{workload.name}.quality.{k}.{field}"
        lower = max(asked - _POINT, 0.0)
        found.append((f"{floor.benchmark} of at least {asked:g}{of}", f"{path}={lower:.10g}"))
    return found


def _limits(workload: Workload) -> list[tuple[str, str]]:
    found = []
    for k, slo in enumerate(workload.slo):
        at = slo.percentile if slo.percentile == "mean" else f"p{slo.percentile:g}"
        path = f"workloads.{workload.name}.slo.{k}.limit"
        looser = f"{slo.limit * _LOOSER:.10g}"
        found.append((f"{slo.metric} {at} of {slo.limit:g} ms", f"{path}={looser}"))
    return found


def _rules(base: Prepared, problem: Problem) -> Iterator[Change]:
    several = len(problem.workloads) > 1
    for rule in steps_of(base):
        if rule.family in {_NO_LOOSENING, _MINIMUM} or not rule.settings:
            continue
        assignments = rule.settings[0].assignments
        of = f" ({rule.workload})" if rule.workload and several else ""
        yield Change(
            rule.family, f"{rule.where}{of}", ", ".join(assignments), assignments, never_costs=True
        )
    yield from _minimums(base, problem)


def _minimums(base: Prepared, problem: Problem) -> Iterator[Change]:
    """Yield every minimum with a node less, or as low as its limits ask for, and without it.

    One node less of what no order can meet changes nothing.
    """
    for item in minimums_of(problem, base.options.offers):
        if item.min_nodes <= 1:
            continue
        fitting = item.most_that_fits(problem) or item.min_nodes
        lower = min(fitting, item.min_nodes - 1)
        for value in dict.fromkeys((lower, 1)):
            words = "without it" if value == 1 else f"{item.min_nodes - value} down, to {value}"
            yield Change(
                _MINIMUM,
                f"at least {item.min_nodes} nodes in {item.what}, or none",
                words,
                (f"{item.path}={value}",),
                never_costs=True,
            )


def _a_little_more(base: Prepared, lever: Lever) -> tuple[float, str]:
    """Return a value that is a node, a kind or a percent wider, and the change in words."""
    if lever.family == "quota":
        nodes = [
            offer.accelerators_per_node
            for offer in base.options.offers
            if offer.hardware in lever.where.split()
        ]
        more = min(nodes, default=1)
        return lever.value + more, f"{more} up (one node)"
    if lever.family in {"space", "max_models", "max_hardware_types"}:
        return lever.value + 1, "1 up"
    if lever.family == "power":
        kw = min((o.power_kw for o in base.options.offers if o.power_kw), default=1.0)
        return lever.value + kw, f"{kw:g} kW up (one node)"
    return lever.value * (1 + _PERCENT), "1 % up"
