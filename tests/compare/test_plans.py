"""Comparisons of plans whose costs are known by hand: see `tests.sweep.world`."""

from __future__ import annotations

import io
import json
import re

import pytest

from planner.compare.plans import compare_plans
from planner.compare.records import ProblemChange
from planner.compare.text import write_comparison
from planner.errors import InputError
from tests.sweep.world import BUDGET, OFFERS, RATE, REPLICA_USD, SPARES

LIMIT = "limits.budget_usd"


def _text(found):
    out = io.StringIO()
    write_comparison(out, found)
    return out.getvalue()


def _rewritten(path, change):
    """Write a plan again with another content, and return its path."""
    plan = json.loads(path.read_text(encoding="utf-8"))
    change(plan)
    other = path.with_name(f"changed_{path.name}")
    other.write_text(json.dumps(plan), encoding="utf-8")
    return other


def test_a_plan_does_not_differ_from_itself(solved):
    plan = solved("plan")

    found = compare_plans(plan, plan)

    assert found.cost.usd == 0
    assert found.problem == found.versions == found.notes == found.catalog.figures == ()
    assert found.catalog.is_same
    assert all(row.is_same for row in found.fleet)
    assert all(row.difference_usd == 0 for row in found.cost_lines)
    assert "Both cost the same." in _text(found)
    assert "The problems are the same." in _text(found)


def test_the_cost_of_a_spare_replica_is_that_of_four_blocks(solved):
    found = compare_plans(solved("a"), solved("b", f"{SPARES}=1"))

    assert found.cost.usd == pytest.approx(4 * REPLICA_USD)
    assert found.cost.fraction == pytest.approx(0.4)
    (line,) = found.cost_lines
    assert (line.category, line.workload, line.hardware) == ("on_demand", "chat", "box")
    assert (line.a_usd, line.b_usd) == pytest.approx((10 * REPLICA_USD, 14 * REPLICA_USD))
    assert found.problem == (ProblemChange(SPARES, 0, 1),)


def test_lines_add_up_to_the_difference_of_the_costs(solved):
    found = compare_plans(solved("a"), solved("b", f"{RATE}=20", f"{SPARES}=1"))

    total = sum(row.difference_discounted_usd for row in found.cost_lines)
    assert total == pytest.approx(found.cost.usd)


def test_the_fleet_is_shown_by_hours_with_neighbours_joined(solved):
    found = compare_plans(solved("a"), solved("b", f"{RATE}=20"))

    rows = [
        (r.start_h, r.end_h, r.a.replicas[0].replicas, r.b.replicas[0].replicas, r.b.usd_per_hour)
        for r in found.fleet
    ]
    assert rows == [(0, 12, 2, 4, 8), (12, 18, 4, 7, 14), (18, 24, 2, 4, 8)]
    (nodes,) = found.fleet[0].a.nodes
    assert (nodes.offer_id, nodes.nodes) == ("me:one:here:on_demand", 2)
    assert (found.fleet[0].from_month, found.fleet[0].to_month) == ("2027-01", "2027-02")


def test_plans_with_other_blocks_are_shown_by_the_hours_of_both(solved):
    """One block of 24 hours is planned for its busiest hour: four replicas all day."""
    found = compare_plans(solved("a"), solved("b", "time_blocks=1"))

    rows = [(r.start_h, r.end_h, r.a.nodes[0].nodes, r.b.nodes[0].nodes) for r in found.fleet]
    assert rows == [(0, 12, 2, 4), (12, 18, 4, 4), (18, 24, 2, 4)]
    assert [row.is_same for row in found.fleet] == [False, True, False]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (("time_blocks=24",), ("time_blocks=1",)),
        (("time_blocks=6", "horizon.periods=2"), ("time_blocks=4", "horizon.months_per_period=3")),
        (("horizon.periods=4",), ("time_blocks=8", "horizon.start=2027-03", "horizon.periods=4")),
    ],
)
def test_hours_at_their_price_add_up_to_the_cost_of_each_plan(solved, ours, theirs):
    found = compare_plans(solved("a", *ours), solved("b", *theirs))

    for head, side in ((found.a, "a"), (found.b, "b")):
        usd = sum(
            getattr(row, side).usd_per_hour * (row.end_h - row.start_h) / 24 * _hours(row)
            for row in found.fleet
            if getattr(row, side) is not None
        )
        assert usd == pytest.approx(head.tco_usd)


def _hours(row):
    (y0, m0), (y1, m1) = (map(int, month.split("-")) for month in (row.from_month, row.to_month))
    return 730 * (12 * (y1 - y0) + m1 - m0)


