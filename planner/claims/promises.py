"""Whether the plans behind the figure of a claim keep what they promise, request by request.

Only the plans of the figure itself are looked at, not those at the ends of inputs and along
curves: each is audited and replayed as ``planner verify`` does it, work that waits with its
deadlines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.claims.runs import tasks_by_case
from planner.report.promise_text import broken_promises, open_promises
from planner.sweep.tasks import with_factors
from planner.verify.replay.deadlines import left_to_chance
from planner.verify.verification import PlanFile, verify_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from planner.claims.records import Case, Kept, Plans
    from planner.pipeline import SolveSettings
    from planner.verify.replay.run import ReplaySettings
    from planner.verify.verification import Verification

NOT_REPLAYED: Kept = "not replayed"
_WORST: tuple[Kept, ...] = ("missed", NOT_REPLAYED, "left open", "kept")


@dataclass(frozen=True, slots=True)
class Promises:
    """Whether promises are kept, and in words those that are broken, and those not known."""

    kept: Kept
    broken: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def promises_of(
    cases: Iterable[Case],
    plans: Plans,
    overlays: Sequence[Path],
    solve: SolveSettings,
    *,
    replay: ReplaySettings | None = None,
    on_plan: Callable[[int, int], None] = lambda _done, _all: None,
) -> dict[Case, Promises]:
    """Return the promises of every case that has a plan; equal questions are replayed once.

    Parameters
    ----------
    cases
        Which.
    plans
        Their plans.
    overlays
        Catalogue folders that win over the shipped catalogue.
    solve
        With which they were solved.
    replay
        How they are replayed.
    on_plan
        Called with the plans replayed, and all, after each.
    """
    tasks, catalogs = tasks_by_case([case for case in cases if case in plans], overlays, solve)
    asked = {task.key: (task, plans[case]) for case, task in tasks.items()}
    found: dict[str, Promises] = {}
    for key, (task, plan) in asked.items():
        catalog = with_factors(catalogs[task.catalog_sha256], task.factors)
        found[key] = promises_in(verify_plan(PlanFile(plan, task.loaded, catalog), replay))
        on_plan(len(found), len(asked))
    return {case: found[task.key] for case, task in tasks.items()}


def together(
    cases: Sequence[Case], found: Mapping[Case, Promises], plans: Plans
) -> Promises | None:
    """Return the promises of the plans of all cases as one, ``None`` without any plan.

    A broken one counts most, then one that is not replayed, then one that is left open. A case
    that nothing can serve has no plan, which promises nothing.
    """
    each = [found.get(case, Promises(NOT_REPLAYED)) for case in cases if case in plans]
    if not each:
        return None
    kinds = {promises.kept for promises in each}
    broken = tuple(dict.fromkeys(text for promises in each for text in promises.broken))
    unknown = tuple(dict.fromkeys(text for promises in each for text in promises.unknown))
    return Promises(next(kind for kind in _WORST if kind in kinds), broken, unknown)


def promises_in(found: Verification) -> Promises:
    """Return the promises of one plan.

    Parameters
    ----------
    found
        Its second opinion.
    """
    replay, plan = found.replay, found.plan
    if replay is None:
        return Promises("missed", found.audit)
    if replay.kept:
        return Promises("kept")
    unknown = tuple(f"{part.workload}, {part.what}: {part.reason}" for part in replay.not_replayed)
    unknown += tuple(open_promises(replay, plan))
    if replay.kept is not None:
        return Promises("missed", tuple(broken_promises(replay, plan)), unknown)
    # Windows that interruptions break were simulated, and so were replicas that are late.
    is_simulated = set(replay.not_replayed) <= set(left_to_chance(replay.deadlines))
    return Promises("left open" if is_simulated else NOT_REPLAYED, unknown=unknown)
