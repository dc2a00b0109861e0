"""Alternatives and baselines by hand: everything that tokens alone cost, and nothing less."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.finance.world import solved
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, report, slightly_more
from tests.verify.conftest import MEASURED, Audited

SECONDS = 6 * 730 * 3600
LISTED = (1000 * 0.5 + 100 * 1.5) / 1e6
"""USD for a request of the tests' workload at the tests' price of tokens."""
NIGHT = row("api_offers", hours_utc="00:00-12:00", input_usd_per_mtok=0.2, output_usd_per_mtok=0.3)
CHEAP = (1000 * 0.2 + 100 * 0.3) / 1e6
HALF_YEAR = {"start": "2027-01", "periods": 1, "months_per_period": 6}


def tokens_only(work, *offers, supply=None, **sections):
    """Return the plan of a half-year on tokens alone, and what its audit needs."""
    asked = problem(
        work,
        horizon=HALF_YEAR,
        time_blocks=4,
        finance={"discount_rate_per_year": 0.0},
        supply={"tenures": ["api"]} | (supply or {}),
        **sections,
    )
    known = catalog(api_offers=list(offers) or [row("api_offers")])
    return Audited(solved(asked, known, ()), asked, known)


def cost(plan, name):
    rows = [*plan.alternatives, *plan.baselines]
    return next(r.cost_usd for r in rows if r.name == name)


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_tokens_for_work_that_waits_are_paid_too(share):
    """Half of what comes in at once is served at the price of the day, all that waits by night."""
    work = workload(deferrable={"share": share, "window_h": 24.0})

    plan = tokens_only(work, row("api_offers"), NIGHT).plan

    due = SECONDS * ((1 - share) * (LISTED + CHEAP) / 2 + share * CHEAP)
    assert plan.cost_usd == pytest.approx(due)
    assert cost(plan, "all_api") == pytest.approx(due)


def test_tokens_of_all_offers_are_bought_where_each_is_cheapest():
    """The cheapest offer by night is not the cheapest by day."""
    flat = row("api_offers", provider="flat", input_usd_per_mtok=0.4, output_usd_per_mtok=1.2)
    dear = row("api_offers", input_usd_per_mtok=0.6, output_usd_per_mtok=2.0)

    plan = tokens_only(workload(), dear, NIGHT, flat).plan

    flat_usd = (1000 * 0.4 + 100 * 1.2) / 1e6
    assert cost(plan, "all_api") == pytest.approx(SECONDS * (flat_usd + CHEAP) / 2)
    assert cost(plan, "flat:a/model-a:standard") == pytest.approx(SECONDS * flat_usd)
    dear_usd = (1000 * 0.6 + 100 * 2.0) / 1e6
    assert cost(plan, "tokens:a/model-a:standard") == pytest.approx(
        SECONDS * (dear_usd + CHEAP) / 2
    )


def test_tokens_that_must_leave_some_requests_pay_their_price():
    """One request in two is above the limit; it costs less to lose it than to serve it not."""
    # 1,100 tokens a request, one request a second
    limit = {"provider": "tokens", "tokens_per_minute": 0.5 * 60 * 1100}
    work = workload(
        arrival={"mean_rate_rps": 1.0, "peak_factor_in_hour": 1.0},
        unserved_penalty_usd_per_request=0.01,
    )

    plan = tokens_only(work, supply={"api_limits": [limit]}).plan

    due = SECONDS * (LISTED / 2 + 0.01 / 2)
    assert cost(plan, "all_api") == pytest.approx(due)
    assert cost(plan, "tokens:a/model-a:standard") == pytest.approx(due)


def test_an_offer_that_cannot_serve_alone_says_why():
    limit = {"provider": "tokens", "tokens_per_minute": 0.5 * 60 * 1100}

    plan = tokens_only(
        workload(),
        row("api_offers"),
        row("api_offers", provider="other"),
        supply={"api_limits": [limit]},
    ).plan

    (short,) = [a for a in plan.alternatives if a.name.startswith("tokens:")]
    assert short.cost_usd is None
    assert short.note.startswith("above its limit of 33,000 tokens per minute")
    assert cost(plan, "other:a/model-a:standard") == pytest.approx(SECONDS * LISTED)


@pytest.fixture(scope="module")
def peopled():
    """Nodes that are there, people, one-off costs, and two offers of tokens."""
    asked = problem(
        workload(arrival={"mean_rate_rps": 1.0, "peak_factor_in_hour": 1.0}),
        horizon=HALF_YEAR,
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        finance={"discount_rate_per_year": 0.0},
        supply={
            "tenures": ["on_demand", "api"],
            "staff": {"usd_per_fte_year": 120_000, "api": {"fte": 0.1, "fte_per_offer": 0.05}},
            "existing": [
                {
                    "hardware": "gpu-a", "tenure": "owned", "nodes": 1, "accelerators_per_node": 1,
                    "usd_per_node_hour": 0.5, "provider": "home",
                }
            ],
        },
        one_off_costs=[{"model": "model-a", "usd": 1_000, "usd_per_period": 300}],
        policy={"spare_replicas": 0, "max_utilization": 1.0},
    )  # fmt: skip
    dear = row("api_offers", provider="dear", input_usd_per_mtok=0.6, output_usd_per_mtok=2.0)
    known = catalog(offers=[row("offers")], api_offers=[row("api_offers"), dear])
    table = [MEASURED | {"workload": "chat"}]
    return Audited(solved(asked, known, table), asked, known)


def test_tokens_of_one_offer_bear_what_the_same_program_would(peopled):
    # a node at half a dollar an hour, a twentieth and a tenth of a post, and the model
    beside = 0.5 * 6 * 730 + 0.15 * 120_000 / 2 + 1_000 + 300
    dear_usd = (1000 * 0.6 + 100 * 2.0) / 1e6

    plan = peopled.plan

    listed = SECONDS * LISTED + beside
    assert cost(plan, "tokens:a/model-a:standard") == pytest.approx(listed)
    assert cost(plan, "dear:a/model-a:standard") == pytest.approx(SECONDS * dear_usd + beside)
    assert cost(plan, "all_api") == pytest.approx(listed)
    assert report(peopled, plan) == []


def test_tokens_without_a_stated_latency_are_told():
    slo = [{"metric": "ttft_ms", "percentile": 99, "limit": 2_000}]
    stated = row("api_offers", provider="slow", input_usd_per_mtok=5.0, ttft_p99_ms=900)

    found = tokens_only(workload(slo=slo), row("api_offers"), stated)

    notes = {a.name: a.note for a in found.plan.alternatives}
    assert notes["tokens:a/model-a:standard"] == "latency unproven"
    assert notes["slow:a/model-a:standard"] == ""
    (baseline,) = [b for b in found.plan.baselines if b.name == "all_api"]
    assert baseline.note == "latency unproven"
    assert baseline.cost_usd == pytest.approx(SECONDS * LISTED)
    assert baseline.cost_usd < found.plan.bound_usd
    silent = replace(baseline, note="")
    rows = tuple(silent if b == baseline else b for b in found.plan.baselines)
    assert any(
        "nothing below" in line for line in report(found, replace(found.plan, baselines=rows))
    )


def lower(usd):
    return usd * 0.5


def place(plan, table, name):
    return next(i for i, r in enumerate(getattr(plan, table)) if r.name == name)


@pytest.mark.parametrize(
    ("table", "name", "changes", "text"),
    [
        ("baselines", "all_api", {"cost_usd": lower}, "all_api: costs .* possible for itself"),
        ("baselines", "all_on_demand", {"cost_usd": lower, "bound_usd": lower},
         "all_on_demand: costs .* possible for the plan"),
        ("baselines", "all_on_demand", {"bound_usd": slightly_more, "cost_usd": slightly_more},
         "all_on_demand: bound .* the plan keeps this restriction"),
        ("baselines", "best_single_hardware", {"cost_usd": slightly_more}, "the best of the hard"),
        ("baselines", "all_reserved", {"note": "latency unproven"}, "its note is 'latency unpr"),
        ("baselines", "all_api", {"note": "latency unproven"}, "its note is 'latency unproven'"),
        ("baselines", "all_api", {"why_not": "late"}, "needs either a cost or a reason"),
        ("alternatives", "gpu-a", {"cost_usd": lower, "ratio_to_plan": lower},
         "gpu-a: costs .* possible for the plan"),
        ("alternatives", "gpu-a", {"ratio_to_plan": slightly_more}, "times the plan, not"),
        ("alternatives", "gpu-a", {"note": "x"}, "its note is 'x'"),
        ("alternatives", "dear:a/model-a:standard", {"cost_usd": lower, "ratio_to_plan": lower},
         r"costs .* for the tokens of all offers \(all_api\)"),
        ("alternatives", "dear:a/model-a:standard", {"note": "latency unproven"}, "its note is"),
        ("alternatives", "dear:a/model-a:standard",
         {"cost_usd": None, "ratio_to_plan": None, "note": ""}, "needs either a cost or a reason"),
    ],
)  # fmt: skip
def test_a_comparison_that_cannot_be_is_reported(peopled, table, name, changes, text):
    plan = changed(peopled.plan, table, place(peopled.plan, table, name), **changes)

    found = report(peopled, plan)

    assert any(re.search(text, line) for line in found), found


def test_a_plan_on_tokens_alone_is_what_tokens_alone_cost_at_most():
    found = tokens_only(workload())
    at = place(found.plan, "baselines", "all_api")

    dearer = changed(found.plan, "baselines", at, cost_usd=slightly_more, bound_usd=slightly_more)

    assert any("the plan keeps this restriction" in line for line in report(found, dearer))
