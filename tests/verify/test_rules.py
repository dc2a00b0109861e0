"""Change a rule of the problem under a plan: the audit must report the figures that break it."""

from __future__ import annotations

import re

import pytest

from planner.verify.audit import audit
from tests.verify.changes import (
    FIRST,
    NODE,
    TOKENS,
    changed,
    fewer_replicas,
    one_more,
    report,
    slightly_more,
    twice,
)


def test_more_nodes_than_the_quota_are_reported(day):
    limited = [{"hardware": "gpu-a", "max_accelerators": 1}]

    found = audit(day.plan, with_supply(day.problem, quotas=limited), day.catalog)

    assert any(re.search(r"period 0 block 0: \d+ x gpu-a, quota 1", line) for line in found)


def with_supply(problem, **changes):
    return with_section(problem, "supply", **changes)


def with_section(problem, section, **changes):
    data = problem.model_dump()
    data[section] |= changes
    return type(problem).model_validate(data)


@pytest.mark.parametrize(
    ("section", "changes", "text"),
    [
        ("supply", {"providers": ["tokens"]}, "cloud is not among supply.providers"),
        ("supply", {"providers": ["cloud"]}, f"{TOKENS}: tokens is not among supply.providers"),
        ("supply", {"tenures": ["api"]}, f"{NODE}: tenure on_demand is not among supply.tenures"),
        ("supply", {"tenures": ["on_demand"]}, f"{TOKENS}: tokens are not among supply.tenures"),
        ("supply", {"max_price_age_days": 30}, f"{NODE}: its price is 214 days old, 30 allowed"),
        ("candidates", {"models": ["model-b"]}, f"{FIRST}: model-a is not among the candidates"),
        ("candidates", {"models": ["model-b"]}, f"{TOKENS}: model-a is not among the candidates"),
        ("candidates", {"quantizations": ["fp8"]}, f"{FIRST}: bf16 is not among the candidates"),
        ("candidates", {"hardware": ["gpu-b"]}, f"{FIRST}: gpu-a is not among the candidates"),
        ("candidates", {"engines": ["sglang"]}, f"{FIRST}: vllm is not among the candidates"),
        ("candidates", {"tensor_parallel": [2]}, f"{FIRST}: 1 is not among the candidates"),
        ("policy", {"scaling": "static"}, "nodes of cloud:one:.* are not the same in all blocks"),
        ("policy", {"scaling": "static"}, "period 0: replicas of model-a/.* are not the same"),
        ("policy", {"max_utilization": 0.8}, f"{FIRST}: capacity .* not measured x"),
        ("policy", {"spare_replicas": 5}, "talk: .* replicas left after losing 5"),
        ("policy", {"forecast_confidence": 0.9}, "chat period 0 block 0: planned rate"),
        ("finance", {"discount_rate_per_year": 0.09}, "discounted with a wrong factor"),
    ],
)
def test_plan_that_breaks_a_rule_of_the_problem_is_reported(day, section, changes, text):
    found = audit(day.plan, with_section(day.problem, section, **changes), day.catalog)

    assert any(re.search(text, line) for line in found), found


def with_workload(problem, position, **changes):
    data = problem.model_dump()
    data["workloads"][position] |= changes
    return type(problem).model_validate(data)


@pytest.mark.parametrize(
    ("position", "changes", "text"),
    [
        (0, {"growth_per_period": 1.3}, "chat period 0 block 0: mean rate"),
        (0, {"residency": ["south"]}, "period 0 block 0 gpu-a: .* 0 on nodes that they may use"),
        (
            0,
            {"residency": "on_prem_only"},
            "period 0 block 0 gpu-a: .* 0 on nodes that they may use",
        ),
        (2, {"residency": ["north"]}, f"{TOKENS}: the residency of bulk excludes tokens"),
        (2, {"token_factors": {"model-a": {"isl": 1.1}}}, f"{TOKENS}: .* million input tokens"),
        (2, {"prefix_cache": {"hit_rate": 0.1}}, f"{TOKENS}: .* tokens x price gives"),
        (0, {"quality": [{"benchmark": "mmlu", "min_score": 0.81}]}, "mmlu 0.8000 is below 0.81"),
        (0, {"quality": [{"benchmark": "x", "min_score": 0.1}]}, "no x score is known for chat"),
    ],
)
def test_plan_that_breaks_a_rule_of_a_workload_is_reported(day, position, changes, text):
    found = audit(day.plan, with_workload(day.problem, position, **changes), day.catalog)

    assert any(re.search(text, line) for line in found), found


