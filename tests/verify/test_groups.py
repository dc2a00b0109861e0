"""Plans with groups of attention: sound as solved, and caught when changed."""

from __future__ import annotations

import pytest

from tests.options.world import problem, shipped, workload
from tests.verify.changes import changed, report
from tests.verify.conftest import solved

PLACE = "period 0 block 0 deepseek-v3/fp8-block/vllm/h200-sxm-141gb/tp2dp4: "


@pytest.fixture(scope="module")
def world():
    """Return a plan of a latent-attention model in four groups of two."""
    asked = problem(
        workload(slo=[{"metric": "tpot_ms", "percentile": "mean", "limit": 100}]),
        candidates={
            "models": ["deepseek-v3"], "quantizations": ["fp8-block"], "engines": ["vllm"],
            "hardware": ["h200-sxm-141gb"], "tensor_parallel": [2], "data_parallel": [1, 4],
        },
        supply={"tenures": ["on_demand"], "max_price_age_days": 3650},
    )  # fmt: skip
    found = solved(asked, shipped())
    assert {row.data_parallel for row in found.plan.allocations} == {4}
    return found


def test_the_plan_is_sound(world):
    row = world.plan.allocations[0]

    assert report(world, world.plan) == []
    assert row.accelerators == row.replicas * 8


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"data_parallel": 2}, "2 groups are not among the candidates"),
        ({"data_parallel": 1}, "accelerators in"),
        ({"data_parallel": 8}, "the row describes"),
        ({"draft": "mtp-1"}, "a replica of 4 groups cannot exist here"),
        ({"engine": "sglang"}, "4 groups are not planned on sglang"),
        ({"model": "llama-3.3-70b-instruct"}, "has no experts that 4 groups could share"),
    ],
)
def test_changes_of_groups_are_caught(world, changes, text):
    found = report(world, changed(world.plan, "allocations", 0, **changes))

    assert any(text in violation for violation in found)


def test_fewer_accelerators_than_groups_take_are_caught(world):
    row = world.plan.allocations[0]

    found = report(world, changed(world.plan, "allocations", 0, accelerators=row.replicas * 2))

    assert PLACE + f"{row.replicas * 2} accelerators in {row.replicas} replicas of 8" in found
