"""The rules of a problem that may be loosened step by step, each with its settings in the file.

A rule changes what rows there are, not only their right-hand sides, so its settings, from the
least change to the largest, are tried by halving.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.infeasibility.records import CAP, POLICY
from planner.options.old_prices import oldest_days
from planner.problem.deferral import owner
from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from planner.preparation import Prepared
    from planner.problem.schema import Problem, Workload

_AGES_DAYS = (90, 180, 365, 730, 1_825)
"""Ages of prices that are tried, as long as they are below that of the oldest."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Another value of a lever without rows.

    Parameters
    ----------
    assignments
        ``PATH=VALUE`` changes.
    amount
        How much it changes, the largest change where it has several.
    parts
        What each of the assignments loosens in words, and by how much where that is a number,
        where several limits move together; empty for one.
    """

    assignments: tuple[str, ...]
    amount: float | None
    parts: tuple[tuple[str, float | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Steps:
    """A rule that may be loosened step by step.

    Parameters
    ----------
    family, workload, where, unit
        As in :class:`planner.infeasibility.records.Cause`.
    settings
        From the least change to the largest; each allows all that the one before allows.
    kind
        One of the kinds above.
    """

    family: str
    workload: str
    where: str
    unit: str
    settings: Sequence[Setting]
    kind: int = CAP


def steps_of(prepared: Prepared) -> tuple[Steps, ...]:
    """Return every rule of a problem that may be loosened step by step.

    Parameters
    ----------
    prepared
        The problem without a plan.
    """
    problem = prepared.loaded.problem
    return (
        *_windows(problem),
        *_units(problem),
        *_minimums(problem),
        *_lead_times(prepared),
        *_rules(problem),
        *(_residency(w) for w in problem.workloads if w.residency != "any"),
        *(without_exclusions(w) for w in problem.workloads if w.excluded_options),
    )


def _windows(problem: Problem) -> Iterator[Steps]:
    for workload in problem.workloads:
        waits = workload.deferrable
        if waits is None or waits.window_h >= HOURS_PER_DAY:
            continue
        path = f"workloads.{workload.name}.deferrable.window_h"
        more = range(1, math.ceil(HOURS_PER_DAY - waits.window_h) + 1)
        hours = [min(waits.window_h + k, HOURS_PER_DAY) for k in more]
        settings = (Setting((f"{path}={h:g}",), h - waits.window_h) for h in hours)
        where = f"a window of {waits.window_h:g} h"
        yield Steps("window", workload.name, where, "h", tuple(settings))


def _units(problem: Problem) -> Iterator[Steps]:
    for k, units in enumerate(problem.supply.provisioned):
        if units.max_units is None:
            continue
        most, path = units.max_units, f"supply.provisioned.{k}.max_units"
        more = [most + (2**n) * units.increment_units for n in range(12)]
        settings = (Setting((f"{path}={n}",), n - most) for n in more)
        where = f"at most {counted(most, 'unit')} of {units.name}"
        yield Steps("provisioned_units", "", where, "units", tuple(settings))


def _minimums(problem: Problem) -> Iterator[Steps]:
    """Yield the least nodes of orders and capacity blocks, down to one."""
    for field in ("order_minimums", "capacity_blocks"):
        for k, stated in enumerate(getattr(problem.supply, field)):
            least, path = stated.min_nodes, f"supply.{field}.{k}.min_nodes"
            settings = [
                Setting((f"{path}={n}",), float(least - n)) for n in reversed(range(1, least))
            ]
            if settings:
                where = f"at least {counted(least, 'node')} of {stated.name}, or none"
                yield Steps("order_minimum", "", where, "nodes", tuple(settings))


def _lead_times(prepared: Prepared) -> Iterator[Steps]:
    """Yield the wait for nodes that arrive after the demand: rent until they are there."""
    problem, options = prepared.loaded.problem, prepared.options
    tenures = list(problem.supply.tenures)
    offered = [b.start for o in options.offers for b in o.builds if b.fixed_nodes is None]
    first = min(offered, default=0)
    if first == 0 or any(not o.is_committed for o in options.offers):
        return
    months = first * problem.horizon.months_per_period
    settings = []
    for added in (["on_demand"], ["api"], ["on_demand", "api"]):
        if any(tenure not in tenures for tenure in added):
            listed = ", ".join([*tenures, *(t for t in added if t not in tenures)])
            settings.append(Setting((f"supply.tenures=[{listed}]",), float(months)))
    where = f"no node is there before period {first}; nothing bridges the time"
    yield Steps("lead_time", "", where, "months", tuple(settings))


def _rules(problem: Problem) -> Iterator[Steps]:
    policy, providers = problem.policy, problem.supply.providers
    if providers:
        where = f"only {', '.join(providers)} may be used"
        yield Steps("providers", "", where, "", (Setting(("supply.providers=[]",), None),), POLICY)
    for name in ("spare_replicas", "spare_nodes"):
        spares = getattr(policy, name)
        settings = [
            Setting((f"policy.{name}={n}",), float(spares - n)) for n in reversed(range(spares))
        ]
        if settings:
            where = counted(spares, name.replace("_", " ").removesuffix("s"))
            yield Steps(name, "", where, name.split("_")[1], tuple(settings), POLICY)
    share = policy.max_share_per_provider
    if share is not None and share < 1:
        shares = [s / 20 for s in range(1, 21) if s / 20 > share]
        path = "policy.max_share_per_provider"
        settings = [Setting((f"{path}={s:g}",), round(s - share, 6)) for s in shares]
        where = f"at most {share:.0%} of the accelerators of one provider"
        yield Steps("provider_share", "", where, "share", tuple(settings), POLICY)
    if policy.survive_loss_of is not None:
        kept = [s / 20 for s in range(19, 0, -1) if s / 20 < policy.survive_share]
        settings = [
            Setting((f"policy.survive_share={s:g}",), round(policy.survive_share - s, 6))
            for s in kept
        ]
        settings.append(Setting(("policy.survive_loss_of=null",), policy.survive_share))
        where = f"{policy.survive_share:.0%} of the demand survives the loss of one "
        where += policy.survive_loss_of
        yield Steps("survival", "", where, "share", tuple(settings), POLICY)
    if policy.scaling == "hourly":
        settings = [Setting(("policy.scaling=static",), None)]
        where = "nodes follow the hour within what providers can add"
        yield Steps("elasticity", "", where, "", tuple(settings), POLICY)


def _residency(workload: Workload) -> Steps:
    where = f"{workload.name} runs in {workload.residency}"
    settings = (Setting((f"workloads.{workload.name}.residency=any",), None),)
    return Steps("residency", workload.name, where, "", settings, POLICY)


def without_exclusions(workload: Workload) -> Steps:
    """Return the step that lets every option serve a workload.

    Parameters
    ----------
    workload
        A workload that excludes options.
    """
    where = f"options that {workload.name} excludes"
    settings = (Setting((f"workloads.{workload.name}.excluded_options=[]",), None),)
    return Steps("exclusions", workload.name, where, "", settings, POLICY)


def older_prices(prepared: Prepared, streams: Collection[str] | None = None) -> Iterator[Steps]:
    """Yield that older prices count, where some are left out for their age.

    Parameters
    ----------
    prepared
        The problem without a plan.
    streams
        The streams of one workload, to ask for it alone; ``None`` for all.
    """
    problem, against = prepared.loaded.problem, prepared.options.rejections
    if streams is not None:
        against = tuple(r for r in against if r.workload in {"", *streams})
    allowed, oldest = problem.supply.max_price_age_days, oldest_days(against, problem)
    if oldest <= allowed:
        return
    ages = (*(more for more in _AGES_DAYS if allowed < more < oldest), oldest)
    settings = tuple(
        Setting((f"supply.max_price_age_days={more}",), float(more - allowed)) for more in ages
    )
    where = f"prices of at most {counted(allowed, 'day')}"
    named = "" if streams is None else owner(min(streams))
    yield Steps("price_age", named, where, "days", settings, POLICY)
