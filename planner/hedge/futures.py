"""The scenarios of a problem that have a probability, checked alone and against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.options.builds import CAPEX
from planner.options.owned import OWNED
from planner.options.purchases import build_of, decided_in, purchases
from planner.preparation import prepare
from planner.problem.load import load_problem
from planner.problem.scenario_tree import scenario_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from planner.errors import Fault
    from planner.options.purchases import Purchase
    from planner.preparation import Prepared
    from planner.problem.load import LoadedProblem
    from planner.problem.scenario_tree import ScenarioTree

_TOLERANCE = 0.005
"""Share by which prices may differ: they move from the start of a period to the order in it."""


@dataclass(frozen=True, slots=True)
class Futures:
    """Scenarios that are hedged together.

    Parameters
    ----------
    loaded
        The problem as the file states it.
    tree
        Probabilities, and when scenarios are known.
    prepared
        Every scenario with demand and options, in the order of the tree.
    """

    loaded: LoadedProblem
    tree: ScenarioTree
    prepared: tuple[Prepared, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scenarios."""
        return tuple(self.tree.probabilities)

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Probabilities of the scenarios."""
        return tuple(self.tree.probabilities.values())


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on a purchase, for all scenarios that look alike then.

    Parameters
    ----------
    purchase
        What is taken on.
    decided_in
        Period of the order.
    members
        Positions of the scenarios.
    is_open
        False when one of them does not offer it.
    """

    purchase: Purchase
    decided_in: int
    members: tuple[int, ...]
    is_open: bool


def load_futures(
    name: str | Path,
    assignments: Sequence[str] = (),
    overlays: Sequence[Path] = (),
    *,
    incumbent: Path | None = None,
    keep_orders: bool = False,
) -> Futures:
    """Return the scenarios of a problem that have a probability.

    Parameters
    ----------
    name, assignments, overlays
        As in :func:`planner.preparation.prepare`; assignments go on top of every scenario.
    incumbent, keep_orders
        As there, the same in every scenario.

    Raises
    ------
    InputError
        When no scenario has a probability, with every fault of the scenarios, or with every price
        that differs between scenarios which look alike when it is paid.
    """
    loaded = load_problem(name, None, assignments, overlays)
    tree = scenario_tree(loaded.problem)
    if not tree.probabilities:
        message = (
            "no scenario has a probability; give `probability` to those that are to be hedged "
            "against each other, so that they sum to 1"
        )
        raise InputError([loaded.fault(("scenarios",), message)], f"planner check {name}")
    prepared: list[Prepared] = []
    faults: list[Fault] = []
    told: set[tuple[str, int | None, str]] = set()
    for scenario in tree.probabilities:
        try:
            one = prepare(
                name, scenario, assignments, overlays, incumbent=incumbent, keep_orders=keep_orders
            )
            prepared.append(one)
        except InputError as error:
            label = f"[scenario {scenario}] "
            faults += [
                replace(fault, path=label + fault.path)
                for fault in error.faults
                if (fault.file, fault.line, fault.message) not in told
            ]
            told |= {(fault.file, fault.line, fault.message) for fault in error.faults}
    if not faults:
        futures = Futures(loaded, tree, tuple(prepared))
        faults = list(_known_prices(futures))
        if not faults:
            return futures
    raise InputError(faults, f"planner check {name}")


def decisions_of(futures: Futures, tree: ScenarioTree) -> list[Decision]:
    """Return every decision on a purchase that several scenarios share.

    Parameters
    ----------
    futures
        The scenarios.
    tree
        When they are known.
    """
    offered = [purchases(p.options, p.demand.grid) for p in futures.prepared]
    decisions = []
    for purchase in sorted(set().union(*offered)):
        s = next(i for i, known in enumerate(offered) if purchase in known)
        period = _decided_in(futures.prepared[s], purchase, offered[s][purchase])
        for group in tree.alike(period):
            members = tuple(futures.names.index(name) for name in group)
            having = tuple(i for i in members if purchase in offered[i])
            if len(members) > 1 and having:
                is_open = len(having) == len(members)
                decisions.append(Decision(purchase, period, having, is_open))
    return decisions


def _decided_in(prepared: Prepared, purchase: Purchase, place: tuple[int, int]) -> int:
    return decided_in(build_of(prepared.options, purchase, place), prepared.demand.grid)


def _known_prices(futures: Futures) -> Iterator[Fault]:
    """Yield a fault for the first price of each supply that is known before it may differ."""
    offered = [purchases(p.options, p.demand.grid) for p in futures.prepared]
    told: set[tuple[str, str]] = set()
    for decision in decisions_of(futures, futures.tree):
        purchase, (first, *others) = decision.purchase, decision.members
        usd, period = _price(futures.prepared[first], purchase, offered[first][purchase])
        for other in others:
            name = futures.names[other]
            other_usd, other_period = _price(
                futures.prepared[other], purchase, offered[other][purchase]
            )
            alike = abs(other_usd - usd) <= _TOLERANCE * max(abs(usd), 1.0)
            if (alike and period == other_period) or (name, purchase.supply_id) in told:
                continue
            told.add((name, purchase.supply_id))
            message = (
                f"changes what `{purchase.supply_id}` costs or when it is ordered: "
                f"{other_usd:,.2f} USD against {usd:,.2f} in `{futures.names[first]}` for an "
                f"order in period {period}, when the two look alike; give `known_from: {period}` "
                "or less, or change the price from a later period on"
            )
            yield futures.loaded.fault(("scenarios", name), message)


def _price(prepared: Prepared, purchase: Purchase, place: tuple[int, int]) -> tuple[float, int]:
    """Return what is agreed when a purchase is ordered, and the period of the order.

    What bought servers cost to run is learned later; terms of rent and tokens are fixed.
    """
    build = build_of(prepared.options, purchase, place)
    is_owned = purchase.kind == "nodes" and prepared.options.offers[place[0]].tenure == OWNED
    usd = sum(p.usd for p in build.payments if p.category == CAPEX) if is_owned else build.usd
    return usd, decided_in(build, prepared.demand.grid)
