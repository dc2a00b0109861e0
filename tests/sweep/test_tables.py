"""Tornado and frontiers of made-up outcomes, counted by hand."""

from __future__ import annotations

import io

import pytest

from planner.sweep.assignments import read_variables
from planner.sweep.design import points_of
from planner.sweep.outcome import Outcome
from planner.sweep.run import Run, Sweep, SweepSettings
from planner.sweep.tables import frontiers, tornado
from planner.sweep.text import write_sweep


def out(cost_usd, bound_usd=None):
    if cost_usd is None:
        return Outcome("infeasible", "no way")
    return Outcome("optimal", "", cost_usd, cost_usd if bound_usd is None else bound_usd)


def sweep(stated, outcomes, design="one-at-a-time", base=None, scenarios=(None,)):
    variables = read_variables(stated, ranges=False)
    points = points_of(design, variables, scenarios)
    runs = tuple(
        Run(number, point.scenario, point.swept, outcome)
        for number, (point, outcome) in enumerate(zip(points, outcomes, strict=True))
    )
    stands = {
        (scenario, path): value for scenario in scenarios for path, value in (base or {}).items()
    }
    return Sweep("toy", SweepSettings(design=design), variables, stands, runs, len(runs))


TOY = sweep(
    ["a=1,2,3", "b=x,y"],
    [out(100), out(90), out(104), out(97), out(70), out(160, 155)],
    base={"a": "2.5", "b": "z"},
)


def test_the_largest_swing_comes_first_with_its_ends_against_the_base():
    b, a = tornado(TOY)

    assert (b.path, b.low_value, b.low_cost_usd, b.low_change_usd) == ("b", "x", 70, -30)
    assert (b.high_value, b.high_cost_usd, b.high_change_usd, b.swing_usd) == ("y", 160, 60, 90)
    assert (a.path, a.low_value, a.high_value, a.swing_usd) == ("a", "1", "2", 14)
    assert (a.base_value, b.base_value) == ("2.5", "z")


def test_only_what_the_gaps_leave_of_a_swing_is_proven():
    wide = sweep(["a=1,2", "b=1,2"], [out(100), out(95, 80), out(103, 90), out(60), out(90, 75)])

    b, a = tornado(wide)

    assert (b.swing_usd, b.swing_at_least_usd) == (30, 15)
    assert (a.swing_usd, a.swing_at_least_usd) == (8, 0)


def test_values_without_a_plan_are_named_and_inputs_without_any_come_last():
    rows = tornado(sweep(["a=1,2", "b=1,2"], [out(9), out(None), out(None), out(9), out(None)]))

    assert [(row.path, row.without_plan, row.swing_usd) for row in rows] == [
        ("b", ("2",), 0),
        ("a", ("1", "2"), None),
    ]


def test_without_a_plan_for_the_base_there_is_no_change_against_it():
    (row,) = tornado(sweep(["a=1,2"], [out(None), out(5), out(7)]))

    assert (row.low_change_usd, row.high_change_usd, row.swing_usd) == (None, None, 2)


def test_a_frontier_rises_by_value_and_holds_the_base():
    a, b = frontiers(TOY)

    assert [(p.value, p.cost_usd, p.is_base) for p in a.points] == [
        ("1", 90, False),
        ("2", 104, False),
        ("2.5", 100, True),
        ("3", 97, False),
    ]
    assert [p.value for p in b.points] == ["z", "x", "y"]


def test_a_listed_value_that_is_the_base_stands_once():
    found = sweep(["a=1_000,2000"], [out(1), out(1), out(2)], base={"a": "1000"})

    (curve,) = frontiers(found)

    assert [(p.value, p.is_base) for p in curve.points] == [("1_000", False), ("2000", False)]


def test_a_grid_has_a_frontier_for_every_combination_of_the_others():
    grid = sweep(["a=2,1", "b=x,y"], [out(4), out(3), out(2), out(1)], design="grid")

    found = {(c.path, c.others): [p.cost_usd for p in c.points] for c in frontiers(grid)}

    assert found == {
        ("a", (("b", "x"),)): [2, 4],
        ("a", (("b", "y"),)): [1, 3],
        ("b", (("a", "2"),)): [4, 3],
        ("b", (("a", "1"),)): [2, 1],
    }
    assert tornado(grid) == ()


def test_scenarios_have_tables_of_their_own():
    both = sweep(
        ["a=1,2"], [out(1), out(2), out(3), out(10), out(20), out(30)], scenarios=(None, "busy")
    )

    assert [(row.scenario, row.swing_usd) for row in tornado(both)] == [(None, 1), ("busy", 10)]
    assert [curve.scenario for curve in frontiers(both)] == [None, "busy"]


def test_many_curves_are_told_by_their_least_and_most():
    stated = ["a=1,2", "b=" + ",".join(str(k) for k in range(7))]
    outcomes = [out(10 + k) for k in range(7)] + [out(None), *(out(20 + k) for k in range(6))]
    written = io.StringIO()

    write_sweep(written, sweep(stated, outcomes, design="grid"))

    text = written.getvalue()
    assert "Cost against a, whatever the other inputs" in text
    assert "1\t10.00\t16.00\t7\t0\n2\t20.00\t25.00\t7\t1\n" in text
    assert "value\ta=1\ta=2" in text


@pytest.mark.parametrize("design", ["one-at-a-time", "grid"])
def test_the_text_holds_every_cost_and_every_reason(design):
    outcomes = [out(123), out(None), out(456)][: 3 if design == "one-at-a-time" else 2]
    written = io.StringIO()

    write_sweep(written, sweep(["a=1,2"], outcomes, design=design))

    text = written.getvalue()
    assert "Cost against a" in text
    assert "123.00" in text
    assert "no way" in text
    assert ("Tornado" in text) == (design == "one-at-a-time")