MODELLED = [
    ({"capacity_rps": slightly_more}, "at the median, nominal"),
    ({"capacity_nominal_rps": twice}, "at the median, nominal"),
    ({"capacity_nominal_rps": lambda c: c / 2}, "planned capacity exceeds the nominal one"),
    ({"ttft_p99_ms": 1002.0}, "ttft_ms of chat is 1002 ms, limit 1000 ms"),
    ({"tpot_mean_ms": 41.0}, "tpot_ms of chat is 41 ms, limit 40 ms"),
    ({"ttft_p99_ms": 1.0}, "other figures for .* replicas of chat than in"),
    ({"tpot_mean_ms": 1.0}, "other figures for .* replicas of chat than in"),
    ({"coefficient_origin": "measured"}, "coefficient is measured, the catalogue says"),
    ({"replicas": one_more}, "replicas of .* are not the same in all blocks"),
    ({"rate_rps": slightly_more}, "chat period 0 block 0: mean rate"),
]


@pytest.mark.parametrize(("changes", "text"), MODELLED)
def test_changed_figure_of_a_modelled_row_is_reported(modelled, changes, text):
    found = report(modelled, changed(modelled.plan, "allocations", **changes))

    assert any(re.search(text, line) for line in found), found


def test_missing_spare_of_a_single_workload_is_reported(modelled):
    found = report(modelled, fewer_replicas(modelled.plan, 1))

    assert any("period 0 block 0 chat: " in line and "/s left after" in line for line in found)


def test_more_spares_than_replicas_leave_nothing(modelled):
    asked = with_section(modelled.problem, "policy", spare_replicas=8)

    found = audit(modelled.plan, asked, modelled.catalog)

    assert any("chat: 0/s left after losing 8" in line for line in found)


def test_more_nodes_in_one_block_of_a_static_plan_are_reported(modelled):
    plan = changed(modelled.plan, "fleet", 0, nodes=one_more, accelerators=one_more)

    assert any("nodes of cloud:one" in line for line in report(modelled, plan))


def test_model_with_a_short_context_is_reported(modelled):
    asked = with_workload(modelled.problem, 0, context_max_tokens=1_000_000)

    found = audit(modelled.plan, asked, modelled.catalog)

    assert any("context of 131072 tokens, chat needs 1000000" in line for line in found)


@pytest.mark.parametrize(
    ("item", "is_barred"),
    [
        (lambda row: row.option_id, True),
        (lambda row: {"option": row.option_id}, True),
        (lambda row: {"option": row.option_id, "blocks": [row.block]}, True),
        (lambda row: {"option": row.option_id, "periods": [row.period]}, True),
        (lambda row: {"option": row.option_id, "blocks": [row.block + 1]}, False),
        (lambda row: {"option": row.option_id + "/other", "blocks": [row.block]}, False),
    ],
)
def test_an_option_that_its_workload_excludes_is_reported(day, item, is_barred):
    row = day.plan.allocations[0]
    data = day.problem.model_dump()
    for asked in data["workloads"]:
        if asked["name"] == row.workload:
            asked["excluded_options"] = [item(row)]

    found = audit(day.plan, type(day.problem).model_validate(data), day.catalog)

    text = f"period {row.period} block {row.block} {row.option_id}: {row.workload} excludes it"
    assert (text in found) is is_barred


@pytest.mark.parametrize(("shift", "is_broken"), [(0, True), (1, False)])
def test_a_replica_that_carries_too_much_for_the_headroom_of_its_option_is_reported(
    day, shift, is_broken
):
    """Blocks with more replicas show what it carries without."""
    row = min(day.plan.allocations, key=lambda row: row.replicas)
    count = len(day.plan.time_blocks)
    item = {"factor": 1.5, "option": row.option_id, "blocks": [row.block + shift * count]}
    data = day.problem.model_dump()
    for asked in data["workloads"]:
        if asked["name"] == row.workload:
            asked["headroom"] = [item]

    found = audit(day.plan, type(day.problem).model_validate(data), day.catalog)

    text = f"{row.option_id}: more replicas carry less of {row.workload} each"
    assert (text in found) is is_broken
