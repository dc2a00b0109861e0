"""First and last months of nodes: what is wrong with one hides nothing of the other."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.problem.load import load_problem

WHERE = "hardware: h100-sxm-80gb, accelerators_per_node: 8, usd_per_node_hour: 9"
START, WITHIN = "not after 2027-01, the start of the horizon", "lies within a period"


def faults(problem_file, supply):
    """Return the faults by field: two quarters from January 2027 on."""
    path = problem_file(("policy:", f"supply:\n{supply}\npolicy:"))
    try:
        load_problem(path)
    except InputError as error:
        return {f.path.rpartition(".")[2]: f.message for f in error.faults}
    return {}


@pytest.mark.parametrize(
    ("since", "until", "wrong"),
    [
        ("2027-01", "2027-04", {}),
        ("2027-02", "2027-04", {"since": WITHIN}),
        ("2027-02", "2027-05", {"since": WITHIN, "until": WITHIN}),
        ("2026-04", "2027-05", {"since": "before the start of the horizon", "until": WITHIN}),
        ("2026-04", "2026-10", {"since": "before the start of the horizon", "until": START}),
        ("2072-01", "2027-04", {"since": "after the horizon"}),
        ("2072-01", "2027-02", {"since": "after the horizon", "until": WITHIN}),
        ("2027-04", "2027-01", {"until": "not after 2027-04, the first month with the nodes"}),
    ],
)
def test_both_months_of_a_block_are_checked_at_once(problem_file, since, until, wrong):
    block = f"{{name: b, provider: us, {WHERE}, since: {since}, until: {until}, max_nodes: 1}}"

    found = faults(problem_file, f"  capacity_blocks: [{block}]")

    assert found.keys() == wrong.keys()
    assert all(text in found[field] for field, text in wrong.items())


@pytest.mark.parametrize(
    ("since", "until", "wrong"),
    [
        ("2027-04", "2028-01", {}),
        ("2027-02", "2026-10", {"since": WITHIN, "until": "is not after the start"}),
        ("2030-01", "2026-10", {"since": "after the horizon", "until": "is not after the start"}),
        ("2027-04", "2026-10", {"until": "is not after the start"}),
        ("2027-04", "2027-04", {"since": "is not before 2027-04, the first month without them"}),
    ],
)
def test_both_months_of_nodes_on_order_are_checked_at_once(problem_file, since, until, wrong):
    nodes = f"{{tenure: owned, nodes: 1, {WHERE}, since: {since}, until: {until}}}"

    found = faults(problem_file, f"  existing: [{nodes}]")

    assert found.keys() == wrong.keys()
    assert all(text in found[field] for field, text in wrong.items())
