"""Unserved requests in a plan: rows, price and unit costs are recomputed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, every_change, report, slightly_more
from tests.verify.conftest import DAY, MEASURED, solved

PLACE = "period 0 block 1 chat"


@pytest.fixture(scope="module")
def short():
    """Return two periods in which 4 nodes are too few by day, and a workload nothing serves."""
    asked = problem(
        workload(
            "chat",
            arrival={"mean_rate_rps": 12.0, "profile": DAY},
            unserved_penalty_usd_per_request=0.05,
        ),
        workload("lost", unserved_penalty_usd_per_request=0.001),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        time_blocks=4,
        performance="table.csv",
        candidates={"models": ["model-a"], "quantizations": ["bf16"]},
        supply={
            "tenures": ["on_demand"],
            "quotas": [{"hardware": "gpu-a", "max_accelerators": 4}],
        },
    )
    table = [MEASURED | {"workload": "chat"}]
    return solved(asked, catalog(offers=[row("offers", elastic_max_nodes=50)]), table)


def test_a_plan_with_unserved_requests_is_sound(short):
    assert short.plan.status == "optimal"
    assert report(short, short.plan) == []
    assert {r.workload for r in short.plan.unserved} == {"chat", "lost"}


def test_the_price_follows_the_mean_rate(short):
    # 4 nodes less a spare carry 3 x 5 x 0.9 = 13.5 of the 12 x 1.2 planned requests/s, which are
    # 1/1.2 of them at the mean.
    first = next(r for r in short.plan.unserved if r.workload == "chat")

    assert (first.period, first.block) == (0, 1)
    assert first.planned_rate_rps == pytest.approx(12 * 1.2 - 13.5)
    assert first.rate_rps == pytest.approx(first.planned_rate_rps / 1.2)
    assert first.usd == pytest.approx(first.rate_rps * 3 * 730 / 4 * 3600 * 0.05)


def test_unit_costs_are_those_of_what_is_served(short):
    chat, lost = short.plan.unit_costs
    served = sum(r.rate_rps for r in short.plan.allocations) * 3 * 730 / 4 * 3600
    paid = sum(x.usd for x in short.plan.cost_lines if x.category == "on_demand")

    assert chat.usd_per_request == pytest.approx(paid / served)
    assert (lost.usd_per_request, lost.usd_per_million_tokens, lost.utilization) == (None,) * 3


def test_a_note_says_how_much_stays_unserved(short):
    assert any(re.match(r"chat: \d+\.\d\d% of its requests stay", n) for n in short.plan.warnings)
    assert any(n.startswith("lost: 100.00% of its requests stay") for n in short.plan.warnings)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"rate_rps": slightly_more}, f"{PLACE}: .* USD for unserved requests"),
        ({"planned_rate_rps": slightly_more}, f"chat {PLACE[:-5]}: planned rate"),
        ({"penalty_usd_per_request": slightly_more}, f"{PLACE}: .* the problem says 0.05"),
        ({"usd": slightly_more}, f"{PLACE}: .* requests x price is"),
        ({"workload": "nobody"}, "workload nobody is not in the problem"),
        ({"block": 9}, "period 0 block 9 is outside the horizon"),
    ],
)
def test_a_changed_row_is_reported(short, changes, text):
    position = next(i for i, r in enumerate(short.plan.unserved) if r.workload == "chat")

    found = report(short, changed(short.plan, "unserved", position, **changes))

    assert any(re.search(text, line) for line in found), found


def test_no_single_figure_changes_unnoticed(short):
    unnoticed = {
        (table, name)
        for table, name, plan in every_change(short.plan)
        if not report(short, plan) and name != "note"
    }

    assert unnoticed == set()


def test_unserved_requests_of_a_workload_without_a_price_are_reported(short):
    first = short.problem.workloads[0].model_copy(
        update={"unserved_penalty_usd_per_request": None}
    )
    asked = short.problem.model_copy(update={"workloads": [first, short.problem.workloads[1]]})

    found = report(replace(short, problem=asked), short.plan)

    assert f"{PLACE}: 0.9/s stay unserved, the problem asks for all of them" in found


def test_a_repeated_or_missing_row_is_reported(short):
    rows = short.plan.unserved

    assert report(short, replace(short.plan, unserved=(*rows, rows[0])))
    assert report(short, replace(short.plan, unserved=rows[1:]))
