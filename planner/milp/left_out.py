"""Limits of a program without one of them, by the words of the problem.

Of limits of one kind each is left out alone, and then all of them together, which says something
only where none of them is the cause alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.milp.naming import api_limit_label, floor_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.milp.records import BudgetLimit, Limits


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Limits without some.

    Parameters
    ----------
    name
        What is left out, as it follows "without the".
    limits
        The others.
    """

    name: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Kind:
    """What may be left out of the limits of one kind.

    Parameters
    ----------
    alone
        Each of them.
    together
        All of them, ``None`` where there is one.
    """

    alone: tuple[LeftOut, ...]
    together: LeftOut | None = None


def left_out(limits: Limits) -> Iterator[Kind]:
    """Yield what may be left out, kind by kind.

    Parameters
    ----------
    limits
        The limits of a program.
    """
    for quota in limits.quotas:
        others = tuple(other for other in limits.quotas if other != quota)
        name = f"quota of {quota.max_accelerators} x {quota.hardware}"
        yield _one(name, replace(limits, quotas=others))
    yield _average_floors(limits)
    yield _rate_limits(limits)
    yield from _budgets(limits)
    if limits.power_kw is not None:
        yield _one(f"power_kw {limits.power_kw:g}", replace(limits, power_kw=None))
    if limits.owned_nodes is not None:
        yield _one(f"owned_nodes {limits.owned_nodes}", replace(limits, owned_nodes=None))
    if limits.carbon_kg_by_period:
        shown = ", ".join(f"{kg:g}" for kg in dict.fromkeys(limits.carbon_kg_by_period))
        yield _one(f"carbon_kg_per_period {shown}", replace(limits, carbon_kg_by_period=()))
    yield from _rules(limits)


def _one(name: str, limits: Limits) -> Kind:
    return Kind((LeftOut(name, limits),))


def _average_floors(limits: Limits) -> Kind:
    floors = limits.average_quality
    alone = tuple(
        LeftOut(
            floor_label(floor),
            replace(limits, average_quality=tuple(x for x in floors if x != floor)),
        )
        for floor in floors
    )
    free = LeftOut("floors on average quality", replace(limits, average_quality=()))
    return Kind(alone, free if len(alone) > 1 else None)


def _rate_limits(limits: Limits) -> Kind:
    alone = tuple(
        LeftOut(
            f"rate limit of {api_limit_label(limit)}",
            replace(limits, api_limits=tuple(x for x in limits.api_limits if x != limit)),
        )
        for limit in limits.api_limits
    )
    free = LeftOut("rate limits of tokens", replace(limits, api_limits=()))
    return Kind(alone, free if len(alone) > 1 else None)


def _budgets(limits: Limits) -> Iterator[Kind]:
    """Yield the budgets of each kind: of cash, of capital and of running costs."""
    for kind in dict.fromkeys(b.kind for b in limits.budgets):
        mine = [b for b in limits.budgets if b.kind == kind]
        alone = tuple(
            LeftOut(
                _budget_name(budget),
                replace(limits, budgets=tuple(b for b in limits.budgets if b != budget)),
            )
            for budget in mine
        )
        others = tuple(b for b in limits.budgets if b.kind != kind)
        free = LeftOut(f"budgets of {kind} taken together", replace(limits, budgets=others))
        yield Kind(alone, free if len(alone) > 1 else None)


def _budget_name(budget: BudgetLimit) -> str:
    when = "over the horizon" if budget.period is None else f"in period {budget.period}"
    return f"budget of {budget.usd:,.0f} USD ({budget.kind}) {when}"


def _rules(limits: Limits) -> Iterator[Kind]:
    """Yield rules of prudence: how many kinds, spares, diversity, scaling."""
    if limits.max_models is not None:
        yield _one(f"max_models {limits.max_models}", replace(limits, max_models=None))
    if limits.max_hardware_types is not None:
        without = replace(limits, max_hardware_types=None)
        yield _one(f"max_hardware_types {limits.max_hardware_types}", without)
    if limits.spare_replicas:
        yield _one(f"spare_replicas {limits.spare_replicas}", replace(limits, spare_replicas=0))
    if limits.max_share_per_provider is not None:
        name = f"max_share_per_provider {limits.max_share_per_provider:g}"
        yield _one(name, replace(limits, max_share_per_provider=None))
    if limits.survive_loss_of is not None:
        name = f"survive_loss_of {limits.survive_loss_of}"
        yield _one(name, replace(limits, survive_loss_of=None))
    if limits.spare_nodes:
        yield _one(f"spare_nodes {limits.spare_nodes}", replace(limits, spare_nodes=0))
    if limits.scaling == "hourly":
        yield _one("hourly scaling within elastic_max_nodes", replace(limits, scaling="static"))
