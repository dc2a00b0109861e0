"""Least nodes of orders: a plan by hand, its audit, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from planner.demand.build import build_demand
from planner.errors import InputError
from planner.infeasibility.search import explain_prepared
from planner.milp import SolverSettings, build_program, program_limits, solve_program
from planner.milp.winning_price import WinningPrices
from planner.options.build import build_options
from planner.pipeline import SolveSettings, decide
from planner.preparation import Prepared, prepare
from planner.problem.patch import apply_assignments
from planner.problem.schema import Problem
from planner.problem.semantics import semantic_faults
from planner.problem.supply import LimitSection
from planner.sensitivity.explain import ExplainSettings, explain_plan
from planner.verify.audit import audit
from planner.yaml_io import Document
from tests.options.test_terms import servers, sites
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.changes import changed, report
from tests.verify.conftest import MEASURED, solved

BLOCK = {
    "name": "launch", "provider": "cloud", "hardware": "gpu-a", "accelerators_per_node": 1,
    "since": "2027-01", "until": "2027-04", "max_nodes": 5, "usd_per_node_hour": 0.5,
}  # fmt: skip
TERMS = {"name": "terms", "min_nodes": 3, "provider": "cloud", "hardware": "gpu-a"}
RACK = {"name": "rack", "min_nodes": 4, "tenures": ["owned"], "instance": "box"}


def asked(**supply):
    """Return 10 requests/s for a quarter, 5 to a node, without spares or discounting."""
    return problem(
        workload("chat", arrival={"mean_rate_rps": 10.0, "peak_factor_in_hour": 1.0}),
        performance="table.csv",
        candidates={"quantizations": ["bf16"], "tensor_parallel": [1]},
        finance={"discount_rate_per_year": 0.0, "commitment_tail": "pro_rata"},
        supply={"tenures": ["on_demand"]} | supply,
        policy={"spare_replicas": 0, "max_utilization": 1.0},
    )


def facts():
    lease = row("offers", tenure="reserved_1y", commits="both", term_months=12,
                price_usd_per_hour=1.2)  # fmt: skip
    cheap = servers(accelerators=1, capex_usd=1_000, it_power_w=10, lead_time_weeks=0)
    nobody = sites(staff_usd_per_fte_year=0.0)
    return catalog(
        offers=[row("offers", elastic_max_nodes=50), lease], servers=cheap, sites=nobody
    )


def solve(**supply):
    return solved(asked(**supply), facts(), [MEASURED | {"workload": "chat"}])


def orders(world):
    return {(c.tenure, c.nodes) for c in world.plan.commitments}


@pytest.mark.parametrize(
    ("supply", "taken"),
    [
        # two nodes are needed: by the hour at 2 USD each
        ({"capacity_blocks": [BLOCK]}, {("capacity_block", 2)}),
        ({"capacity_blocks": [BLOCK | {"min_nodes": 4}]}, {("capacity_block", 4)}),
        ({"capacity_blocks": [BLOCK | {"min_nodes": 4, "usd_per_node_hour": 1.1}]}, set()),
        ({"tenures": ["on_demand", "reserved_1y"]}, {("reserved_1y", 2)}),
        ({"tenures": ["on_demand", "reserved_1y"], "order_minimums": [TERMS]},
         {("reserved_1y", 3)}),
        ({"tenures": ["on_demand", "reserved_1y"],
          "order_minimums": [TERMS, {"name": "all", "min_nodes": 4}]}, set()),
        ({"tenures": ["on_demand", "reserved_1y"],
          "order_minimums": [TERMS | {"region": "south", "min_nodes": 9}]}, {("reserved_1y", 2)}),
        ({"tenures": ["on_demand", "owned"], "servers": ["box"]}, {("owned", 2)}),
        ({"tenures": ["on_demand", "owned"], "servers": ["box"], "order_minimums": [RACK]},
         {("owned", 4)}),
    ],
)  # fmt: skip
def test_an_order_has_its_minimum_or_is_not_placed(supply, taken):
    world = solve(**supply)

    assert orders(world) == taken
    assert report(world, world.plan) == []


@pytest.mark.parametrize(
    ("supply", "field"),
    [
        ({"capacity_blocks": [BLOCK]}, "capacity_blocks"),
        ({"tenures": ["on_demand", "reserved_1y"], "order_minimums": [TERMS]}, "order_minimums"),
    ],
)
def test_an_order_below_its_minimum_is_reported(supply, field):
    world = solve(**supply)
    (taken,) = world.plan.commitments
    least = [supply[field][0] | {"min_nodes": taken.nodes + 1}]

    other = audit(world.plan, asked(**supply | {field: least}), world.catalog)
    fewer = report(world, changed(world.plan, "commitments", nodes=1))

    text = f"{taken.nodes} nodes, an order has at least {taken.nodes + 1}"
    assert any(text in line for line in other)
    assert field == "capacity_blocks" or any("1 node, an order has at least 3" in x for x in fewer)


def test_the_price_at_which_a_term_wins_pays_for_its_idle_nodes():
    supply = {"tenures": ["on_demand", "reserved_1y"],
              "order_minimums": [TERMS | {"min_nodes": 8}]}  # fmt: skip
    world, settings = ready(**supply), SolverSettings(gap=0.0, time_limit_s=20.0)
    program = build_program(world.demand, world.options, world.limits)
    plan = solve_program(program, settings).decisions
    place = next(i for i, o in enumerate(world.options.offers) if o.tenure == "reserved_1y")

    won = WinningPrices(program, plan, settings).of(place)

    # eight nodes instead of two by the hour: 8 x 1.2 f = 2 x 2
    assert won.factor == pytest.approx(4.0 / 9.6, rel=1e-4)
    assert won.proven


def ready(**supply):
    return of_problem(asked(**supply))


def of_problem(stated):
    whole, known = loaded(stated, [MEASURED | {"workload": "chat"}]), facts()
    demand = build_demand(whole, known)
    return Prepared(
        whole, known, demand, build_options(whole, known, demand), program_limits(stated)
    )


@pytest.mark.parametrize(("most", "is_named"), [(3, True), (1, False)])
def test_the_short_diagnosis_names_a_minimum_without_which_there_is_a_plan(most, is_named):
    # Two nodes are needed: a quota of one is too small whatever the minimum.
    prepared = ready(
        tenures=["reserved_1y"],
        quotas=[QUOTA | {"max_accelerators": most}],
        order_minimums=[TERMS | {"min_nodes": 4}],
    )

    found = decide(prepared, SolveSettings(gap=0.0, time_limit_s=20.0)).plan.diagnosis

    assert f"without the quota of {most} x gpu-a there is a plan" in found
    assert is_named == any(
        line.startswith("without the min_nodes 4 of cloud:") and line.endswith("there is a plan")
        for line in found
    )


def changeable(stated):
    """Return what prepares a problem with further ``PATH=VALUE`` changes."""
    document = Document("stated", "", stated.model_dump(exclude_unset=True), {})

    def prepared(changes):
        try:
            other = Problem.model_validate(apply_assignments(document, changes).data)
        except ValidationError as error:  # nothing is left of the demand
            raise InputError([]) from error
        return of_problem(other)

    return prepared


def test_a_minimum_that_leaves_no_plan_is_named_with_the_largest_that_does():
    quota = {"hardware": "gpu-a", "max_accelerators": 3}
    tight = asked(
        tenures=["reserved_1y"], quotas=[quota], order_minimums=[TERMS | {"min_nodes": 4}]
    )

    found = explain_prepared(changeable(tight), time_limit_s=20.0)

    assert ("order_minimum", "at least 4 nodes of terms, or none") in {
        (cause.family, cause.where) for cause in found.causes
    }
    assert ("supply.order_minimums.0.min_nodes=3",) in {fix.assignments for fix in found.fixes}


def test_what_contradicts_a_minimum_is_told_with_its_place():
    wrong = asked(
        capacity_blocks=[BLOCK | {"min_nodes": 6}],
        order_minimums=[
            TERMS | {"tenures": ["reserved_1y", "reserved_1y"]},
            TERMS | {"tenures": ["owned"], "region": "north"},
        ],
    )

    found = {path[1:]: text for path, text in semantic_faults(wrong)}

    assert found["capacity_blocks", 0, "min_nodes"] == "6 is above `max_nodes`, 5"
    assert "twice" in found["order_minimums", 0, "tenures", 1]
    assert "terms" in str(found["order_minimums", 1, "name"])
    for field in ("provider", "region"):
        assert "an item of their own" in found["order_minimums", 1, field]


def test_a_minimum_of_nothing_on_offer_is_pointed_out():
    world = solve(order_minimums=[TERMS])

    assert any("order minimum terms has no effect" in text for text in world.plan.warnings)


@pytest.mark.parametrize(
    ("least", "quotas", "saves"),
    [
        # Two nodes by the hour at 2 USD, or the block at 0.50 each, for three months.
        (5, [{"hardware": "gpu-a", "max_accelerators": 3}],
         {"2 down, to 3": 4.0 - 1.5, "without it": 4.0 - 1.0}),
        (5, [], {"1 down, to 4": 0.5, "without it": 2.5 - 1.0}),
        (2, [], {"without it": 0.0}),
    ],
)  # fmt: skip
def test_a_minimum_is_worth_what_lower_ones_that_can_be_met_save(least, quotas, saves):
    stated = asked(capacity_blocks=[BLOCK | {"min_nodes": least}], quotas=quotas)

    found = explain_plan(changeable(stated), ExplainSettings(gap=0.0))

    changed = [row for row in found.changed if row.family == "order_minimum"]
    assert {row.change: row.saves_usd for row in changed} == {
        change: pytest.approx(usd_per_h * 3 * 730, abs=0.01) for change, usd_per_h in saves.items()
    }
    assert changed[-1].assignments == ("supply.capacity_blocks.0.min_nodes=1",)


QUOTA = {"hardware": "gpu-a", "max_accelerators": 3}
LEASED = {"tenures": ["on_demand", "reserved_1y"]}
BOUGHT = {"tenures": ["on_demand", "owned"], "servers": ["box"]}


@pytest.mark.parametrize(
    ("supply", "field", "limits", "told"),
    [
        ({"capacity_blocks": [BLOCK | {"min_nodes": 4}]}, "capacity_blocks", {}, "capacity block"),
        (LEASED | {"order_minimums": [TERMS | {"min_nodes": 4}]}, "order_minimums", {},
         "order minimum"),
        (BOUGHT | {"order_minimums": [RACK]}, "order_minimums", {"owned_nodes": 3},
         "order minimum"),
    ],
)  # fmt: skip
def test_a_minimum_above_a_limit_is_pointed_out_with_the_largest_that_is_met(
    supply, field, limits, told
):
    limit = "limits.owned_nodes 3" if limits else "the quota of 3 accelerators of gpu-a"
    capped = supply if limits else supply | {"quotas": [QUOTA]}
    met = capped | {field: [capped[field][0] | {"min_nodes": 3}]}

    def of(stated):
        whole = asked(**stated).model_copy(update={"limits": LimitSection(**limits)})
        return solved(whole, facts(), [MEASURED | {"workload": "chat"}])

    world, enough = of(capped), of(met)
    (note,) = [text for text in world.plan.warnings if "can never be met" in text]

    assert note.startswith(told)
    assert "4 nodes of" in note
    assert "(4 accelerators)" in note
    assert f"above {limit}" in note
    assert f"allows is 3 (supply.{field}.0.min_nodes)" in note
    assert orders(world) == set()
    # What the sentence calls the largest that is allowed is indeed ordered, and not pointed out.
    assert [nodes for _, nodes in orders(enough)] == [3]
    assert not any("can never be met" in text for text in enough.plan.warnings)


def test_a_quota_of_nothing_is_not_the_fault_of_a_minimum():
    nothing = QUOTA | {"max_accelerators": 0, "provider": "cloud"}
    world = ready(quotas=[nothing], capacity_blocks=[BLOCK | {"min_nodes": 4}])

    assert not any("can never be met" in text for text in world.options.warnings)


WRONG = """\
schema_version: 1
name: wrong
horizon: {start: 2027-01}
workloads:
  - name: chat
    arrival: {mean_rate_rps: 1}
    lengths: {isl_tokens: {mean: 100}, osl_tokens: {mean: 10}}
supply:
  order_minimums:
    - {name: a, min_nodes: 0, hardware: h100-sxm-80gb}
    - {name: b, min_node: 2}
    - {name: c, min_nodes: 2, tenures: [on_demand]}
    - {name: d, min_nodes: 2, provider: nebios, hardware: h100-smx-80gb}
    - {name: e, min_nodes: 2, tenures: [owned], instance: no-such-server}
"""


def test_every_fault_is_told_at_once_with_its_place(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG, encoding="utf-8")

    with pytest.raises(InputError) as error:
        prepare(path)

    found = {(f.line, f.path.removeprefix("supply.order_minimums.")): f.message
             for f in error.value.faults}  # fmt: skip
    assert {(10, "a.min_nodes"), (11, "b.min_node"), (12, "c.tenures.0"),
            (13, "d.provider"), (13, "d.hardware"), (14, "e.instance")} == set(found)  # fmt: skip
    assert "nebius" in found[13, "d.provider"]
    assert "h100-sxm-80gb" in found[13, "d.hardware"]
    assert "planner catalog list servers" in found[14, "e.instance"]
