"""Published prices beside planned costs, by plans made by hand and by the shipped ones."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest

from planner.claims.cross_check import cross_checks
from planner.claims.fleets import FLEET, PUBLISHED_NODES
from planner.claims.hosted import HOSTED
from planner.claims.page import claims_page
from planner.claims.records import Effort
from planner.claims.run import Assessment, cross_checked
from planner.claims.specialised import usd_per_mtok
from planner.claims.text import write_claims
from planner.plan.document import FleetRow, UnitCost
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
    *hosted, fleet = cross_checked()

    assert len(hosted) == 2 * len(HOSTED)
    assert all(row.found < row.published for row in hosted)
    # What a day of tokens takes on whole nodes, without spreading experts over several.
    assert fleet.published == PUBLISHED_NODES
    assert 1.0 < fleet.found / fleet.published < 4.0


def test_a_fleet_is_counted_in_nodes(catalog):
    planned = plan(1.0)
    row = FleetRow(
        *(0, 0, "a", "cloud", "any", "8x", "on_demand", "gpu"),
        *(140, 8, 1120, 1.0, "2026-01-01", 24.0, 0.0, 1.0, ""),
    )
    rows = (row, replace(row, offer_id="b", nodes=200))

    (found,) = cross_checks({FLEET: replace(planned, fleet=rows)}, catalog)

    assert found.found == 340
    assert found.difference == pytest.approx(340 / 226.75 - 1.0)
    assert "144 accelerators" in found.reason


def test_the_page_ends_with_published_facts(catalog):
    facts = cross_checks(own(0.1), catalog)
    effort = Effort(1, 1, 0, 0, 1.0)

    page = claims_page(Assessment((), effort, facts))
    text = StringIO()
    write_claims(text, Assessment((), effort, facts))

    for written in (page, text.getvalue()):
        assert written.count("Published facts that nothing was fitted to") == 1
        assert "cheapest of 3 hosts" in written
    assert "Published facts" not in claims_page(Assessment((), effort))
