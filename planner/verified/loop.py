"""Plans that keep their promises in the replay: solve, replay, tighten what was missed, again.

The formulas that the program plans with are quick and not exact. Where the replay of a plan misses
a promise, the options there get headroom in the blocks where it was missed, and nowhere else: a
factor on the rate that capacity is planned for (``workloads[].headroom``), the least with which
the formulas ask for as many replicas as the replay needs (:mod:`planner.verify.lack`). Where four
times the replicas miss it too, the workload is kept off the options on which they do, there
(``workloads[].excluded_options``). Options that may cost less are tried there as well, and get the
headroom that they need themselves (:mod:`planner.verified.rivals`). Then the program decides again
what is cheapest. Usage and promises stay: the replay goes on at the planned rate without headroom.
Factors and exclusions are assignments of the problem, so the file of the plan holds them and its
audit recomputes everything with them. Headroom of an option is for all workloads of the pool, and
for all answers of their chains.

It ends when every promise is kept, with other seeds too, or when that cannot be reached, with the
plan that misses least:

- no option is left on which replicas keep the promise, however many;
- what is missed is no matter of capacity: tokens, requests that fit no replica, batch replicas;
- no plan has the headroom, because of quotas or budgets, say;
- the rounds are used up.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.pipeline import decide, explain
from planner.problem.exclusion import barred_slots
from planner.verified.records import LoopSettings, Round, Verified
from planner.verified.remarks import remarks
from planner.verified.tighten import Tightened
from planner.verify.lack import MOST_TIMES
from planner.verify.places import missed_places
from planner.verify.replay.run import replay_plan
from planner.verify.slack import slack_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from planner.pipeline import Decided, SolveSettings
    from planner.plan.document import Plan
    from planner.preparation import Prepared
    from planner.problem.exclusion import Slot
    from planner.verify.places import Place
    from planner.verify.replay.records import Replay
    from planner.verify.replay.run import ReplaySettings

_OTHER_SEEDS = 1_000_003
"""How far the seeds are away with which a plan that keeps everything is replayed again."""
_NAMED_HOURS = 6


def solve_verified(
    prepared: Prepared,
    settings: SolveSettings,
    loop: LoopSettings | None = None,
    on_round: Callable[[str], None] = lambda _text: None,
) -> Verified:
    """Return the cheapest plan found that keeps its promises in the replay.

    Parameters
    ----------
    prepared
        The problem.
    settings
        How every round is solved.
    loop
        How plans are replayed.
    on_round
        Called with a sentence about every step.

    Raises
    ------
    InternalError
        When a plan fails its own audit.
    """
    loop = loop or LoopSettings()
    tightened = Tightened()
    done: list[Round] = []
    never: tuple[str, ...] = ()
    why_not: tuple[str, ...] = ()
    current = prepared
    while not why_not:
        decided = decide(current, settings)
        if decided.decisions is None:
            if not done:
                return Verified(decided.plan, prepared, None, 0, None)
            why_not = (*never, _nothing_has_it(decided.plan, is_short=not never))
            break
        done.append(_replayed(current, decided, loop.replay))
        replay = done[-1].replay
        on_round(_progress(done))
        if replay.kept is not False:
            break
        why_not = _no_capacity(replay)
        if not why_not and len(done) == loop.rounds:
            why_not = (f"promises are still missed after {counted(len(done), 'round')}", *never)
        if not why_not:
            places = tightened.tighten(done[-1], _missed(done[-1]), done[-1].asked)
            never = tuple(_never_enough(places, decided.plan))
            for text in never:
                on_round(f"{text}; other options are tried")
            current = tightened.applied(prepared)
    return _finished(done, settings, loop, why_not)


def _replayed(prepared: Prepared, decided: Decided, settings: ReplaySettings) -> Round:
    """Return a plan with the replay that misses a promise, or else with that of other seeds.

    What is tightened until some seeds keep it may miss with others: luck must not end the loop.
    """
    for seed in (settings.seed, settings.seed + _OTHER_SEEDS):
        asked = replace(settings, seed=seed)
        shared = replace(asked, share=True)
        replay = replay_plan(decided.plan, prepared.loaded, prepared.catalog, shared)
        found = Round(prepared, decided, replay, asked)
        if replay.kept is False:
            break
    return found


def _missed(one: Round) -> set[Place]:
    return missed_places(one.replay, one.prepared.loaded.problem)


def _misses(one: Round) -> int:
    """Return in how many places a plan misses promises; one more for what is in no block."""
    return 0 if one.replay.kept is not False else 1 + len(_missed(one))


def _finished(
    done: list[Round], settings: SolveSettings, loop: LoopSettings, why_not: tuple[str, ...]
) -> Verified:
    best = min(done, key=_misses)
    plan = explain(best.decided, best.prepared, settings)
    slack = None
    if loop.slack and best.replay.kept:
        slack = slack_of(plan, best.prepared.loaded, best.prepared.catalog, loop.replay)
    found = Verified(
        plan,
        best.prepared,
        best.replay,
        rounds=len(done),
        first_usd=done[0].decided.plan.cost_usd,
        why_not=why_not,
        slack=slack,
        excluded=_left_out(done[0].prepared, best.prepared),
    )
    return replace(found, plan=replace(plan, warnings=(*plan.warnings, *remarks(found))))


def _left_out(first: Prepared, last: Prepared) -> dict[str, dict[str, frozenset[Slot]]]:
    """Return the blocks in which options were left out on the way, by workload and option."""
    slots, found = first.demand.grid.slots, {}
    workloads = first.loaded.problem.workloads, last.loaded.problem.workloads
    for before, after in zip(*workloads, strict=True):
        known = barred_slots(before, slots)
        more = {
            option: barred - known.get(option, frozenset())
            for option, barred in barred_slots(after, slots).items()
        }
        if mine := {option: barred for option, barred in more.items() if barred}:
            found[after.name] = mine
    return found


def _progress(done: list[Round]) -> str:
    last = done[-1]
    missed = len(_missed(last))
    usd = last.decided.plan.cost_usd or 0.0
    where = f"missed in {counted(missed, 'block')}" if last.replay.kept is False else "not missed"
    return f"round {len(done)}: {usd:,.0f} USD, promises {where}"


def _nothing_has_it(plan: Plan, *, is_short: bool) -> str:
    said = "; ".join(plan.diagnosis)
    what = "has the headroom that the replay asks for"
    if not is_short:
        what = "without the options that miss it has what the replay asks for"
    return f"no plan {what} ({plan.status}){said and ': '}{said}"


def _no_capacity(replay: Replay) -> tuple[str, ...]:
    """Return what is missed and no matter of the capacity of a pool."""
    reasons = [text for found in replay.workloads for text in found.broken_tokens]
    reasons += [
        f"replicas of {b.option_id} serve less of {b.workload} that waits than is planned, and "
        "headroom is for requests that do not wait"
        for b in replay.batches
        if not b.kept
    ]
    return tuple(reasons)


def _never_enough(places: Sequence[Place], plan: Plan) -> Iterator[str]:
    """Yield the pools that miss promises with any number of replicas of theirs."""
    pools: dict[str, set[int]] = defaultdict(set)
    for pool, _, block in places:
        pools[pool].add(block)
    clock = {row.block: f"{row.start_h:g}-{row.end_h:g} h" for row in plan.time_blocks}
    for pool, blocks in pools.items():
        hours = [clock[block] for block in sorted(blocks)]
        more = f" and {len(hours) - _NAMED_HOURS} more" if len(hours) > _NAMED_HOURS else ""
        yield (
            f"{MOST_TIMES} times the replicas of pool {pool} miss it in "
            f"{', '.join(hours[:_NAMED_HOURS])}{more} too: "
            "it is not a matter of how many there are"
        )
