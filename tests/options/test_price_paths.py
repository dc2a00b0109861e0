"""Prices that move: the path with the narrowest name, dated servers, and what is ordered when."""

from __future__ import annotations

import pytest

from planner.demand.grid import time_grid
from planner.options.build import build_options
from planner.options.nodes import supplied_nodes
from planner.options.periods import price_trend
from planner.problem.price_paths import Priced
from tests.options.test_terms import YEAR, reserved, servers, sites, supplied
from tests.options.world import catalog, demand, loaded, problem, row, workload

H100_RENT = Priced(
    "on_demand", offer="cloud:one:north:on_demand", instance="one", hardware="gpu-a",
    provider="cloud", region="north",
)  # fmt: skip
BY_WIDTH = [
    {"tenure": "on_demand"},
    {"region": "north"},
    {"provider": "cloud", "region": "north"},
    {"hardware": "gpu-a"},
    {"hardware": "gpu-a", "tenure": "on_demand"},
    {"instance": "one"},
    {"offer": "cloud:one:north:on_demand"},
]
"""Names of the same offer, each narrower than those before."""


def named(names, **moves):
    return {"name": f"p{len(str(names))}"} | names | moves


def paths(*items):
    return {"price_paths": [item | {"name": f"path-{k}"} for k, item in enumerate(items)]}


@pytest.mark.parametrize("count", range(1, len(BY_WIDTH) + 1))
def test_the_narrowest_name_counts_whatever_the_order(count):
    items = [names | {"change_per_year": 0.1 * k} for k, names in enumerate(BY_WIDTH[:count])]
    kind = {"price_change_per_year": {"on_demand": -0.5}}

    for order in (items, items[::-1]):
        asked = problem(supply=kind | paths(*order))
        assert price_trend(asked, H100_RENT).change_per_year == 0.1 * (count - 1)


@pytest.mark.parametrize(
    "other",
    [
        {"tenure": "spot"}, {"region": "south"}, {"provider": "else"}, {"hardware": "gpu-b"},
        {"instance": "two"}, {"offer": "cloud:two:north:on_demand"}, {"server": "box"},
        {"model": "model-a"}, {"hardware": "gpu-a", "region": "south"},
    ],
)  # fmt: skip
def test_what_no_path_fits_moves_with_its_kind(other):
    kind = {"price_change_per_year": {"on_demand": -0.5}}
    asked = problem(supply=kind | paths(other | {"change_per_year": 0.3}))

    assert price_trend(asked, H100_RENT).change_per_year == -0.5


def test_rates_and_steps_by_hand_over_four_quarters():
    moving = {
        "price_change_per_year": {"on_demand": 0.1},
        **paths(
            {"offer": "cloud:one:north:on_demand", "change_per_year": -0.36},
            {"tenure": "reserved_1y",
             "steps": [{"since": "2026-07", "factor": 0.9}, {"since": "2027-07", "factor": 0.5}]},
        ),
    }  # fmt: skip
    other = row("offers", instance="two")

    nodes, _ = supplied(
        row("offers"), other, reserved(), tenures=("on_demand", "reserved_1y"), supply=moving,
        **YEAR,
    )  # fmt: skip

    by_id = {node.offer_id: node for node in nodes}
    # 2 USD less 36 % a year: 0.8 of it after half a year
    assert by_id["cloud:one:north:on_demand"].price_usd_per_hour == pytest.approx(
        [2.0, 2 * 0.8**0.5, 1.6, 1.6 * 0.8**0.5]
    )
    assert by_id["cloud:two:north:on_demand"].price_usd_per_hour[2] == pytest.approx(2 * 1.1**0.5)
    lease = by_id["cloud:one:north:reserved_1y"]
    assert [b.usd_per_node_hour for b in lease.builds] == [1.8, 1.8, 1.0, 1.0]
    # the term of July 2027 keeps the price of its order: six months of it lie in the horizon
    assert [round(p.usd, 2) for p in lease.builds[2].payments] == [2190.0] * 4
    assert "its price is the list price times 0.9 from 2026-07 on, 0.5 from 2027-07" in lease.note
    assert "changes by -0.36 a year, as `path-0` of supply.price_paths says" in (
        by_id["cloud:one:north:on_demand"].note
    )
    assert by_id["cloud:two:north:on_demand"].note == ""


def test_a_step_inside_a_period_counts_from_the_next_and_is_a_note():
    moving = paths({"hardware": "gpu-a", "steps": [{"since": "2027-05", "factor": 0.5}]})

    (node,), _ = supplied(row("offers"), tenures=("on_demand",), supply=moving, **YEAR)

    assert node.price_usd_per_hour == (2.0, 2.0, 1.0, 1.0)
    assert "changes on 2027-05-01, inside period 1, and the one of 2027-04-01 is" in node.note


