"""A small valid problem, and ways to write it to disk and to build parts of it."""

from __future__ import annotations

import pytest

from planner.problem.schema import Problem
from planner.yaml_io import parse_yaml

TEXT = """\
schema_version: 1
name: base
horizon: {start: 2027-01, periods: 2}
workloads:
  - name: chat
    arrival: {requests_per_day: 1000}
    lengths: {isl_tokens: {mean: 100}, osl_tokens: {mean: 10}}
    slo:
      - {metric: ttft_ms, percentile: 99, limit: 2000}
      - {metric: tpot_ms, percentile: 99, limit: 200}
  - name: code
    arrival: {requests_per_day: 10}
    lengths: {isl_tokens: {mean: 1000}, osl_tokens: {mean: 50}}
policy: {spare_replicas: 1}
scenarios:
  calm:
    description: less traffic
    probability: 1
    workloads:
      - name: code
        arrival: {requests_per_day: 5}
  more:
    workloads:
      - name: batch
        arrival: {requests_per_day: 7}
        lengths: {isl_tokens: {mean: 10}, osl_tokens: {mean: 10}}
  tight:
    workloads:
      - name: chat
        slo:
          - {metric: ttft_ms, percentile: 95, limit: 500}
"""


@pytest.fixture
def text():
    return TEXT


@pytest.fixture
def document():
    return parse_yaml(TEXT, "p.yaml")


@pytest.fixture
def problem_file(tmp_path):
    """Write a problem file, edited by pairs of old and new text; return its path."""

    def write(*edits, text=TEXT):
        for old, new in edits:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "p.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def make_problem():
    """Build a problem from the base data with sections replaced."""

    def make(workload=None, **sections):
        data = parse_yaml(TEXT, "p.yaml").data
        data["workloads"][0] |= workload or {}
        return Problem.model_validate(data | sections)

    return make
