"""Terms that reach beyond the horizon are said, before it and after."""

from __future__ import annotations

import pytest

from planner.pipeline import SolveSettings, solve_problem
from tests.hedge.world import scenario, without_cost_of_support, write_halves

EXACT = SolveSettings(gap=0.0, compare=False)


@pytest.fixture
def noted(tmp_path):
    def notes(tenures, *assignments):
        path = write_halves(tmp_path, [scenario("only", 1, 1.0)], tenures)
        return " | ".join(solve_problem(path, None, assignments, settings=EXACT).warnings)

    return notes


def test_an_order_before_the_horizon_is_said(noted):
    assert (
        "ordered before the horizon begins (2027-01): owned:box-1x:bare:owned in 2026-07; where "
        "that is over, begin later (horizon.start)"
    ) in noted("owned")


def test_nothing_is_said_of_terms_that_begin_and_end_within_it(noted):
    found = noted("reserved_1y", "finance.commitment_tail=pro_rata")

    assert "before the horizon" not in found
    assert "outlive" not in found


def test_a_term_that_is_cut_off_is_said(noted):
    cut = noted("reserved_1y", "finance.commitment_tail=pro_rata", "horizon.periods=3")

    assert "terms that outlive the horizon (me:one:here:reserved_1y) count with their share" in cut
    assert "outlive" not in noted("reserved_1y", "horizon.periods=3")


def test_a_server_that_is_named_and_cannot_be_bought_is_said(tmp_path):
    path = write_halves(tmp_path, [scenario("only", 1, 1.0)], "reserved_1y, owned")
    without_cost_of_support(tmp_path / "prices")

    notes = " | ".join(solve_problem(path, settings=EXACT).warnings)

    assert "owned:box-1x is left out, though supply.servers names it" in notes
    assert "quantity=support_fraction_per_year" in notes


def test_servers_that_may_be_bought_and_cannot_are_said_without_names_too(tmp_path):
    path = write_halves(tmp_path, [scenario("only", 1, 1.0)], "reserved_1y, owned")
    without_cost_of_support(tmp_path / "prices")

    def noted(*assignments):
        plan = solve_problem(path, None, ["supply.servers=[]", *assignments], settings=EXACT)
        return " | ".join(plan.warnings)

    assert "supply.tenures has owned, and no server can be bought" in noted()
    assert "has owned" not in noted("supply.tenures=[reserved_1y]")
