"""Whether plans behind a figure keep their promises: kept, broken, and not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.claims.promises import NOT_REPLAYED, Promises, promises_in, promises_of, together
from planner.claims.records import Case
from planner.claims.runs import ClaimsSettings, solve_cases
from planner.verify.replay.deadlines import left_to_chance
from planner.verify.replay.records import DeadlineFound, NotReplayed, Replay
from planner.verify.verification import Verification
from tests.claims.world import FAST, SLOW
from tests.claims.world import plan as empty_plan

CASE = Case("claims/own_or_rent", "owned")
SOLVE = ClaimsSettings().solve
BOTH = dict.fromkeys((FAST, SLOW), empty_plan(1.0))


@pytest.fixture(scope="module")
def plan():
    """Owned servers for analysts, and filings that wait."""
    return solve_cases((CASE,), (), ClaimsSettings(), lambda _done, _all: None).plans[CASE]


def promises(plan):
    return promises_of((CASE,), {CASE: plan}, (), SOLVE)[CASE]


def test_a_plan_of_the_program_keeps_its_promises(plan):
    assert promises(plan) == Promises("kept")


def test_a_plan_with_a_figure_that_is_wrong_breaks_one(plan):
    found = promises(replace(plan, cost_usd=plan.cost_usd / 2.0))

    assert found.kept == "missed"
    assert any("cost" in text for text in found.broken)


SPOT = DeadlineFound("docs", 0, "day", 24.0, 20.0, 0.0, 0.001, 0.98, 0.2)
DRAFTS = NotReplayed("chat", "an option", "drafts are not simulated")


@pytest.mark.parametrize(
    ("not_replayed", "deadlines", "kept"),
    [
        ((), (), "kept"),
        (tuple(left_to_chance([SPOT])), (SPOT,), "left open"),
        ((*left_to_chance([SPOT]), DRAFTS), (SPOT,), NOT_REPLAYED),
        ((DRAFTS,), (), NOT_REPLAYED),
    ],
)
def test_what_chance_decides_is_left_open_and_what_is_not_simulated_is_said(
    not_replayed, deadlines, kept
):
    replay = Replay((), not_replayed, 0.8, 5, 0, 0.0, deadlines=deadlines)

    found = promises_in(Verification(empty_plan(1.0), (), replay))

    assert (found.kept, found.broken) == (kept, ())
    assert len(found.unknown) == len(not_replayed)
    assert all(part.reason in text for part, text in zip(not_replayed, found.unknown, strict=True))


def test_a_case_without_a_plan_is_left_out():
    assert promises_of((CASE,), {}, (), SOLVE) == {}


@pytest.mark.parametrize(
    ("fast", "slow", "kept"),
    [
        ("kept", "kept", "kept"),
        ("kept", "missed", "missed"),
        ("missed", NOT_REPLAYED, "missed"),
        ("kept", NOT_REPLAYED, NOT_REPLAYED),
        ("left open", NOT_REPLAYED, NOT_REPLAYED),
        ("kept", "left open", "left open"),
        ("kept", None, NOT_REPLAYED),
    ],
)
def test_the_worst_plan_decides_and_a_missing_one_is_not_known(fast, slow, kept):
    found = {FAST: Promises(fast)} | ({} if slow is None else {SLOW: Promises(slow)})

    assert together((FAST, SLOW), found, BOTH).kept == kept


def test_broken_promises_are_told_once():
    broken = Promises("missed", ("late",))

    assert together((FAST, SLOW), {FAST: broken, SLOW: broken}, BOTH).broken == ("late",)


def test_a_case_that_nothing_can_serve_has_no_part_in_it():
    found = {FAST: Promises("kept")}

    assert together((FAST, SLOW), found, {FAST: empty_plan(1.0)}) == Promises("kept")
    assert together((FAST, SLOW), {}, {}) is None
