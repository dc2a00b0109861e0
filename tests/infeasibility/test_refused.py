"""What no option meets is found before the program, each limit with its own amount."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.catalog.dates import age_days
from planner.diagnosis import Source, diagnose_program
from planner.infeasibility import explain_infeasible
from planner.infeasibility.refused import looser_latency
from planner.infeasibility.rules import older_prices
from planner.infeasibility.tokens import added_tokens, unproven_tokens
from planner.milp import SolverSettings
from planner.options.old_prices import old_prices, why_no_node
from planner.pipeline import SolveSettings, solve_problem
from planner.preparation import prepare
from planner.problem.load import load_problem

BUDGET = Path(__file__).parents[2] / "problems" / "infeasible" / "budget.yaml"
MEASURED = BUDGET.parents[1] / "published" / "melange_readme.yaml"
FREE = "limits.budget_usd_per_period=null"


def reasons_of(ready):
    """Return what a failed solve says about a program without a plan."""
    source = Source(ready.loaded, ready.catalog, ready.incumbent)
    tried = (ready.demand, ready.options, ready.limits, SolverSettings())
    return diagnose_program(*tried, source)


def test_limits_that_are_loosened_together_are_each_named():
    (chat,) = load_problem(BUDGET).problem.workloads

    together = list(looser_latency(chat))[-1]

    setting = together.settings[0]
    assert setting.assignments == (
        "workloads.chat.slo.0.limit=2200",
        "workloads.chat.slo.1.limit=66",
    )
    assert setting.parts == (
        ("ttft_ms p99 of 2000 ms", pytest.approx(200.0)),
        ("tpot_ms mean of 60 ms", pytest.approx(6.0)),
    )


def test_a_limit_that_no_option_meets_is_named_with_what_the_nearest_one_needs():
    asked = [FREE, "workloads.chat.slo.0.limit=5", "workloads.chat.slo.1.limit=5"]

    found = explain_infeasible(BUDGET, None, asked)

    best = found.fixes[0]
    assert [(c.family, c.where) for c in best.causes] == [
        ("latency", "ttft_ms p99 of 5 ms"),
        ("latency", "tpot_ms mean of 5 ms"),
    ]
    limits = [float(a.partition("=")[2]) for a in best.assignments]
    assert [c.amount for c in best.causes] == pytest.approx([limit - 5.0 for limit in limits])
    assert best.cost.cost_usd > 0


def test_weights_that_do_not_fit_are_named_with_the_nearest_option():
    mean = "workloads.chat.slo=[{metric: tpot_ms, percentile: mean, limit: 60}]"
    asked = [FREE, mean, "candidates.tensor_parallel=[1]", "candidates.quantizations=[bf16]"]

    found = explain_infeasible(BUDGET, None, asked)

    best = found.fixes[0]
    assert best.assignments == ("candidates.tensor_parallel=[]",)
    assert best.causes[0].family == "memory"
    assert "weights 141.1 GB" in best.causes[0].where
    assert best.causes[0].amount > 0


def test_carbon_that_nobody_knows_is_told_as_such_and_not_as_a_price():
    found = explain_infeasible(MEASURED, None, ["limits.carbon_kg_per_period=100"])

    assert found.fixes[0].assignments == ("limits.carbon_kg_per_period=null",)
    assert {c.family for c in found.causes} == {"carbon"}
    assert "add a row id=any, quantity=carbon_g_per_kwh, case=published" in found.causes[0].where


def test_tokens_below_a_quality_floor_are_no_replicas_whose_scores_are_looked_up():
    floor = "workloads.chat.quality=[{benchmark: mmlu_pro, min_score: 0.99}]"
    paid = ["supply.tenures=[api]", "supply.providers=[groq]", "supply.api_latency=assume_met"]
    asked = [FREE, floor, *paid]

    found = explain_infeasible(BUDGET, None, asked)

    assert "tenures" in {c.family for c in found.causes}


def test_other_ways_to_pay_are_opened_for_work_that_may_not_run_on_spot_nodes():
    found = explain_infeasible(BUDGET, None, [FREE, "supply.tenures=[spot]"])

    best = found.fixes[0]
    assert best.assignments == ("supply.tenures=[spot, on_demand]",)
    assert [(c.family, c.where) for c in best.causes] == [("tenures", "only spot may be used")]
    assert best.cost.cost_usd > 0


ASSUMED = "supply.api_latency=assume_met"
TOKENS_ONLY = [FREE, "supply.tenures=[api]"]
ONE_NODE = [
    FREE,
    "workloads.chat.slo=[{metric: ttft_ms, percentile: 99, limit: 2000}]",
    "supply.tenures=[on_demand, api]",
    "supply.quotas=[{hardware: h100-sxm-80gb, max_accelerators: 1}]",
]


@pytest.mark.parametrize("asked", [TOKENS_ONLY, ONE_NODE], ids=["no option", "too few nodes"])
def test_tokens_that_state_no_latency_are_offered_when_they_make_a_plan_possible(asked):
    found = explain_infeasible(BUDGET, None, asked)

    fix = next(x for x in found.fixes if x.assignments == (ASSUMED,))
    assert fix.confirmed
    assert not fix.keeps_promises
    assert ("api_latency", "chat") in {(c.family, c.workload) for c in found.causes}
    # Changes of written limits come first, and the cost is that of the plan with the change.
    assert found.fixes[0] is not fix
    plan = solve_problem(BUDGET, None, [*asked, ASSUMED], (), SolveSettings(compare=False))
    assert fix.cost.cost_usd == pytest.approx(plan.cost_usd, rel=0.01)
    assert plan.api


@pytest.mark.parametrize(
    "more",
    ["supply.providers=[runpod]", "workloads.chat.residency=[us-east-1]", ASSUMED],
    ids=["no offer", "barred by residency", "assumed already"],
)
def test_tokens_are_not_offered_where_their_latency_is_not_what_is_missing(more):
    ready = prepare(BUDGET, None, [*ONE_NODE, more], possible_only=False)

    assert not list(unproven_tokens(ready))


def test_tokens_that_would_not_do_either_are_not_among_the_changes():
    # No money for anything: 1 USD a quarter buys neither nodes nor tokens.
    poor = "limits.budget_usd_per_period=1"

    found = explain_infeasible(BUDGET, None, [*ONE_NODE, poor], time_limit_s=20.0)

    assert found.infeasible
    assert (ASSUMED,) not in {fix.assignments for fix in found.fixes}


# The same without tokens, which nobody there states a latency of.
NO_TOKENS = [*(a for a in ONE_NODE if "tenures" not in a), "supply.tenures=[on_demand]"]
ADDED = "supply.tenures=[on_demand, api]"


def test_tokens_and_their_latency_are_one_change_where_neither_alone_helps():
    for alone in (ADDED, ASSUMED):
        assert solve_problem(BUDGET, None, [*NO_TOKENS, alone]).status == "infeasible"

    found = explain_infeasible(BUDGET, None, NO_TOKENS)

    fix = next(x for x in found.fixes if ADDED in x.assignments)
    assert fix.assignments == (ADDED, ASSUMED)
    assert [c.where for c in fix.causes] == [
        "only on_demand may be used, no tokens", "a stated latency of tokens",
    ]  # fmt: skip
    assert not fix.keeps_promises
    # It replaces no other change, and changes of written limits still come first.
    assert found.fixes[0].causes[0].family == "quota"
    assert "with api in supply.tenures and supply.api_latency: assume_met there is a plan" in (
        reasons_of(prepare(BUDGET, None, NO_TOKENS))
    )


def test_tokens_alone_are_the_change_where_their_latency_is_assumed_already():
    ready = prepare(BUDGET, None, [*NO_TOKENS, ASSUMED])

    (rule,) = added_tokens(ready)

    assert [x.assignments for x in rule.settings] == [(ADDED,)]
    assert "with api in supply.tenures there is a plan" in reasons_of(ready)


@pytest.mark.parametrize(
    "more",
    [
        ADDED,
        "supply.providers=[runpod]",
        "candidates.models=[gpt-j-6b]",
        "workloads.chat.residency=[us-east-1]",
    ],
    ids=["asked for already", "no offer of the provider", "no offer of the model", "residency"],
)
def test_tokens_are_not_added_where_nobody_may_sell_any(more):
    ready = prepare(BUDGET, None, [*NO_TOKENS, more], possible_only=False)

    assert not list(added_tokens(ready))


def test_a_failed_solve_names_tokens_that_state_no_latency():
    ready = prepare(BUDGET, None, ONE_NODE)

    assert "with supply.api_latency: assume_met there is a plan" in reasons_of(ready)


STALE = [
    FREE,
    "supply.tenures=[on_demand]",
    "supply.providers=[runpod, lambda]",
    "supply.quotas=[{hardware: h100-sxm-80gb, provider: runpod, max_accelerators: 1}]",
    "supply.max_price_age_days=60",
]


def test_prices_that_are_too_old_are_offered_when_they_make_a_plan_possible():
    """Young offers of one provider are too few; those of the other are there with older prices."""
    ready = prepare(BUDGET, None, STALE)
    start = ready.demand.grid.period_start[0]
    oldest = max(
        age_days(o.as_of, start)
        for o in ready.catalog.offers
        if (o.provider, o.tenure) in {("lambda", "on_demand"), ("runpod", "on_demand")}
    )

    (rule,) = older_prices(ready)
    lines = reasons_of(ready)

    assert rule.settings[-1].assignments == (f"supply.max_price_age_days={oldest}",)
    assert rule.settings[-1].amount == oldest - 60
    assert f"with supply.max_price_age_days: {oldest} there is a plan" in lines
    enough = f"supply.max_price_age_days={oldest}"
    assert not list(older_prices(prepare(BUDGET, None, [*STALE, enough])))


def test_why_nothing_is_on_offer_names_old_prices_only_where_they_are_why():
    options = prepare(BUDGET, None, STALE).options

    assert "supply.max_price_age_days" in why_no_node(options, {"on_demand"})
    assert why_no_node(options, {"owned"}) == "no node of owned is on offer; see supply.tenures"
    (note,) = old_prices(load_problem(BUDGET, None, STALE).problem, options)
    assert note.startswith(
        f"{len({r.subject for r in options.rejections if r.reason == 'price_age'})} offers"
    )
