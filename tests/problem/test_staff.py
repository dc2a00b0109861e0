"""People of a problem: what is refused, where, and what would be accepted."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.problem.load import load_problem
from planner.problem.staff_findings import staff_findings
from tests.options.test_terms import sites
from tests.options.world import catalog, problem

WRONG = """\
supply:
  staff:
    usd_per_fte_year: -1
    owned: {fte: half, fte_per_nod: 0.1}
    rented: 0.5
    api: {fte: 0.1, fte_per_node: 1}
policy:"""


def test_every_fault_is_told_at_once_with_its_place_and_what_would_do(problem_file):
    with pytest.raises(InputError) as error:
        load_problem(problem_file(("policy:", WRONG)))

    found = {(f.line, f.column, f.path): f.message for f in error.value.faults}
    assert [path for _, _, path in found] == [
        "supply.staff.usd_per_fte_year",
        "supply.staff.owned.fte",
        "supply.staff.owned.fte_per_nod",
        "supply.staff.rented",
        "supply.staff.api.fte_per_node",
    ]
    lines = [line for line, _, _ in found]
    assert lines == [lines[0], lines[0] + 1, lines[0] + 1, lines[0] + 2, lines[0] + 3]
    texts = list(found.values())
    assert "`-1`" in texts[0]
    assert "`half`" in texts[1]
    assert "fte_per_node" in texts[2]
    assert "`0.5`" in texts[3]
    assert "fte_per_offer" in texts[4]


@pytest.mark.parametrize("people", [{"rented": {"fte": 0.5}}, {"api": {"fte_per_offer": 0.1}},
                                    {"owned": {"fte_per_node": 0.1}}])  # fmt: skip
def test_people_without_a_cost_name_the_row_to_add(people):
    facts = catalog(sites=sites(staff_usd_per_fte_year=None))

    ((path, text),) = staff_findings(problem(supply={"staff": people, "site": "home"}), facts)

    assert path == ("supply", "staff")
    assert "give `usd_per_fte_year`, or add a row id=home" in text
    stated = people | {"usd_per_fte_year": 1.0}
    assert list(staff_findings(problem(supply={"staff": stated}), facts)) == []
    assert list(staff_findings(problem(supply={"staff": people}), catalog(sites=sites()))) == []


def test_nobody_needs_no_cost():
    nobody = {"rented": {"fte": 0, "fte_per_node": 0}, "api": {}, "owned": None}

    assert list(staff_findings(problem(supply={"staff": nobody}), catalog())) == []
