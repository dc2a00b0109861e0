"""Values in place of refused ones: what the schema accepts, far enough apart."""

from __future__ import annotations

import copy

import pytest

from planner.problem.possible import Possible, possible_problems
from planner.problem.schema import Problem
from planner.problem.stand_ins import is_optional, stand_ins
from planner.yaml_io import parse_yaml

EXAMPLE = """
schema_version: 1
name: base
horizon: {start: 2027-01, periods: 2}
time_blocks: 4
workloads:
  - name: chat
    arrival: {requests_per_day: 1000, profile: flat}
    lengths: {isl_tokens: {mean: 100}, osl_tokens: {mean: 10}}
    growth_per_period: [1.0, 1.1]
    slo: [{metric: ttft_ms, percentile: 99, limit: 2000}]
supply:
  tenures: [on_demand]
  volume_discounts: [{name: v, provider: p, tiers: [{from_nodes: 2, discount: 0.1}]}]
  existing: [{hardware: h, tenure: owned, nodes: 1, accelerators_per_node: 8, until: 2028-01,
              usd_per_node_hour: 1}]
limits: {budget_usd_per_period: {cash: [1, 2]}}
"""


def leaves(node, path=()):
    inside = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in inside:
        yield (*path, key), value
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))


@pytest.fixture
def data():
    return parse_yaml(EXAMPLE, "p.yaml").data


def test_the_schema_accepts_every_stand_in_of_every_value(data):
    plain = [path for path, _ in leaves(data)]

    for path in plain:
        values = stand_ins(Problem, path)
        assert values, path
        for value in values:
            changed = copy.deepcopy(data)
            node = changed
            for part in path[:-1]:
                node = node[part]
            node[path[-1]] = value
            Problem.model_validate(changed)


@pytest.mark.parametrize(
    ("path", "low", "high"),
    [
        (("supply", "volume_discounts", 0, "tiers", 0, "discount"), 1e-3, 0.99),
        (("horizon", "periods"), 1, 20),
        (("workloads", 0, "growth_per_period", 1), 1e-3, 50),
        (("policy", "confidence"), 0.5, 0.99),
    ],
)
def test_stand_ins_of_a_number_span_what_is_accepted(path, low, high):
    values = stand_ins(Problem, path)

    assert min(values) <= low
    assert max(values) >= high


def test_stand_ins_of_a_choice_are_all_choices():
    assert stand_ins(Problem, ("time_blocks",)) == [1, 4, 6, 8, 12, 24]


def test_a_field_that_does_not_exist_has_none():
    assert stand_ins(Problem, ("policy", "absent")) == []


@pytest.mark.parametrize(
    ("path", "optional"),
    [
        (("time_blocks",), True),
        (("name",), False),
        (("workloads", 0, "slo", 0), False),
        (("workloads", 0, "arrival", "requests_per_day"), True),
    ],
)
def test_what_may_be_left_out(path, optional):
    assert is_optional(Problem, path) is optional


def test_a_finding_counts_when_all_problems_have_it():
    finding, bad = (("a",), "m"), (("b",), "of 1")
    found = {1: [finding, bad], 2: [finding, (("b",), "of 2")]}

    assert Possible((1, 2)).findings(found.get) == [finding]


def test_a_finding_at_the_refused_value_itself_does_not_count():
    possible = Possible((1,), frozenset({("a", 0)}))

    assert possible.findings(lambda _: [(("a", 0, "b"), "m"), (("a",), "m")]) == [(("a",), "m")]


def test_the_data_that_are_checked_stay_as_they_are(data):
    data["time_blocks"] = 5
    before = copy.deepcopy(data)

    possible_problems(data)

    assert data == before


def test_a_file_of_nothing_that_is_known_is_a_problem_all_the_same():
    possible = possible_problems({"workloadz": 3})

    assert possible.problems
    assert {("name",), ("horizon",), ("workloads",)} <= possible.refused
