"""Orders at prices that move: the optimum against every way to order, and what a wait is worth."""

from __future__ import annotations

import itertools
from functools import cache

import pytest

from planner.verify.audit import audit
from tests.finance.world import FREE_SITE, asked, solved
from tests.options.test_terms import reserved, servers, sites
from tests.options.world import catalog, row
from tests.verify.changes import every_change

QUARTER_H, MONTHS = 2190.0, 3.0
RATE = 0.1
NODES, QUARTERS = 2, 4
RENT_USD, LEASE_USD, BOX_USD, LATER_BOX_USD = 2.0, 1.9, 20_000.0, 7_000.0
LEASE_FACTORS = (1.0, 0.95, 0.95, 0.85)
PATHS = [
    {"name": "rent", "offer": "cloud:one:north:on_demand", "change_per_year": -0.2},
    {
        "name": "lease", "offer": "cloud:one:north:reserved_1y",
        "steps": [{"since": "2027-04", "factor": 0.95}, {"since": "2027-10", "factor": 0.85}],
    },
    {"name": "any", "hardware": "gpu-a", "steps": [{"since": "2027-07", "factor": 0.9}]},
]  # fmt: skip
"""Rent and lease have paths of their own; what is left of the last one are the servers."""
FREE = {"note"}
"""Fields of words."""


def problem(paths=PATHS):
    """Return a year with two nodes at work that may be rented, leased and bought."""
    return asked(
        8.0, months=12, tenures=("on_demand", "reserved_1y", "owned"), rate_per_year=RATE,
        supply={"price_paths": paths},
        finance={"terminal_value": "none", "commitment_tail": "pro_rata"},
    )  # fmt: skip


def facts(*, rent=1.0, lease=1.0, box=1.0):
    """Return prices times factors; the server is cheaper from April on."""
    figures = {"accelerators": 1, "capex_usd": BOX_USD * box, "it_power_w": 0,
               "support_fraction_per_year": 0.0, "lead_time_weeks": 13.0}  # fmt: skip
    later = row("servers", id="box", quantity="capex_usd", value=LATER_BOX_USD * box,
                valid_from="2027-04", as_of="2026-12")  # fmt: skip
    return catalog(
        offers=[
            row("offers", price_usd_per_hour=RENT_USD * rent, elastic_max_nodes=9,
                startup_minutes=0),
            reserved(price_usd_per_hour=LEASE_USD * lease),
        ],
        api_offers=[], servers=[*servers(**figures), later], sites=sites(**FREE_SITE),
    )  # fmt: skip


def at(month):
    return (1 + RATE) ** (-month / 12)


def way_usd(bought, leased):
    """Return the cost of servers and leases by the quarter they start in, the rest rented."""
    total = 0.0
    for start, count in enumerate(bought):
        # thirteen weeks are 2.99 months, so July's servers are ordered and paid in April's quarter
        order = max(start - 1, 0)
        price = (BOX_USD, LATER_BOX_USD, LATER_BOX_USD * 0.9)[order]
        total += count * price * at(MONTHS * order)
    hours_worth = [QUARTER_H * at(MONTHS * (t + 0.5)) for t in range(QUARTERS)]
    for start, count in enumerate(leased):
        total += count * LEASE_USD * LEASE_FACTORS[start] * sum(hours_worth[start:])
    for t, worth in enumerate(hours_worth):
        rented = NODES - sum(bought[: t + 1]) - sum(leased[: t + 1])
        total += rented * RENT_USD * 0.8 ** (t / 4) * worth
    return total


@cache
def ways():
    """Return the cost of every way to order by what starts in which quarter."""
    starts = list(itertools.product(range(NODES + 1), repeat=QUARTERS))
    return {
        (bought, leased): way_usd(bought, leased)
        for bought in starts
        for leased in starts
        if sum(bought) + sum(leased) <= NODES
    }


@pytest.fixture(scope="module")
def plan():
    return solved(problem(), facts(), compare=False, commitments=True)


def test_the_plan_is_the_best_of_all_ways_to_order_and_waits_for_the_cheaper_server(plan):
    best = min(ways(), key=ways().__getitem__)

    assert best == ((0, 0, 2, 0), (0, 0, 0, 0))
    assert plan.cost_usd == pytest.approx(ways()[best], abs=0.005)
    (order,) = plan.commitments
    assert (order.order_month, order.nodes, order.price_date) == ("2027-04", 2, "2026-12")
    assert audit(plan, problem(), facts()) == []


def test_a_quarters_delay_costs_what_the_best_way_without_an_order_then_does(plan):
    late = [
        usd
        for (bought, leased), usd in ways().items()
        # nothing ordered before April, as in the plan, and nothing from April to June
        if not sum(bought[:3]) + sum(leased[:2])
    ]

    (date,) = plan.order_calendar

    assert date.delay_usd == pytest.approx(min(late) - plan.cost_usd, abs=0.01)


def test_the_price_fall_that_makes_the_order_wrong_counts_the_falling_rent(plan):
    (sheet,) = plan.commitment_figures
    rent_usd = RENT_USD * (0.8**0.5 + 0.8**0.75) / 2

    assert sheet.alternative_usd_per_accelerator_hour == pytest.approx(rent_usd)
    # a server is paid in April, and does without the rents of July and October
    rents_usd = sum(QUARTER_H * RENT_USD * 0.8 ** (t / 4) * at(MONTHS * (t + 0.5)) for t in (2, 3))
    own_usd = LATER_BOX_USD * at(MONTHS)
    assert sheet.alternative_discounted_usd == pytest.approx(2 * rents_usd)
    assert sheet.alternative_price_fall == pytest.approx(1 - own_usd / rents_usd)


@pytest.mark.parametrize("item", ["rent", "lease", "box"])
def test_half_the_price_of_anything_never_costs_more(plan, item):
    halved = solved(problem(), facts(**{item: 0.5}), compare=False)

    assert halved.bound_usd <= plan.cost_usd
    assert halved.cost_usd <= plan.cost_usd + 0.005
    assert audit(halved, problem(), facts(**{item: 0.5})) == []


def test_the_audit_finds_every_changed_figure_and_every_other_path(plan):
    known = facts()
    for table, field, other in every_change(plan):
        assert field in FREE or audit(other, problem(), known), (table, field)
    for other in (PATHS[1:], [PATHS[0] | {"change_per_year": -0.21}], [PATHS[0]]):
        assert bool(audit(plan, problem(other), known)) is (other != [PATHS[0]])
