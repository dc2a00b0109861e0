"""Electricity by the hour in a plan: rows, lines, cash and shares are recomputed."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace

import pytest
from pydantic import ValidationError

from planner.compare.fleet import fleet_changes
from planner.errors import InputError
from planner.finance.incumbent import read_incumbent
from planner.options.electricity import hourly_prices, premiums_by_block, prices_by_block
from planner.plan.json_io import plan_json
from planner.problem.load import load_problem
from planner.report.text import write_plan
from planner.verify.audit.electricity import site_price
from tests.options.test_terms import servers, sites
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, every_change, report, slightly_more
from tests.verify.conftest import solved

GPU = row("accelerators", tdp_w=700, accelerators_per_node=8, node_it_power_w=10_400)
DAY = [0.3] * 6 + [0.9] * 6 + [2.0] * 6 + [0.8] * 6
DEAR = [0.05] * 6 + [0.35] * 12 + [0.1] * 6


def world(price, tenures=("owned",), listed=(), load_share=1.0, **supply):
    stated = {} if price is None else {"electricity_usd_per_kwh": price}
    asked = problem(
        workload("chat", arrival={"mean_rate_rps": 180.0, "profile": DAY}),
        workload("docs", arrival={"mean_rate_rps": 60.0}, deferrable={"window_h": 24.0}),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 6},
        time_blocks=4,
        candidates={"quantizations": ["bf16"], "tensor_parallel": [1]},
        supply={"tenures": list(tenures)} | stated | supply,
        policy={"confidence": 0.5, "spare_replicas": 0},
        finance={"discount_rate_per_year": 0.1},
    )
    server = servers(
        accelerators=1, capex_usd=9_000, it_power_w=1_300, lead_time_weeks=0,
        board_power_load_fraction=load_share,
    )  # fmt: skip
    facts = catalog(
        accelerators=[GPU],
        offers=[row("offers", elastic_max_nodes=50, price_usd_per_hour=2.4)],
        servers=server,
        sites=[*sites(electricity_usd_per_kwh=0.2), *listed],
    )
    return solved(asked, facts)


@pytest.fixture(scope="module")
def own():
    """Return own nodes alone, at a site with dear hours."""
    return world(DEAR)


@pytest.fixture(scope="module")
def mixed():
    """Return own nodes and rented ones for the peak."""
    return world(DEAR, ("owned", "on_demand"))


def energy_usd(plan):
    return sum(line.usd for line in plan.cost_lines if line.category == "energy")


@pytest.mark.parametrize("name", ["own", "mixed"])
def test_a_plan_with_dear_hours_is_sound(name, request):
    audited = request.getfixturevalue(name)

    assert audited.plan.status == "optimal"
    assert report(audited, audited.plan) == []
    assert {row.block for row in audited.plan.power_prices} == {1, 2, 3}


def test_the_lowest_price_is_paid_on_the_assumed_power_and_the_rest_on_what_is_drawn(own):
    plan = own.plan
    (taken,) = plan.commitments
    assumed = taken.nodes * 1.3 * 1.5 * 12 * 730 * 0.05
    beyond = {1: 0.30, 2: 0.30, 3: 0.05}
    drawn = sum(r.kwh * beyond[r.block] for r in plan.power_prices)

    assert energy_usd(plan) == pytest.approx(assumed + drawn)
    assert sum(r.usd for r in plan.power_prices) == pytest.approx(drawn)


def test_energy_of_dear_hours_is_the_one_in_the_table_of_energy(own):
    # Without rented nodes all of it is drawn at the site: rows of blocks add up to the offer's,
    # less the cheapest block, which has no row.
    plan = own.plan
    for t in (0, 1):
        (whole,) = (r.kwh for r in plan.energy if r.period == t)
        dear = sum(r.kwh for r in plan.power_prices if r.period == t)
        idle = plan.energy[0].idle_w_per_accelerator * plan.commitments[0].accelerators
        assert dear < whole
        assert whole - dear >= 1.5 * 6 * 730 / 4 * idle / 1_000 * (1 - 1e-9)


def test_work_that_waits_goes_to_the_cheap_hours(own):
    def by_block(plan):
        rate = dict.fromkeys(range(4), 0.0)
        for r in plan.allocations:
            rate[r.block] += r.rate_rps if r.workload == "docs" and r.period == 0 else 0.0
        return rate

    cheap_last = world([*DEAR[6:], *DEAR[:6]])

    first, last = by_block(own.plan), by_block(cheap_last.plan)
    assert first[0] == max(first.values()) > first[3]
    assert last[3] == max(last.values())


def test_carbon_and_energy_rows_do_not_know_the_price():
    flat, dear = world(0.1), world([0.1] * 24)

    assert dear.plan.energy == flat.plan.energy


@pytest.mark.parametrize("tenures", [("owned",), ("owned", "on_demand")])
def test_one_price_and_24_equal_ones_give_the_same_plan(tenures):
    one, many = world(0.1, tenures).plan, world([0.1] * 24, tenures).plan

    for table in ("allocations", "fleet", "commitments", "cost_lines", "cash_flows"):
        assert getattr(many, table) == getattr(one, table)
    assert (many.cost_usd, many.bound_usd) == (one.cost_usd, one.bound_usd)
    assert many.power_prices == ()


def test_the_stated_price_goes_before_that_of_the_site():
    assert energy_usd(world(0.2).plan) == energy_usd(world(None).plan)
    assert energy_usd(world(0.4).plan) == pytest.approx(2 * energy_usd(world(None).plan))


def kwh(price, hours="", site="default"):
    return row("sites", id=site, quantity="electricity_usd_per_kwh", case=hours, value=price)


def test_hours_of_the_table_of_sites_are_those_of_a_list(own):
    listed = [kwh(0.05, "00:00-06:00"), kwh(0.35, "06:00-18:00"), kwh(0.1)]

    audited = world(None, listed=listed)

    assert report(audited, audited.plan) == []
    assert audited.plan.power_prices == own.plan.power_prices
    assert audited.plan.cost_lines == own.plan.cost_lines


@pytest.mark.parametrize(
    ("rows", "prices"),
    [
        ([kwh(0.1), kwh(0.3, "22:00-06:00")], [0.3] * 6 + [0.1] * 16 + [0.3] * 2),
        ([kwh(0.3, "00:00-12:00"), kwh(0.2, "12:00-00:00")], [0.3] * 12 + [0.2] * 12),
        ([kwh(0.1), kwh(0.3, "06:00-12:00"), kwh(0.2, "08:00-18:00")],
         [0.1] * 6 + [0.3] * 6 + [0.2] * 6 + [0.1] * 6),
        ([kwh(0.1), kwh(0.3, "06:00-12:00"), kwh(0.4, site="hall")], [0.4] * 24),
        ([kwh(0.1), kwh(0.4, "06:00-12:00", "hall")], None),
        ([], None),
    ],
)  # fmt: skip
def test_a_site_pays_what_its_rows_say_in_every_hour(rows, prices):
    site = "hall" if any(r.id == "hall" for r in rows) else "default"
    asked, facts = problem(time_blocks=24, supply={"site": site}), catalog(sites=rows)

    assert hourly_prices(asked, facts) == (None if prices is None else tuple(prices))
    for block in range(24):
        want = None if prices is None and block not in range(6, 12) else 0.4
        want = want if prices is None else prices[block]
        if rows:
            assert site_price(asked, facts, block) == want


@pytest.mark.parametrize("hours", ["7-23", "07:30-09:00", "07:00-07:00", "24:00-06:00", "night"])
def test_other_hours_in_the_table_of_sites_are_refused(hours):
    with pytest.raises(ValidationError, match="use whole hours of the day, as 07:00-23:00"):
        kwh(0.1, hours)


def test_a_server_needs_no_price_of_the_site_where_one_is_stated(own):
    asked = own.problem
    facts = replace(
        own.catalog,
        sites=tuple(s for s in own.catalog.sites if s.quantity != "electricity_usd_per_kwh"),
    )

    assert report(replace(own, catalog=facts, problem=asked), own.plan) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kwh": slightly_more}, r"kWh, expected"),
        ({"usd": slightly_more}, r"USD, expected"),
        ({"usd_per_kwh": 0.3}, r"0.3 USD per kWh, expected"),
        ({"premium_usd_per_kwh": 0.1}, r"USD per kWh beyond the lowest, expected"),
        ({"accelerators": lambda n: n + 1}, r"accelerators, expected"),
        ({"block": 0}, r"bought nodes are in dear blocks"),
    ],
)
@pytest.mark.parametrize("name", ["own", "mixed"])
def test_changed_power_prices_are_reported(name, changes, text, request):
    audited = request.getfixturevalue(name)

    found = report(audited, changed(audited.plan, "power_prices", 0, **changes))

    assert any(re.search(text, line) for line in found), found


@pytest.mark.parametrize("name", ["own", "mixed"])
def test_no_single_figure_changes_unnoticed(name, request):
    audited = request.getfixturevalue(name)
    unnoticed = {
        (table, field)
        for table, field, plan in every_change(audited.plan)
        if table in {"power_prices", "cost_lines", "cash_flows", "money_by_period", "commitments"}
        and not report(audited, plan)
    }

    assert unnoticed == set()


def test_dropped_rows_are_reported(own):
    found = report(own, replace(own.plan, power_prices=()))

    assert any("bought nodes are in dear blocks" in line for line in found)


def test_other_prices_than_those_of_the_plan_are_reported(own):
    supply = own.problem.supply.model_copy(update={"electricity_usd_per_kwh": [0.1] * 24})
    asked = own.problem.model_copy(update={"supply": supply})

    assert report(replace(own, problem=asked), own.plan)


def test_a_later_run_pays_dear_hours_of_servers_that_are_there(own, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(plan_json(own.plan), encoding="utf-8")
    (taken,) = own.plan.commitments

    (entry,) = read_incumbent(file).carried("2027-07")

    dear = sum(row.usd for row in own.plan.power_prices) / taken.nodes / (12 * 730)
    assert entry["usd_per_node_hour"] == pytest.approx(
        taken.usd_per_month / taken.nodes / 730 + dear
    )
    assert dear > 0


def test_dear_hours_are_shown(own, capsys):
    write_plan(sys.stdout, own.plan, months=12)

    assert "beyond the lowest price" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("blocks", "prices"),
    [(24, DEAR), (4, [0.05, 0.35, 0.35, 0.1]), (6, [0.05, 0.2, 0.35, 0.35, 0.225, 0.1])],
)
def test_a_block_pays_the_mean_of_its_hours(blocks, prices):
    asked = problem(time_blocks=blocks, supply={"electricity_usd_per_kwh": DEAR})

    assert prices_by_block(asked, catalog()) == pytest.approx(prices)
    assert premiums_by_block(asked, catalog()) == pytest.approx([p - 0.05 for p in prices])


def test_one_block_has_one_price():
    asked = problem(time_blocks=1, supply={"electricity_usd_per_kwh": DEAR})

    assert premiums_by_block(asked, catalog()) == ()
    assert prices_by_block(asked, catalog()) == pytest.approx([sum(DEAR) / 24])


@pytest.mark.parametrize("value", ["[0.1, 0.2]", "-0.1", "cheap", "[" + "0.1, " * 23 + "-1]"])
def test_other_prices_are_refused_with_what_is_accepted(tmp_path, value):
    file = tmp_path / "p.yaml"
    file.write_text(
        "schema_version: 1\nname: p\nhorizon: {start: 2027-01, periods: 1}\n"
        "workloads:\n  - {name: chat, arrival: {requests_per_day: 1000},\n"
        "     lengths: {isl_tokens: {mean: 100}, osl_tokens: {mean: 10}}}\n"
        f"supply:\n  electricity_usd_per_kwh: {value}\n"
    )

    with pytest.raises(InputError) as caught:
        load_problem(file)

    assert "p.yaml:8:" in str(caught.value)


def test_an_hour_of_what_is_bought_costs_its_dear_hours_too(own):
    plan = own.plan
    (taken,), (figures,) = plan.commitments, plan.commitment_figures
    dear = sum(row.usd for row in plan.power_prices) / taken.accelerators / (12 * 730)

    assert figures.usd_per_accelerator_hour == pytest.approx(taken.usd_per_node_hour + dear)
    without = changed(
        plan, "commitment_figures", 0, usd_per_accelerator_hour=taken.usd_per_node_hour
    )
    assert any(
        "USD per accelerator-hour, the tables give" in text for text in report(own, without)
    )


def test_two_plans_are_compared_by_what_an_hour_costs_in_all(own):
    (first, *_, last) = fleet_changes(own.plan, replace(own.plan, power_prices=()))

    assert first.a.usd_per_hour == first.b.usd_per_hour  # the cheapest hours
    assert last.a.usd_per_hour > last.b.usd_per_hour


def test_where_the_load_is_more_than_what_is_billed_the_plan_says_so(own):
    capped = world(DEAR, load_share=0.3)
    stream = io.StringIO()
    write_plan(stream, capped.plan, 6)

    assert report(capped, capped.plan) == []
    assert any(row.is_capped for row in capped.plan.power_prices)
    assert "billed on the power that servers are assumed to draw at most: in hours" in (
        stream.getvalue()
    )
    assert not any(row.is_capped for row in own.plan.power_prices)
    other = changed(capped.plan, "power_prices", 1, is_capped=lambda x: not x)
    assert any("is_capped" in text for text in report(capped, other))


def test_a_price_that_nothing_pays_is_pointed_out(own):
    rented = world(0.1, ("on_demand",))

    assert any("electricity_usd_per_kwh changes nothing" in text for text in rented.plan.warnings)
    assert not any("changes nothing" in text for text in own.plan.warnings)
