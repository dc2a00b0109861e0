"""Price paths that move nothing: what is on offer, at whose price, and priced when."""

from __future__ import annotations

import pytest

from planner.demand.grid import time_grid
from planner.options.build import build_options
from planner.options.idle_paths import idle_paths
from tests.options.test_terms import YEAR
from tests.options.world import catalog, demand, loaded, problem, row

NOT_FOLLOWED = (
    "what it names is not on offer, serves nothing here, has a price of the problem's own"
)
TOO_LATE = "what follows it is priced only in periods in which it changes nothing"
LISTED = row("offers", tenure="capacity_block", price_usd_per_hour=4)
QUARTERS = YEAR["horizon"]
ONE_PERIOD = {"start": "2027-01", "periods": 1, "months_per_period": 12}


def block(since="2027-04", **own):
    terms = {"name": "spring", "provider": "cloud", "hardware": "gpu-a", "until": "2028-01"}
    return {"accelerators_per_node": 1, "since": since, "max_nodes": 2} | terms | own


def units(**own):
    size = {"usd_per_unit_hour": 10.0, "tokens_per_minute_per_unit": 1e5}
    return {"name": "ptu", "provider": "tokens", "model": "model-a"} | size | own


def idle(*items, horizon=QUARTERS, **supply):
    """Return why the paths of a problem move nothing, by name."""
    named = [{"name": f"p{k}"} | item for k, item in enumerate(items)]
    asked = problem(supply=supply | {"price_paths": named}, horizon=horizon)
    known = catalog(offers=[row("offers"), LISTED])
    options = build_options(loaded(asked), known, demand(asked))
    found = (
        text.split(" moves no price: ") for text in idle_paths(asked, options, time_grid(asked))
    )
    return {path.rpartition(".")[2]: why for path, why in found}


def rate(change=-0.2, **names):
    return names | {"change_per_year": change}


@pytest.mark.parametrize(("since", "is_idle"), [("2027-12", False), ("2028-01", True)])
def test_steps_after_the_horizon_are_said_to_move_nothing(since, is_idle):
    """Four quarters end with December 2027, whatever the prices of the kind do meanwhile."""
    late = {"tenure": "on_demand", "steps": [{"since": since, "factor": 0.5}]}
    horizon = {"start": "2027-01", "periods": 12, "months_per_period": 1}
    supply = {"tenures": ["on_demand"], "price_change_per_year": {"on_demand": -0.1}}

    found = idle(late, horizon=horizon, **supply)

    assert [why.partition(";")[0] for why in found.values()] == is_idle * [
        "none of its steps falls into the horizon"
    ]


@pytest.mark.parametrize("names", [{"tenure": "capacity_block"}, {"instance": "one"}])
def test_a_block_at_a_price_of_its_own_follows_no_path(names):
    path, own = rate(**names), block(usd_per_node_hour=3.0, instance="one")

    (why,) = idle(path, capacity_blocks=[own], tenures=["api"]).values()

    assert why.startswith(NOT_FOLLOWED)
    assert idle(path, capacity_blocks=[block(instance="one")], tenures=["api"]) == {}


def test_a_block_of_the_catalogue_follows_its_path_by_every_name_of_it():
    names = [
        {"tenure": "capacity_block"}, {"hardware": "gpu-a"}, {"provider": "cloud"},
        {"region": "north"}, {"offer": LISTED.offer_id},
    ]  # fmt: skip

    for name in names:
        assert idle(rate(**name), capacity_blocks=[block()], tenures=["api"]) == {}


def test_a_block_takes_its_price_at_the_start_of_its_window():
    """A rate moves it from its second quarter on; a step only where it begins by then."""
    falls = rate(tenure="capacity_block")
    steps = {"tenure": "capacity_block", "steps": [{"since": "2027-07", "factor": 0.5}]}

    assert idle(falls, capacity_blocks=[block("2027-01")]) == {"p0": TOO_LATE}
    assert idle(falls, capacity_blocks=[block("2027-04")]) == {}
    assert idle(steps, capacity_blocks=[block("2027-04")]) == {"p0": TOO_LATE}
    assert idle(steps, capacity_blocks=[block("2027-07")]) == {}


def test_a_rate_moves_nothing_where_everything_is_priced_at_the_start():
    path = rate(tenure="on_demand")

    assert idle(path, horizon=ONE_PERIOD) == {"p0": TOO_LATE}
    assert idle(path, horizon=QUARTERS) == {}


def test_a_path_that_keeps_a_price_where_its_kind_moves_has_an_effect():
    """A rate of 0 is never called idle, nor is a step that keeps the price of the start."""
    kept = {"tenure": "on_demand", "steps": [{"since": "2027-12", "factor": 1.0}]}

    assert idle(kept, price_change_per_year={"on_demand": -0.1}) == {}
    assert idle(rate(0.0, tenure="on_demand")) == {}


def test_units_that_are_taken_on_already_keep_their_price():
    there = [{"units": 1, "until": "2028-01"}]
    path = rate(offer="provisioned:ptu")

    assert idle(path, provisioned=[units(committed=there)]) == {}
    (why,) = idle(path, provisioned=[units(committed=there)], tenures=["on_demand"]).values()
    assert why.startswith(NOT_FOLLOWED)


def test_a_path_behind_a_narrower_one_moves_nothing():
    found = idle(rate(tenure="on_demand"), rate(instance="one", tenure="on_demand"))

    assert list(found) == ["p0"]
