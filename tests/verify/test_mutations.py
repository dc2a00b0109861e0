"""Change one figure of a correct plan: the audit must report it and name the place."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.verify.changes import (
    FIRST,
    NODE,
    TOKENS,
    changed,
    every_change,
    fewer_replicas,
    one_less,
    one_more,
    report,
    slightly_more,
    twice,
)

ROWS = [
    ("allocations", {"rate_rps": slightly_more}, "chat period 0 block 0: mean rate"),
    ("allocations", {"planned_rate_rps": slightly_more}, "chat period 0 block 0: planned rate"),
    ("allocations", {"replicas": one_more}, "replicas of 1"),
    ("allocations", {"replicas": one_more, "accelerators": one_more}, "different replicas"),
    ("allocations", {"accelerators": one_more}, f"{FIRST}: .* accelerators in"),
    ("allocations", {"capacity_rps": slightly_more}, f"{FIRST}: capacity .* not measured x"),
    ("allocations", {"capacity_nominal_rps": twice}, f"{FIRST}: capacity .* not measured x"),
    ("allocations", {"utilization": slightly_more}, f"talk {FIRST[17:]}: utilization"),
    ("allocations", {"quality": {"mmlu": 0.85}}, r"quality \{'mmlu': 0.85\} of chat"),
    ("allocations", {"quality": {}}, r"quality \{\} of chat, recomputed"),
    ("allocations", {"coefficient_origin": "calibrated"}, f"{FIRST}: coefficient is calibrated"),
    ("allocations", {"model": "model-b"}, f"{FIRST}: the row describes model-b/"),
    ("allocations", {"hardware": "gpu-b"}, f"{FIRST}: the row describes model-a/bf16/vllm/gpu-b"),
    ("allocations", {"tensor_parallel": 2}, f"{FIRST}: the row describes .*tp2"),
    ("allocations", {"pool": "other"}, "chat runs in pool other, its pool is talk"),
    ("allocations", {"workload": "nobody"}, "workload nobody is not in the problem"),
    ("allocations", {"period": 7}, "period 7 block 0 is outside the horizon"),
    ("allocations", {"block": 4}, "period 0 block 4 is outside the horizon"),
    ("fleet", {"nodes": one_more}, f"{NODE}: .* nodes x hours x price"),
    ("fleet", {"accelerators": one_more}, f"{NODE}: .* accelerators in"),
    ("fleet", {"accelerators_per_node": 2}, f"{NODE}: accelerators per node 2, catalogue 1"),
    ("fleet", {"price_usd_per_hour": slightly_more}, f"{NODE}: price 2.0002 USD/h, catalogue 2"),
    ("fleet", {"price_date": "2026-07-01"}, f"{NODE}: price date 2026-07-01, catalogue 2026-06"),
    ("fleet", {"usd": slightly_more}, f"{NODE}: .* USD, nodes x hours x price"),
    ("fleet", {"hours": slightly_more}, f"{NODE}: .* h in the block, expected 1095"),
    ("fleet", {"startup_node_hours": slightly_more}, r"north:on_demand: block 0: .* of start-up"),
    ("fleet", {"hardware": "gpu-b"}, f"{NODE}: hardware gpu-b, catalogue gpu-a"),
    ("fleet", {"provider": "other"}, f"{NODE}: provider other, catalogue cloud"),
    ("fleet", {"region": "south"}, f"{NODE}: region south, catalogue north"),
    ("fleet", {"instance": "two"}, f"{NODE}: instance two, catalogue one"),
    ("fleet", {"tenure": "spot"}, f"{NODE}: tenure spot is not among"),
    ("fleet", {"offer_id": "no:such:offer:x"}, "no:such:offer:x: the catalogue has no price"),
    ("api", {"rate_rps": slightly_more}, "bulk period 0 block 0: mean rate"),
    ("api", {"planned_rate_rps": slightly_more}, "bulk period 0 block 0: planned rate"),
    ("api", {"input_mtok": slightly_more}, f"{TOKENS}: .* million input tokens"),
    ("api", {"output_mtok": slightly_more}, f"{TOKENS}: .* million output tokens"),
    ("api", {"usd": slightly_more}, f"{TOKENS}: .* tokens x price gives"),
    ("api", {"price_date": "2026-04"}, f"{TOKENS}: .* at prices of 2026-04"),
    ("api", {"mode": "batch"}, f"{TOKENS}: a batch takes a day, which bulk may not wait"),
    ("api", {"offer_id": "tokens:a/other:standard"}, f"{TOKENS}: .* tokens x price gives"),
    ("api", {"provider": "other"}, "period 0 block 0 other model-a: .* tokens x price gives"),
    ("cost_lines", {"usd": slightly_more}, r"cost line \(0, .* the tables give"),
    ("cost_lines", {"discounted_usd": slightly_more}, "discounted with a wrong factor"),
    ("cost_lines", {"category": "capex"}, r"cost line \(0, 'capex'.* the tables give 0"),
    ("cost_lines", {"workload": "code"}, r"cost line \(0, .*'code'"),
    ("cost_lines", {"tenure": "owned"}, r"cost line \(0, .*'owned'"),
    ("cost_lines", {"period": 1}, r"cost line \(1, "),
    ("cost_lines", {"period": 9}, "cost line of period 9 is outside the horizon"),
    ("unit_costs", {"usd_per_request": slightly_more}, "unit cost of chat: .* USD per request"),
    (
        "unit_costs",
        {"usd_per_million_tokens": slightly_more},
        "unit cost of chat: .* USD per million tokens",
    ),
    (
        "unit_costs",
        {"usd_per_million_output_tokens": slightly_more},
        "unit cost of chat: .* per million output tokens",
    ),
    ("unit_costs", {"utilization": slightly_more}, "unit cost of chat: utilization"),
    ("unit_costs", {"workload": "code"}, "unit costs do not list every workload once"),
]


@pytest.mark.parametrize(
    ("table", "changes", "text"), ROWS, ids=[f"{t}-{'-'.join(c)}-{x[-12:]}" for t, c, x in ROWS]
)
def test_changed_figure_of_a_row_is_reported(day, table, changes, text):
    found = report(day, changed(day.plan, table, **changes))

    assert any(re.search(text, line) for line in found), found


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"cost_usd": slightly_more}, "discounted lines add up to"),
        ({"tco_usd": slightly_more}, "cost lines add up to .* tco_usd is"),
        ({"tco_usd": None}, "tco_usd is None"),
        ({"bound_usd": lambda b: b * 0.99}, "gap .* recomputed"),
        ({"bound_usd": lambda b: b * 1.1}, "bound .* USD is above cost"),
        ({"bound_usd": None}, "status optimal and gap .* without a bound"),
        ({"gap": lambda g: g + 1e-6}, "gap .* recomputed"),
        ({"gap": None}, "gap None, recomputed"),
        ({"status": "feasible"}, "status feasible with gap"),
        ({"status": "infeasible"}, "status infeasible with a plan"),
        ({"options": lambda o: o | {"gap": -1.0}}, r"status optimal with gap .*asked -1"),
        ({"catalog": lambda c: c | {"oldest_price_date": "2026-12"}}, "oldest price date 2026-12"),
    ],
)
def test_changed_figure_of_the_plan_is_reported(day, changes, text):
    values = {k: v(getattr(day.plan, k)) if callable(v) else v for k, v in changes.items()}

    found = report(day, replace(day.plan, **values))

    assert any(re.search(text, line) for line in found), found


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("allocations", "allocation .* is listed 2 times"),
        ("fleet", "fleet row .* is listed 2 times"),
        ("api", "API row .* is listed 2 times"),
        ("cost_lines", "cost line .* is listed 2 times"),
        ("unit_costs", "unit costs do not list every workload once"),
    ],
)
def test_repeated_row_is_reported(day, table, text):
    rows = getattr(day.plan, table)

    found = report(day, replace(day.plan, **{table: (*rows, rows[0])}))

    assert any(re.search(text, line) for line in found), found


@pytest.mark.parametrize("table", ["allocations", "fleet", "api", "cost_lines", "unit_costs"])
def test_missing_row_is_reported(day, table):
    found = report(day, replace(day.plan, **{table: getattr(day.plan, table)[1:]}))

    assert found


def test_rate_moved_between_blocks_is_reported(day):
    plan = changed(day.plan, "api", 0, rate_rps=twice, planned_rate_rps=twice)

    found = report(day, changed(plan, "api", 1, rate_rps=0.0, planned_rate_rps=0.0))

    assert any("bulk period 0 block 0: mean rate" in line for line in found)
    assert any("bulk period 0 block 1: mean rate" in line for line in found)


def test_cost_moved_between_workloads_is_reported(day):
    chat, code = (
        next(i for i, x in enumerate(day.plan.cost_lines) if (x.workload, x.period) == (name, 0))
        for name in ("chat", "code")
    )
    plan = changed(day.plan, "cost_lines", chat, usd=one_less, discounted_usd=lambda d: d - 0.98)

    found = report(day, changed(plan, "cost_lines", code, usd=one_more))

    assert any(re.search(r"cost line \(0, .*'chat'", line) for line in found)
    assert any(re.search(r"cost line \(0, .*'code'", line) for line in found)


def test_missing_spare_is_reported(day):
    found = report(day, fewer_replicas(day.plan, 1))

    assert any("replicas left after losing 1" in line for line in found)


def test_too_few_replicas_for_the_load_are_reported(day):
    found = report(day, fewer_replicas(day.plan, 2))

    assert any("planned load of" in line for line in found)


def test_too_few_nodes_for_the_replicas_are_reported(day):
    found = report(day, changed(day.plan, "fleet", 0, nodes=one_less, accelerators=one_less))

    assert any("period 0 block 0 gpu-a" in line and "may use" in line for line in found)


UNCHECKED = {("energy", "note"), ("fleet", "note")}
"""Text without a figure."""


@pytest.mark.parametrize("world", ["day", "modelled", "terms", "night"])
def test_no_single_figure_of_any_table_changes_unnoticed(world, request):
    found = request.getfixturevalue(world)

    unnoticed = {
        (table, name)
        for table, name, plan in every_change(found.plan)
        if not report(found, plan) and (table, name) not in UNCHECKED
    }

    assert unnoticed == set()
