"""Nodes taken on for a term: the audit knows every payment, month and promise of them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from planner.verify.audit import audit
from tests.verify.changes import changed, one_less, one_more, report, slightly_more, twice


def test_the_plan_buys_reserves_and_keeps_what_is_there(terms):
    taken = {(c.tenure, c.is_existing) for c in terms.plan.commitments}

    assert taken == {("owned", False), ("reserved_1y", False), ("reserved_1y", True)}
    assert report(terms, terms.plan) == []


def test_cash_and_amortised_view_add_up_to_the_same_total(terms):
    plan = terms.plan
    after = sum(c.usd_after_horizon for c in plan.commitments)
    amortised = sum(row.usd for row in plan.fleet)
    fixed_staff = 0.1 * 120_000 / 12 * 6
    leases = [c for c in plan.commitments if c.tenure == "reserved_1y" and not c.is_existing]
    # A lease that is partly paid upfront for the time after the horizon is prepaid, not used.
    prepaid = sum(
        0.25 * c.nodes * c.usd_per_node_hour * 730 * max(c.start_period * 3 + 12 - 6, 0)
        for c in leases
    )

    assert sum(line.usd for line in plan.cost_lines) == pytest.approx(
        amortised + after + prepaid + fixed_staff + 2_000 + 2 * 300
    )


def position(plan, tenure):
    return next(
        i for i, c in enumerate(plan.commitments) if c.tenure == tenure and not c.is_existing
    )


@pytest.mark.parametrize(
    ("tenure", "changes", "text"),
    [
        ("owned", {"nodes": one_more, "accelerators": one_more}, "nodes, .* taken on"),
        ("owned", {"usd": slightly_more}, "USD, the tables give"),
        ("owned", {"discounted_usd": slightly_more}, "USD discounted, the tables give"),
        ("owned", {"order_month": "2026-12"}, "order month 2026-12, expected"),
        ("owned", {"usd_per_node_hour": twice}, "USD per node-hour, the tables give"),
        ("reserved_1y", {"end_month": "2029-01"}, "end month 2029-01, expected"),
        ("reserved_1y", {"usd_after_horizon": 0.0}, "USD after the horizon, the tables give"),
        ("reserved_1y", {"price_date": "2026-01"}, "price date 2026-01, expected 2026-08"),
        ("reserved_1y", {"is_existing": True}, "the tables have no such commitment"),
        ("reserved_1y", {"provider": "other"}, "the row describes other:"),
    ],
)
def test_changed_figure_of_a_commitment_is_reported(terms, tenure, changes, text):
    plan = terms.plan

    found = report(terms, changed(plan, "commitments", position(plan, tenure), **changes))

    assert any(re.search(text, line) for line in found), found


def test_a_commitment_that_is_left_out_is_reported(terms):
    plan = terms.plan
    rows = tuple(c for c in plan.commitments if not c.is_existing)

    found = report(terms, replace(plan, commitments=rows))

    assert any("0 nodes of supply.existing item 0, the problem has 1" in line for line in found)


def test_nodes_outside_their_term_are_reported(terms):
    plan = terms.plan
    there = next(r for r in plan.fleet if r.offer_id.startswith("existing"))
    late = replace(there, period=1)

    found = report(terms, replace(plan, fleet=(*plan.fleet, late)))

    assert any("nodes outside their term" in line for line in found)


def test_fewer_nodes_in_one_block_are_reported(terms):
    plan = terms.plan
    place = next(i for i, r in enumerate(plan.fleet) if r.tenure == "owned")

    found = report(terms, changed(plan, "fleet", place, nodes=one_less, accelerators=one_less))

    assert any("taken on" in line for line in found)


@pytest.mark.parametrize(
    ("section", "changes", "text"),
    [
        ("limits", {"budget_usd_per_period": {"cash": 100.0}}, "cash of .* USD, budget 100.00"),
        ("limits", {"budget_usd_per_period": {"capex": [1.0, 1e9]}}, "period 0: capex of"),
        ("limits", {"budget_usd": 1_000.0}, "cash of .* USD over the horizon, budget 1000.00"),
        (
            "limits",
            {"budget_usd": {"capex": 1.0}},
            "capex of .* USD over the horizon, budget 1.00",
        ),
        ("limits", {"budget_usd": {"opex": 9.0}}, "opex of .* USD over the horizon, budget 9.00"),
        ("limits", {"power_kw": 1.0}, "kW of owned nodes, 1.0 allowed"),
        ("supply", {"tenures": ["on_demand", "owned"]}, "reserved_1y is not among supply.tenures"),
        ("supply", {"providers": ["other"]}, "cloud is not among supply.providers"),
        ("supply", {"servers": ["rack"]}, "box is not among supply.servers"),
        ("supply", {"site": "moon"}, "provider and region are"),
        ("supply", {"max_price_age_days": 30}, "days old, 30 allowed"),
        ("finance", {"commitment_tail": "pro_rata"}, "USD after the horizon, the tables give"),
        ("finance", {"terminal_value": "none"}, "the tables give"),
        ("one_off_costs", [], "'one_off'.* the tables give 0"),
        ("finance", {"discount_rate_per_year": 0.09}, "USD discounted, the tables give"),
    ],
)
def test_plan_that_breaks_a_rule_of_the_problem_is_reported(terms, section, changes, text):
    data = terms.problem.model_dump()
    data[section] = changes if isinstance(changes, list) else data[section] | changes
    asked = type(terms.problem).model_validate(data)

    found = audit(terms.plan, asked, terms.catalog)

    assert any(re.search(text, line) for line in found), found


def test_more_owned_nodes_than_the_site_has_space_for_are_reported(terms):
    owned = [c for c in terms.plan.commitments if c.tenure == "owned"]
    most = sum(c.nodes for c in owned)

    def found(space):
        limits = terms.problem.limits.model_copy(update={"owned_nodes": space})
        world = replace(terms, problem=terms.problem.model_copy(update={"limits": limits}))
        return [line for line in report(world, terms.plan) if "space for" in line]

    assert found(most) == []
    assert found(0)
