"""Sales of nodes that are there, and capacity blocks, in a hedge: every policy counted by hand."""

from __future__ import annotations

import pytest

from planner.hedge.run import HedgeSettings, run_hedge
from planner.pipeline import SolveSettings
from planner.problem.load import load_problem
from planner.verify.audit.alike import unlike_orders
from tests.hedge.world import (
    CAPEX_USD,
    PERIOD_H,
    RENT_USD_PER_HOUR,
    scenario,
    write_halves,
)

EXACT = SolveSettings(gap=0.0, time_limit_s=60.0, compare=False)
RENT_USD = RENT_USD_PER_HOUR * PERIOD_H
"""A node by the hour for half a year: 8,760 USD."""
ALONE = "supply.tenures=[on_demand]"


def hedged(folder, scenarios, *stated):
    path = write_halves(folder, scenarios)
    found = run_hedge(path, (ALONE, *stated), settings=HedgeSettings(EXACT, compare=False))
    plans = {outcome.name: outcome.plan for outcome in found.scenarios}
    return found, plans


def amounts(found, kind):
    return {
        (o.purchase.period, o.scenarios): o.amount for o in found.orders if o.purchase.kind == kind
    }


# 5 requests/s, one node, in the first half year; then 10 or almost nothing, known from it on.
UP, DOWN = [1.0, 2.0, 1.0, 1.0], [1.0, 0.01, 1.0, 1.0]


@pytest.mark.parametrize(
    ("brings", "sold"),
    # Two nodes are there, one is needed at once. The other, sold now, is rented for three half
    # years where demand grows, in one of two scenarios: 13,140 USD on average. Kept, it is used
    # there, and sold half a year later where demand falls, for half as much.
    [(24_000, 1), (20_000, 1), (12_000, 0)],
)
def test_a_node_is_sold_before_the_scenario_is_known_where_that_pays(tmp_path, brings, sold):
    spare = (
        "supply.existing=[{hardware: h100-sxm-80gb, tenure: owned, nodes: 2, "
        "accelerators_per_node: 1, usd_per_node_hour: 0, "
        f"resale: {{usd_per_node: [{brings}, {brings / 2}, 0, 0, 0]}}}}]"
    )

    found, plans = hedged(tmp_path, [scenario("up", 0.5, UP), scenario("down", 0.5, DOWN)], spare)

    later = -0.5 * brings / 2
    now = 0.5 * 3 * RENT_USD - brings
    assert found.expected_usd == pytest.approx(min(later, now))
    assert sum(amounts(found, "sale").values()) == sold
    assert list(unlike_orders(_problem(tmp_path), plans)) == []


def _problem(folder):
    return load_problem(folder / "halves.yaml", None, (ALONE,)).problem


@pytest.mark.parametrize(("usd_per_hour", "nodes"), [(0.8, 1), (1.2, 0)])
def test_a_capacity_block_is_shared_while_scenarios_look_alike(tmp_path, usd_per_hour, nodes):
    # The window is the second half year. With `known_from: 2` both scenarios still look alike when
    # it begins, and its node is of use in one of two: it is worth less than half of the rent.
    window = (
        "supply.capacity_blocks=[{name: launch, provider: me, hardware: h100-sxm-80gb, "
        "accelerators_per_node: 1, since: 2027-07, until: 2028-01, max_nodes: 1, "
        f"usd_per_node_hour: {usd_per_hour}}}]"
    )
    base = (
        "supply.existing=[{hardware: h100-sxm-80gb, tenure: owned, nodes: 1, "
        "accelerators_per_node: 1, usd_per_node_hour: 0}]"
    )
    scenarios = [scenario("up", 0.5, UP, known_from=2), scenario("down", 0.5, DOWN, known_from=2)]

    found, plans = hedged(tmp_path, scenarios, base, window)

    block = min(usd_per_hour * PERIOD_H, 0.5 * RENT_USD)
    later = 0.5 * 2 * RENT_USD  # where it grew, the second node is rented for another year
    assert found.expected_usd == pytest.approx(block + later)
    assert amounts(found, "nodes") == ({(1, ("up", "down")): 1} if nodes else {})
    assert list(unlike_orders(_problem(tmp_path), plans)) == []


@pytest.mark.parametrize(("people_usd", "bought"), [(5_000, 2), (100, 1)])
def test_a_server_is_bought_for_one_scenario_where_it_saves_people_for_rented_nodes(
    tmp_path, people_usd, bought
):
    # One server serves both scenarios. Where demand grows, a second node is needed for a year:
    # a server for 9,000 USD, or rented for 17,520 USD with people, in one of two scenarios.
    scenarios = [scenario("up", 0.5, [1.0, 2.0, 0.5, 1.0]), scenario("down", 0.5, 1.0)]
    rented = "rented: {fte: 1}, owned: {fte: 0, fte_per_node: 0}"
    people = f"supply.staff={{usd_per_fte_year: {2 * people_usd}, {rented}}}"
    path = write_halves(tmp_path, scenarios)
    asked = ("supply.tenures=[on_demand, owned]", people)

    found = run_hedge(path, asked, settings=HedgeSettings(EXACT, compare=False))

    second = min(CAPEX_USD, 0.5 * 2 * (RENT_USD + people_usd))
    assert sum(o.amount for o in found.orders) == bought
    assert found.expected_usd == pytest.approx(CAPEX_USD + second)
