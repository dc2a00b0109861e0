"""Planted causes: each is named first, its fix leaves a plan, and a little less would not.

The world: chat on model m and documents on model n over three half-years, on rent at 2 USD an
hour, or on servers that take half a year to come. A replica of either model is one accelerator.
"""

from __future__ import annotations

from functools import cache

import pytest

from planner.errors import InputError
from planner.infeasibility import explain_infeasible
from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import prepare
from tests.finance.budget import SERVERS, SITES

PROBLEM = """\
schema_version: 1
name: planted
horizon: {start: 2027-01, periods: 3, months_per_period: 6}
time_blocks: 4
finance: {discount_rate_per_year: 0.0}
catalog: [facts]
performance: capacities.csv
workloads:
  - name: chat
    pool: chats
    arrival: {mean_rate_rps: 20, peak_factor_in_hour: 1.0,
              profile: [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1]}
    growth_per_period: 1.5
  - name: documents
    pool: papers
    arrival: {mean_rate_rps: 10, peak_factor_in_hour: 1.0}
supply: {tenures: [on_demand], providers: [me, you], servers: [box], site: home}
policy: {spare_replicas: 0, max_utilization: 1.0}
"""
CAPACITIES = """\
workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps
chat,m,q,h100-sxm-80gb,1,e,5
documents,n,q,h100-sxm-80gb,1,e,5
"""
OFFERS = """\
provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,source,as_of,startup_minutes,elastic_max_nodes
me,one,here,on_demand,h100-sxm-80gb,1,2,2026-12,quote,2026-12,0,100
you,one,there,on_demand,h100-sxm-80gb,1,3,2026-12,quote,2026-12,0,100
"""
# At the end of each half-year chat peaks at 40, 60 and 90 requests/s: 8, 12 and 18 replicas of 5;
# documents need 2.
MOST = 20
OWNED = "supply.tenures=[owned]"
THERE = (
    "supply.existing=[{hardware: h100-sxm-80gb, tenure: owned, nodes: %d, "
    "accelerators_per_node: 1, usd_per_node_hour: 1.0, since: 2026-01}]"
)
# Nothing but what is there, and nodes that come in the second half-year.
LATER = [
    "supply.tenures=[reserved_1y]",
    "supply.capacity_blocks=[{name: late, provider: me, hardware: h100-sxm-80gb, "
    "accelerators_per_node: 1, since: 2027-07, until: 2028-07, usd_per_node_hour: 2.0, "
    "max_nodes: 30}]",
]
STILL = ["workloads.chat.growth_per_period=1.0", "supply.tenures=[reserved_1y]"]
WAITS = "workloads.documents.deferrable={window_h: %d, release_hour: 0}"
QUOTA = "supply.quotas=[{hardware: h100-sxm-80gb, max_accelerators: %d}]"
PROVIDER_QUOTAS = (
    "supply.quotas=[{hardware: h100-sxm-80gb, provider: me, max_accelerators: 10}, "
    "{hardware: h100-sxm-80gb, provider: you, max_accelerators: %d}]"
)
QUALITY = [
    "workloads.chat.quality=[{benchmark: mmlu_pro, min_score: 0.9}]",
    "workloads.chat.quality_scores=[{model: m, quantization: q, benchmark: mmlu_pro, score: 0.8}]",
]
EXCLUDED = "workloads.chat.excluded_options=[%s]"
BUDGET = "limits.budget_usd_per_period"
# A node costs 2 USD x 4,380 h in half a year; 6 to 20 of them run at night and by day.
SINGLE = {
    "quota far": ([QUOTA % 2], "quota", MOST - 2),
    "quota near": ([QUOTA % 19], "quota", 1),
    "quota of nothing": ([QUOTA % 0], "quota", MOST),
    "quota of a provider": ([PROVIDER_QUOTAS % 1], "quota", 9),
    "budget of every period": ([f"{BUDGET}=50000"], "budget", None),
    "budget of the first period": ([f"{BUDGET}=[10000, 900000, 900000]"], "budget", None),
    "budget of the second period": ([f"{BUDGET}=[900000, 50000, 900000]"], "budget", None),
    "budget of the third period": ([f"{BUDGET}=[900000, 900000, 1]"], "budget", None),
    "budget of nothing": ([f"{BUDGET}=0"], "budget", None),
    "running costs": ([BUDGET + "={opex: 40000}"], "budget", None),
    "budget of the horizon": (["limits.budget_usd=100000"], "budget", None),
    "running costs of the horizon": (["limits.budget_usd={opex: 100000}"], "budget", None),
    # 8 nodes that are there at 1.472 kW and 12 boxes at 1 kW: 23.8 kW in steps of 0.1.
    "power": ([OWNED, THERE % 8, "limits.power_kw=9"], "power", 14.8),
    "power for what is there": ([OWNED, THERE % 8, "limits.power_kw=0"], "power", 23.8),
    "space": ([OWNED, THERE % 8, "limits.owned_nodes=9"], "space", 11),
    "space for one node more": ([OWNED, THERE % 8, "limits.owned_nodes=19"], "space", 1),
    "money for servers": ([OWNED, THERE % 8, BUDGET + "={capex: 1000}"], "budget", None),
    "models": (["policy.max_models=1"], "max_models", 1),
    "lead time": (LATER, "lead_time", 6.0),
    "lead time beside some nodes": ([*LATER, THERE % 4], "lead_time", 6.0),
    "share of a provider": (
        ["supply.providers=[me]", "policy.max_share_per_provider=0.6"], "providers", None,
    ),
    "window": (
        [*STILL, THERE % 14, "workloads.documents.arrival.mean_rate_rps=20", WAITS % 6],
        "window", None,
    ),
    "short window": (
        [*STILL, THERE % 14, "workloads.documents.arrival.mean_rate_rps=20", WAITS % 1],
        "window", None,
    ),
    "prices of yesterday": (["supply.max_price_age_days=1"], "price_age", 30.0),
    "nothing to rent": (["supply.tenures=[reserved_1y]"], "tenures", None),
    "quality": (QUALITY, "quality", 0.1),
    "exclusion of a block": (
        [EXCLUDED % "{option: m/q/e/h100-sxm-80gb/tp1, blocks: [1]}"], "exclusions", None,
    ),
    "exclusion of the day": ([EXCLUDED % "m/q/e/h100-sxm-80gb/tp1"], "exclusions", None),
    "spares": ([QUOTA % 8, "workloads.chat.growth_per_period=1.0", "policy.spare_replicas=3"],
               None, None),
}  # fmt: skip
PAIRS = {
    "quality and quota": ([*QUALITY, QUOTA % 10], {"quality", "quota"}),
    "quota and budget": ([QUOTA % 10, f"{BUDGET}=60000"], {"quota", "budget"}),
    "quota and models": ([QUOTA % 10, "policy.max_models=1"], {"quota", "max_models"}),
    "budget and models": ([f"{BUDGET}=60000", "policy.max_models=1"], {"budget", "max_models"}),
    "two budgets": ([f"{BUDGET}=[20000, 900000, 20000]"], {"budget"}),
    "both kinds of budget": ([f"{BUDGET}=60000", "limits.budget_usd=150000"], {"budget"}),
    "power and space": (
        [OWNED, THERE % 8, "limits.power_kw=9", "limits.owned_nodes=9"], {"power", "space"},
    ),
    "power and models": (
        [OWNED, THERE % 8, "limits.power_kw=9", "policy.max_models=1"], {"power", "max_models"},
    ),
    "lead time and quota": ([*LATER, QUOTA % 4], {"lead_time", "quota"}),
    "lead time and models": ([*LATER, "policy.max_models=1"], {"lead_time", "max_models"}),
    "lead time and budget": ([*LATER, f"{BUDGET}=60000"], {"lead_time", "budget"}),
    "window and models": (
        [*STILL, THERE % 14, "workloads.documents.arrival.mean_rate_rps=20", WAITS % 1,
         "policy.max_models=1"],
        {"window", "max_models"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    place = tmp_path_factory.mktemp("planted")
    (place / "facts").mkdir()
    files = {
        "planted.yaml": PROBLEM, "capacities.csv": CAPACITIES, "facts/offers.csv": OFFERS,
        "facts/servers.csv": SERVERS, "facts/sites.csv": SITES,
    }  # fmt: skip
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    return place / "planted.yaml"


@pytest.fixture(scope="module")
def explained(problem):
    """Return what explains why there is no plan with the assignments of a case."""
    return cache(lambda case: explain_infeasible(problem, None, SINGLE[case][0]))


def has_plan(problem, assignments):
    try:
        ready = prepare(problem, None, assignments)
    except InputError:
        return False
    return solve_prepared(ready, SolveSettings(gap=0.5, compare=False)).cost_usd is not None


@pytest.mark.parametrize("case", SINGLE)
def test_one_planted_cause_is_named_first_and_mended(problem, explained, case):
    planted, family, amount = SINGLE[case]
    assert not has_plan(problem, planted)

    found = explained(case)

    assert found.infeasible is True
    assert found.fixes, "no fix was found"
    assert found.fixes[0].confirmed
    assert has_plan(problem, [*planted, *found.fixes[0].assignments])
    if family is not None:
        assert found.causes[0].family == family
    if amount is not None:
        assert found.fixes[0].amount == pytest.approx(amount)


@pytest.mark.parametrize("case", ["quota far", "quota near", "space", "models", "power"])
def test_a_little_less_would_not_be_enough(problem, explained, case):
    planted, _, _ = SINGLE[case]

    (change,) = explained(case).fixes[0].assignments

    step = 0.1 if "power" in case else 1
    value = float(change.partition("=")[2]) - step
    fewer = f"{change.partition('=')[0]}={value:.6g}"
    assert not has_plan(problem, [*planted, fewer])


@pytest.mark.parametrize("case", ["budget of every period", "budget of the second period"])
def test_a_hundredth_less_money_would_not_be_enough(problem, explained, case):
    planted, _, _ = SINGLE[case]

    (change,) = explained(case).fixes[0].assignments

    path, _, value = change.partition("=")
    assert not has_plan(problem, [*planted, f"{path}={0.99 * float(value):.0f}"])


@pytest.mark.parametrize("case", PAIRS)
def test_causes_that_only_together_leave_no_plan_are_named_together(problem, case):
    planted, families = PAIRS[case]

    found = explain_infeasible(problem, None, planted)

    best = found.fixes[0]
    assert has_plan(problem, [*planted, *best.assignments])
    if families is not None:
        assert {cause.family for cause in best.causes} == families
        assert len(best.assignments) == 2


def test_every_latency_limit_and_every_floor_that_gives_way_is_named(problem):
    floors = (
        "workloads.chat.quality=[{benchmark: mmlu_pro, min_score: 0.9}, "
        "{benchmark: ifeval, min_score: 0.7}, {benchmark: gpqa, min_score: 0.5}]"
    )
    known = ", ".join(
        f"{{model: m, quantization: q, benchmark: {b}, score: {s}}}"
        for b, s in (("mmlu_pro", 0.8), ("ifeval", 0.6), ("gpqa", 0.6))
    )
    scores = f"workloads.chat.quality_scores=[{known}]"

    found = explain_infeasible(problem, None, [floors, scores])

    assert [(c.where, c.amount) for c in found.fixes[0].causes] == [
        ("mmlu_pro of at least 0.9", pytest.approx(0.1)),
        ("ifeval of at least 0.7", pytest.approx(0.1)),
    ]
    assert len(found.fixes[0].assignments) == 2
