"""Finds the smallest changes with which a problem has a plan, and solves each to be sure.

Limits that stand in rows are moved by the least that one solve finds; rules are loosened step by
step, by halving. When no single change is enough, all limits in rows are moved together, and each
rule is loosened together with whatever is then still in the way.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.diagnosis import unservable
from planner.errors import InputError
from planner.infeasibility.levers import levers_of
from planner.infeasibility.priced import Confirmed, priced
from planner.infeasibility.records import DEMAND, Cause, Explanation, Fix
from planner.infeasibility.refused import looser_latency, refused_steps
from planner.infeasibility.rules import older_prices, steps_of
from planner.infeasibility.tokens import added_tokens, unproven_tokens
from planner.milp import SolverSettings, build_program, solve_program
from planner.milp.elastic import Loosened, least_excess
from planner.pipeline import SolveSettings
from planner.preparation import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from planner.infeasibility.levers import Lever
    from planner.infeasibility.rules import Setting, Steps
    from planner.milp import Program
    from planner.preparation import Prepared

_FIRST_PLAN = 1.0
"""A gap at which the first plan is good enough."""
_EXCESS_GAP = 1e-3
_SMALLEST = 1e-9
_DEPTH = 2
"""Rules that may have to be loosened together, beside any limits in rows."""
_SEARCH_SHARE = 0.75
"""Share of the time limit for trials; what they leave is for the cost of their plans."""
_LEAST_S = 2.0
"""Time that every trial gets, however late it is."""
_MARGIN = 1.02
"""What is added to an amount that was just not enough, by the tolerance of the solver."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A confirmed fix, and what it is ranked by."""

    fix: Fix
    rank: tuple[int, float]