def bought(*prices, supply=None):
    known = [r for r in servers(lead_time_weeks=13) if r.quantity != "capex_usd"]
    rows = [row("servers", id="box", quantity="capex_usd", value=usd, valid_from=day, as_of=as_of)
            for usd, day, as_of in prices]  # fmt: skip
    facts = {"servers": [*known, *rows], "sites": sites()}
    return supplied(tenures=("owned",), facts=facts, supply=supply, **YEAR)


def capex(node):
    return {
        b.start: next((p.period, round(p.usd, 2)) for p in b.payments if p.category == "capex")
        for b in node.builds
    }


def test_a_server_has_the_price_of_the_period_of_its_order():
    # thirteen weeks are 2.99 months: what serves from July on is ordered in April's quarter
    (node,), _ = bought((200_000, None, "2026-01"), (150_000, "2027-04-01", "2026-11"),
                        (120_000, "2027-06", "2026-12"))  # fmt: skip

    assert capex(node) == {
        0: (0, 200_000.0), 1: (0, 200_000.0), 2: (1, 150_000.0), 3: (2, 120_000.0),
    }  # fmt: skip
    assert [b.price_date for b in node.builds] == ["2026-01", "2026-01", "2026-11", "2026-12"]
    assert "changes on 2027-06-01, inside period 1" in node.note


def test_a_server_without_an_early_price_can_be_bought_later_only():
    (late,), _ = bought((150_000, "2027-07", "2026-11"))
    nodes, rejected = bought((150_000, "2027-10", "2026-11"))

    assert list(capex(late)) == [3]
    assert nodes == []
    assert "its first price is of 2027-10-01" in rejected[0].detail


def test_a_server_moves_by_its_own_path_from_its_dated_price_on():
    path = paths(
        {"server": "box", "steps": [{"since": "2027-04", "factor": 0.9}]},
        {"tenure": "owned", "change_per_year": 0.5},
    )
    (node,), _ = bought((200_000, None, "2026-01"), (150_000, "2027-07", "2026-11"), supply=path)

    assert capex(node) == {
        0: (0, 200_000.0), 1: (0, 200_000.0), 2: (1, 180_000.0), 3: (2, 135_000.0),
    }  # fmt: skip


def test_a_server_pays_the_expected_price_of_the_day_on_which_it_is_paid():
    # Ordered 2.99 months before it serves, and counted at the start of that quarter: a yearly
    # rate of -19 % takes the root of 0.9 off for each quarter from the start of the horizon on.
    falls = paths({"tenure": "owned", "change_per_year": 0.9**2 - 1})
    (node,), _ = bought((200_000, None, "2026-01"), supply=falls)

    quarter = 0.9**0.5
    assert capex(node) == {
        0: (0, 200_000.0), 1: (0, 200_000.0),
        2: (1, round(200_000 * quarter, 2)), 3: (2, round(200_000 * quarter**2, 2)),
    }  # fmt: skip
    paid = next(p for p in node.builds[3].payments if p.category == "capex")
    assert paid.factor == pytest.approx(1.08**-0.5)


def test_tokens_units_and_capacity_blocks_follow_their_paths():
    units = {"name": "ptu", "provider": "tokens", "model": "model-a", "usd_per_unit_hour": 10.0,
             "tokens_per_minute_per_unit": 1e5}  # fmt: skip
    block = {"name": "spring", "provider": "cloud", "hardware": "gpu-a", "since": "2027-04",
             "accelerators_per_node": 1, "until": "2027-07", "max_nodes": 2}  # fmt: skip
    supply = {
        "provisioned": [units], "capacity_blocks": [block],
        **paths(
            {"model": "model-a", "steps": [{"since": "2027-04", "factor": 0.5}]},
            {"offer": "provisioned:ptu", "change_per_year": -0.19},
            {"tenure": "capacity_block", "steps": [{"since": "2027-04", "factor": 0.25}]},
        ),
    }  # fmt: skip
    listed = row("offers", tenure="capacity_block", price_usd_per_hour=4)
    asked = problem(supply=supply, horizon=YEAR["horizon"])
    known = catalog(offers=[row("offers"), listed])

    nodes, _ = supplied_nodes(asked, known, time_grid(asked))
    options = build_options(loaded(asked), known, demand(asked))

    assert [n.builds[0].usd_per_node_hour for n in nodes if n.builds] == [1.0]
    (tokens,) = (a for a in options.api if not a.units_id)
    # 1,000 tokens in at 0.5 and 100 out at 1.5 USD a million
    assert [round(by_block[0], 9) for by_block in tokens.usd_per_request] == [
        0.00065, 0.000325, 0.000325, 0.000325,
    ]  # fmt: skip
    (bought_units,) = options.provisioned
    assert bought_units.builds[2].usd_per_node_hour == pytest.approx(9.0)
    assert any("`path-1` of supply" in a.note for a in options.api if a.units_id)


def test_paths_name_hardware_by_any_of_its_names_and_workloads_need_no_path():
    asked = problem(workload(), supply=paths({"hardware": "gpu-a", "change_per_year": -0.1}))

    assert asked.supply.price_paths[0].hardware == "gpu-a"
