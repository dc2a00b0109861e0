"""Batch replicas without work are explained by the change-over that they are held for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.plan.changeover_notes import changeover_notes
from planner.plan.document import TimeBlock
from tests.options.world import problem
from tests.plan.small import decisions, flow, nodes, plan, replicas
from tests.worlds import capacity, demand, offer, option, option_set

TIMES = tuple(TimeBlock(b, "day", 6.0 * b, 6.0 * b + 6.0, 182.5) for b in range(4))


def told(rates_rps, *, is_deferred=True, **policy):
    """Return the notes on a replica that serves at these rates in the blocks from 0 on."""
    offered = option_set([option("o")], [capacity("w", "o", 2.0)], [offer("n")], [], {"w": "w"})
    decided = decisions([replicas("o", 1)], [flow("o", 2.0)], [nodes("n", 1)])
    made = plan(demand({"w": [2.0]}), offered, decided)
    rows = tuple(
        replace(made.allocations[0], block=b, rate_rps=rate, is_deferred=is_deferred)
        for b, rate in enumerate(rates_rps)
    )
    return changeover_notes(
        replace(made, allocations=rows, time_blocks=TIMES), problem(policy=policy)
    )


def test_a_batch_replica_without_work_is_explained():
    assert told([2.0, 0.0, 1.0]) == [
        "w on o: without work at 6-12 h of period 0, and held for the change-over (10 minutes, "
        "policy.changeover_minutes): what is done before or after leaves no time for it"
    ]


def test_more_blocks_of_one_option_are_one_note():
    (note,) = told([0.0, 2.0, 0.0, 0.0])

    assert "without work at 0-6 h of period 0 and 2 more, and held" in note


@pytest.mark.parametrize(
    ("rates_rps", "changes"),
    [
        ([2.0, 1.0], {}),
        ([2.0, 0.0], {"is_deferred": False}),
        ([2.0, 0.0], {"changeover_minutes": 0}),
        ([2.0, 0.0], {"scaling": "static"}),
        ([2.0, 0.0], {"max_share_per_provider": 0.5}),
    ],
    ids=[
        "at work",
        "serves at once",
        "nothing is lost",
        "the same all day",
        "whose nodes matters",
    ],
)
def test_nothing_is_told_where_something_else_is_why(rates_rps, changes):
    assert told(rates_rps, **changes) == []
