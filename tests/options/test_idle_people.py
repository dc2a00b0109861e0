"""People stated for hosting that a problem cannot have: said, with the row and the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.options.idle_people import idle_people
from tests.options.world import problem
from tests.worlds import api, capacity, offer, option, option_set, reserved

RENTED, OWNED = offer("n"), replace(reserved("s"), tenure="owned")
THERE = replace(OWNED, builds=(replace(OWNED.builds[0], fixed_nodes=2),))
TOKENS = api("w", 0.001)
WHY = "; `planner options PROBLEM --rejected` says why"


def told(staff, nodes=(), tokens=(), tenures=("on_demand", "owned", "api")):
    offered = option_set([option("o")], [capacity("w", "o", 2.0)], nodes, tokens, {"w": "w"})
    return idle_people(problem(supply={"staff": staff, "tenures": list(tenures)}), offered)


@pytest.mark.parametrize(
    ("staff", "tenures", "says"),
    [
        (
            {"owned": {"fte_per_node": 0.1}},
            ["on_demand"],
            "owned (fte_per_node) costs nothing: supply.tenures has no `owned`, and no node of "
            "supply.existing is owned",
        ),
        (
            {"owned": {"fte": 1, "fte_per_node": 0.1}},
            ["owned"],
            "owned (fte, fte_per_node) costs nothing: no server can be bought that serves within "
            f"the horizon, and no node of supply.existing is owned{WHY}",
        ),
        (
            {"rented": {"fte": 1}},
            ["owned", "api"],
            "rented (fte) costs nothing: supply.tenures has nodes to rent of no kind, and no node "
            "of supply.existing is rented",
        ),
        (
            {"rented": {"fte": 1}},
            ["spot"],
            f"rented (fte) costs nothing: no rented node is on offer that a replica fits{WHY}",
        ),
        (
            {"api": {"fte_per_offer": 0.5}},
            ["owned"],
            "api (fte_per_offer) costs nothing: supply.tenures has no `api`",
        ),
        (
            {"api": {"fte": 0.5}},
            ["api"],
            f"api (fte) costs nothing: no tokens may serve any workload{WHY}",
        ),
    ],
)
def test_people_of_hosting_that_cannot_occur_name_the_row_and_the_reason(staff, tenures, says):
    assert told(staff, tenures=tenures) == [f"supply.staff.{says}"]


@pytest.mark.parametrize(
    ("staff", "nodes", "tokens"),
    [
        ({"owned": {"fte": 1}}, [OWNED], []),
        ({"owned": {"fte": 1}}, [THERE], []),
        ({"rented": {"fte": 1}}, [RENTED], []),
        ({"api": {"fte": 1}}, [], [TOKENS]),
        ({"owned": {"fte": 0}, "rented": {"fte_per_node": 0}, "api": {}}, [], []),
        ({"usd_per_fte_year": 100_000}, [], []),
    ],
)
def test_people_that_may_be_needed_and_none_at_all_are_not_told(staff, nodes, tokens):
    assert told(staff, nodes, tokens) == []


def test_nodes_of_one_kind_need_no_people_of_another():
    staff = {"owned": {"fte": 1}, "rented": {"fte": 1}}

    assert [n.split()[0] for n in told(staff, [RENTED])] == ["supply.staff.owned"]
    assert [n.split()[0] for n in told(staff, [OWNED])] == ["supply.staff.rented"]
