"""Plans with tiers of terms and of tokens: figures by hand, and the audit computes them again."""

from __future__ import annotations

import re
from collections import defaultdict
from io import StringIO

import pytest

from planner.demand.build import build_demand
from planner.milp import program_limits
from planner.options.build import build_options
from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import Prepared
from planner.report.text import write_plan
from planner.verify.audit import audit
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.changes import changed, every_change, one_more, report, slightly_more
from tests.verify.conftest import MEASURED, solved
from tests.verify.test_spend import DAY

TERMS = {
    "name": "terms", "provider": "cloud", "tenures": ["reserved_1y", "reserved_3y"],
    "hardware": "gpu-a", "applies_to": "all",
    "tiers": [{"from_nodes": 3, "discount": 0.1}, {"from_nodes": 6, "discount": 0.2}],
}  # fmt: skip
TOKENS = {
    "name": "mass", "provider": "tokens", "tenures": ["api"], "model": "model-a",
    "applies_to": "all",
    "tiers": [{"from_mtok_per_month": 1_000, "discount": 0.05},
              {"from_mtok_per_month": 10_000, "discount": 0.25}],
}  # fmt: skip
OFFERS = [
    row("offers", elastic_max_nodes=50),
    row("offers", tenure="reserved_1y", term_months=12, price_usd_per_hour=1.0,
        upfront_fraction=0.25),
]  # fmt: skip
API = [row("api_offers", input_usd_per_mtok=0.05, output_usd_per_mtok=0.2)]


def asked(*volumes, **sections):
    arrival = {"mean_rate_rps": 30.0, "profile": DAY, "peak_factor_in_hour": 1.0}
    return problem(
        workload("chat", arrival=arrival, growth_per_period=1.2, residency=["north"]),
        workload("bulk", arrival=arrival | {"mean_rate_rps": 9.0}),
        workload("more", arrival=arrival | {"mean_rate_rps": 2.0}),
        **(
            {
                "horizon": {"start": "2027-01", "periods": 2, "months_per_period": 6},
                "time_blocks": 4,
                "performance": "table.csv",
                "finance": {"discount_rate_per_year": 0.1},
                "supply": {
                    "tenures": ["on_demand", "reserved_1y", "api"],
                    "volume_discounts": list(volumes),
                    "price_change_per_year": {"reserved": -0.05},
                    "api_latency": "assume_met",
                },
            }
            | sections
        ),
    )


def solve(problem_):
    table = [MEASURED | {"workload": "chat"}]
    return solved(problem_, catalog(offers=OFFERS, api_offers=API), table)


@pytest.fixture(scope="module")
def tiers():
    return solve(asked(TERMS, TOKENS))


def test_the_audit_agrees_with_plans_of_tiers(tiers):
    assert {c.volume_discount for c in tiers.plan.commitments} == {"terms"}
    assert {r.name for r in tiers.plan.volume_discounts} == {"mass"}
    assert report(tiers, tiers.plan) == []


def test_the_price_of_terms_and_of_tokens_by_hand(tiers):
    together = defaultdict(int)
    for taken in tiers.plan.commitments:
        together[taken.start_period] += taken.nodes
    for taken in tiers.plan.commitments:
        off = {True: 0.2, False: 0.1}[together[taken.start_period] >= 6]
        price = 1.0 * 0.95 ** (taken.start_period * 6 / 12) * (1 - off)
        assert together[taken.start_period] >= 3
        assert taken.usd_per_node_hour == pytest.approx(price)
        assert taken.usd == pytest.approx(taken.nodes * price * 730 * 12)
    lines = sum(line.usd for line in tiers.plan.cost_lines if line.category == "lease")
    assert lines == pytest.approx(sum(c.usd for c in tiers.plan.commitments), abs=0.005)
    for paid in tiers.plan.volume_discounts:
        rows = [r for r in tiers.plan.api if r.period == paid.period]
        mtok = sum(r.input_mtok + r.output_mtok for r in rows) / 6
        assert mtok > 1_000
        off = 0.25 if mtok >= 10_000 else 0.05
        assert paid.rebate_usd == pytest.approx(off * sum(r.usd for r in rows))
        rebates = sum(
            line.usd
            for line in tiers.plan.cost_lines
            if (line.category, line.period) == ("rebate", paid.period)
        )
        assert rebates == pytest.approx(-paid.rebate_usd, abs=0.005)


def test_every_view_of_the_money_reconciles_to_the_cent(tiers):
    plan = tiers.plan
    nominal = sum(line.usd for line in plan.cost_lines)
    assert nominal == pytest.approx(plan.tco_usd, abs=0.005)
    assert sum(line.discounted_usd for line in plan.cost_lines) == pytest.approx(
        plan.cost_usd, abs=0.005
    )
    views = plan.money_by_period
    assert sum(v.cash_usd + v.terminal_value_usd for v in views) == pytest.approx(
        nominal, abs=0.005
    )
    assert sum(v.amortised_usd for v in views) == pytest.approx(nominal, abs=0.005)
    flows = [f for f in plan.cash_flows if f.plan == "plan"]
    assert sum(f.usd for f in flows) == pytest.approx(nominal, abs=0.005)
    assert sum(f.discounted_usd for f in flows) == pytest.approx(plan.cost_usd, abs=0.005)


