"""What a reader must know beside the tables."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from planner.options.engine_setting import EngineSetting
from planner.plan.records import BuildDecision
from planner.plan.remarks import binding_rows, plan_warnings
from tests.options.world import problem, workload
from tests.plan.small import decisions, flow, nodes, plan, replicas
from tests.worlds import api, capacity, demand, offer, option, option_set, reserved

ASKED = demand({"w": [2.0]})
RENTED = decisions([replicas("o", 1)], [flow("o", 2.0)], [nodes("n", 1)])
BOUGHT = decisions(api_flows=[flow("api-w", 2.0)])


@dataclass(frozen=True)
class Price:
    what: str = "quota"
    where: str = "gpu"
    usd_per_unit: float = 5.0
    unit: str = "accelerator"


def options(*, origin="calibrated", note="", assumed=False):
    rate = replace(capacity("w", "o", 2.0), origin=origin)
    node = replace(offer("n"), note=note)
    tokens = replace(api("w", 0.001), assumed_latency=assumed)
    return option_set([option("o")], [rate], [node], [tokens], {"w": "w"})


def warnings(decided=RENTED, *, sections=None, **changes):
    offered = options(**changes)
    return plan_warnings(plan(ASKED, offered, decided), problem(**(sections or {})), offered)


def test_limits_with_a_price_come_before_what_stops_the_replicas():
    offered = options()

    rows = binding_rows(plan(ASKED, offered, RENTED), offered, [Price()])

    assert [(r.what, r.where, r.shadow_price_usd_per_unit, r.unit) for r in rows] == [
        ("quota", "gpu", 5.0, "accelerator"),
        ("replica rate", "o", None, "memory"),
    ]


def test_plain_plan_needs_no_warning():
    assert warnings() == ()


@pytest.mark.parametrize(
    ("limit", "share", "cv", "says"),
    [
        (
            "ttft p99 of w",
            0.7,
            1.0,
            "up to 40% above those of a simulated fleet, and depend on the sample: test",
        ),
        ("ttft p99 of w", 0.5, 2.0, "interarrival_cv 2) they were several times too high"),
        ("ttft p99 of w", 0.5, 1.0, None),
        ("ttft p99 of w", 0.2, 2.0, None),
        ("tpot mean of w", 0.7, 1.0, None),
        ("ttft p99 of w", None, 1.0, None),
    ],
)
def test_a_limit_close_to_the_unloaded_latency_is_told(limit, share, cv, says):
    rate = capacity("w", "o", 2.0)
    points = (replace(rate.points[0], limit=limit),)
    offered = option_set(
        [option("o")],
        [replace(rate, points=points, ttft_share_unloaded=share)],
        [offer("n")],
        [],
        {"w": "w"},
    )
    asked = problem(workload("w", arrival={"mean_rate_rps": 1.0, "interarrival_cv": cv}))

    found = plan_warnings(plan(ASKED, offered, RENTED), asked, offered)

    assert any("first token is close" in text for text in found) is (says is not None)
    assert says is None or any(says in text for text in found)


def test_how_the_engine_has_to_be_set_is_told():
    rate = replace(capacity("w", "o", 2.0), setting=EngineSetting(2048, 100_000.0, 0.25))
    offered = option_set([option("o")], [rate], [offer("n")], [], {"w": "w"})

    step, prefixes = plan_warnings(plan(ASKED, offered, RENTED), problem(), offered)

    assert step == "o: deploy with 2,048 tokens a step"
    assert prefixes.startswith("w on o: 100,000 tokens of each replica's KV cache hold prefixes")
    assert "25% of the prompts" in prefixes


def test_spot_nodes_without_work_for_them_are_told():
    found = warnings(sections={"supply": {"tenures": ["on_demand", "owned", "spot", "api"]}})

    assert found[0].startswith("spot nodes are not used: only work that may wait")


def test_note_of_a_used_offer_is_told():
    assert warnings(note="no service level") == ("n: no service level",)


def test_note_of_an_unused_offer_is_not_told():
    assert warnings(BOUGHT, note="no service level") == ()


def test_nothing_is_assumed_about_starts_when_the_day_is_flat():
    node = replace(offer("n"), startup_h=1 / 6, elastic_max_nodes=8)

    assert many_nodes(node, 1, time_blocks=24, policy={"scaling": "static"}) == ()


@pytest.mark.parametrize(("decided", "is_told"), [(BOUGHT, True), (RENTED, False)])
def test_assumed_latency_is_told_only_when_tokens_are_bought(decided, is_told):
    found = warnings(decided, assumed=True)

    assert any("API latencies are assumed" in note for note in found) == is_told


def test_stated_latency_of_bought_tokens_is_no_assumption():
    assert warnings(BOUGHT) == ()


def test_people_that_cost_nothing_here_are_told():
    (note,) = warnings(sections={"supply": {"staff": {"owned": {"fte": 1}}}})

    assert note.startswith("supply.staff.owned (fte) costs nothing: supply.tenures has no `owned`")


def test_class_defaults_ask_for_a_measurement():
    (note,) = warnings(origin="class_default")

    assert note.startswith("capacity on gpu rests on class defaults")


def test_no_warning_is_repeated():
    asked = replace(ASKED, warnings=("same", "same"))
    offered = options()

    found = plan_warnings(plan(asked, offered, RENTED), problem(), offered)

    assert found == ("same",)


def many_nodes(node, fleet, *, build=None, **sections):
    """Return the warnings of a plan on nodes of an offer, whose build is changed."""
    if build is not None:
        node = replace(node, builds=(replace(node.builds[0], **build),))
    offered = option_set([option("o")], [capacity("w", "o", 2.0)], [node], [], {"w": "w"})
    decided = decisions([replicas("o", 1)], [flow("o", 2.0)], [nodes("n", fleet)])
    if build is not None:
        decided = replace(decided, builds=(BuildDecision("n", 0, fleet),))
    return plan_warnings(plan(ASKED, offered, decided), problem(**sections), offered)


@pytest.mark.parametrize(
    ("build", "fleet", "told"),
    [
        (None, 8, None),
        (None, 9, "9 nodes of n at once"),
        ({}, 9, "9 nodes of n at once"),
        ({"fixed_nodes": 20}, 20, None),
        ({"least_nodes": 12}, 20, None),
        ({"least_nodes": 11}, 20, "9 nodes of n at once"),
    ],
)
def test_only_nodes_that_have_to_be_found_are_said_not_to_be_promised(build, fleet, told):
    """Those that are there, or that an earlier plan has taken on, nobody has to promise."""
    node = offer("n") if build is None else reserved("n")

    found = [n for n in many_nodes(node, fleet, build=build) if "nobody has promised" in n]

    assert [n.partition(":")[0] for n in found] == ([told] if told else [])


def test_nodes_of_a_capacity_block_can_be_had_as_stated():
    node, build = reserved("n"), {"most_nodes": 20}
    block = replace(node, tenure="capacity_block")

    assert any("nobody has promised" in note for note in many_nodes(node, 20, build=build))
    assert not any("nobody has promised" in note for note in many_nodes(block, 20, build=build))


START = "10 minutes to start a node"
EIGHT = "at most 8 nodes per offer that come and go within a day"


@pytest.mark.parametrize(
    ("node", "stated", "assumed"),
    [
        (offer("n"), {"assumes_startup": True, "assumes_elastic": True}, f"{START}, and {EIGHT}"),
        (offer("n"), {"assumes_startup": True}, START),
        (offer("n"), {"assumes_elastic": True}, EIGHT),
        (offer("n"), {"startup_h": 1 / 6, "elastic_max_nodes": 8}, None),
        (reserved("n"), {"assumes_startup": True, "assumes_elastic": True}, None),
    ],
)
def test_assumptions_on_how_nodes_come_and_go_are_told_where_something_is_assumed(
    node, stated, assumed
):
    build = {} if node.builds else None

    found = many_nodes(replace(node, **stated), 1, build=build, time_blocks=24)

    told = [note for note in found if note.startswith("assumed where an offer states nothing")]
    assert [note.partition(": ")[2] for note in told] == ([assumed] if assumed else [])
