"""The audit loses every provider by itself, and adds up the shares of providers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from planner.plan.placements import placement_notes
from planner.verify.audit.diversity import diversity_violations
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, every_change, one_less, one_more, report
from tests.verify.conftest import MEASURED, solved

PLACE = "period 0 block 0"


def two_clouds(**policy):
    asked = problem(
        workload("chat", arrival={"mean_rate_rps": 9.0, "profile": [0.5] * 12 + [1.5] * 12}),
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"], "tensor_parallel": [1]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 0, **policy},
    )
    facts = catalog(
        offers=[
            row("offers", elastic_max_nodes=50),
            row(
                "offers", provider="other", instance="two",
                region="south", price_usd_per_hour=3.0, elastic_max_nodes=50,
            ),
        ]
    )  # fmt: skip
    return solved(asked, facts, [MEASURED | {"workload": "chat"}])


@pytest.fixture(scope="module", params=["provider", "region"])
def survivor(request):
    return two_clouds(survive_loss_of=request.param)


@pytest.fixture(scope="module")
def shared():
    return two_clouds(max_share_per_provider=0.5)


def test_a_plan_that_survives_passes(survivor):
    assert report(survivor, survivor.plan) == []
    stand = {(p.block, p.provider): p.replicas for p in survivor.plan.placements}
    # By day 9 x 1.5 x 1.2 = 16.2 planned requests/s need 4 replicas of 4.5 at each place.
    assert stand[2, "cloud"] == stand[2, "other"] == 4
    assert any("every planned rate is carried by what" in note for note in survivor.plan.warnings)


@pytest.mark.parametrize(
    ("share", "unserved_usd", "kept"),
    [
        (1.0, None, "every planned rate is carried"),
        (0.6, None, "60% of every planned rate is carried"),
        (
            0.6,
            0.01,
            "60% of what is served of every planned rate (all but what stays unserved at its "
            "price) is carried",
        ),
    ],
)
def test_the_note_of_a_loss_says_of_what_a_share_is_kept(share, unserved_usd, kept):
    asked = problem(
        workload("chat", unserved_penalty_usd_per_request=unserved_usd),
        policy={"survive_loss_of": "region", "survive_share": share},
    )

    (note,) = placement_notes(asked)

    assert note.startswith(f"after the loss of any region, {kept} by what is left")


def test_work_that_moves_to_other_hardware_after_a_loss_is_left_to_its_program():
    # Each of two workloads may run on each of two kinds: to which they move, no table says.
    asked = problem(
        *(
            workload(name, pool="p", arrival={"mean_rate_rps": 4.0, "peak_factor_in_hour": 1.0})
            for name in ("chat", "code")
        ),
        performance="table.csv",
        candidates={"quantizations": ["bf16"], "hardware": ["gpu-a", "gpu-b"]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 0, "survive_loss_of": "region", "max_utilization": 1.0},
    )
    offers = [row("offers"), row("offers", provider="other", region="south", accelerator="gpu-b")]
    table = [
        MEASURED | {"workload": name, "hardware": hardware}
        for name in ("chat", "code")
        for hardware in ("gpu-a", "gpu-b")
    ]
    world = solved(asked, catalog(offers=offers), table)
    assert len({p.option_id for p in world.plan.placements}) == 2
    for chat, code in (("gpu-a", "gpu-b"), ("gpu-b", "gpu-a")):
        apart = replace(
            world.plan,
            allocations=tuple(
                replace(a, rate_rps=4.0, planned_rate_rps=4.0)
                for a in world.plan.allocations
                if a.hardware == {"chat": chat, "code": code}[a.workload]
            ),
        )
        assert list(diversity_violations(apart, world.problem)) == []
        here = tuple(p for p in apart.placements if p.provider != "other")
        found = list(diversity_violations(replace(apart, placements=here), world.problem))
        assert any("p needs inf times what is left after the loss" in text for text in found)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"replicas": one_less}, f"{PLACE} .*: 3 replicas with a place, 4 run"),
        ({"provider": "third"}, f"{PLACE}: .* accelerators of gpu-a are needed at third"),
        ({"region": "x"}, f"{PLACE}: .* accelerators of gpu-a are needed at cloud x"),
        ({"option_id": "none"}, f"{PLACE} none: 2 replicas with a place, 0 run"),
    ],
)
def test_a_changed_place_is_reported(survivor, changes, text):
    found = report(survivor, changed(survivor.plan, "placements", **changes))

    assert any(re.search(text, line) for line in found), found


def test_replicas_moved_to_one_place_do_not_survive_its_loss(survivor):
    moved = changed(survivor.plan, "placements", 0, replicas=one_more)
    moved = changed(moved, "placements", 1, replicas=one_less)

    found = report(survivor, moved)

    assert any(re.search(rf"{PLACE}: chat needs 1.2 times what is left", x) for x in found), found


def test_a_place_without_the_policy_is_reported(survivor, shared):
    found = report(shared, replace(shared.plan, placements=survivor.plan.placements))

    assert "placements, but no loss has to be survived" in found


def test_shares_of_providers_are_added_up(shared):
    assert report(shared, shared.plan) == []
    policy = shared.problem.policy.model_copy(update={"max_share_per_provider": 0.4})
    asked = shared.problem.model_copy(update={"policy": policy})

    found = report(replace(shared, problem=asked), shared.plan)

    assert any(
        re.search(rf"{PLACE}: 1 of 2 accelerators are of cloud, a share of 0.4", x) for x in found
    ), found


def test_no_single_figure_changes_unnoticed(survivor):
    unnoticed = {
        (table, name)
        for table, name, plan in every_change(survivor.plan)
        if not report(survivor, plan) and name != "note"
    }

    assert unnoticed == set()