def test_months_that_one_plan_does_not_have_are_shown_for_the_other(solved):
    longer = solved("b", "horizon.periods=3", "horizon.start=2027-02")

    found = compare_plans(solved("a"), longer)

    months = {(r.from_month, r.to_month, r.a is None, r.b is None) for r in found.fleet}
    assert months == {("2027-01", "2027-02", False, True), ("2027-02", "2027-05", True, False)}
    assert any("A is over 1 month and B over 3" in note for note in found.notes)
    assert any("begin in different months" in note for note in found.notes)


def test_horizons_of_other_lengths_are_compared_by_month_and_day(solved):
    longer = solved("b", "horizon.periods=3", f"{SPARES}=1")

    found = compare_plans(solved("a"), longer)

    # 10 replica-blocks a month against 14, whatever the number of months.
    month, day = found.rates
    assert (month.a, month.b) == pytest.approx((10 * REPLICA_USD, 14 * REPLICA_USD))
    assert (day.a, day.b) == pytest.approx((month.a * 24 / 730, month.b * 24 / 730))
    assert found.cost is None
    text = _text(found)
    first, second, *rest = text.splitlines()
    assert first.startswith("The horizons differ: A is over 1 month from 2027-01, B over 3 months")
    assert second == (
        f"B costs {4 * REPLICA_USD:,.0f} USD per month more than A (+40.0%), undiscounted."
    )
    assert text.index("USD per day") < text.index("A: day, ")
    assert f"total\t\t\t\t{10 * REPLICA_USD:,.0f}\t{14 * REPLICA_USD:,.0f}\t" in text
    assert "Cost over the horizon" not in text
    assert rest


def test_horizons_of_one_length_are_compared_by_their_totals(solved):
    found = compare_plans(solved("a"), solved("b", f"{SPARES}=1"))

    assert "The horizons differ" not in _text(found)
    assert "Cost over the horizon, discounted" in _text(found)


def test_defaults_that_are_written_out_are_no_change(solved):
    found = compare_plans(solved("a"), solved("b", "policy.confidence=0.8", f"{SPARES}=0"))

    assert found.problem == ()


def test_items_of_lists_are_named_as_set_names_them(solved):
    found = compare_plans(
        solved("a"), solved("b", f"{RATE}=11", "candidates.hardware=[box]", f"{BUDGET}=null")
    )

    assert found.problem == (
        ProblemChange(RATE, 10.0, 11.0),
        ProblemChange("candidates.hardware", [], ["box"]),
        ProblemChange(LIMIT, 1e6, None),
    )


def test_a_scenario_is_compared_as_what_it_changes(solved):
    found = compare_plans(solved("a"), solved("b", scenario="busy"))

    assert found.problem == (ProblemChange(RATE, 10.0, 20.0),)
    assert "day [busy]" in _text(found)


def test_another_price_of_what_both_use_is_named(solved, tmp_path):
    before = solved("a")
    (tmp_path / "prices" / "offers.csv").write_text(OFFERS.replace(",1,2,", ",1,3,"))

    found = compare_plans(before, solved("b"))

    (figure,) = found.catalog.figures
    assert not found.catalog.is_same
    assert (figure.subject, figure.what) == ("me:one:here:on_demand", "price")
    assert (figure.a, figure.b) == (2, 3)
    assert found.problem == ()
    assert found.cost.usd == pytest.approx(10 * REPLICA_USD / 2)


def test_another_capacity_of_the_same_option_is_named(solved, tmp_path):
    before = solved("a")
    table = tmp_path / "capacities.csv"
    table.write_text(table.read_text().replace(",5", ",4.9"))

    found = compare_plans(before, solved("b"))

    assert found.catalog.is_same
    assert [(f.what, f.a, f.b) for f in found.catalog.figures] == [
        ("capacity of a replica", 5, 4.9)
    ]


def test_where_the_gaps_hide_which_is_cheaper_that_is_said(solved):
    """Bounds 1 % below the costs leave open a difference of half a percent."""

    def loose(plan):
        plan["bound_usd"] = 0.99 * plan["cost_usd"]

    def dearer(plan):
        plan["cost_usd"] *= 1.005
        plan["bound_usd"] = 0.99 * plan["cost_usd"]

    plan = solved("a")
    found = compare_plans(_rewritten(plan, loose), _rewritten(solved("b"), dearer))

    cost = found.a.cost_usd
    assert found.cost.optima_at_least_usd == pytest.approx((0.99 * 1.005 - 1) * cost)
    assert found.cost.optima_at_most_usd == pytest.approx((1.005 - 0.99) * cost)
    assert "the gaps of the solves leave open which is cheaper" in _text(found)


