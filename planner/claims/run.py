"""All claims from the first check to the verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.catalog.load import load_catalog
from planner.claims.cross_check import CASES, cross_checks
from planner.claims.list import CLAIMS
from planner.claims.promises import promises_of, together
from planner.claims.records import AssessedClaim, Effort
from planner.claims.runs import ClaimsSettings, solve_cases
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from planner.claims.promises import Promises
    from planner.claims.records import Claim, CrossCheck, Finding

Progress = Callable[[int, int], None]


def _nothing(_done: int, _all: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The claims with their findings, in the order of their numbers, and what they took.

    `cross_checks` are published facts beside own figures, where all claims were asked for.
    """

    claims: tuple[AssessedClaim, ...]
    effort: Effort
    cross_checks: tuple[CrossCheck, ...] = ()


def assess_claims(
    only: Sequence[str] = (),
    overlays: Sequence[Path] = (),
    settings: ClaimsSettings | None = None,
    *,
    on_run: Progress = _nothing,
    on_replay: Progress = _nothing,
) -> Assessment:
    """Return the verdict on every claim, or on some.

    Parameters
    ----------
    only
        Numbers of claims, such as ``C2``; all when empty.
    overlays
        Catalogue folders that win over the shipped catalogue.
    settings
        Options of the solves, processes, store, and whether plans are replayed.
    on_run, on_replay
        Called with the runs, or replays, that are done, and all, whenever one is done.

    Raises
    ------
    InputError
        When there is no such claim, a problem of them is invalid, or the store cannot be used.
    """
    settings = settings or ClaimsSettings()
    chosen = chosen_claims(only)
    cases = [case for claim in chosen for case in claim.cases]
    cases += () if only else CASES
    solved = solve_cases(cases, overlays, settings, on_run)
    catalog = load_catalog(overlays)
    behind = [case for claim in chosen for case in claim.base] if settings.verify else []
    promises = promises_of(behind, solved.plans, overlays, settings.solve, on_plan=on_replay)
    assessed = []
    for claim in chosen:
        reasons = [solved.reasons[case] for case in claim.cases if case in solved.reasons]
        finding = claim.test(solved.plans, catalog)
        kept = together(claim.base, promises, solved.plans)
        assessed.append(_assessed(claim, finding, tuple(dict.fromkeys(reasons)), kept))
    facts = () if only else cross_checks(solved.plans, catalog)
    return Assessment(tuple(assessed), solved.effort, facts)


def _assessed(
    claim: Claim, finding: Finding, reasons: tuple[str, ...], promises: Promises | None
) -> AssessedClaim:
    if promises is None:
        return AssessedClaim(claim, finding, reasons)
    broken = tuple(f"a plan behind it breaks a promise: {text}" for text in promises.broken)
    unknown = tuple(f"not known of a plan behind it: {text}" for text in promises.unknown)
    finding = replace(finding, conditions=(*broken, *unknown, *finding.conditions))
    return AssessedClaim(claim, finding, reasons, promises.kept, promises.unknown)


def cross_checked(
    overlays: Sequence[Path] = (),
    settings: ClaimsSettings | None = None,
    *,
    on_run: Progress = _nothing,
) -> tuple[CrossCheck, ...]:
    """Return published facts beside the planner's own figures; parameters as `assess_claims`.

    Raises
    ------
    InputError
        When a problem is invalid, or the store cannot be used.
    """
    solved = solve_cases(CASES, overlays, settings or ClaimsSettings(), on_run)
    return cross_checks(solved.plans, load_catalog(overlays))


def chosen_claims(only: Sequence[str]) -> tuple[Claim, ...]:
    """Return claims by number in any case, in their own order; all when none is named.

    Raises
    ------
    InputError
        With every number that is no claim.
    """
    by_id = {claim.id: claim for claim in CLAIMS}
    asked = [name.strip().upper() for name in only]
    unknown = [name for name in dict.fromkeys(asked) if name not in by_id]
    if unknown:
        known = ", ".join(by_id)
        faults = [
            Fault(f"--only {n}", None, None, "", f"no claim{did_you_mean(n, by_id)}; {known}")
            for n in unknown
        ]
        raise InputError(faults, "planner claims --only C2,C7", "nothing was solved")
    return tuple(claim for claim in CLAIMS if not asked or claim.id in asked)
