"""A plan to begin from survives a loss: two places for each pool, on one option or on two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.milp import Limits, SolverSettings, build_program
from planner.milp.bridge import to_arrays
from planner.milp.highs import solve_arrays, with_fixed_integers
from planner.milp.start import complete_start
from tests import worlds
from tests.milp.test_diversity import cheap_and_dear, world

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0


def cost_of_start(demand, options, **limits):
    program = build_program(demand, options, Limits(**limits))
    arrays = to_arrays(program.problem)
    start = complete_start(program.model, arrays, np.full(arrays.cost.size, np.nan))
    values = solve_arrays(with_fixed_integers(arrays, start), EXACT).values
    return None if values is None else float(arrays.cost @ values) * program.money_unit_usd


def hardware_by_place(planned_rps, **brackets):
    """Return a large device at one provider, and a small one at another."""
    large = brackets.get("large", [2.0])
    return (
        worlds.demand({"chat": [planned_rps]}),
        worlds.option_set(
            [worlds.option("large", hardware="gx"), worlds.option("small", hardware="gy")],
            [
                worlds.capacity("chat", "large", *large),
                worlds.capacity("chat", "small", 1.0),
            ],
            [
                worlds.offer("x", 3.0, hardware="gx", provider="a"),
                worlds.offer("y", 2.0, hardware="gy", provider="b"),
            ],
        ),
    )


def test_a_start_on_one_option_at_two_places_is_a_plan():
    demand, options = cheap_and_dear(2.0)

    assert cost_of_start(demand, options, survive_loss_of="provider") == pytest.approx(8.0 * HOURS)


@pytest.mark.parametrize("spare_nodes", [0, 1])
def test_a_start_of_two_places_keeps_the_spares(spare_nodes):
    demand, options = world(
        2.0,
        *(worlds.offer(n, 2.0, provider=n, accelerators=2) for n in "abc"),
    )
    limits = {"survive_loss_of": "provider", "survive_share": 0.5, "spare_nodes": spare_nodes}

    assert cost_of_start(demand, options, **limits) is not None


def test_where_hardware_differs_by_place_a_start_has_two_options():
    # All on two large ones and half on two small ones, 6 + 4 USD/h; the other way round 8 + 3.
    demand, options = hardware_by_place(4.0)

    usd = cost_of_start(demand, options, survive_loss_of="provider", survive_share=0.5)

    assert usd == pytest.approx(10.0 * HOURS)


@pytest.mark.parametrize("spare_replicas", [1, 2])
def test_two_options_keep_their_spares(spare_replicas):
    demand, options = hardware_by_place(4.0)
    limits = {"survive_loss_of": "provider", "survive_share": 0.1}

    assert cost_of_start(demand, options, spare_replicas=spare_replicas, **limits) is not None


def test_two_options_keep_to_their_brackets():
    # Four large ones at least: all on them and half on two small ones is 12 + 4 USD/h.
    demand, options = hardware_by_place(4.0, large=[(4, 3.0)])

    usd = cost_of_start(demand, options, survive_loss_of="provider", survive_share=0.5)

    assert usd == pytest.approx(min(12.0 + 4.0, 8.0 + 12.0) * HOURS)


def test_one_place_alone_gives_no_start():
    demand, options = hardware_by_place(4.0)
    here = replace(options, offers=tuple(replace(o, provider="a") for o in options.offers))

    assert cost_of_start(demand, here, survive_loss_of="provider") is None
