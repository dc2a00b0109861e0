"""Energy and carbon in a plan: recomputed from nodes, replicas and the tables."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from planner.demand.build import build_demand
from planner.options.build import build_options
from planner.problem.references import name_findings
from tests.options.test_terms import servers, sites
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.changes import changed, every_change, report, slightly_more
from tests.verify.conftest import MEASURED, solved

GRID = {"quantity": "carbon_g_per_kwh", "value": 300.0}
GPU = row("accelerators", tdp_w=700, accelerators_per_node=8, node_it_power_w=10_400)
CLEAN = {"region": "south", "price_usd_per_hour": 2.5}


def facts(**tables):
    """Return a catalogue with two regions, clean and dear, or dirty and cheap, and a site."""
    own = [*sites(), row("sites", id="default", **GRID)]
    rented = [
        row("sites", id="north", case="cloud", **GRID | {"value": 600.0}),
        row("sites", id="south", case="cloud", **GRID | {"value": 20.0}),
        row("sites", id="south", case="cloud", quantity="pue", value=1.1),
    ]
    base = {
        "accelerators": [GPU],
        "offers": [row("offers", elastic_max_nodes=50), row("offers", **CLEAN)],
        "sites": [*own, *rented],
    }
    return catalog(**base | tables)


def asked(*workloads, **changes):
    base = {
        "time_blocks": 4,
        "candidates": {"quantizations": ["bf16"], "tensor_parallel": [1]},
        "supply": {"tenures": ["on_demand", "api"]},
        "policy": {"confidence": 0.5},
    }
    return problem(*(workloads or (workload(arrival={"mean_rate_rps": 30.0}),)), **base | changes)


@pytest.fixture(scope="module")
def limited():
    """Return a plan of modelled and measured replicas whose carbon is limited."""
    world = asked(
        workload("chat", arrival={"mean_rate_rps": 30.0}),
        workload("docs", arrival={"mean_rate_rps": 4.0}),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        performance="table.csv",
        limits={"carbon_kg_per_period": [1_500.0, 400.0]},
    )
    return solved(world, facts(), [MEASURED | {"workload": "docs"}])


def test_a_plan_within_its_carbon_is_sound(limited):
    assert limited.plan.status == "optimal"
    assert report(limited, limited.plan) == []
    by_period = {t: sum(r.carbon_kg for r in limited.plan.energy if r.period == t) for t in (0, 1)}
    assert 0 < by_period[1] <= 400.0 < by_period[0] <= 1_500.0
    assert limited.plan.api == ()


def test_a_measured_replica_counts_with_the_rated_power(limited):
    docs = [r for r in limited.plan.allocations if r.coefficient_origin == "measured"]

    assert docs
    assert {(r.replica_power_w, r.request_energy_j) for r in docs} == {(1_300.0, 0.0)}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"it_kwh": slightly_more}, "it_kwh .*, nodes and replicas draw"),
        ({"kwh": slightly_more}, "kwh .*, nodes and replicas draw"),
        ({"carbon_kg": slightly_more}, "kg of carbon, energy x grid is"),
        ({"carbon_g_per_kwh": slightly_more}, "g per kWh, the tables say"),
        ({"pue": slightly_more}, "PUE .*, the tables say"),
        ({"carbon_kg": None}, "None kg of carbon with a grid"),
        ({"note": "lost"}, "note `lost`"),
        ({"period": 7}, "needs one row for every period and offer"),
    ],
)
def test_a_changed_row_is_reported(limited, changes, text):
    found = report(limited, changed(limited.plan, "energy", **changes))

    assert any(re.search(text, line) for line in found), found


def test_no_single_figure_changes_unnoticed(limited):
    unnoticed = {
        (table, name)
        for table, name, plan in every_change(limited.plan)
        if not report(limited, plan) and name != "note"
    }

    assert unnoticed == set()


def test_a_plan_above_another_limit_is_reported(limited):
    lower = limited.problem.model_copy(
        update={"limits": limited.problem.limits.model_copy(update={"carbon_kg_per_period": 1.0})}
    )

    found = report(replace(limited, problem=lower), limited.plan)

    assert any(re.search(r"period 0: .* kg of carbon, limit 1$", line) for line in found)


def test_tokens_are_no_way_around_the_limit(limited):
    bought = solved(asked(supply={"tenures": ["api"]}), facts()).plan.api

    found = report(limited, replace(limited.plan, api=bought))

    assert bought
    assert "tokens, whose carbon nobody states, where carbon is limited" in found


def test_without_a_grid_energy_stands_and_carbon_is_null_with_the_reason():
    world = solved(asked(), facts(sites=sites()))
    (first, *_) = world.plan.energy

    assert first.kwh > 0
    assert (first.carbon_kg, first.carbon_g_per_kwh) == (None, None)
    assert "add a row id=north, quantity=carbon_g_per_kwh, case=cloud to sites.csv" in (first.note)
    assert report(world, world.plan) == []


def test_without_a_rated_power_nothing_is_known():
    world = solved(asked(), facts(accelerators=[row("accelerators")]))
    (first, *_) = world.plan.energy

    assert (first.it_kwh, first.kwh, first.carbon_kg) == (None, None, None)
    assert "node_it_power_w" in first.note
    assert report(world, world.plan) == []


def options_of(limits, tables):
    world = loaded(asked(limits=limits))
    return build_options(world, tables, build_demand(world, tables))


def test_offers_without_a_grid_are_refused_where_carbon_is_limited():
    tables = facts(sites=[*sites(), row("sites", id="south", case="cloud", **GRID)])

    options = options_of({"carbon_kg_per_period": 1e6}, tables)

    assert [o.region for o in options.offers] == ["south"]
    (refused,) = [r for r in options.rejections if r.reason == "carbon" and r.kind == "offer"]
    assert refused.subject.startswith("cloud:one:north")
    assert "id=north, quantity=carbon_g_per_kwh, case=cloud" in refused.detail


def test_options_whose_every_offer_lacks_a_grid_want_for_carbon_and_not_for_a_price():
    plain = facts()
    no_grids = facts(sites=sites())

    known = options_of({"carbon_kg_per_period": 1e6}, plain)
    free = options_of({}, no_grids)
    barred = options_of({"carbon_kg_per_period": 1e6}, no_grids)

    assert not [r for r in (*known.rejections, *free.rejections) if r.subject == "gpu-a"]
    (refused,) = [r for r in barred.rejections if r.subject == "gpu-a"]
    assert (refused.kind, refused.reason) == ("option", "carbon")
    assert (
        "add a row id=north, quantity=carbon_g_per_kwh, case=cloud to sites.csv" in refused.detail
    )
    assert refused.detail.endswith("; 1 more offer of it likewise")


def test_hardware_without_any_offer_still_wants_for_a_price_under_a_limit():
    other = row("accelerators", id="gpu-b", accelerators_per_node=8, node_it_power_w=10_400)

    options = options_of(
        {"carbon_kg_per_period": 1e6}, facts(sites=sites(), accelerators=[GPU, other])
    )

    assert [r.reason for r in options.rejections if r.subject == "gpu-b"] == ["no_price"]


def test_the_grid_of_the_default_site_stands_for_no_other_site():
    world = loaded(
        asked(
            workload(residency="on_prem_only"),
            supply={"tenures": ["owned"], "site": "abroad"},
            horizon={"start": "2027-01", "periods": 1, "months_per_period": 12},
            limits={"carbon_kg_per_period": 1e6},
        )
    )
    servers_of = servers(accelerators=1, capex_usd=20_000, it_power_w=1_500)

    def refused(*more):
        tables = facts(
            servers=servers_of, sites=[*sites(), row("sites", id="default", **GRID), *more]
        )
        found = build_options(world, tables, build_demand(world, tables))
        return [r for r in found.rejections if r.kind == "offer" and r.reason == "carbon"]

    (why,) = refused()
    assert "add a row id=abroad, quantity=carbon_g_per_kwh to sites.csv" in why.detail
    assert refused(row("sites", id="abroad", **GRID)) == []


def test_tokens_are_refused_where_carbon_is_limited_or_left_out_of_it():
    refused = options_of({"carbon_kg_per_period": 1e6}, facts())
    ignored = options_of({"carbon_kg_per_period": 1e6, "api_carbon": "ignore"}, facts())

    assert refused.api == ()
    assert any("`limits.api_carbon: ignore`" in r.detail for r in refused.rejections)
    assert len(ignored.api) == 1


def test_nodes_that_are_there_need_a_known_grid_under_a_limit():
    there = {
        "hardware": "gpu-a", "tenure": "reserved_1y", "nodes": 1, "accelerators_per_node": 8,
        "usd_per_node_hour": 1.0, "provider": "cloud", "region": "east",
    }  # fmt: skip
    world = loaded(asked(supply={"existing": [there]}, limits={"carbon_kg_per_period": 1e6}))

    found = [m for path, m in name_findings(world, facts()) if path == ("supply", "existing", 0)]

    assert len(found) == 1
    assert "id=east, quantity=carbon_g_per_kwh, case=cloud" in found[0]


def test_owned_nodes_stand_on_the_grid_and_overhead_of_their_site():
    world = solved(
        asked(
            workload(arrival={"mean_rate_rps": 30.0}, residency="on_prem_only"),
            supply={"tenures": ["owned"]},
            horizon={"start": "2027-01", "periods": 1, "months_per_period": 12},
        ),
        facts(servers=servers(accelerators=1, capex_usd=20_000, it_power_w=1_500)),
    )
    (owned,) = world.plan.energy
    pue = world.catalog.figure("sites", "default", "pue").value

    assert report(world, world.plan) == []
    assert owned.region == "default"
    assert (owned.pue, owned.carbon_g_per_kwh) == (pue, 300.0)


def bought(limit_kg=None, **server):
    """Return a plan of measured replicas on servers of 1,000 W; nodes of their kind draw 1,300."""
    box = servers(accelerators=1, capex_usd=9_000, lead_time_weeks=0, it_power_w=1_000, **server)
    world = asked(
        workload(arrival={"mean_rate_rps": 14.0, "peak_factor_in_hour": 1.0}),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 6},
        performance="table.csv",
        supply={"tenures": ["owned"], "electricity_usd_per_kwh": 0.1},
        policy={"spare_replicas": 0, "max_utilization": 1.0},
        **({} if limit_kg is None else {"limits": {"carbon_kg_per_period": limit_kg}}),
    )
    table = [MEASURED | {"workload": "chat", "capacity_rps": 5.0}]
    return solved(world, facts(servers=box), table)


@pytest.mark.parametrize(
    ("server", "drawn_w"),
    [({}, 1_000.0), ({"board_power_load_fraction": 0.8}, 1_000.0 - 0.2 * 700)],
)
def test_a_bought_server_draws_its_own_power_in_money_energy_and_carbon(server, drawn_w):
    # Three servers for half a year at PUE 1.5, on a grid of 300 g per kWh.
    kwh = 3 * drawn_w / 1_000 * 6 * 730 * 1.5
    audited = bought(kwh * 0.3 * 1.0001, **server)

    assert report(audited, audited.plan) == []
    assert [c.nodes for c in audited.plan.commitments] == [3]
    assert [r.kwh for r in audited.plan.energy] == pytest.approx([kwh, kwh])
    assert [r.carbon_kg for r in audited.plan.energy] == pytest.approx([kwh * 0.3] * 2)
    paid = sum(line.usd for line in audited.plan.cost_lines if line.category == "energy")
    assert paid == pytest.approx(2 * kwh * 0.1)
    assert bought(kwh * 0.3 * 0.9999, **server).plan.status == "infeasible"


def test_the_power_of_the_kind_is_no_power_of_a_bought_server():
    audited = bought()

    of_kind = changed(audited.plan, "energy", own_idle_w_per_accelerator=1_300.0)
    nameless = changed(audited.plan, "energy", own_idle_w_per_accelerator=None)
    for plan in (of_kind, nameless):
        found = report(audited, plan)
        assert any("W of a server of 1000 W, expected 1000" in line for line in found), found
