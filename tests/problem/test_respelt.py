"""Sections under a misspelt name: what is wrong inside them is told at once."""

from __future__ import annotations

import pytest

from planner.problem.respelt import respelt
from planner.problem.validate import validate
from planner.yaml_io import parse_yaml

PROBLEM = """\
schema_version: 1
name: p
horizon: {start: 2027-01}
workload:
  - name: chat
    arival: {requests_per_day: -200, profile: flat}
    lengths: {isl_tokens: {mean: 100}, osl_tokens: {mean: 100}}
    slo:
      - {metric: ttft_mss, percentile: 99, limit: 1000}
polcy: {confidence: 2}
"""


def faults(text):
    found = validate(parse_yaml(text, "p.yaml")).faults
    return {(fault.line, fault.path) for fault in found}


def test_faults_inside_are_told_with_the_unknown_names():
    assert faults(PROBLEM) == {
        (4, "workload"),
        (6, "workloads.chat.arival"),
        (6, "workloads.chat.arrival.requests_per_day"),
        (9, "workloads.chat.slo.0.metric"),
        (10, "polcy"),
        (10, "policy.confidence"),
    }


def test_a_sound_section_has_no_fault_but_its_name(text):
    assert faults(text.replace("workloads:", "worklods:", 1)) == {(4, "worklods")}


@pytest.mark.parametrize(
    "extra",
    [
        "polizy: {confidence: 2}\npolixy: {confidence: 2}\n",  # either may be the policy
        "policy: {confidence: 0.8}\npolcy: {confidence: 2}\n",  # the policy is there already
        "quality_floors: {confidence: 2}\n",  # nothing is called nearly so
    ],
)
def test_a_section_that_may_mean_something_else_is_not_looked_into(text, extra):
    text = "\n".join(line for line in text.splitlines() if not line.startswith("policy:"))

    found = {path for _, path in faults(f"{text}\n{extra}")}

    assert found
    assert not any("." in path for path in found)


def test_data_and_positions_move_together_and_nothing_is_lost():
    written = parse_yaml(PROBLEM, "p.yaml")

    document, misspelt = respelt(written)

    assert [m.meant for m in misspelt] == [
        ("workloads",), ("policy",), ("workloads", 0, "arrival")
    ]  # fmt: skip
    assert list(document.data) == ["schema_version", "name", "horizon", "workloads", "policy"]
    arrival = ("workloads", 0, "arrival", "requests_per_day")
    assert document.positions[arrival] == written.positions[("workload", 0, "arival", arrival[-1])]
    assert sorted(document.positions.values()) == sorted(written.positions.values())
    assert written.data["workload"][0]["arival"]["requests_per_day"] == -200
