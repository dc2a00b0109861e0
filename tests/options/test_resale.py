"""Nodes that are there and may be sold: every way to part with them, by hand."""

from __future__ import annotations

import pytest

from tests.options.test_terms import RATE, YEAR, supplied

QUARTER_USD = 10.0 * 730.0 * 3
"""A quarter of a node at 10 USD an hour."""
FALLING = {"usd_per_node": [90_000, 60_000, 40_000, 0, 20_000]}


def there(**changes):
    stated = {
        "hardware": "gpu-a",
        "tenure": "owned",
        "nodes": 3,
        "accelerators_per_node": 8,
        "usd_per_node_hour": 10.0,
        "resale": FALLING,
    }
    return stated | changes


def builds(*, finance=None, **changes):
    sections = RATE if finance is None else {"finance": RATE["finance"] | finance}
    (node,), _ = supplied(
        tenures=("on_demand",), supply={"existing": [there(**changes)]}, **YEAR, **sections
    )
    return node, {b.sold_month: b for b in node.builds}


def money(build):
    return [(p.period, p.category, p.usd, p.factor) for p in build.payments]


def test_each_moment_with_a_price_is_a_way_to_part_with_nodes():
    node, ways = builds()

    assert node.may_be_sold
    assert node.nodes_there == 3
    assert {m: (b.start, b.end, b.term_months) for m, b in ways.items()} == {
        None: (0, 4, 12),
        0: (0, 0, 0),
        3: (0, 1, 3),
        6: (0, 2, 6),
    }  # at the start of the fourth quarter nobody pays for them


def test_a_sale_ends_what_is_paid_and_brings_its_price_on_its_own_date():
    _, ways = builds()

    assert money(ways[6]) == [
        (0, "maintenance", pytest.approx(QUARTER_USD), pytest.approx(1.1**-0.125)),
        (1, "maintenance", pytest.approx(QUARTER_USD), pytest.approx(1.1**-0.375)),
        (2, "resale", -40_000, pytest.approx(1.1**-0.5)),
    ]
    assert money(ways[0]) == [(0, "resale", -90_000, 1.0)]


def test_nodes_that_stay_are_worth_at_the_end_what_is_stated_for_it():
    _, ways = builds()
    *paid, left = money(ways[None])

    assert [usd for _, _, usd, _ in paid] == pytest.approx([QUARTER_USD] * 4)
    assert left == (3, "terminal_value", -20_000, pytest.approx(1.1**-1))


@pytest.mark.parametrize(
    "changes", [{"finance": {"terminal_value": "none"}}, {"until": "2028-01"}]
)
def test_no_value_is_left_where_none_counts_or_the_nodes_leave(changes):
    _, ways = builds(**changes)

    assert {p.category for p in ways[None].payments} == {"maintenance"}


def test_one_figure_falls_by_the_year_from_the_start_of_the_horizon():
    _, ways = builds(resale={"usd_per_node": 80_000, "change_per_year": -0.3})

    brought = {m: -b.payments[-1].usd for m, b in ways.items()}
    assert brought == pytest.approx(
        {m: 80_000 * 0.7 ** (m / 12) for m in (0, 3, 6, 9)} | {None: 80_000 * 0.7}
    )


def test_nodes_are_not_sold_at_or_after_their_end():
    _, ways = builds(until="2027-08", resale={"usd_per_node": 80_000, "change_per_year": 0.0})

    # they leave within the third quarter, at whose start they may still be sold
    assert {m: (b.start, b.end, b.term_months) for m, b in ways.items()} == {
        None: (0, 2, 7),
        0: (0, 0, 0),
        3: (0, 1, 3),
        6: (0, 2, 6),
    }
    assert [p.usd for p in ways[None].payments] == pytest.approx([21_900, 21_900, 7_300])


def test_nodes_on_order_are_not_sold_before_they_come():
    _, ways = builds(since="2027-07", resale={"usd_per_node": 80_000, "change_per_year": 0.0})

    assert set(ways) == {None, 6, 9}
    assert money(ways[6]) == [(2, "resale", -80_000, pytest.approx(1.1**-0.5))]


def test_nodes_that_bring_nothing_stay():
    node, ways = builds(resale={"usd_per_node": 0, "change_per_year": 0.1})

    assert not node.may_be_sold
    (kept,) = ways.values()
    (plain,), _ = supplied(
        tenures=("on_demand",), supply={"existing": [there(resale=None)]}, **YEAR, **RATE
    )
    assert (kept,) == plain.builds
