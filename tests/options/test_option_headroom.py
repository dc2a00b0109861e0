"""Headroom of options by name: what they carry in these blocks, and what dominates what."""

from __future__ import annotations

import pytest

from planner.demand.build import build_demand
from planner.options.build import build_options
from tests.options.test_excluded import GRID, ONE, SECTIONS, options_of
from tests.options.world import catalog, loaded, problem, row, workload


def capacities(found):
    return {(c.workload, c.option_id): c for c in found.capacities}


def test_a_replica_carries_so_many_times_less_in_these_blocks_and_no_other_does():
    item = {"factor": 1.6, "option": ONE, "periods": [1], "blocks": [0, 2]}
    plain = capacities(options_of(workload(), workload("code"), **GRID))
    found = capacities(options_of(workload(headroom=[item]), workload("code"), **GRID))

    changed = {key for key, capacity in found.items() if capacity.headroom}
    assert changed == {("chat", ONE)}
    before, after = plain["chat", ONE], found["chat", ONE]
    for period in range(2):
        for block in range(4):
            times = 1.6 if (period, block) in {(1, 0), (1, 2)} else 1.0
            pairs = zip(before.points_at(period), after.points_in(period, block), strict=True)
            for whole, part in pairs:
                assert times * part.planned_rps == pytest.approx(whole.planned_rps)
                assert times * part.nominal_rps == pytest.approx(whole.nominal_rps)
                assert part.min_replicas == whole.min_replicas


def test_requests_that_wait_get_none():
    item = {"factor": 1.6, "option": ONE}
    half = {"window_h": 12.0, "share": 0.5}
    asked = loaded(problem(workload(headroom=[item], deferrable=half), **SECTIONS, **GRID))
    facts = catalog(offers=[row("offers")])
    found = capacities(build_options(asked, facts, build_demand(asked, facts)))

    assert found["chat", ONE].headroom
    assert not found["chat/deferred", ONE].headroom


@pytest.mark.parametrize(("factor", "stays"), [(1.01, False), (100.0, True)])
def test_an_option_that_carries_more_than_its_better_does_there_stays(factor, stays):
    before = options_of(workload(), **GRID)
    (winner,) = [o.id for o in before.options]
    item = {"factor": factor, "option": winner, "blocks": [1]}

    after = options_of(workload(headroom=[item]), **GRID)

    kept = {o.id for o in after.options}
    assert kept == ({winner, *(o.id for o in before.dominated)} if stays else {winner})


def test_where_both_carry_less_alike_the_better_one_is_enough():
    before = options_of(workload(), **GRID)
    (winner,) = [o.id for o in before.options]
    both = [
        {"factor": 50.0, "option": o.id, "blocks": [1]}
        for o in (*before.options, *before.dominated)
    ]

    assert [o.id for o in options_of(workload(headroom=both), **GRID).options] == [winner]


def test_an_option_that_does_not_exist_is_pointed_out():
    item = {"factor": 1.5, "option": "model-a/bf16/vllm/gpu-a/tp9"}
    found = options_of(workload(headroom=[item]), **GRID)

    (text,) = [text for text in found.warnings if "headroom names" in text]
    assert "chat: headroom names `model-a/bf16/vllm/gpu-a/tp9`, which is no option here" in text
    assert "did you mean" in text
