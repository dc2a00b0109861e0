"""``planner options``: what comes on top of its prices."""

from __future__ import annotations

import pytest

from tests.hedge.world import scenario, write_halves


def test_the_command_shows_people_and_least_orders(planner, tmp_path):
    """12,000 USD a year: 0.1 people cost 100 a month, and 8.76 for a node 12 USD an hour."""
    path = write_halves(tmp_path, [scenario("only", 1, 1.0)], "reserved_1y")
    more = (
        "supply: {staff: {usd_per_fte_year: 12000, rented: {fte: 0.1, fte_per_node: 8.76}}, "
        "order_minimums: [{name: m, min_nodes: 4}], "
    )
    text = path.read_text(encoding="utf-8").replace("supply: {", more)
    path.write_text(text, encoding="utf-8")

    shown, found = planner("options", path), planner("options", path, "--json").json

    term, hour = "me:one:here:reserved_1y", "me:one:here:on_demand"
    assert found["people"]["usd_per_month"] == {"rented": pytest.approx(100.0)}
    assert found["people"]["usd_per_node_hour"] == pytest.approx({hour: 12.0, term: 12.0})
    assert found["order_minimums"] == {term: 4}
    assert "100.00 USD per month with any rented nodes; 12 USD for an hour of a node" in shown.out
    assert f"least of an order, or none: 4 of {term}\n" in shown.out
