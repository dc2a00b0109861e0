"""Nodes taken on for a term: every payment, its date and its discount, by hand."""

from __future__ import annotations

import pytest

from planner.demand.grid import time_grid
from planner.options.nodes import supplied_nodes
from tests.options.world import catalog, problem, row, workload

MONTH_USD = 2 * 730.0
"""A month of a node at 2 USD an hour."""
YEAR = {"horizon": {"start": "2027-01", "periods": 4, "months_per_period": 3}}
RATE = {"finance": {"discount_rate_per_year": 0.1}}
SERVER = {
    "accelerators": 8,
    "capex_usd": 200_000,
    "it_power_w": 10_000,
    "life_months": 48,
    "support_fraction_per_year": 0.06,
    "lead_time_weeks": 26,
}
SITE = {
    "electricity_usd_per_kwh": 0.1,
    "pue": 1.5,
    "colocation_usd_per_kw_month": 200,
    "staff_usd_per_fte_year": 120_000,
}


def servers(**changes):
    stated = {k: v for k, v in (SERVER | changes).items() if v is not None}
    return [
        row(
            "servers",
            id="box",
            quantity=name,
            value=value,
            case="gpu-a" if name == "accelerators" else "",
        )
        for name, value in stated.items()
    ]


def sites(**changes):
    stated = {k: v for k, v in (SITE | changes).items() if v is not None}
    people = row("sites", id="default", quantity="staff_fte", case="per-8-gpu-server", value=0.5)
    return [*(row("sites", id="default", quantity=n, value=v) for n, v in stated.items()), people]


def supplied(*offers, tenures=("reserved_1y",), facts=None, supply=None, **sections):
    asked = problem(workload(), supply={"tenures": list(tenures)} | (supply or {}), **sections)
    known = catalog(offers=list(offers), **(facts or {}))
    return supplied_nodes(asked, known, time_grid(asked))


def reserved(**changes):
    base = {"tenure": "reserved_1y", "commits": "capacity", "term_months": 12}
    return row("offers", **base | changes)


def paid(build):
    return [(p.period, p.category, round(p.usd, 6), round(p.factor, 9)) for p in build.payments]


def test_a_reservation_is_paid_month_by_month_at_the_middle_of_each_period():
    (node,), _ = supplied(reserved(), **YEAR, **RATE)

    first = node.builds[0]
    assert (first.start, first.end, first.term_months) == (0, 4, 12)
    assert paid(first) == [
        (t, "lease", 3 * MONTH_USD, round(1.1 ** (-(t + 0.5) / 4), 9)) for t in range(4)
    ]
    assert first.usd == pytest.approx(12 * MONTH_USD)


def test_a_term_that_outlives_the_horizon_is_paid_to_its_end_at_its_own_dates():
    (node,), _ = supplied(reserved(), **YEAR, **RATE)

    last = node.builds[3]
    assert (last.start, last.end) == (3, 4)
    assert [p.period for p in last.payments] == [3, 4, 5, 6]
    assert last.payments[-1].factor == pytest.approx(1.1 ** (-(6 + 0.5) / 4))
    assert last.usd == pytest.approx(12 * MONTH_USD)


def test_pro_rata_cuts_what_is_due_after_the_horizon():
    (node,), _ = supplied(reserved(), finance={"commitment_tail": "pro_rata"}, **YEAR)

    assert node.builds[3].usd == pytest.approx(3 * MONTH_USD)
    assert node.builds[0].usd == pytest.approx(12 * MONTH_USD)


def test_money_paid_upfront_falls_at_the_start():
    (node,), _ = supplied(reserved(upfront_fraction=0.5), **YEAR, **RATE)

    build = node.builds[1]
    assert paid(build)[0] == (1, "lease", 6 * MONTH_USD, round(1.1**-0.25, 9))
    assert sum(p.usd for p in build.payments) == pytest.approx(12 * MONTH_USD)
    assert build.payments[1].usd == pytest.approx(1.5 * MONTH_USD)


def test_a_term_of_part_periods_serves_whole_periods_only_and_is_paid_in_full():
    horizon = {"start": "2027-01", "periods": 3, "months_per_period": 5}
    (node,), _ = supplied(reserved(), horizon=horizon)

    first = node.builds[0]
    assert (first.start, first.end) == (0, 2)
    assert [p.usd for p in first.payments] == pytest.approx(
        [5 * MONTH_USD, 5 * MONTH_USD, 2 * MONTH_USD]
    )


def test_the_price_of_the_start_holds_for_the_term():
    dear = reserved(valid_from="2027-04", price_usd_per_hour=3, as_of="2026-12")

    (node,), _ = supplied(reserved(), dear, **YEAR)

    assert [b.usd_per_node_hour for b in node.builds] == [2, 3, 3, 3]
    assert [b.price_date for b in node.builds[:2]] == ["2026-06-01", "2026-12"]


