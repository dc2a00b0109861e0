"""Moves between models in a plan: rows, cost lines and cash are recomputed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from planner.demand.build import build_demand
from planner.milp import program_limits
from planner.options.build import build_options
from planner.pipeline import SolveSettings, solve_prepared
from planner.plan.limit_rows import Move
from planner.preparation import Prepared
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.changes import changed, every_change, report, slightly_more
from tests.verify.conftest import MEASURED, solved

MOVE_USD = 500.0


@pytest.fixture(scope="module")
def moving():
    """Return two quarters in which tokens of another model get cheaper, and work that may wait."""
    asked = problem(
        workload("chat", arrival={"mean_rate_rps": 0.5}),
        workload(
            "docs",
            arrival={"mean_rate_rps": 6.0},
            deferrable={"window_h": 10.0, "share": 0.5},
        ),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": ["on_demand", "api"]},
        policy={"switching_cost_usd_per_move": MOVE_USD, "spare_replicas": 0},
    )
    other = {"model": "model-b", "model_ref": "b/model-b"}
    tokens = [
        row("api_offers"),
        row("api_offers", **other, input_usd_per_mtok=1.0),
        row("api_offers", **other, input_usd_per_mtok=0.1, valid_from="2027-04"),
    ]
    models = [row("models"), row("models", id="model-b", family="b")]
    table = [MEASURED | {"workload": "docs"}]
    return solved(asked, catalog(api_offers=tokens, models=models), table)


def test_a_plan_with_moves_is_sound(moving):
    assert moving.plan.status == "optimal"
    assert report(moving, moving.plan) == []
    assert Move(1, "chat", "model-b", MOVE_USD) in moving.plan.moves


def test_the_move_is_paid_by_its_workload_at_the_start_of_the_period(moving):
    paid = [x for x in moving.plan.cost_lines if x.category == "one_off" and x.workload == "chat"]
    (line,) = paid

    assert (line.period, line.usd) == (1, MOVE_USD)
    assert line.discounted_usd == pytest.approx(MOVE_USD * 1.08 ** (-3 / 12))


def test_cash_holds_the_move_in_the_first_month_of_its_period(moving):
    by_month = {r.month: r.usd for r in moving.plan.cash_flows if r.plan == "plan"}
    moved = sum(r.usd for r in moving.plan.moves if r.period == 1)

    assert by_month["2027-04"] - by_month["2027-05"] == pytest.approx(moved)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"usd": slightly_more}, "a move for .* USD, not 500"),
        ({"model": "model-a"}, "the move to model-b is not listed"),
        ({"workload": "docs"}, "no move to|is not listed"),
        ({"period": 0}, "no move to|is not listed"),
    ],
)
def test_a_changed_move_is_reported(moving, changes, text):
    position = next(i for i, r in enumerate(moving.plan.moves) if r.workload == "chat")

    found = report(moving, changed(moving.plan, "moves", position, **changes))

    assert any(re.search(text, line) for line in found), found


def test_a_missing_or_repeated_move_is_reported(moving):
    rows = moving.plan.moves

    assert report(moving, replace(moving.plan, moves=(*rows, rows[0]))) == [
        "a move is listed twice"
    ]
    assert report(moving, replace(moving.plan, moves=rows[1:]))


def test_a_plan_that_hides_a_move_and_its_cost_is_reported(moving):
    position = next(i for i, r in enumerate(moving.plan.moves) if r.workload == "chat")
    rows = list(moving.plan.moves)
    rows.pop(position)
    lines = tuple(
        x for x in moving.plan.cost_lines if (x.category, x.workload) != ("one_off", "chat")
    )
    cheaper = replace(
        moving.plan,
        moves=tuple(rows),
        cost_lines=lines,
        tco_usd=sum(x.usd for x in lines),
        cost_usd=sum(x.discounted_usd for x in lines),
    )

    found = report(moving, cheaper)

    assert "period 1 chat: the move to model-b is not listed" in found
    assert any("cost line (1, 'one_off', 'chat', '', ''): 0.000000 USD" in x for x in found)


def test_a_model_with_less_than_its_share_is_reported(moving):
    position = next(i for i, r in enumerate(moving.plan.api) if r.workload == "chat")
    row_ = moving.plan.api[position]
    slip = replace(row_, model="model-b" if row_.model == "model-a" else "model-a",
                   rate_rps=row_.rate_rps * 0.001)  # fmt: skip

    found = report(moving, replace(moving.plan, api=(*moving.plan.api, slip)))

    assert any("of the requests, at least 1% or none" in line for line in found)


def test_no_single_figure_changes_unnoticed(moving):
    unnoticed = {
        (table, name)
        for table, name, plan in every_change(moving.plan)
        if not report(moving, plan) and name != "note"
    }

    assert unnoticed == set()


def test_buying_every_request_pays_for_moves_and_for_nodes_that_are_there():
    # 0.5 requests/s of 1,000 and 100 tokens are 3,942 and 394.2 million tokens in a quarter. At
    # 0.5, or 0.6 and then 0.1 USD a million for input: a saving of 1,182.60 after one move.
    there = {
        "hardware": "gpu-a", "tenure": "reserved_1y", "nodes": 1, "accelerators_per_node": 1,
        "usd_per_node_hour": 1.0,
    }  # fmt: skip
    asked = problem(
        workload(arrival={"mean_rate_rps": 0.5}),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        finance={"discount_rate_per_year": 0.0},
        supply={"tenures": ["api"], "existing": [there]},
        policy={"switching_cost_usd_per_move": 300.0},
    )
    other = {"model": "model-b", "model_ref": "b/model-b"}
    tokens = [
        row("api_offers"),
        row("api_offers", **other, input_usd_per_mtok=0.6),
        row("api_offers", **other, input_usd_per_mtok=0.1, valid_from="2027-04"),
    ]
    facts = catalog(
        api_offers=tokens, models=[row("models"), row("models", id="model-b", family="b")]
    )
    world = loaded(asked)
    demand = build_demand(world, facts)
    options = build_options(world, facts, demand)
    prepared = Prepared(world, facts, demand, options, program_limits(asked))

    plan = solve_prepared(prepared, SolveSettings(gap=1e-6))

    (bought,) = [b for b in plan.baselines if b.name == "all_api"]
    mtok = 0.5 * 3 * 730 * 3600 * 1000 / 1e6
    first = min(0.5 + 0.1 + 300.0 / mtok, 0.6 + 0.1)
    paid = mtok * (first + 2 * 0.15) + 2 * 2190.0
    assert bought.cost_usd == pytest.approx(paid, rel=1e-5)
