"""Tokens as a way out: where a problem asks for none, or bars those that state no latency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.infeasibility.records import POLICY, SERVICE
from planner.infeasibility.rules import Setting, Steps
from planner.options.token_supply import somebody_sells
from planner.problem.deferral import owner

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from planner.preparation import Prepared

_ASSUMED = "supply.api_latency=assume_met"


def unproven_tokens(prepared: Prepared, streams: Collection[str] | None = None) -> Iterator[Steps]:
    """Yield that token offers keep latency limits although they do not say so.

    Parameters
    ----------
    prepared
        The problem without a plan.
    streams
        The streams of one workload, to ask for it alone; ``None`` for all.
    """
    unproven = [
        a for a in prepared.options.api_unproven if streams is None or a.workload in streams
    ]
    if not unproven:
        return
    first, *others = sorted({a.id for a in unproven})
    lack = f" and {counted(len(others), 'more offer')} lack" if others else " lacks"
    owners = {owner(a.workload) for a in unproven}
    yield Steps(
        "api_latency",
        owners.pop() if len(owners) == 1 else "",
        f"a stated latency of tokens, which {first}{lack}",
        "",
        (Setting((_ASSUMED,), None),),
        POLICY,
    )


def added_tokens(prepared: Prepared) -> Iterator[Steps]:
    """Yield that tokens may be bought, and besides that they keep limits they say nothing about.

    Where nobody states a latency neither is of use without the other.

    Parameters
    ----------
    prepared
        The problem without a plan.
    """
    problem, start = prepared.loaded.problem, prepared.demand.grid.period_start[0]
    supply = problem.supply
    if "api" in supply.tenures or not somebody_sells(problem, prepared.catalog, start):
        return
    where = f"only {', '.join(supply.tenures)} may be used, no tokens"
    added = f"supply.tenures=[{', '.join([*supply.tenures, 'api'])}]"
    settings = [Setting((added,), None)]
    if supply.api_latency != "assume_met":
        parts = ((where, None), ("a stated latency of tokens", None))
        settings.append(Setting((added, _ASSUMED), None, parts))
    # Another way to serve than was asked for, with limits that it may not keep: a lesser service.
    yield Steps("tokens", "", where, "", settings, SERVICE)
