"""Plans with volume discounts: the audit computes what is taken off again."""

from __future__ import annotations

import re

import pytest

from planner.plan.finance_rows import VolumeRow
from tests.options.world import problem, row, workload
from tests.verify.changes import changed, every_change, one_more, report, slightly_more
from tests.verify.test_spend import DAY, PLAN, solve

EDP = {
    "name": "edp", "provider": "cloud",
    "tiers": [
        {"from_usd_per_month": 2_000.0, "discount": 0.1},
        {"from_usd_per_month": 3_000.0, "discount": 0.3},
    ],
}  # fmt: skip
OFFERS = [row("offers", elastic_max_nodes=50)]


def asked(*volumes, spend=(), **sections):
    arrival = {"mean_rate_rps": 20.0, "profile": DAY, "peak_factor_in_hour": 1.0}
    return problem(
        workload("chat", arrival=arrival, growth_per_period=1.4),
        workload("code", arrival=arrival | {"mean_rate_rps": 9.0}),
        **(
            {
                "horizon": {"start": "2027-01", "periods": 2, "months_per_period": 2},
                "time_blocks": 4,
                "performance": "table.csv",
                "candidates": {"quantizations": ["bf16"]},
                "finance": {"discount_rate_per_year": 0.1},
                "supply": {
                    "tenures": ["on_demand"],
                    "volume_discounts": list(volumes),
                    "spend_commitments": list(spend),
                },
            }
            | sections
        ),
    )


@pytest.fixture(scope="module")
def volume():
    spend = {**PLAN, "max_usd_per_hour": 1.0, "term_months": 2}
    return solve(asked(EDP, spend=[spend]), OFFERS)


def test_the_audit_agrees_with_plans_of_volume_discounts(volume):
    assert len(volume.plan.volume_discounts) == 2
    assert volume.plan.spend_commitments
    assert {"rebate", "on_demand"} <= {line.category for line in volume.plan.cost_lines}
    assert report(volume, volume.plan) == []


def test_a_volume_discount_by_hand():
    world = solve(asked(EDP, finance={"discount_rate_per_year": 0.0}), OFFERS)

    rent = {0: 0.0, 1: 0.0}
    for item in world.plan.fleet:
        rent[item.period] += item.usd / 2
    due = sum(
        2 * (usd - 0.1 * (min(usd, 3_000) - 2_000) - 0.3 * max(usd - 3_000, 0))
        for usd in rent.values()
    )
    assert min(rent.values()) > 3_000
    assert world.plan.tco_usd == pytest.approx(due)


ROWS = [
    ({"name": "other"}, "volume discounts of"),
    ({"provider": "other"}, "provider other, expected cloud"),
    ({"period": one_more}, "volume discounts of"),
    ({"spent_usd": slightly_more}, "USD spent, the fleet gives"),
    ({"rebate_usd": slightly_more}, "USD taken off, the fleet gives"),
    ({"unit": "mtok_per_month"}, "unit mtok_per_month, expected usd_per_month"),
    ({"volume": slightly_more}, "a month, the fleet gives"),
    ({"tier_from": one_more}, "as the threshold, the fleet gives"),
    ({"discount": slightly_more}, "as the discount, the fleet gives"),
    ({"applies_to": "all"}, "discounts all, expected part_above"),
]


@pytest.mark.parametrize(("changes", "text"), ROWS, ids=[next(iter(c)) for c, _ in ROWS])
def test_a_changed_figure_of_a_rebate_is_reported(volume, changes, text):
    found = report(volume, changed(volume.plan, "volume_discounts", **changes))

    assert any(re.search(text, line) for line in found), found


def test_all_fields_of_the_row_have_a_mutation():
    assert {next(iter(changes)) for changes, _ in ROWS} == set(VolumeRow.__slots__)


def test_every_single_change_of_such_a_plan_is_reported(volume):
    missed = {
        (table, field)
        for table, field, plan in every_change(volume.plan)
        if not report(volume, plan)
    }

    assert missed <= {("fleet", "note"), ("energy", "note")}  # words, no figures


def test_a_discount_that_costs_nothing_to_reach_never_raises_the_cost():
    without = solve(asked(), OFFERS).plan
    with_one = solve(asked(EDP), OFFERS).plan

    assert with_one.bound_usd <= without.cost_usd
    assert with_one.cost_usd <= without.cost_usd
