"""When scenarios become distinguishable: a tree of the scenarios that have a probability.

Every scenario looks like its trunk before ``known_from``, the first period in which it is known
that this is the scenario. The trunk is that of its ``parent``, or the one that all share::

    node(s, t) = s                       from known_from[s] on
                 node(parent[s], t)      before it, the common trunk without a parent

Two scenarios look alike in period t when they are at the same node. An order of period t is the
same in all that look alike then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import counted, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from planner.problem.schema import Problem
    from planner.yaml_io import Path_

    Finding = tuple[Path_, str]

DEFAULT_KNOWN_FROM = 1
TRUNK = ""
_KNOWN_TODAY = ("horizon", "time_blocks", "finance")
"""Sections that are the same in all scenarios of a tree: nothing about them is learned."""
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class ScenarioTree:
    """Scenarios with their probabilities, and when each is known.

    Parameters
    ----------
    probabilities
        By scenario, in the order of the file; they sum to 1.
    known_from
        First period in which it is known to be the scenario, by scenario and parent.
    parents
        Scenario that it looks like before, by scenario; others share the trunk.
    """

    probabilities: Mapping[str, float]
    known_from: Mapping[str, int]
    parents: Mapping[str, str]

    def node(self, scenario: str, period: int) -> str:
        """Return the name of the node at which a scenario is in a period, empty for the trunk."""
        while scenario and period < self.known_from[scenario]:
            scenario = self.parents.get(scenario, TRUNK)
        return scenario

    def alike(self, period: int) -> tuple[tuple[str, ...], ...]:
        """Return the groups of scenarios that cannot be told apart in a period."""
        groups: dict[str, list[str]] = {}
        for name in self.probabilities:
            groups.setdefault(self.node(name, period), []).append(name)
        return tuple(map(tuple, groups.values()))

    def never_known(self, periods: int) -> ScenarioTree:
        """Return the tree in which nothing is learned within the horizon."""
        late = dict.fromkeys(self.known_from, periods)
        return ScenarioTree(self.probabilities, late, {})


def scenario_tree(problem: Problem) -> ScenarioTree:
    """Return the tree of a problem's scenarios that have a probability.

    Parameters
    ----------
    problem
        A checked problem.
    """
    stated = problem.scenarios
    return ScenarioTree(
        {n: float(s["probability"]) for n, s in stated.items() if "probability" in s},
        {n: int(s.get("known_from", DEFAULT_KNOWN_FROM)) for n, s in stated.items()},
        {n: str(s["parent"]) for n, s in stated.items() if s.get("parent") is not None},
    )


def tree_findings(problem: Problem) -> Iterator[Finding]:
    """Yield path and sentence of everything that makes scenarios no tree.

    Parameters
    ----------
    problem
        The problem.
    """
    scenarios = problem.scenarios
    yield from _probability_findings(scenarios)
    parents = {s.get("parent") for s in scenarios.values()}
    for name, scenario in scenarios.items():
        path: Path_ = ("scenarios", name)
        yield from _known_from_findings(scenario, path, problem.horizon.periods)
        yield from _parent_findings(name, scenarios, path)
        if "probability" in scenario:
            for key in sorted(set(_KNOWN_TODAY) & set(scenario)):
                message = (
                    "is known before any scenario parts from the others; take it out, or leave "
                    "the scenario without `probability`"
                )
                yield (*path, key), message
        elif name not in parents:
            for key in sorted({"known_from", "parent"} & set(scenario)):
                message = "has no effect without `probability`; give it, or take this out"
                yield (*path, key), message


def _probability_findings(scenarios: Mapping[str, dict[str, Any]]) -> Iterator[Finding]:
    stated = {n: s["probability"] for n, s in scenarios.items() if "probability" in s}
    faulty = False
    for name, share in stated.items():
        is_number = isinstance(share, int | float) and not isinstance(share, bool)
        if not is_number or not 0 < share <= 1:
            faulty = True
            message = f"is {share!r}; give a number above 0 and at most 1"
            yield ("scenarios", name, "probability"), message
    total = 0.0 if faulty else float(sum(stated.values()))
    if stated and not faulty and abs(total - 1) > _TOLERANCE:
        shares = ", ".join(f"{name} {share:g}" for name, share in stated.items())
        message = f"probabilities sum to {total:.10g} ({shares}); make them sum to 1"
        yield ("scenarios",), message


def _known_from_findings(
    scenario: Mapping[str, Any], path: Path_, periods: int
) -> Iterator[Finding]:
    known = scenario.get("known_from", DEFAULT_KNOWN_FROM)
    if isinstance(known, bool) or not isinstance(known, int):
        yield (*path, "known_from"), f"is {known!r}; give the number of a period, 0 to {periods}"
    elif not 0 <= known <= max(periods, DEFAULT_KNOWN_FROM):
        message = (
            f"period {known} is outside of the horizon of {counted(periods, 'period')}; give 0 to "
            f"{periods}, where {periods} means that it is never known"
        )
        yield (*path, "known_from"), message


def _parent_findings(
    name: str, scenarios: Mapping[str, dict[str, Any]], path: Path_
) -> Iterator[Finding]:
    parent = scenarios[name].get("parent")
    if parent is None:
        return
    if parent not in scenarios:
        hint = did_you_mean(str(parent), scenarios) or "."
        message = f"there is no scenario `{parent}`{hint} Scenarios: {', '.join(scenarios)}"
        yield (*path, "parent"), message
        return
    own, before = (scenarios[n].get("known_from", DEFAULT_KNOWN_FROM) for n in (name, parent))
    if _is_own_ancestor(name, scenarios):
        message = "leads back to the scenario itself; name one that parts from the trunk before"
        yield (*path, "parent"), message
    elif isinstance(own, int) and isinstance(before, int) and own <= before:
        message = (
            f"`{parent}` is known from period {before} on, so `{name}` cannot look like it and "
            f"part from it in period {own}; give a later `known_from`, or no parent"
        )
        yield (*path, "parent"), message


def _is_own_ancestor(name: str, scenarios: Mapping[str, dict[str, Any]]) -> bool:
    seen, at = set[str](), str(scenarios[name].get("parent"))
    while at in scenarios and at not in seen:
        seen.add(at)
        at = str(scenarios[at].get("parent"))
    return name in seen
