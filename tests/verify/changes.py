"""Small changes of a correct plan."""

from __future__ import annotations

from dataclasses import fields, replace

from planner.verify.audit import audit

FIRST = "period 0 block 0 model-a/bf16/vllm/gpu-a/tp1"
NODE = "period 0 block 0 cloud:one:north:on_demand"
TOKENS = "period 0 block 0 tokens model-a"


def changed(plan, table, position=0, /, **changes):
    """Return the plan with one row of a table changed; functions get the old value."""
    rows = list(getattr(plan, table))
    old = rows[position]
    values = {k: v(getattr(old, k)) if callable(v) else v for k, v in changes.items()}
    rows[position] = replace(old, **values)
    return replace(plan, **{table: tuple(rows)})


def twice(value):
    return value * 2


def slightly_more(value):
    return value * 1.0001


def one_more(value):
    return value + 1


def one_less(value):
    return value - 1


def report(world, plan):
    return audit(plan, world.problem, world.catalog)


def fewer_replicas(plan, by):
    rows = tuple(
        replace(r, replicas=r.replicas - by, accelerators=r.accelerators - by,
                utilization=r.rate_rps / (r.capacity_rps * (r.replicas - by)))
        for r in plan.allocations
    )  # fmt: skip
    return replace(plan, allocations=rows)


TABLES = (
    "time_blocks", "allocations", "fleet", "placements", "commitments", "provisioned", "api",
    "deferred", "unserved", "average_quality", "moves", "energy", "cost_lines", "unit_costs",
    "commitment_figures", "money_by_period", "cash_flows", "spend_commitments",
    "volume_discounts",
)  # fmt: skip


def every_change(plan):
    """Yield the plan with each single field of each table's first and last row changed."""
    for table in TABLES:
        rows = getattr(plan, table)
        for position in {0, len(rows) - 1} if rows else ():
            for field in fields(rows[position]):
                value = getattr(rows[position], field.name)
                if isinstance(value, bool):
                    other = not value
                elif isinstance(value, int | float):
                    other = value * 1.001 if value and isinstance(value, float) else value + 1
                elif isinstance(value, str):
                    other = value + "x"
                else:
                    continue
                change = {field.name: other}
                yield table, field.name, changed(plan, table, position, **change)
