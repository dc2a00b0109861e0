"""Hours of the day in which nodes are there: blocks inside, what is paid, contradictions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.problem.semantics import semantic_faults
from planner.problem.supply import ExistingNodes
from planner.verify.audit.clock import is_there, paid_share
from tests.options.world import problem

BASE = {
    "hardware": "gpu", "tenure": "reserved_1y", "nodes": 2, "accelerators_per_node": 8,
    "usd_per_node_hour": 10.0,
}  # fmt: skip


def lent(*hours):
    return ExistingNodes.model_validate(BASE | {"hours": [list(run) for run in hours]})


@pytest.mark.parametrize(
    ("hours", "blocks", "inside", "paid_h"),
    [
        (((20, 8),), 24, {*range(8), 20, 21, 22, 23}, 12),
        (((20, 8),), 6, {0, 1, 5}, 12),
        (((20, 8),), 4, {0}, 12),
        (((20.5, 8),), 24, {*range(8), 21, 22, 23}, 11.5),
        (((20, 0), (0, 6)), 4, {0}, 10),
        (((6, 10), (10, 12)), 4, {1}, 6),
        (((0, 24),), 8, set(range(8)), 24),
        (((24, 6),), 4, {0}, 6),
    ],
)
def test_only_blocks_wholly_inside_count_and_all_hours_are_paid(hours, blocks, inside, paid_h):
    nodes = lent(*hours)

    assert nodes.blocks_inside(blocks) == inside
    assert nodes.hours_per_day == paid_h


def test_without_hours_nodes_are_there_all_day():
    nodes = ExistingNodes.model_validate(BASE)

    assert nodes.blocks_inside(24) is None
    assert nodes.hours_per_day == 24


@given(
    begin=st.integers(0, 47),
    length=st.integers(1, 47),
    blocks=st.sampled_from([1, 4, 6, 8, 12, 24]),
)
def test_the_audit_counts_the_same_blocks_minute_by_minute(begin, length, blocks):
    end = (begin + length) / 2
    nodes = lent((begin / 2, end if end <= 24 else end - 24))
    asked = problem(time_blocks=blocks)

    found = {b for b in range(blocks) if is_there(nodes, asked, b)}

    assert found == nodes.blocks_inside(blocks)
    assert paid_share(nodes) * 24 == pytest.approx(nodes.hours_per_day)


def faults(make_problem, hours, **changes):
    existing = [BASE | {"hours": hours}]
    asked = make_problem(supply={"existing": existing}, time_blocks=6, **changes)
    return [(".".join(map(str, path)), message) for path, message in semantic_faults(asked)]


def test_hours_without_contradiction(make_problem):
    assert faults(make_problem, [[20, 8], [12, 16]]) == []
    assert faults(make_problem, [[0, 24]]) == []


@pytest.mark.parametrize(
    ("hours", "place", "message"),
    [
        ([[20, 8], [4, 12]], "hours.1", "overlaps with item 0"),
        ([[0, 24], [4, 12]], "hours.1", "overlaps with item 0"),
        ([[8, 8], [12, 16]], "hours.0", "[8, 8] is no time"),
        ([[21, 23]], "hours", "no block of 4 h lies wholly in these hours"),
    ],
)
def test_contradictions_name_the_hours(make_problem, hours, place, message):
    found = faults(make_problem, hours)

    assert f"supply.existing.0.{place}" in [where for where, _ in found]
    assert any(message in text for _, text in found)


def test_hours_are_refused_where_the_day_is_flat(make_problem):
    found = faults(make_problem, [[20, 8]], policy={"scaling": "static"})

    assert [place for place, _ in found] == ["supply.existing.0.hours"]
    assert "hold nothing with `policy.scaling: static`" in found[0][1]
