"""The wording of faults: values as they stand in the file, no words of the programmer."""

from __future__ import annotations

import copy
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from planner.problem.messages import sentence, shown
from planner.problem.schema import Problem
from planner.problem.validate import validate
from planner.yaml_io import parse_yaml


def sentences(text):
    try:
        Problem.model_validate(parse_yaml(text, "p").data)
    except ValidationError as error:
        return [sentence(e, Problem) for e in error.errors()]
    return []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        (False, "false"),
        (3, "`3`"),
        (0.5, "`0.5`"),
        ("2 s", "`2 s`"),
        ([1, "a"], "[`1`, `a`]"),
        ({"a": 1, "b": 2}, "a group of fields (a, b)"),
    ],
)
def test_a_value_is_shown_as_in_the_file(value, text):
    assert shown(value) == text


def test_a_long_value_is_shortened():
    assert len(shown("x" * 1000)) < 80


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


TEXT = """\
schema_version: 1
name: base
horizon: {start: 2027-01}
time_blocks: 1
finance: {discount_rate_per_year: 0.1}
candidates: {models: [a]}
scenarios: {s: {}}
workloads:
  - name: chat
    arrival: {requests_per_day: 1, profile: flat}
    growth_per_period: 1
    residency: any
    slo: [{metric: ttft_ms, percentile: 99, limit: 1}]
    lengths: {isl_tokens: {mean: 1}, osl_tokens: {mean: 1}}
"""
DOCUMENT = parse_yaml(TEXT, "p.yaml")
PLACES = sorted((p for p in DOCUMENT.positions if p and isinstance(p[-1], str)), key=str)


@settings(max_examples=120)
@given(place=st.sampled_from(PLACES), value=anything)
def test_any_value_anywhere_is_accepted_or_explained_in_one_line(place, value):
    data = copy.deepcopy(DOCUMENT.data)
    node = data
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value

    faults = validate(replace(DOCUMENT, data=data)).faults

    assert all(f.line is not None and f.message for f in faults)
    assert not any(re.search(r"Input should|\n|should match", f.message) for f in faults)


def test_unknown_field_inside_a_mapping_of_models_is_explained():
    text = (
        "schema_version: 1\nname: a\nhorizon: {start: 2027-01}\nworkloads:\n"
        "  - name: w\n    arrival: {requests_per_day: 1}\n    token_factors: {m: {isk: 1}}\n"
    )

    assert sentences(text) == ["unknown field `isk`; did you mean `isl`?"]
