"""What comes on top of the prices of `planner options`: people, and least orders."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from planner.options.staff_records import HostingStaff
from planner.report.beside_prices import minimum_data, people_data, write_beside_prices
from tests.worlds import api, capacity, offer, option, option_set, reserved

STAFF = HostingStaff(
    owned_usd_per_month=2_000.0,
    rented_usd_per_month=1_000.0,
    api_usd_per_month=300.0,
    usd_per_offer_month=50.0,
)
RENTED = replace(offer("n"), staff_usd_per_hour=0.5)
TERM = replace(reserved("r"), staff_usd_per_hour=2.25)
SERVER = replace(reserved("s"), tenure="owned")
TOKENS = api("w", 0.001)


def least(node, nodes):
    return replace(node, builds=tuple(replace(b, min_nodes=nodes) for b in node.builds))


def there(node):
    return replace(node, builds=(replace(node.builds[0], fixed_nodes=3),))


def offered(*nodes, tokens=(), staff=STAFF):
    options = option_set([option("o")], [capacity("w", "o", 2.0)], nodes, tokens, {"w": "w"})
    return replace(options, staff=staff)


def written(options):
    out = io.StringIO()
    write_beside_prices(out, people_data(options), minimum_data(options))
    return out.getvalue()


def test_people_of_every_kind_of_hosting_are_told_beside_the_prices():
    options = offered(RENTED, TERM, SERVER, tokens=[TOKENS])

    assert people_data(options) == {
        "usd_per_month": {"owned": 2_000.0, "rented": 1_000.0, "api": 300.0},
        "usd_per_node_hour": {"n": 0.5, "r": 2.25},
        "usd_per_offer_month": 50.0,
    }
    assert written(options) == (
        "\npeople, in no price above: 2,000 USD per month with any owned nodes; 1,000 USD per "
        "month with any rented nodes; 300.00 USD per month with any tokens; 0.5 to 2.25 USD for "
        "an hour of a node; 50.00 USD per month for an offer of tokens in use\n"
    )


@pytest.mark.parametrize(
    ("nodes", "staff", "hosting"),
    [
        ([RENTED], STAFF, ["rented"]),
        ([SERVER], STAFF, ["owned"]),
        ([there(SERVER)], STAFF, []),
        ([there(SERVER)], replace(STAFF, counts_existing=True), ["owned"]),
        ([there(TERM)], STAFF, ["rented"]),
        ([], STAFF, []),
    ],
)
def test_only_people_of_hosting_that_may_occur_are_told(nodes, staff, hosting):
    found = people_data(offered(*nodes, staff=staff))

    assert list(found["usd_per_month"]) == hosting
    assert found["usd_per_offer_month"] == 0.0


def test_least_orders_are_told_where_one_node_is_not_enough():
    options = offered(offer("n"), least(TERM, 4), SERVER, least(there(SERVER), 9))

    assert minimum_data(options) == {"r": 4}
    assert "\nleast of an order, or none: 4 of r\n" in written(options)
    many = offered(*(least(reserved(f"r{k}"), 2) for k in range(9)))
    assert written(many).endswith("2 of r5 and of 3 more\n")


def test_nothing_is_written_where_nothing_comes_on_top():
    options = offered(offer("n"), reserved("r"), tokens=[TOKENS], staff=HostingStaff())

    assert written(options) == ""
