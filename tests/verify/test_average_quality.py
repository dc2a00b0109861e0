"""Average quality in a plan: rows and scores are recomputed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, every_change, report
from tests.verify.conftest import DAY, MEASURED, solved

FLOORS = [
    {"benchmark": "mmlu", "min_score": 0.7, "over": "average"},
    {"benchmark": "mmlu", "min_relative": 0.8, "reference": "model-a", "over": "average"},
    {"benchmark": "mmlu", "min_score": 0.5},
]


@pytest.fixture(scope="module")
def mixed():
    """Return two periods of chat on a good and a fast model and on tokens, some of it later."""
    asked = problem(
        workload(
            "chat",
            arrival={"mean_rate_rps": 60.0, "profile": DAY},
            quality=FLOORS,
            deferrable={"window_h": 24.0, "share": 0.3},
        ),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": ["on_demand", "api"], "quotas": [
            {"hardware": "gpu-a", "max_accelerators": 9}]},
    )  # fmt: skip
    facts = catalog(
        models=[row("models"), row("models", id="model-b", family="b")],
        offers=[row("offers", elastic_max_nodes=50)],
        quality=[row("quality"), row("quality", model="model-b", score=0.6)],
        api_offers=[row("api_offers", as_of="2026-03")],
    )
    table = [
        MEASURED | {"workload": "chat", "capacity_rps": 2.0},
        MEASURED | {"workload": "chat", "model": "model-b", "capacity_rps": 12.0},
    ]
    return solved(asked, facts, table)


def test_a_plan_at_its_average_is_sound(mixed):
    assert mixed.plan.status == "optimal"
    assert report(mixed, mixed.plan) == []
    assert len({r.model for r in mixed.plan.allocations} | {r.model for r in mixed.plan.api}) == 2
    assert mixed.plan.api


def test_the_plan_states_the_average_of_every_block_and_what_binds(mixed):
    # 0.7 is half of 0.8 and half of 0.6; 0.8 of 0.8 is 0.64, which that more than reaches.
    rows = mixed.plan.average_quality

    assert len(rows) == 2 * 2 * 4
    assert {r.floor for r in rows} == {0.7, 0.8}
    assert min(r.average for r in rows if r.floor == 0.7) == pytest.approx(0.7)
    shares = [r.average for r in rows if r.reference]
    assert shares == pytest.approx([r.average / 0.8 for r in rows if not r.reference])
    assert any(b.what == "average_quality" for b in mixed.plan.binding)
    assert any(
        re.match(r"chat: mmlu is at least 0\.7000 on average in every block", n)
        for n in mixed.plan.warnings
    )


def test_no_single_figure_changes_unnoticed(mixed):
    unnoticed = {
        (table, name)
        for table, name, plan in every_change(mixed.plan)
        if table == "average_quality" and not report(mixed, plan)
    }

    assert unnoticed == set()


def test_a_missing_or_repeated_row_is_reported(mixed):
    rows = mixed.plan.average_quality

    gone = report(mixed, replace(mixed.plan, average_quality=rows[1:]))
    twice = report(mixed, replace(mixed.plan, average_quality=(*rows, rows[0])))

    assert any(line.endswith("average quality missing") for line in gone)
    assert "an average quality is listed twice" in twice


def test_more_on_the_worse_model_is_reported(mixed):
    """Move requests from tokens to the worse model, and state the average that gives."""
    plan = mixed.plan
    worse = next(
        i for i, r in enumerate(plan.allocations) if r.model == "model-b" and r.rate_rps > 0
    )
    row_ = plan.allocations[worse]
    found = report(mixed, changed(plan, "allocations", worse, rate_rps=lambda rate: rate * 1.5))

    place = f"period {row_.period} block {row_.block} chat mmlu"
    assert any(re.search(rf"{place}: average .* is below 0\.7", line) for line in found), found


def test_a_dearer_floor_than_the_plan_kept_is_reported(mixed):
    chat = mixed.problem.workloads[0]
    higher = [chat.quality[0].model_copy(update={"min_score": 0.75}), *chat.quality[1:]]
    asked = mixed.problem.model_copy(
        update={"workloads": [chat.model_copy(update={"quality": higher})]}
    )

    found = report(replace(mixed, problem=asked), mixed.plan)

    assert any("is below 0.75" in line for line in found)


def test_tokens_below_a_floor_on_each_model_are_reported(mixed):
    chat = mixed.problem.workloads[0]
    higher = [*chat.quality[:2], chat.quality[2].model_copy(update={"min_score": 0.85})]
    asked = mixed.problem.model_copy(
        update={"workloads": [chat.model_copy(update={"quality": higher})]}
    )

    found = report(replace(mixed, problem=asked), mixed.plan)

    assert any(re.match(r"tokens.*: mmlu 0\.8000 is below 0\.8500", line) for line in found), found
