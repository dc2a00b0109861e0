"""Plans with units of prefill and decode instances: sound as solved, and caught when changed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, one_more, report
from tests.verify.conftest import solved

SLO = [
    {"metric": "ttft_ms", "percentile": 99, "limit": 2000},
    {"metric": "itl_ms", "percentile": 99, "limit": 16},
]
PLACE = r"period 0 block 0 model-a/bf16/vllm/gpu-a/\S+: "


@pytest.fixture(scope="module")
def apart():
    """Return a plan that needs units: gaps between tokens leave no room for prompts."""
    asked = problem(
        workload(slo=SLO, arrival={"mean_rate_rps": 60.0}),
        candidates={"disaggregation": "on", "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
    )
    offers = [row("offers", accelerators=4, price_usd_per_hour=8)]
    found = solved(asked, catalog(offers=offers))
    assert any(r.prefill_instances for r in found.plan.allocations)
    return found


def unit_position(world):
    rows = world.plan.allocations
    return next(i for i, r in enumerate(rows) if r.prefill_instances)


def violations(world, **changes):
    plan = changed(world.plan, "allocations", unit_position(world), **changes)
    return report(world, plan)


def test_the_plan_is_sound(apart):
    assert report(apart, apart.plan) == []


def test_accelerators_are_those_of_all_instances(apart):
    unit = apart.plan.allocations[unit_position(apart)]

    prefill = unit.prefill_instances * unit.prefill_tensor_parallel
    size = prefill + unit.decode_instances * unit.tensor_parallel
    assert unit.accelerators == unit.replicas * size
    assert unit.option_id.endswith(
        f"/{unit.prefill_instances}p-tp{unit.prefill_tensor_parallel}"
        f"+{unit.decode_instances}d-tp{unit.tensor_parallel}"
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"prefill_instances": one_more}, "the row describes"),
        ({"prefill_tensor_parallel": one_more}, "the row describes"),
        ({"decode_instances": one_more}, r"accelerators in \d+ replicas of"),
        ({"tensor_parallel": one_more}, "the row describes"),
        ({"accelerators": one_more}, r"accelerators in \d+ replicas of"),
        ({"decode_instances": None}, "cannot exist"),
        ({"pipeline_parallel": 2}, "with 2 stages cannot exist"),
        ({"draft": "head-3"}, "head-3 is not planned where prompts and decodes run apart"),
        ({"prefill_instances": None, "prefill_tensor_parallel": None, "decode_instances": None},
         "the row describes .*/tp"),
    ],
)  # fmt: skip
def test_a_changed_layout_is_caught(apart, changes, text):
    found = violations(apart, **changes)

    assert any(re.match(PLACE + ".*" + text, line) for line in found), found


def test_units_that_were_not_asked_for_are_caught(apart):
    asked = apart.problem.model_copy(
        update={
            "candidates": apart.problem.candidates.model_copy(update={"disaggregation": "off"})
        }
    )

    found = report(replace(apart, problem=asked), apart.plan)

    assert any("candidates.disaggregation is off" in line for line in found)


def test_degrees_that_were_not_asked_for_are_caught(apart):
    asked = apart.problem.model_copy(
        update={"candidates": apart.problem.candidates.model_copy(update={"tensor_parallel": [8]})}
    )

    found = report(replace(apart, problem=asked), apart.plan)

    unit = apart.plan.allocations[unit_position(apart)]
    text = f"{unit.prefill_tensor_parallel} is not among the candidates"
    assert sum(text in line for line in found) >= 1


@pytest.mark.parametrize(
    ("table", "changes", "text"),
    [
        ("engines", {"first_token": None}, "not known to compute prompts and decodes apart"),
        ("accelerators", {"link_gb_per_s": None}, "no known link that caches could cross"),
    ],
)
def test_what_the_catalogue_does_not_know_is_caught(apart, table, changes, text):
    offers = [row("offers", accelerators=4, price_usd_per_hour=8)]
    facts = catalog(offers=offers, **{table: [row(table, **changes)]})

    found = report(replace(apart, catalog=facts), apart.plan)

    assert any(text in line for line in found)


def test_the_plan_says_how_to_deploy_a_unit(apart):
    unit = apart.plan.allocations[unit_position(apart)]

    (note,) = {w for w in apart.plan.warnings if w.startswith(f"{unit.option_id}: each replica")}

    assert f"(tp{unit.prefill_tensor_parallel})" in note
    assert f"(tp{unit.tensor_parallel}) on one node" in note
