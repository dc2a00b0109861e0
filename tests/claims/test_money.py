"""Figures of claims about owning, mixing and selling, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.claims.batching import incremental_saving, saving
from planner.claims.budget_share import share_with
from planner.claims.catalogue import batch_discounts
from planner.claims.hybrid import C15, further_contracts, saving_of_mix
from planner.claims.lengths import elasticity
from planner.claims.off_peak import idle_share
from planner.claims.payback_map import Server, payback_months, server_of, share_within
from planner.claims.records import Band, Range
from planner.claims.specialised import usd_per_mtok
from planner.claims.team_size import unit_cost_ratio
from planner.plan.document import ApiRow, Commitment, CostLine, FleetRow
from tests.claims.world import plan

SERVER = Server(price_usd=73_000.0, staff_usd_per_month=500.0, other_usd_per_month=1_000.0)


def fleet(provider, tenure, nodes=1):
    return FleetRow(
        *(0, 0, "id", provider, "any", "i", tenure, "h", nodes, 8, 8 * nodes, 1.0, "2026-11"),
        *(1.0, 0.0, 1.0, ""),
    )


def test_saving_is_the_share_of_the_real_time_cost():
    assert saving({"real_time": 100.0, "batched": 30.0}) == pytest.approx(0.7)


def test_incremental_saving_counts_only_what_documents_add():
    costs = {"both": 130.0, "chat": 100.0, "real_time": 60.0}

    assert incremental_saving(costs) == pytest.approx(0.5)


def test_payback_is_price_over_what_is_saved_a_month():
    # 10 USD/h x 730 h = 7,300 USD less 1,500 USD: 73,000 / 5,800
    assert payback_months(SERVER, 10.0) == pytest.approx(73_000 / 5_800)


def test_a_server_that_costs_more_to_run_than_the_rent_never_pays_back():
    assert payback_months(SERVER, 2.0) is None


@given(st.floats(3.0, 100.0), st.floats(0.8, 1.0))
def test_payback_comes_sooner_when_the_node_is_needed_longer(rent, share):
    full, part = payback_months(SERVER, rent), payback_months(SERVER, rent, share)

    assert full is not None
    assert part is None or part >= full


def test_a_server_is_read_from_the_lines_of_the_first_year():
    owned = Commitment(
        *("id", "me", "any", "i", "owned", "h", 2, 8, 16, False, "2026-07", "2027-01", "2031-01"),
        *(0, 1.0, 1.0, 1.0, 0.0, 1.0, 0, "2026-11", "quote"),
    )
    lines = [
        CostLine(period, category, "w", "h", "owned", usd, usd)
        for period, category, usd in (
            (0, "capex", 200.0),
            (0, "staff", 240.0),
            (0, "energy", 24.0),
            (0, "colocation", 24.0),
            (1, "staff", 9_999.0),
            (2, "terminal_value", -50.0),
        )
    ]

    found = server_of(replace(plan(1.0), commitments=(owned,), cost_lines=tuple(lines)))

    assert found == Server(100.0, 10.0, 2.0)


def test_cells_that_never_pay_back_are_outside_the_claim():
    assert share_within([12.0, 18.0, 19.0, None], Band(12.0, 18.0)) == 0.5


def test_a_mix_is_compared_with_the_bound_of_the_best_pure_plan_less_its_overhead():
    horizon = {"horizon": {"periods": 1, "months_per_period": 10}}
    mix = replace(
        plan(80.0),
        problem=horizon,
        fleet=(fleet("a", "owned"), fleet("b", "on_demand"), fleet("c", "spot", nodes=0)),
    )

    # Two providers and two tenures: 2 further contracts x 10 months x 0.5 USD
    assert further_contracts(mix) == 2
    pure = [replace(plan(120.0, 100.0), problem=horizon), replace(plan(300.0), problem=horizon)]
    assert saving_of_mix(mix, pure, 0.5) == pytest.approx(0.1)


def test_a_mix_that_costs_too_much_to_run_is_the_best_pure_plan():
    horizon = {"horizon": {"periods": 1, "months_per_period": 1}}
    mix = replace(
        plan(80.0), problem=horizon, fleet=(fleet("a", "owned"), fleet("b", "on_demand"))
    )

    # 120 against its own bound of 100: what the gap leaves open is no saving
    pure = [replace(plan(120.0, 100.0), problem=horizon)]
    assert saving_of_mix(mix, pure, 1_000.0) == pytest.approx(-0.2)


def test_tokens_are_a_provider_and_a_tenure_of_their_own():
    tokens = ApiRow(0, 0, "w", "seller", "m", "standard", 1, 1, 1, 1, 1, "2026-11", None, None)

    assert further_contracts(replace(plan(1.0), fleet=(fleet("a", "owned"),), api=(tokens,))) == 2


def test_a_mix_that_saves_here_and_not_in_larger_problems_holds_under_conditions(catalog):
    # 100 to own, rent or reserve and 75 mixed, whatever is drawn; larger ones save 1 and 0 %.
    usd = {"without_tokens": 75.0, "no_residency": 99.0}
    horizon = {"horizon": {"periods": 1, "months_per_period": 1}}
    plans = {
        case: replace(
            plan(usd.get(case.scenario, 100.0) if "[on_demand]" not in str(case) else 100.0),
            problem=horizon,
        )
        for case in C15.cases
    }

    finding = C15.test(plans, catalog)

    assert finding.found == pytest.approx(0.25)
    assert (finding.range, finding.joint) == (Range(0.25, 0.25), Range(0.25, 0.25))
    assert finding.verdict == "holds_when"
    assert "fails: finance_onprem without residency (0.01)" in finding.conditions
    assert "fails: two_year_budget with tokens (0)" in finding.conditions
    assert any(row.name == "requests of analysts a day" for row in finding.tornado)


def test_without_any_pure_plan_nothing_is_saved_or_lost():
    assert saving_of_mix(replace(plan(1.0), problem={}), [], 0.0) is None


@given(st.floats(1.0, 1e6), st.floats(1.0, 1e6))
def test_share_of_inference_is_half_when_the_budget_costs_as_much(cost, other):
    share = share_with(cost)

    assert share({"inference": cost}) == pytest.approx(0.5)
    assert (share({"inference": other}) > 0.5) == (other > cost)


@given(st.floats(-2.0, 2.0))
def test_elasticity_of_a_power_law_is_its_exponent(power):
    assert elasticity({"short": 0.5**power, "long": 2.0**power}) == pytest.approx(power, abs=1e-9)


def test_unit_costs_are_per_request():
    # 10,000 and 10,000,000 requests: the small team pays 100 / 10,000 a request.
    assert unit_cost_ratio({"small": 100.0, "large": 10_000.0}) == pytest.approx(10.0)


def test_a_chat_has_mostly_prompt_tokens():
    assert usd_per_mtok(1.0, 0.0) == pytest.approx(1155 / 1366)
    assert usd_per_mtok(2.0, 2.0) == pytest.approx(2.0)


def test_batch_discounts_of_the_catalogue_are_a_half():
    found = batch_discounts(load_catalog(()))

    assert found["openai:gpt-5"] == pytest.approx(0.5)


def test_hours_of_people_leave_nearly_half_of_a_peak_sized_fleet_idle():
    found = idle_share(load_catalog(()), "servegen_m_small_diurnal_clients_hod")

    assert found == pytest.approx(0.47, abs=0.005)