def test_prices_change_by_the_stated_rate_from_the_start_of_the_horizon():
    change = {"price_change_per_year": {"reserved": -0.2, "on_demand": 0.1}}
    nodes, _ = supplied(
        reserved(), row("offers"), tenures=("on_demand", "reserved_1y"), supply=change, **YEAR
    )

    hourly, term = sorted(nodes, key=lambda n: n.tenure)
    assert [b.usd_per_node_hour for b in term.builds] == pytest.approx(
        [2 * 0.8 ** (t / 4) for t in range(4)]
    )
    assert hourly.price_usd_per_hour == pytest.approx([2 * 1.1 ** (t / 4) for t in range(4)])


def test_a_term_shorter_than_a_period_is_rejected():
    nodes, rejected = supplied(reserved(term_months=2))

    assert nodes == []
    assert "its term of 2 months is shorter than a period" in rejected[0].detail


def test_a_commitment_to_spending_is_paid_alike_and_says_that_it_reserves_nothing():
    (held,), _ = supplied(reserved(), **YEAR)
    (spent,), _ = supplied(reserved(commits="spend"), **YEAR)

    assert spent.builds == held.builds
    assert "nobody promises that they can be had" in spent.note
    assert held.note == ""


def test_a_server_costs_what_its_figures_say():
    (node,), rejected = supplied(
        tenures=("owned",), facts={"servers": servers(), "sites": sites()}, **YEAR, **RATE
    )

    assert rejected == []
    build = node.builds[0]
    lead_months = 26 / (365 / 7 / 12)
    assert build.order_month == pytest.approx(-lead_months)
    by_category = {
        c: sum(p.usd for p in build.payments if p.category == c)
        for c in dict.fromkeys(p.category for p in build.payments)
    }
    assert by_category == pytest.approx(
        {
            "capex": 200_000,
            "maintenance": 0.06 * 200_000,
            "colocation": 10 * 200 * 12,
            "energy": 10 * 1.5 * 8_760 * 0.1,
            "staff": 0.5 * 120_000,
            "terminal_value": -200_000 * (1 - 12 / 48),
        }
    )
    capex = next(p for p in build.payments if p.category == "capex")
    left = next(p for p in build.payments if p.category == "terminal_value")
    assert (capex.period, capex.factor) == (0, 1.0)
    assert (left.period, left.factor) == (3, pytest.approx(1.1**-1))
    assert node.power_kw == 10
    assert (node.provider, node.hardware, node.accelerators_per_node) == ("owned", "gpu-a", 8)


def test_a_server_is_ordered_its_lead_time_before_and_loses_value_from_delivery():
    (node,), _ = supplied(
        tenures=("owned",), facts={"servers": servers(), "sites": sites()}, **YEAR
    )

    late = node.builds[3]
    order = next(p for p in late.payments if p.category == "capex")
    left = next(p for p in late.payments if p.category == "terminal_value")
    assert order.period == 1  # 9 - 5.98 months lie in the second quarter
    assert left.usd == pytest.approx(-200_000 * (1 - 3 / 48))


@pytest.mark.parametrize(
    ("figures", "share"),
    [
        ({"residual_fraction": 0.2}, 1 - 0.8 * 12 / 48),
        ({"resale_fraction_36_months": 0.3}, 0.3 ** (12 / 36)),
        ({"resale_fraction_36_months": 0.9}, 1 - 12 / 48),
    ],
)
def test_value_at_the_end_is_the_lower_of_line_and_resale(figures, share):
    (node,), _ = supplied(
        tenures=("owned",), facts={"servers": servers(**figures), "sites": sites()}, **YEAR
    )

    left = next(p for p in node.builds[0].payments if p.category == "terminal_value")
    assert left.usd == pytest.approx(-200_000 * share)


def test_no_value_is_left_when_the_problem_says_so():
    (node,), _ = supplied(
        tenures=("owned",),
        facts={"servers": servers(), "sites": sites()},
        finance={"terminal_value": "none"},
    )

    assert {p.category for p in node.builds[0].payments}.isdisjoint({"terminal_value"})


def test_a_server_leaves_at_the_end_of_its_life_without_value():
    (node,), _ = supplied(
        tenures=("owned",), facts={"servers": servers(life_months=6), "sites": sites()}, **YEAR
    )

    assert [(b.start, b.end) for b in node.builds] == [(0, 2), (1, 3), (2, 4), (3, 4)]
    assert not any(p.category == "terminal_value" for p in node.builds[0].payments)
    assert node.builds[0].payments[-1].period == 1


