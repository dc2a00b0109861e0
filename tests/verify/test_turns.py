"""Turns of a plan: what ends and what begins has room side by side, and starts are paid."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, one_less, one_more, report
from tests.verify.conftest import MEASURED, solved

FIRST_HALF = {"mean_rate_rps": 9.0, "profile": [1.6] * 12 + [0.4] * 12, "peak_factor_in_hour": 1.0}
SECOND_HALF = FIRST_HALF | {"profile": [0.4] * 12 + [1.6] * 12}


def two_models(**policy):
    """Return chat before noon and code after it, each on a model of its own."""
    asked = problem(
        workload("chat", arrival=FIRST_HALF),
        workload("code", arrival=SECOND_HALF),
        time_blocks=4,
        performance="table.csv",
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 0, **policy},
    )
    good = {("chat", "model-a"), ("code", "model-b")}
    table = [
        MEASURED | {"workload": w, "model": m, "capacity_rps": 5.0 if (w, m) in good else 0.01}
        for w in ("chat", "code")
        for m in ("model-a", "model-b")
    ]
    facts = catalog(offers=[row("offers", elastic_max_nodes=50, startup_minutes=20)])
    return solved(asked, facts, table)


@pytest.fixture(scope="module")
def rented():
    return two_models()


def test_nodes_that_take_the_place_of_others_are_rows_of_the_plan(rented):
    """Four replicas and one, then one and four: three nodes of five give way twice a day."""
    rows = [(n.nodes, n.starting_nodes) for n in rented.plan.fleet]
    assert rows == [(5, 0), (5, 3), (5, 0), (5, 3)]
    # 3 nodes for 20 minutes on each of the 91.25 days of a quarter.
    starts = [n.startup_node_hours for n in rented.plan.fleet]
    assert starts == pytest.approx([0, 91.25, 0, 91.25])
    assert report(rented, rented.plan) == []


def starts_of(world, plan, count):
    """Return the plan with other starts before noon, hours and dollars with them."""
    old = plan.fleet[1]
    hours = old.startup_node_hours * count / old.starting_nodes
    usd = old.usd + (hours - old.startup_node_hours) * old.price_usd_per_hour
    return changed(plan, "fleet", 1, starting_nodes=count, startup_node_hours=hours, usd=usd)


def test_a_turn_without_room_is_found(rented):
    bare = starts_of(rented, rented.plan, 1)

    found = report(rented, bare)

    assert (
        "period 0 block 2 gpu-a: 8 accelerators needed by replicas that end and begin with it"
        in (" ".join(found))
    )


def test_more_nodes_may_give_way_but_not_more_than_there_are(rented):
    assert not any(
        "nodes start" in text for text in report(rented, starts_of(rented, rented.plan, 5))
    )
    assert any(
        "block 1: 6 nodes start, 0 to 5 expected" in text
        for text in report(rented, starts_of(rented, rented.plan, 6))
    )


@pytest.mark.parametrize(
    ("change", "says"), [(one_more, "start-up, 4"), (one_less, "start-up, 2")]
)
def test_starts_and_their_hours_agree(rented, change, says):
    found = report(rented, changed(rented.plan, "fleet", 1, starting_nodes=change))

    assert any(says in text for text in found)


def test_a_quota_counts_nodes_until_they_end(rented):
    quota = {"hardware": "gpu-a", "max_accelerators": 7}
    supply = problem(workload("x"), supply={"tenures": ["on_demand"], "quotas": [quota]}).supply
    tight = rented.problem.model_copy(update={"supply": supply})

    found = report(replace(rented, problem=tight), rented.plan)

    assert any("8 x gpu-a while nodes start, quota 7" in text for text in found)


def test_nothing_is_owed_where_a_change_takes_no_time():
    world = two_models(changeover_minutes=0)

    assert not any(n.starting_nodes for n in world.plan.fleet)
    assert report(world, world.plan) == []
