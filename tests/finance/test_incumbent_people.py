"""People of servers in a budget run: they go on with the servers, and are paid once."""

from __future__ import annotations

import json

import pytest

from planner.errors import InputError
from planner.finance.incumbent import read_incumbent
from planner.problem.load import load_problem
from tests.finance.budget import solve

FACTS = "catalog=[facts, people]"
HALF_A_PERSON_USD = 0.5 * 120_000 / 4
"""In a quarter."""


@pytest.fixture(scope="module")
def staffed(folder):
    """Half a person at the site, and a thousandth for each server."""
    (folder / "people").mkdir()
    (folder / "people" / "sites.csv").write_text(
        "id,quantity,case,value,source,as_of\n"
        "home,staff_fte,,0.5,quote,2026-12\n"
        "home,staff_fte,per-8-gpu-server,0.008,quote,2026-12\n",
        encoding="utf-8",
    )
    return folder


def fixed_usd(plan):
    """Return what people cost whatever the number of servers, by period."""
    usd = dict.fromkeys(range(4), 0.0)
    for line in plan.cost_lines:
        if (line.category, line.hardware) == ("staff", ""):
            usd[line.period] += line.usd
    return usd


def test_people_of_the_site_stay_with_the_servers_that_a_plan_has_begun(staffed):
    demand = "workloads.chat.arrival.mean_rate_rps=400"  # servers are worth their people
    first, text = solve(staffed, (FACTS, demand))
    (staffed / "first.json").write_text(text, encoding="utf-8")
    assert fixed_usd(first) == {0: 0.0, 1: 0.0, 2: 0.0, 3: HALF_A_PERSON_USD}

    then = (FACTS, demand, "horizon.start=2027-10", "horizon.periods=1")
    second, text = solve(staffed, then, staffed / "first.json")
    (staffed / "second.json").write_text(text, encoding="utf-8")
    third, _ = solve(staffed, (FACTS, demand, "horizon.start=2028-01"), staffed / "second.json")

    assert fixed_usd(second)[0] == pytest.approx(HALF_A_PERSON_USD)
    assert fixed_usd(third) == pytest.approx(dict.fromkeys(range(4), HALF_A_PERSON_USD))


def test_people_of_servers_are_paid_once_when_a_later_problem_states_them(staffed):
    demand = "workloads.chat.arrival.mean_rate_rps=400"
    _, text = solve(staffed, (FACTS, demand))
    (staffed / "first.json").write_text(text, encoding="utf-8")
    stated = "supply.staff.owned={fte: 0.25, fte_per_node: 0}"
    then = (FACTS, demand, "horizon.start=2027-10", "horizon.periods=1", stated)

    plan, _ = solve(staffed, then, staffed / "first.json")

    assert fixed_usd(plan)[0] == pytest.approx(HALF_A_PERSON_USD / 2)


def test_where_only_the_earlier_problem_states_people_those_of_the_site_are_there(staffed):
    demand = "workloads.chat.arrival.mean_rate_rps=400"
    _, text = solve(staffed, (FACTS, demand, "supply.staff.owned={fte: 0.25, fte_per_node: 0}"))
    (staffed / "first.json").write_text(text, encoding="utf-8")
    then = (FACTS, demand, "horizon.start=2027-10", "horizon.periods=1")

    plan, _ = solve(staffed, then, staffed / "first.json")

    assert fixed_usd(plan)[0] == pytest.approx(HALF_A_PERSON_USD)


def test_nodes_that_the_problem_says_are_there_have_no_people_unless_it_says_so(staffed):
    there = {
        "hardware": "h100-sxm-80gb", "tenure": "owned", "nodes": 1, "accelerators_per_node": 1,
        "usd_per_node_hour": 0.5,
    }  # fmt: skip
    few = (FACTS, "workloads.chat.arrival.mean_rate_rps=3", "supply.tenures=[on_demand]")

    def paid(**more):
        plan, _ = solve(staffed, (*few, f"supply.existing={json.dumps([there | more])}"))
        return sum(fixed_usd(plan).values())

    assert paid() == 0
    assert paid(needs_people=True) == pytest.approx(4 * HALF_A_PERSON_USD)
    assert paid(needs_people=True, until="2027-07") == pytest.approx(2 * HALF_A_PERSON_USD)


def test_rented_nodes_with_people_are_a_fault(staffed):
    there = {
        "hardware": "h100-sxm-80gb", "tenure": "reserved_1y", "nodes": 1,
        "accelerators_per_node": 1, "usd_per_node_hour": 0.5, "needs_people": True,
    }  # fmt: skip

    with pytest.raises(InputError, match="have no people of their own; take it out") as caught:
        load_problem(staffed / "budget.yaml", None, [f"supply.existing={json.dumps([there])}"])

    assert caught.value.faults[0].path == "supply.existing.0.needs_people"


def test_people_of_servers_are_not_paid_twice_when_a_later_problem_states_them(folder):
    facts = "catalog=[facts, people]"
    (folder / "people").mkdir(exist_ok=True)
    (folder / "people" / "sites.csv").write_text(
        "id,quantity,case,value,source,as_of\nhome,staff_fte,per-8-gpu-server,0.008,quote,2026-12\n",
        encoding="utf-8",
    )
    stated = "supply.staff.owned={fte: 0, fte_per_node: 0.002}"
    due = 0.06 * 24_000 / 12 + 100 + 1.5 * 730 * 0.1

    def carried(*before):
        _, text = solve(folder, (facts, *before))
        (folder / "before.json").write_text(text, encoding="utf-8")
        return read_incumbent(folder / "before.json")

    def due_in(plan, *, people_apart):
        entries = plan.carried("2027-10", people_apart=people_apart)
        own = [e["usd_per_node_hour"] * 730 for e in entries if e["tenure"] == "owned"]
        assert own
        return {round(usd, 6) for usd in own}

    # a thousandth of a person for each server is 10 USD a month
    unstated = carried()
    assert due_in(unstated, people_apart=False) == {round(due + 10, 6)}
    assert due_in(unstated, people_apart=True) == {round(due, 6)}
    plan, _ = solve(
        folder, (facts, "horizon.start=2027-10", "horizon.periods=1", stated),
        folder / "before.json",
    )  # fmt: skip
    own = [c for c in plan.commitments if c.is_existing and c.tenure == "owned"]
    assert {round(c.usd_per_month / c.nodes, 6) for c in own} == {round(due, 6)}
    assert due_in(carried(stated), people_apart=True) == {round(due, 6)}
