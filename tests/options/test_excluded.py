"""Options that a workload excludes by name."""

from __future__ import annotations

import pytest

from planner.diagnosis import unservable
from planner.options.build import build_options
from tests.options.world import catalog, demand, loaded, problem, row, workload

ONE = "model-a/bf16/vllm/gpu-a/tp1"
GRID = {
    "time_blocks": 4,
    "horizon": {"start": "2027-01", "periods": 2, "months_per_period": 3},
}


SECTIONS = {
    "candidates": {"tensor_parallel": [1], "quantizations": ["bf16", "fp8"]},
    "supply": {"tenures": ["on_demand"]},
}


def options_of(*workloads, **sections):
    asked = problem(*workloads, **SECTIONS, **sections)
    facts = catalog(
        quality=[row("quality"), row("quality", quantization="fp8")], offers=[row("offers")]
    )
    return build_options(loaded(asked), facts, demand(asked))


def test_the_workload_that_excludes_an_option_is_kept_off_it_and_others_are_not():
    found = options_of(workload(excluded_options=[ONE]), workload("code"))

    served = {(c.workload, c.option_id) for c in found.capacities}
    assert ("code", ONE) in served
    assert ("chat", ONE) not in served
    assert any(name == "chat" for name, _ in served)
    (reason,) = [r for r in found.rejections if r.reason == "excluded"]
    assert (reason.subject, reason.workload) == (ONE, "chat")
    assert not [text for text in found.warnings if "excluded_options" in text]


def test_an_option_that_another_one_dominated_takes_the_place_of_an_excluded_one():
    before = options_of(workload())
    (winner,) = [o.id for o in before.options]

    after = options_of(workload(excluded_options=[winner]))

    assert {o.id for o in after.options} == {o.id for o in before.dominated} != set()


def test_an_option_that_may_not_serve_in_some_blocks_serves_in_the_others():
    there = {"option": ONE, "periods": [1], "blocks": [0, 2]}
    found = options_of(workload(excluded_options=[there]), workload("code"), **GRID)

    barred = {(c.workload, c.option_id): c.barred for c in found.capacities if c.barred}
    assert barred == {("chat", ONE): {(1, 0), (1, 2)}}
    (capacity,) = [c for c in found.capacities if (c.workload, c.option_id) == ("chat", ONE)]
    assert [capacity.serves_in(1, block) for block in range(4)] == [False, True, False, True]
    assert all(capacity.serves_in(0, block) for block in range(4))
    assert not [r for r in found.rejections if r.reason == "excluded"]


@pytest.mark.parametrize(
    "excluded",
    [
        [{"option": ONE}],
        [{"option": ONE, "periods": [0]}, {"option": ONE, "periods": [1]}],
        [{"option": ONE, "blocks": [0, 1]}, ONE],
        [{"option": ONE, "blocks": [3, 2, 1, 0]}],
    ],
)
def test_all_blocks_together_are_the_same_as_the_id_alone(excluded):
    found = options_of(workload(excluded_options=excluded), **GRID)
    alone = options_of(workload(excluded_options=[ONE]), **GRID)

    assert found.capacities == alone.capacities
    assert found.rejections == alone.rejections
    assert found.options == alone.options


def test_an_option_that_may_serve_where_its_better_may_not_stays_in_the_program():
    before = options_of(workload(), **GRID)
    (winner,) = [o.id for o in before.options]

    after = options_of(workload(excluded_options=[{"option": winner, "blocks": [1]}]), **GRID)

    assert {o.id for o in after.options} == {winner, *(o.id for o in before.dominated)}


def test_where_both_are_barred_the_better_one_is_enough():
    before = options_of(workload(), **GRID)
    (winner,) = [o.id for o in before.options]
    both = [{"option": o.id, "blocks": [1]} for o in (*before.options, *before.dominated)]

    assert [o.id for o in options_of(workload(excluded_options=both), **GRID).options] == [winner]


@pytest.mark.parametrize("blocks", [None, [1]])
@pytest.mark.parametrize(
    ("name", "hint"),
    [("model-a/bf16/vllm/gpu-a/tp9", "did you mean"), ("nothing", "options lists")],
)
def test_an_option_that_does_not_exist_is_pointed_out(name, hint, blocks):
    item = name if blocks is None else {"option": name, "blocks": blocks}
    found = options_of(workload(excluded_options=[item]), **GRID)

    (text,) = [text for text in found.warnings if "excluded_options" in text]
    assert f"chat: excluded_options names `{name}`, which is no option here" in text
    assert hint in text


def test_a_block_that_exclusions_leave_without_an_option_is_named():
    before = options_of(workload(), **GRID)
    names = [o.id for o in (*before.options, *before.dominated)]
    barred = [{"option": name, "periods": [1], "blocks": [2]} for name in names]
    asked = problem(workload(excluded_options=barred), **SECTIONS, **GRID)
    found = options_of(workload(excluded_options=barred), **GRID)

    assert unservable(before, demand(asked), asked) == ()
    assert unservable(found, demand(asked), asked) == (
        "chat: excluded_options of the workload leaves no option in 1 of 8 blocks, first in block "
        "2 of period 1",
    )