@pytest.mark.parametrize(
    ("tdp_w", "serving_w"),
    [
        (1_000.0, 10_000 - 4 * 1_000 * 0.3),  # what boards leave of 4 kW; the host draws its 6 kW
        (5_000.0, 10_000 * 0.7),  # boards cannot draw more than the node
        (None, 10_000 * 0.7),
    ],
)
def test_only_boards_draw_less_than_rated_while_they_serve(tdp_w, serving_w):
    figures = servers(accelerators=4, board_power_load_fraction=0.7)
    boards = [row("accelerators", id="gpu-a", name="A", kind="gpu", tdp_w=tdp_w)]
    facts = {"servers": figures, "sites": sites(), "accelerators": boards}
    (node,), _ = supplied(tenures=("owned",), facts=facts)

    energy = next(p for p in node.builds[0].payments if p.category == "energy")
    assert energy.usd == pytest.approx(serving_w / 1_000 * 1.5 * 3 * 730 * 0.1)


def test_network_load_and_people_by_size_count():
    figures = servers(accelerators=4, network_capex_fraction=0.1, board_power_load_fraction=0.7)
    (node,), _ = supplied(tenures=("owned",), facts={"servers": figures, "sites": sites()})

    by = {p.category: p.usd for p in node.builds[0].payments}
    assert by["capex"] == pytest.approx(220_000)
    assert by["energy"] == pytest.approx(10 * 0.7 * 1.5 * 3 * 730 * 0.1)
    assert by["staff"] == pytest.approx(0.25 * 120_000 / 4)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (
            {"servers": servers(support_fraction_per_year=None), "sites": sites()},
            "support_fraction_per_year (add a row id=box, quantity=support_fraction_per_year to "
            "servers.csv of an overlay)",
        ),
        (
            {"servers": servers(capex_usd=None, lead_time_weeks=None), "sites": sites()},
            "quantity=lead_time_weeks",
        ),
        (
            {"servers": servers(), "sites": sites(pue=None)},
            "pue (add a row id=default, quantity=pue to sites.csv of an overlay)",
        ),
    ],
)
def test_an_unknown_cost_rejects_the_server_and_names_every_row_to_add(facts, says):
    nodes, rejected = supplied(tenures=("owned",), facts=facts)

    assert nodes == []
    assert rejected[0].subject == "owned:box"
    assert says in rejected[0].detail


def test_only_chosen_servers_are_bought():
    nodes, rejected = supplied(
        tenures=("owned",),
        supply={"servers": ["other"]},
        facts={"servers": servers(), "sites": sites()},
    )

    assert (nodes, rejected) == ([], [])


def test_a_site_of_its_own_takes_the_rest_from_the_default():
    dear = row("sites", id="north-hall", quantity="electricity_usd_per_kwh", value=0.3)
    (node,), _ = supplied(
        tenures=("owned",),
        supply={"site": "north-hall"},
        facts={"servers": servers(), "sites": [*sites(), dear]},
    )

    by = {p.category: p.usd for p in node.builds[0].payments}
    assert by["energy"] == pytest.approx(10 * 1.5 * 3 * 730 * 0.3)
    assert by["colocation"] == pytest.approx(10 * 200 * 3)
    assert node.region == "north-hall"


def test_nodes_that_are_there_are_paid_until_they_leave():
    there = {
        "hardware": "gpu-a",
        "tenure": "reserved_1y",
        "nodes": 3,
        "accelerators_per_node": 8,
        "until": "2027-09",
        "usd_per_node_hour": 10.0,
    }
    (node,), _ = supplied(tenures=("on_demand",), supply={"existing": [there]}, **YEAR)

    (build,) = node.builds
    assert build.fixed_nodes == 3
    assert (build.start, build.end) == (0, 2)  # it leaves within the third quarter
    assert [p.usd for p in build.payments] == pytest.approx([21_900, 21_900, 14_600])
    assert node.offer_id == "existing:existing-0:any:reserved_1y"


def test_nodes_on_order_are_paid_and_there_from_their_month_on():
    coming = {
        "hardware": "gpu-a",
        "tenure": "owned",
        "nodes": 2,
        "accelerators_per_node": 8,
        "since": "2027-07",
        "until": "2027-12",
        "usd_per_node_hour": 10.0,
    }
    (node,), _ = supplied(tenures=("on_demand",), supply={"existing": [coming]}, **YEAR)

    (build,) = node.builds
    assert (build.start, build.end) == (2, 3)  # whole in the third quarter, leaves in the fourth
    assert [(p.period, p.category, p.usd) for p in build.payments] == [
        (2, "maintenance", pytest.approx(21_900)),
        (3, "maintenance", pytest.approx(14_600)),
    ]
    assert build.usd_per_month == pytest.approx(7_300)