def test_a_plan_of_another_planner_is_named(solved):
    plan = solved("a")
    old = _rewritten(plan, lambda p: p["versions"].update({"highspy": "1.0"}))

    found = compare_plans(old, plan)

    assert [(v.name, v.a) for v in found.versions] == [("highspy", "1.0")]
    assert "note: highspy: A 1.0, B " in _text(found)


def test_a_problem_without_a_plan_is_compared_by_its_reasons(solved):
    found = compare_plans(solved("a"), solved("b", f"{BUDGET}=100"))

    assert found.cost is None
    assert found.b.status == "infeasible"
    assert {row.b for row in found.fleet} == {None}
    assert found.problem == (ProblemChange(LIMIT, 1e6, 100.0),)
    assert "without the budget of 100 USD" in _text(found)


def test_promises_of_both_plans_are_side_by_side(solved):
    found = compare_plans(
        solved("a"), solved("b", "workloads.chat.unserved_penalty_usd_per_request=1")
    )

    assert found.promises == ()

    slo = "workloads.chat.slo=[{metric: ttft_ms, percentile: 99, limit: 500}]"
    (limit,) = compare_plans(solved("a"), solved("b", slo)).promises
    assert (limit.subject, limit.what, limit.unit) == ("chat", "limit ttft p99", "ms")
    assert (limit.a, limit.b) == (None, 500)


TWO_MODELS = """\
workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps
chat,small,q,box,1,e,20
chat,large,q,box,1,e,5
"""
SCORES = ", ".join(
    f"{{model: {model}, quantization: q, benchmark: acc, score: {score}}}"
    for model, score in (("small", 0.7), ("large", 0.86))
)
ESCALATION = (
    "workloads.chat.escalation={first: [small], then: [large], share: 0.25, "
    "quality_scores: [{benchmark: acc, score: 0.83}]}"
)


def _quality(solved, name, floor, *assignments):
    """Return the promises of quality of a plan, by what they are of."""
    asked = f"workloads.chat.quality=[{{benchmark: acc, {floor}}}]"
    scores = f"workloads.chat.quality_scores=[{SCORES}]"
    plan = solved(name, asked, scores, f"{RATE}=20", *assignments)
    promises = compare_plans(plan, plan).promises
    return {f.what: f.a for f in promises if "acc" in f.what}


def test_a_floor_says_what_it_holds_for_and_what_is_held_against_it(solved, day):
    (day.parent / "capacities.csv").write_text(TWO_MODELS)

    assert _quality(solved, "each", "min_score: 0.8") == {
        "floor acc, every model that serves": 0.8,
        "lowest acc of what serves": 0.86,
    }
    # the small answer of 0.7 breaks nothing: the floor is held by the 0.83 of the chain
    assert _quality(solved, "chain", "min_score: 0.8", ESCALATION) == {
        "floor acc, average of the chain, and every model outside of it": 0.8,
        "average acc of the chain, worst block": pytest.approx(0.83),
        "lowest acc of one answer of the chain, without a floor": 0.7,
    }


def test_a_floor_on_the_average_is_not_held_against_one_model(solved, day):
    # requests on the small model too, as long as the large one lifts their average to 0.8
    (day.parent / "capacities.csv").write_text(TWO_MODELS)

    found = _quality(solved, "average", "min_score: 0.8, over: average")

    (average,) = (value for what, value in found.items() if what.startswith("average"))
    assert average >= 0.8 - 1e-9
    assert found["floor acc, average of the requests of a block"] == 0.8
    assert found["lowest acc of one model, without a floor"] == 0.7
    assert set(found) == {
        "floor acc, average of the requests of a block",
        "average acc of the requests, worst block",
        "lowest acc of one model, without a floor",
    }


def test_faults_of_both_files_are_told_together(solved, tmp_path):
    no_plan = tmp_path / "notes.json"
    no_plan.write_text("{}")
    altered = _rewritten(solved("a"), lambda p: p["problem"].update({"set": ["policy.x=1"]}))

    with pytest.raises(InputError) as error:
        compare_plans(no_plan, altered)

    assert len(error.value.faults) == 2
    assert re.search("notes.json.*\n.*is not a plan file", str(error.value))
    assert "unknown field `x`" in str(error.value)
    assert "nothing was compared" in str(error.value)