def test_the_break_even_of_terms_is_that_of_the_price_with_the_discount(tiers):
    middle = (1.1**-0.25 + 1.1**-0.75) / 2  # a quarter is paid at once, the rest over the year
    for taken, figures in zip(tiers.plan.commitments, tiers.plan.commitment_figures, strict=True):
        assert figures.usd_per_accelerator_hour == pytest.approx(taken.usd_per_node_hour)
        even = taken.usd_per_node_hour / 2.0 * (0.25 / middle + 0.75)
        assert figures.break_even_used_share == pytest.approx(even)


def test_the_printed_plan_names_the_tiers_that_are_reached(tiers):
    out = StringIO()
    write_plan(out, tiers.plan, 12)
    text = re.sub(r"\s+", " ", out.getvalue())

    assert "terms: 20% off from 6 nodes" in text
    assert "mass of tokens" in text
    assert "5% from 1,000 Mtok a month, on all" in text


def test_prices_that_hang_by_little_are_pointed_out(tiers):
    found = [text for text in tiers.plan.warnings if text.startswith("volume discount")]

    assert found == [
        "volume discount terms: exactly the 6 nodes that the price asks for start in 2027-01; "
        "with one less, all of them lose this tier"
    ]
    near = {**TOKENS, "tiers": [{"from_mtok_per_month": 4_300, "discount": 0.05}]}
    notes = " ".join(solve(asked(TERMS, near)).plan.warnings)
    assert "mass: period 0 is 0.8% above the threshold of 4,300" in notes


COMMITMENT = [
    ({"volume_discount": "other"}, "its terms reach"),
    ({"volume_discount": None}, "its terms reach"),
    ({"tier_from_nodes": one_more}, "its terms reach"),
    ({"discount": 0.3}, "its terms reach|USD per node-hour, the tables give"),
    ({"usd_per_node_hour": 1.0}, "USD per node-hour, the tables give"),
]


@pytest.mark.parametrize(("changes", "text"), COMMITMENT)
def test_a_changed_tier_of_terms_is_reported(tiers, changes, text):
    found = report(tiers, changed(tiers.plan, "commitments", **changes))

    assert any(re.search(text, line) for line in found), found


@pytest.mark.parametrize("field", ["rebate_usd", "volume", "tier_from", "discount"])
def test_a_changed_tier_of_tokens_is_reported(tiers, field):
    found = report(tiers, changed(tiers.plan, "volume_discounts", **{field: slightly_more}))

    assert any("the fleet gives" in line for line in found), found


def test_terms_that_reach_no_tier_are_not_reported_with_one(tiers):
    few = solve(asked({**TERMS, "tiers": [{"from_nodes": 500, "discount": 0.3}]}))
    assert {(c.volume_discount, c.tier_from_nodes) for c in few.plan.commitments} == {
        ("terms", None)
    }
    assert report(few, few.plan) == []
    claimed = changed(few.plan, "commitments", tier_from_nodes=500, discount=0.3)

    assert any("its terms reach" in line for line in report(few, claimed))


def test_every_single_change_of_such_a_plan_is_reported(tiers):
    missed = {
        (table, field)
        for table, field, plan in every_change(tiers.plan)
        if not report(tiers, plan)
    }

    assert missed <= {("fleet", "note"), ("energy", "note")}  # words, no figures


def test_tiers_never_raise_the_cost():
    without = solve(asked()).plan
    with_tiers = solve(asked(TERMS, TOKENS)).plan

    assert with_tiers.bound_usd <= without.cost_usd
    assert with_tiers.cost_usd <= without.cost_usd


def test_a_discount_that_nothing_counts_in_is_pointed_out():
    plan = solve(asked({**TERMS, "tenures": ["reserved_3y"]})).plan

    assert any("volume discount terms has no effect" in text for text in plan.warnings)


def test_baselines_and_alternatives_of_tokens_have_the_price_of_the_tier():
    """One workload on tokens only: 10 % are off all of them from 1,000 Mtok a month on."""
    volume = {**TOKENS, "tiers": [{"from_mtok_per_month": 1_000, "discount": 0.1}]}
    asked_one = problem(
        workload("bulk", arrival={"mean_rate_rps": 9.0, "peak_factor_in_hour": 1.0}),
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 6},
        finance={"discount_rate_per_year": 0.0},
        supply={
            "tenures": ["on_demand", "api"],
            "volume_discounts": [volume],
            "api_latency": "assume_met",
        },
    )
    facts = catalog(offers=OFFERS, api_offers=API)
    whole = loaded(asked_one, ())
    demand = build_demand(whole, facts)
    options = build_options(whole, facts, demand)
    prepared = Prepared(whole, facts, demand, options, program_limits(asked_one))
    plan = solve_prepared(prepared, SolveSettings(gap=0.0))

    listed = sum(r.usd_per_request[0][0] for r in options.api) * 9.0 * 3600 * 730 * 6
    (tokens,) = [a for a in plan.alternatives if a.kind == "api"]
    (baseline,) = [b for b in plan.baselines if b.name == "all_api"]
    assert tokens.cost_usd == pytest.approx(0.9 * listed)
    assert baseline.cost_usd == pytest.approx(0.9 * listed)
    assert baseline.bound_usd == pytest.approx(0.9 * listed)
    assert audit(plan, asked_one, facts) == []
