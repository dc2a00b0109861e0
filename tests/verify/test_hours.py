"""Nodes of some hours in a plan: rows, payments and shares are recomputed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, every_change, report
from tests.verify.conftest import DAY, MEASURED, solved

PLACE = "existing:existing-0:north:reserved_1y"


def lent(hours):
    return {
        "hardware": "gpu-a", "tenure": "reserved_1y", "nodes": 3, "accelerators_per_node": 1,
        "usd_per_node_hour": 0.5, "hours": hours, "region": "north",
    }  # fmt: skip


@pytest.fixture(scope="module")
def nights():
    """Return two periods of two workloads with three nodes from 17:00 to 12:00."""
    asked = problem(
        workload("chat", arrival={"mean_rate_rps": 12.0, "profile": DAY}),
        workload("code", arrival={"mean_rate_rps": 6.0, "profile": DAY[12:] + DAY[:12]}),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"], "existing": [lent([[17, 12]])]},
    )
    table = [MEASURED | {"workload": "chat"}, MEASURED | {"workload": "code"}]
    return solved(asked, catalog(offers=[row("offers", elastic_max_nodes=50)]), table)


def there(plan):
    return {(r.period, r.block): r for r in plan.fleet if r.offer_id == PLACE}


def test_a_plan_with_nodes_of_some_hours_is_sound(nights):
    assert nights.plan.status == "optimal"
    assert report(nights, nights.plan) == []
    assert set(there(nights.plan)) == {(t, b) for t in (0, 1) for b in (0, 1, 3)}


def test_all_hours_are_paid_and_those_of_whole_blocks_serve(nights):
    # 19 h a day are paid, 18 h lie in whole blocks.
    plan = nights.plan
    paid = 3 * 0.5 * 6 * 730 * 19 / 24
    lease = [line.usd for line in plan.cost_lines if line.category == "lease"]

    assert sum(lease) == pytest.approx(paid)
    assert plan.commitments[0].usd == pytest.approx(paid)
    assert plan.commitments[0].hours == ((17.0, 12.0),)
    assert sum(r.usd for r in there(plan).values()) == pytest.approx(paid)
    assert plan.commitments[0].usd_per_node_hour == pytest.approx(0.5 * 19 / 18)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"hours": ()}, r"hours of the day \(\), expected"),
        ({"hours": ((17.0, 13.0),)}, r"hours of the day"),
        ({"usd_per_node_hour": 0.5}, r"USD per node-hour, the tables give"),
        ({"usd": lambda usd: usd * 24 / 19}, r"USD, the tables give"),
    ],
)
def test_changed_commitments_are_reported(nights, changes, text):
    found = report(nights, changed(nights.plan, "commitments", 0, **changes))

    assert any(re.search(text, line) for line in found), found


def test_nodes_outside_their_hours_are_reported(nights):
    rows = nights.plan.fleet
    position = next(i for i, r in enumerate(rows) if r.offer_id == PLACE)
    more = (*rows, replace(rows[position], block=2))

    found = report(nights, replace(nights.plan, fleet=more))

    assert f"period 0 block 2 {PLACE}: nodes outside their term" in found


def test_missing_nodes_are_reported(nights):
    rows = tuple(r for r in nights.plan.fleet if (r.offer_id, r.block) != (PLACE, 3))

    found = report(nights, replace(nights.plan, fleet=rows))

    assert f"period 0 block 3 {PLACE}: 0 nodes, 3 taken on" in found


def test_no_single_figure_changes_unnoticed(nights):
    unnoticed = {
        (table, name)
        for table, name, plan in every_change(nights.plan)
        if table in {"commitments", "commitment_figures", "cost_lines"}
        and not report(nights, plan)
    }

    assert unnoticed == set()


def test_shorter_hours_than_the_plan_used_are_reported(nights):
    supply = nights.problem.supply
    shorter = supply.existing[0].model_copy(update={"hours": [[18.0, 6.0]]})
    asked = nights.problem.model_copy(
        update={"supply": supply.model_copy(update={"existing": [shorter]})}
    )

    found = report(replace(nights, problem=asked), nights.plan)

    assert f"period 0 block 1 {PLACE}: nodes outside their term" in found