def explain_infeasible(
    name: str | Path,
    scenario: str | None = None,
    assignments: Sequence[str] = (),
    overlays: Sequence[Path] = (),
    *,
    gap: float = 0.01,
    time_limit_s: float = 120.0,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Explanation:
    """Return why a problem has no plan, and the smallest changes with which it has one.

    Parameters
    ----------
    name, scenario, assignments, overlays
        As in :func:`planner.preparation.prepare`.
    gap
        Relative gap to which the plan of each fix is solved, as far as there is time.
    time_limit_s
        Wall seconds for all trials together, and for the cost of their plans; what is not tried
        in time is said.
    seed
        Seed of the solver.
    tell
        Receives a line before each trial.

    Raises
    ------
    InputError
        With every fault of the problem or the catalogues.
    """

    def prepared(changes: Sequence[str]) -> Prepared:
        changed = (*assignments, *changes)
        return prepare(name, scenario, changed, overlays, possible_only=False)

    return explain_prepared(prepared, gap=gap, time_limit_s=time_limit_s, seed=seed, tell=tell)


def explain_prepared(
    prepared: Callable[[Sequence[str]], Prepared],
    *,
    gap: float = 0.01,
    time_limit_s: float = 120.0,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Explanation:
    """Return the same as :func:`explain_infeasible` for a problem from anywhere.

    Parameters
    ----------
    prepared
        Prepares the problem with further ``PATH=VALUE`` changes.
    gap, time_limit_s, seed, tell
        As there.
    """
    ends_s = time.perf_counter() + time_limit_s
    settings = SolverSettings(
        gap=_FIRST_PLAN, time_limit_s=_SEARCH_SHARE * time_limit_s, seed=seed
    )
    search = _Search(prepared, settings, tell)
    found = search.explanation()
    fixes = []
    for position, fix in enumerate(found.fixes):
        share_s = (ends_s - time.perf_counter()) / (len(found.fixes) - position)
        asked = SolveSettings(gap, share_s, seed, compare=False)
        tell(f"what the plan with {' and '.join(fix.assignments)} costs ...")
        fixes.append(priced(fix, search.confirmed(fix.assignments), asked))
    return replace(found, fixes=tuple(fixes))


class _Search:
    def __init__(
        self,
        prepared: Callable[[Sequence[str]], Prepared],
        settings: SolverSettings,
        tell: Callable[[str], None],
    ) -> None:
        self._prepared = prepared
        self._settings = settings
        self._deadline_s = time.perf_counter() + settings.time_limit_s
        self._tell = tell
        self._late: list[str] = []
        self._known: dict[tuple[str, ...], Confirmed | None] = {}

    def confirmed(self, changes: tuple[str, ...]) -> Confirmed | None:
        """Return a changed problem with the first plan of it, ``None`` when it has none."""
        if changes not in self._known:
            self._known[changes] = self._solved(changes)
        return self._known[changes]

    def explanation(self) -> Explanation:
        prepared = self._prepared(())
        title = prepared.loaded.problem.name
        if not _refused(prepared):
            self._tell("looking for a plan ...")
            proof = solve_program(_program(prepared), self._solver()).proof
            if proof.status != "infeasible":
                return Explanation(title, None if proof.status == "no_solution" else False)
        found, known = self._fixes(prepared, (), _DEPTH)
        return self._explained(title, found, known)

    def _fixes(
        self, prepared: Prepared, before: tuple[str, ...], depth: int
    ) -> tuple[list[_Found], list[Cause]]:
        """Return fixes on top of assignments, and what is known to be too tight without them."""
        is_refused = _refused(prepared)
        if is_refused:
            rules = refused_steps(prepared)
            found = [x for rule in rules for x in self._least(rule, before)]
        else:
            rules = (*steps_of(prepared), *older_prices(prepared), *unproven_tokens(prepared))
            found = self._of_program(prepared, rules, before)
        if depth > 1:
            found += self._with_more(prepared, rules, found, before, depth)
        # What refuses every option is too tight by itself; of the program no rule is for certain.
        firsts = [(rule, rule.settings[0]) for rule in rules if is_refused]
        return found, [c for rule, x in firsts for c in _causes(rule, x, x.assignments)]

    def _with_more(
        self,
        prepared: Prepared,
        rules: Sequence[Steps],
        found: Sequence[_Found],
        before: tuple[str, ...],
        depth: int,
    ) -> list[_Found]:
        """Return tokens where none are asked for, and where nothing is enough alone two rules.

        Tokens are another way to serve than was asked for: they replace no other change.
        """
        tokens = tuple(added_tokens(prepared))
        more = [x for rule in tokens for x in self._least(rule, before)]
        if all(x.rank[0] >= DEMAND for x in found):
            tried = rules if more else (*rules, *tokens)
            more += [x for rule in tried for x in self._beyond(rule, before, depth)]
        return more

    def _of_program(
        self, prepared: Prepared, rules: Sequence[Steps], before: tuple[str, ...]
    ) -> list[_Found]:
        """Return single limits and rules that leave a plan, or all limits in rows together."""
        program, levers = _program(prepared), levers_of(prepared)
        found = [x for lever in levers for x in self._together(program, [lever], before)]
        found += [x for rule in rules for x in self._least(rule, before)]
        if all(x.rank[0] >= DEMAND for x in found):
            limits = [lever for lever in levers if lever.kind != DEMAND]
            found += self._together(program, limits, before)
        if not before or not found:
            workloads = prepared.loaded.problem.workloads
            latency = [rule for w in workloads for rule in looser_latency(w)]
            found += [x for rule in latency for x in self._least(rule, before)]
        return found

    def _beyond(self, rule: Steps, before: tuple[str, ...], depth: int) -> Iterator[_Found]:
        """Yield fixes that loosen a rule and something else."""
        loosest = rule.settings[-1].assignments
        if not self._in_time(rule.where):
            return
        try:
            prepared = self._prepared((*before, *loosest))
        except InputError:
            return
        for other in self._fixes(prepared, (*before, *loosest), depth - 1)[0]:
            for own in self._least(rule, (*before, *other.fix.assignments)):
                causes = (*own.fix.causes, *other.fix.causes)
                change = (*own.fix.assignments, *other.fix.assignments)
                kind = max(own.fix.kind, other.fix.kind)
                fix = Fix(change, own.fix.amount, own.fix.unit, True, causes, kind)
                yield _Found(fix, max(own.rank, other.rank))

    def _explained(
        self, title: str, found: Sequence[_Found], known: Sequence[Cause]
    ) -> Explanation:
        ranked = sorted(found, key=lambda x: x.rank)
        fixes = list({frozenset(x.fix.assignments): x.fix for x in reversed(ranked)}.values())[
            ::-1
        ]
        causes = dict.fromkeys(c for fix in fixes for c in fix.causes)
        causes |= dict.fromkeys(c for c in known if not fixes)
        return Explanation(
            title, True, tuple(fixes), tuple(causes), tuple(dict.fromkeys(self._late))
        )

    def _together(
        self, program: Program, levers: Sequence[Lever], before: Sequence[str]
    ) -> Iterator[_Found]:
        """Yield the fix that moves several limits by the least, on top of assignments."""
        rows = [(lever, x) for lever in levers if (x := _loosened(program, lever)) is not None]
        usable, loosened = [lever for lever, _ in rows], [x for _, x in rows]
        text = ", ".join(lever.where for lever in usable)
        if not usable or not self._in_time(text):
            return
        self._tell(f"loosening {text} ...")
        settings = replace(self._solver(), gap=_EXCESS_GAP)
        amounts = least_excess(program, loosened, settings)
        if amounts is None or max(amounts) <= _SMALLEST:
            return
        moved = [(lever, x) for lever, x in zip(usable, amounts, strict=True) if x > _SMALLEST]
        for margin in (1.0, _MARGIN):
            values = [lever.loosened(x * margin) for lever, x in moved]
            fixes = {x.assignment(v): (x, v) for (x, _), v in zip(moved, values, strict=True)}
            if self._has_plan((*before, *fixes)):
                kept = [fixes[a] for a in self._needed(tuple(fixes), before)]
                change = max(_share(lever, value) for lever, value in kept)
                yield _Found(_fix_of(kept), (max(lever.kind for lever, _ in kept), change))
                return

    def _least(self, rule: Steps, before: Sequence[str]) -> Iterator[_Found]:
        """Yield the least setting of a rule that leaves a plan, on top of assignments."""
        if not self._in_time(rule.where):
            return
        self._tell(f"loosening {rule.where} ...")

        def has_plan(position: int) -> bool:
            return self._has_plan((*before, *rule.settings[position].assignments))

        enough, too_few = len(rule.settings) - 1, -1
        if not has_plan(enough):
            return
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            if has_plan(middle):
                enough = middle
            else:
                too_few = middle
        setting = rule.settings[enough]
        change = self._needed(setting.assignments, before)
        causes = _causes(rule, setting, change)
        fix = Fix(change, causes[0].amount, rule.unit, True, causes, rule.kind)
        yield _Found(fix, (rule.kind, enough / len(rule.settings)))

    def _needed(self, assignments: tuple[str, ...], before: Sequence[str]) -> tuple[str, ...]:
        """Return the assignments without those that a plan does not need."""
        needed = list(assignments)
        for assignment in assignments:
            fewer = [a for a in needed if a != assignment]
            if fewer and self._has_plan((*before, *fewer)):
                needed = fewer
        return tuple(needed)

    def _has_plan(self, changes: Sequence[str]) -> bool:
        return self.confirmed(tuple(changes)) is not None

    def _solved(self, changes: tuple[str, ...]) -> Confirmed | None:
        try:
            prepared = self._prepared(changes)
        except InputError:  # a value that the schema refuses is no fix
            return None
        if _refused(prepared):
            return None
        first = solve_program(_program(prepared), self._solver())
        return None if first.decisions is None else Confirmed(prepared, first)

    def _solver(self) -> SolverSettings:
        left_s = max(self._deadline_s - time.perf_counter(), _LEAST_S)
        return replace(self._settings, time_limit_s=left_s)

    def _has_time(self) -> bool:
        return time.perf_counter() < self._deadline_s

    def _in_time(self, what: str) -> bool:
        if not self._has_time():
            self._late.append(f"not tried within the time limit: {what}")
        return self._has_time()


def _refused(prepared: Prepared) -> bool:
    """Return whether some workload has no option, so that there is no program to solve."""
    return bool(unservable(prepared.options, prepared.demand, prepared.loaded.problem))


def _program(prepared: Prepared) -> Program:
    return build_program(prepared.demand, prepared.options, prepared.limits)


def _loosened(program: Program, lever: Lever) -> Loosened | None:
    """Return the rows of a lever and what they change by per unit, ``None`` without rows."""
    weights = {
        row: abs(weight)
        for priced in program.model.priced
        for row, weight in priced.weights.items()
        if weight and any(row == start or _begins(row, start) for start in lever.rows)
    }
    if not weights:
        return None
    in_rows = lever.value / lever.per_unit
    return Loosened(weights, max(in_rows, 1.0), lever.most)


def _begins(row: str, start: str) -> bool:
    return start.endswith("_") and row.startswith(start)


def _share(lever: Lever, value: float) -> float:
    """Return the change of a limit as a share of it; one of 0 counts as its smallest step."""
    return abs(value - lever.value) / max(abs(lever.value), lever.step)


def _fix_of(moved: Sequence[tuple[Lever, float]]) -> Fix:
    causes = tuple(
        Cause(x.family, x.workload, x.where, _rounded(abs(value - x.value)), x.unit)
        for x, value in moved
    )
    change = tuple(lever.assignment(value) for lever, value in moved)
    kind = max(lever.kind for lever, _ in moved)
    return Fix(change, causes[0].amount, causes[0].unit, True, causes, kind)


def _rounded(value: float) -> float:
    return round(value, 6)


def _causes(rule: Steps, setting: Setting, kept: Sequence[str]) -> tuple[Cause, ...]:
    """Return what the assignments of a setting that are kept loosen."""
    parts: list[tuple[str, float | None]] = [
        x for a, x in zip(setting.assignments, setting.parts, strict=False) if a in kept
    ]
    return tuple(
        Cause(rule.family, rule.workload, where, amount, rule.unit)
        for where, amount in parts or [(rule.where, setting.amount)]
    )
