"""Resale of nodes that are there: what it is worth when, and contradictions."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.problem.load import load_problem
from planner.problem.semantics import semantic_faults
from planner.problem.supply import Resale
from tests.options.world import problem

NODES = {
    "hardware": "gpu", "tenure": "owned", "nodes": 2, "accelerators_per_node": 8,
    "usd_per_node_hour": 10.0,
}  # fmt: skip
PATH = ("supply", "existing", 0, "resale")


def faults(resale, **changes):
    asked = problem(
        horizon={"start": "2027-01", "periods": 3, "months_per_period": 6},
        supply={"existing": [NODES | {"resale": resale} | changes]},
    )
    return [(path, text) for path, text in semantic_faults(asked) if "resale" in path]


def test_one_figure_changes_by_the_year():
    resale = Resale.model_validate({"usd_per_node": 100_000, "change_per_year": -0.36})

    worth = [resale.usd_at(t, 6) for t in range(4)]
    assert worth == pytest.approx([100_000, 80_000, 64_000, 51_200])


def test_figures_by_period_stand_for_their_starts_and_the_end():
    resale = Resale.model_validate({"usd_per_node": [9.0, 5.0, 4.0, 1.0]})

    assert [resale.usd_at(t, 6) for t in range(4)] == [9.0, 5.0, 4.0, 1.0]


@pytest.mark.parametrize(
    "resale",
    [{"usd_per_node": 1_000, "change_per_year": -0.3}, {"usd_per_node": [3, 2, 1, 0]}],
)
def test_a_resale_is_accepted(resale):
    assert faults(resale) == []


@pytest.mark.parametrize(
    ("resale", "changes", "path", "says"),
    [
        (
            {"usd_per_node": [3, 2, 1]}, {}, (*PATH, "usd_per_node"),
            "has 3 figures for 3 periods; give 4: one for the start of every period, and one "
            "for the end of the last",
        ),
        ({"usd_per_node": 5}, {}, PATH, "states no change; give `change_per_year`, for example"),
        (
            {"usd_per_node": [3, 2, 1, 0], "change_per_year": -0.1}, {},
            (*PATH, "change_per_year"), "has no effect beside figures by period",
        ),
        (
            {"usd_per_node": [3, 2, 1, 0]}, {"tenure": "reserved_3y"}, PATH,
            "nodes of tenure `reserved_3y` are not yours to sell; take it out",
        ),
    ],
)  # fmt: skip
def test_a_contradiction_names_its_place_and_the_way_out(resale, changes, path, says):
    ((where, text),) = faults(resale, **changes)

    assert where == path
    assert says in text


TEXT = """\
supply:
  existing:
    - {hardware: gpu, tenure: owned, nodes: 2, accelerators_per_node: 8, usd_per_node_hour: 10,
       resale: {usd_per_node: lots, change_per_year: -2, falls: 3}}
"""


def test_bad_figures_are_all_reported_with_their_places(problem_file):
    file = problem_file(("policy: {spare_replicas: 1}\n", "policy: {spare_replicas: 1}\n" + TEXT))

    with pytest.raises(InputError) as caught:
        load_problem(file)

    text = str(caught.value)
    assert "`lots` is not accepted; give a number of at least 0, or a list with one for" in text
    assert "`-2` is out of range; it must be above -1" in text
    assert "unknown field `falls`" in text
    assert text.count("p.yaml:") == 3 or text.count(".yaml:15:") == 3
