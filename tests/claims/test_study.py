"""The figure of a study over inputs, by plans made by hand."""

from __future__ import annotations

import pytest

from planner.catalog.scale import Selection
from planner.claims.records import Band, Case, Change, Range
from planner.claims.study import Input, Study, Swept, judged
from tests.claims.world import FAST, SLOW, plan

CALM = Change("calm", ("peak=1",))
BUSY = Change("busy", ("peak=2",))
CHEAP = Change("x0.5", factors=((Selection("offers", (), "price_usd_per_hour"), 0.5),))
DEAR = Change("x2", factors=((Selection("offers", (), "price_usd_per_hour"), 2.0),))
FEW, MANY = Change("1", ("volume=1",)), Change("100", ("volume=100",))


def share(costs):
    return costs["slow"] / costs["fast"]


def study(**fields):
    return Study({"fast": FAST, "slow": SLOW}, share, **fields)


def solved(**changes):
    """Plans of the base, and of changes: name -> (change, cost of fast, cost of slow)."""
    plans = {FAST: plan(100.0), SLOW: plan(40.0)}
    for change, fast, slow in changes.values():
        plans |= {FAST.changed(change): plan(fast), SLOW.changed(change): plan(slow)}
    return plans


def test_a_change_replaces_an_assignment_of_the_same_path_and_keeps_the_others():
    case = Case("p", None, ("peak=3", "volume=9"))

    assert case.changed(BUSY).assignments == ("volume=9", "peak=2")


def test_every_role_is_solved_with_every_change_once():
    cases = study(inputs=(Input("peak", CALM, BUSY),)).cases

    assert set(cases) == {c.changed(x) for c in (FAST, SLOW) for x in (CALM, BUSY)} | {FAST, SLOW}
    assert len(cases) == 6


def test_tornado_has_the_largest_swing_first():
    inputs = (Input("peak", CALM, BUSY), Input("rent", CHEAP, DEAR))
    plans = solved(a=(CALM, 100, 39), b=(BUSY, 100, 41), c=(CHEAP, 100, 20), d=(DEAR, 100, 80))

    rows = study(inputs=inputs).tornado(plans)

    assert [(r.name, r.low, r.high) for r in rows] == [("rent", 0.2, 0.8), ("peak", 0.39, 0.41)]


def test_joint_runs_use_both_ends_of_every_input():
    inputs = (Input("peak", CALM, BUSY), Input("rent", CHEAP, DEAR))

    cases = study(inputs=inputs).cases

    joint = [c for c in cases if c.scenario == "fast" and c.assignments and c.factors]
    assert {c.assignments for c in joint} == {("peak=1",), ("peak=2",)}
    assert {c.factors for c in joint} == {CHEAP.factors, DEAR.factors}


def test_gaps_of_the_solves_widen_the_range():
    plans = {FAST: plan(100.0, 80.0), SLOW: plan(40.0, 38.0)}

    found = judged(study(), plans, Band(0.3, 0.5), y_label="share")

    # 40/80 - 0.4 = 0.1 and 0.4 - 38/100 = 0.02
    assert found.found == 0.4
    assert found.range == Range(pytest.approx(0.28), pytest.approx(0.52))
    assert found.verdict == "holds_when"


def test_conditions_name_the_input_that_flips_the_verdict_and_the_break_even():
    swept = Swept("volume", ((1.0, FEW), (100.0, MANY)), is_log=True)
    plans = solved(a=(CALM, 100, 40), b=(BUSY, 100, 90), f=(FEW, 100, 80), m=(MANY, 100, 40))

    found = judged(
        study(inputs=(Input("peak", CALM, BUSY),), swept=swept),
        plans,
        Band(None, 0.6),
        y_label="share",
    )

    assert found.verdict == "holds_when"
    assert found.conditions == (
        "fails at peak busy (0.9)",
        "crosses 0.6 at volume of 10",
    )


def test_without_a_plan_of_a_role_nothing_is_decided():
    found = judged(study(), {FAST: plan(1.0)}, Band(0, 1), y_label="share")

    assert (found.found, found.verdict) == (None, "not_decidable")


def test_an_end_without_a_plan_is_missing_in_the_tornado_and_moves_nothing():
    plans = solved(a=(CALM, 100, 39))

    (row,) = study(inputs=(Input("peak", CALM, BUSY),)).tornado(plans)

    assert (row.low, row.high, row.swing) == (0.39, None, 0.0)


def test_ends_of_inputs_are_as_wide_as_their_own_gaps():
    plans = solved(a=(CALM, 100, 40), b=(BUSY, 100, 80))
    plans[SLOW.changed(BUSY)] = plan(80.0, 70.0)

    found = study(inputs=(Input("peak", CALM, BUSY),)).whole_range(plans)

    # 0.8 give or take the 10 of 100 that the gap of the slow plan leaves open
    assert found == Range(pytest.approx(0.4), pytest.approx(0.9))


def test_gaps_along_a_curve_widen_the_verdict_and_the_break_even():
    swept = Swept("volume", ((1.0, FEW), (100.0, MANY)))
    plans = solved(f=(FEW, 100, 80), m=(MANY, 100, 40))
    plans[SLOW.changed(FEW)] = plan(80.0, 70.0)

    curve = study(swept=swept).curve(plans)
    found = judged(study(swept=swept), plans, Band(None, 0.6), y_label="share")

    assert curve.margins == (pytest.approx(0.1), 0.0)
    assert curve.ends == pytest.approx((0.7, 0.9, 0.4, 0.4))
    # 0.8 to 0.4 over 99 crosses 0.6 half way; from 0.7 a third, from 0.9 three fifths of it
    assert found.conditions == (
        "crosses 0.6 at volume of 50.5 (34 to 60.4 with the gaps of the solves)",
    )


def test_a_curve_within_the_claim_but_for_its_gaps_is_conditional():
    swept = Swept("volume", ((1.0, FEW),))
    plans = solved(f=(FEW, 100, 40))
    exact = judged(study(swept=swept), plans, Band(0.35, None), y_label="share").verdict
    plans[SLOW.changed(FEW)] = plan(40.0, 30.0)

    assert exact == "holds"
    assert judged(study(swept=swept), plans, Band(0.35, None), y_label="s").verdict == "holds_when"
