"""Published prices beside planned costs, by plans made by hand and by the shipped ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.claims.cross_check import HOSTED, cross_checks
from planner.claims.run import cross_checked
from planner.claims.specialised import usd_per_mtok
from planner.plan.document import UnitCost
from tests.claims.world import plan

MODEL = "llama-3.3-70b-instruct"


def own(usd_per_million_tokens):
    costs = (UnitCost("chat", None, usd_per_million_tokens, None, None),)
    return {HOSTED[MODEL]: replace(plan(1.0), unit_costs=costs)}


def test_a_cost_is_held_against_the_cheapest_and_the_median_host(catalog):
    cheapest, middle = cross_checks(own(0.1), catalog)

    # Novita asks 0.135 and 0.4 USD for a million tokens of prompts and outputs.
    assert cheapest.published == pytest.approx(usd_per_mtok(0.135, 0.4))
    assert cheapest.difference == pytest.approx(0.1 / cheapest.published - 1.0)
    assert middle.published > cheapest.published


def test_a_cost_above_the_price_has_another_reason(catalog):
    below, above = (cross_checks(own(usd), catalog)[0] for usd in (0.01, 100.0))

    assert below.difference < 0 < above.difference
    assert below.reason != above.reason
    assert "too pessimistic" in above.reason


def test_a_model_without_a_plan_is_left_out(catalog):
    assert cross_checks({}, catalog) == ()


def test_no_planned_cost_is_above_the_price_of_the_cheapest_host():
    found = cross_checked()

    assert len(found) == 2 * len(HOSTED)
    assert all(row.found < row.published for row in found)
