from __future__ import annotations

import pytest

from planner.options.repriced import repriced
from tests import worlds


def options(**more):
    return worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", 1.0)],
        [
            worlds.offer("rent", [2.0, None]),
            worlds.reserved("lease", 1.0, periods=2, term_months=2),
            worlds.owned("bought", hardware="gpu", periods=2),
        ],
        **more,
    )


def test_each_term_keeps_the_factor_of_the_period_in_which_it_starts():
    found = repriced(options(), {"rent": (3.0, 5.0), "lease": (0.5, 2.0)})
    rent, lease, bought = found.offers

    assert rent.price_usd_per_hour == (6.0, None)
    assert [b.usd_per_node_hour for b in lease.builds] == [0.5, 2.0]
    assert [b.usd for b in lease.builds] == pytest.approx([0.5 * 2 * 730, 2.0 * 2 * 730])
    # Of the terms that are there in a period, the cheapest counts.
    assert lease.price_usd_per_hour == (0.5, 0.5)
    assert bought == options().offers[2]


def test_owned_nodes_keep_their_price_whatever_is_asked():
    found = repriced(options(), {"bought": (3.0, 3.0)})

    assert found == options()


def test_tokens_cost_the_factor_of_their_period():
    found = repriced(options(apis=[worlds.api("chat", [0.1, 0.2])]), {"api-chat": (2.0, 0.5)})

    assert found.api[0].usd_per_request == ((pytest.approx(0.2),), (pytest.approx(0.1),))
