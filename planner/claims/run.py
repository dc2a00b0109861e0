"""All claims from the first check to the verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.load import load_catalog
from planner.claims.cross_check import CASES, cross_checks
from planner.claims.list import CLAIMS
from planner.claims.records import Tested
from planner.claims.runs import ClaimsSettings, solve_cases
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from planner.claims.cross_check import CrossCheck
    from planner.claims.records import Claim


@dataclass(frozen=True, slots=True)
class TestedClaims:
    """The claims with their findings, and what it took.

    Parameters
    ----------
    tested
        In the order of their numbers.
    runs, solved, failed
        Different plans; those that were not in the store; those that ended by an error.
    """

    tested: tuple[Tested, ...]
    runs: int
    solved: int
    failed: int


def assess_claims(
    only: Sequence[str] = (),
    overlays: Sequence[Path] = (),
    settings: ClaimsSettings | None = None,
    *,
    on_run: Callable[[int, int], None] = lambda _done, _all: None,
) -> TestedClaims:
    """Return the verdict on every claim, or on some.

    Parameters
    ----------
    only
        Numbers of claims, such as ``C2``; all when empty.
    overlays
        Catalogue folders that win over the shipped catalogue.
    settings
        Options of the solves, processes, store.
    on_run
        Called with the runs done, and all, whenever one is done.

    Raises
    ------
    InputError
        When there is no such claim, a problem of them is invalid, or the store cannot be used.
    """
    chosen = chosen_claims(only)
    cases = [case for claim in chosen for case in claim.cases]
    solved = solve_cases(cases, overlays, settings or ClaimsSettings(), on_run)
    catalog = load_catalog(overlays)
    tested = []
    for claim in chosen:
        reasons = [solved.reasons[case] for case in claim.cases if case in solved.reasons]
        finding = claim.test(solved.plans, catalog)
        tested.append(Tested(claim, finding, tuple(dict.fromkeys(reasons))))
    return TestedClaims(tuple(tested), solved.runs, solved.solved, solved.failed)


def cross_checked(
    overlays: Sequence[Path] = (),
    settings: ClaimsSettings | None = None,
    *,
    on_run: Callable[[int, int], None] = lambda _done, _all: None,
) -> tuple[CrossCheck, ...]:
    """Return published prices beside the planner's own costs; parameters as `assess_claims`.

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
