"""Chains of answers in a plan: rates, models, limits and scores are recomputed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from planner.demand.build import build_demand
from planner.options.build import build_options
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.changes import changed, every_change, report
from tests.verify.conftest import DAY, MEASURED, solved

TABLE = [
    MEASURED | {"workload": "chat", "capacity_rps": 2.0},
    MEASURED | {"workload": "chat", "model": "model-b", "capacity_rps": 12.0},
]
CHAIN = {"first": ["model-b"], "then": ["model-a"], "share": 0.2}
FLOORS = [
    {"benchmark": "mmlu", "min_score": 0.7, "over": "average"},
    {"benchmark": "mmlu", "min_relative": 0.78, "reference": "model-a"},
]


def facts(**tables):
    base = {
        "models": [row("models"), row("models", id="model-b", family="b")],
        "offers": [row("offers", elastic_max_nodes=50)],
        "quality": [row("quality"), row("quality", model="model-b", score=0.6)],
        "api_offers": [row("api_offers", as_of="2026-03")],
    }
    return catalog(**base | tables)


def asked(chain=CHAIN, floors=FLOORS, **changes):
    base = {
        "arrival": {"mean_rate_rps": 60.0, "profile": DAY, "peak_factor_in_hour": 1.3},
        "quality": floors,
        "escalation": chain,
    }
    return problem(
        workload("chat", **base | changes),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": ["on_demand", "api"]},
    )


@pytest.fixture(scope="module")
def chained():
    """Return two periods of chat, part of it answered by a fast model and then by a good one."""
    return solved(asked(), facts(), TABLE)


def rate(plan, answer, **where):
    rows = [*plan.allocations, *plan.api]
    return sum(
        r.rate_rps
        for r in rows
        if r.answer == answer and all(getattr(r, k) == v for k, v in where.items())
    )


def test_a_plan_with_a_chain_is_sound(chained):
    assert chained.plan.status == "optimal"
    assert report(chained, chained.plan) == []


def test_the_average_decides_how_much_goes_through_the_chain(chained):
    # The chain has 0.8 x 0.6 + 0.2 x 0.8 = 0.64, the good model 0.8: 0.7 is 5/8 of the chain.
    # Whole replicas may leave a little less of it. The fast model alone has 0.75 of the good one's
    # score, which is too little to answer directly.
    plan = chained.plan
    first, then, direct = (rate(plan, a, period=0, block=1) for a in ("first", "then", ""))

    assert first + direct == pytest.approx(60.0)
    assert then == pytest.approx(0.2 * first)
    assert 0.4 < first / 60.0 <= 0.625 + 1e-9
    of_all = [r for r in plan.average_quality if not r.of_chain]
    assert all(0.7 - 1e-6 <= r.average < 0.75 for r in of_all)
    assert {round(r.average, 9) for r in plan.average_quality if r.of_chain} == {0.8}


def test_unit_costs_count_every_request_once(chained):
    requests = 60.0 * 6 * 730 * 3600
    usd = sum(line.usd for line in chained.plan.cost_lines)

    assert chained.plan.unit_costs[0].usd_per_request == pytest.approx(usd / requests)


def test_the_plan_says_what_the_chain_rests_on(chained):
    notes = chained.plan.warnings

    assert any(re.match(r"chat: \d\d\.\d% of its requests go through the chain", n) for n in notes)
    assert any("mmlu of the chain is taken as if requests were escalated at random" in n
               for n in notes)  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "changes", "text"),
    [
        ("then", {"rate_rps": lambda r: r * 0.9}, r"second answers .*/s are escalated"),
        ("then", {"planned_rate_rps": lambda r: r * 0.9}, r"planned rate of second answers"),
        ("first", {"rate_rps": lambda r: r * 1.1}, r"chat period \d block \d: mean rate"),
        ("then", {"answer": ""}, r"chat in pool chat/then: answer of no chain does not fit"),
        ("", {"answer": "first"}, r"chat in pool chat: answer first does not fit"),
        ("first", {"model": "model-a"}, r"chat: model-a may not give first answers"),
        ("first", {"answer": "then"}, r"chat: then answers in pool chat/first"),
    ],
)
def test_changed_answers_are_reported(chained, answer, changes, text):
    rows = chained.plan.allocations
    position = next(i for i, r in enumerate(rows) if r.answer == answer and r.rate_rps > 0)

    found = report(chained, changed(chained.plan, "allocations", position, **changes))

    assert any(re.search(text, line) for line in found), found


def test_no_single_figure_of_the_averages_changes_unnoticed(chained):
    unnoticed = {
        (table, name)
        for table, name, plan in every_change(chained.plan)
        if (table == "average_quality" or name == "answer") and not report(chained, plan)
    }

    assert unnoticed == set()


def test_answers_of_a_workload_without_a_chain_are_reported(chained):
    chat = chained.problem.workloads[0].model_copy(update={"escalation": None})
    plain = chained.problem.model_copy(update={"workloads": [chat]})

    found = report(replace(chained, problem=plain), chained.plan)

    assert "chat runs in pool chat/first, its pool is chat" in found


def test_a_larger_share_needs_more_second_answers_than_planned(chained):
    chain = chained.problem.workloads[0].escalation.model_copy(update={"share": 0.3})
    chat = chained.problem.workloads[0].model_copy(update={"escalation": chain})
    more = chained.problem.model_copy(update={"workloads": [chat]})

    assert any("are escalated" in t for t in report(replace(chained, problem=more), chained.plan))


def test_a_chain_below_a_floor_on_each_model_is_not_used():
    # 0.64 is 0.8 of the reference's 0.8; the chain would have to have 0.85 of it.
    floors = [{"benchmark": "mmlu", "min_relative": 0.85, "reference": "model-a"}]

    world = solved(asked(floors=floors), facts(), TABLE)

    assert report(world, world.plan) == []
    assert rate(world.plan, "first") == 0.0
    assert any("nothing goes through its chain" in n for n in world.plan.warnings)


def test_a_stated_score_of_the_chain_counts_instead_of_the_mixture():
    chain = CHAIN | {"quality_scores": [{"benchmark": "mmlu", "score": 0.75}]}
    floors = [{"benchmark": "mmlu", "min_score": 0.72}]

    world = solved(asked(chain, floors), facts(), TABLE)

    assert report(world, world.plan) == []
    assert rate(world.plan, "") == 0.0
    assert {r.average for r in world.plan.average_quality} == {0.75}
    lower = chain | {"quality_scores": [{"benchmark": "mmlu", "score": 0.71}]}
    chat = asked(lower, floors)
    found = report(replace(world, problem=chat), world.plan)
    assert any("average 0.710000 is below 0.72" in line for line in found)


def test_what_was_measured_under_limits_is_not_taken_for_a_chain():
    slo = [{"metric": "ttft_ms", "percentile": 99, "limit": 2000}]
    whole = loaded(asked(CHAIN | {"first_answer_ms": 1500}, slo=slo, lengths=None), TABLE)
    demand = build_demand(whole, facts())

    options = build_options(whole, facts(), demand)

    assert {c.workload for c in options.capacities} == {"chat"}


def test_modelled_answers_keep_what_the_chain_leaves_of_the_limits():
    slo = [
        {"metric": "ttft_ms", "percentile": 99, "limit": 6000},
        {"metric": "tpot_ms", "percentile": "mean", "limit": 40},
    ]
    chain = CHAIN | {"first_answer_ms": 5000}
    floor = [{"benchmark": "mmlu", "min_score": 0.62}]
    chat = workload(
        "chat", slo=slo, quality=floor, escalation=chain, arrival={"mean_rate_rps": 300.0}
    )
    # The first model is an eighth of the second.
    small = row("models", id="model-b", family="b", layers=4)
    whole = problem(
        chat,
        time_blocks=4,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
        policy={"confidence": 0.5},
    )

    world = solved(whole, facts(models=[row("models"), small]))

    assert report(world, world.plan) == []
    firsts = [r for r in world.plan.allocations if r.answer == "first"]
    thens = [r for r in world.plan.allocations if r.answer == "then"]
    assert firsts
    assert thens
    assert all(r.ttft_p99_ms <= 1000 for r in thens)
    assert {r.model for r in firsts} == {"model-b"}
    late = changed(
        world.plan, "allocations", world.plan.allocations.index(thens[0]), ttft_p99_ms=1500.0
    )
    assert any("ttft_ms of chat is 1500 ms, limit 1000 ms" in t for t in report(world, late))
