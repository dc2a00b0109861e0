from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import InputError
from planner.sweep.assignments import read_variables
from planner.sweep.design import hypercube_column, points_of


def _swept(design, *stated, ranges=False, **more):
    points = points_of(design, read_variables(stated, ranges=ranges), **more)
    return [dict(point.swept) for point in points]


def test_one_at_a_time_is_the_base_and_every_value_alone():
    found = _swept("one-at-a-time", "a=1,2", "b=x,y,z")

    assert found == [{}, {"a": "1"}, {"a": "2"}, {"b": "x"}, {"b": "y"}, {"b": "z"}]


def test_a_grid_is_every_combination():
    found = _swept("grid", "a=1,2", "b=x,y")

    assert found == [
        {"a": "1", "b": "x"},
        {"a": "1", "b": "y"},
        {"a": "2", "b": "x"},
        {"a": "2", "b": "y"},
    ]


def test_what_has_one_value_is_set_in_every_run_in_the_order_of_the_command():
    points = points_of("one-at-a-time", read_variables(["a=1,2", "c=9"], ranges=False))

    assert [p.assignments for p in points] == [("c=9",), ("a=1", "c=9"), ("a=2", "c=9")]


def test_a_design_is_repeated_in_every_scenario():
    variables = read_variables(["a=1,2"], ranges=False)

    points = points_of("grid", variables, scenarios=(None, "busy"))

    assert [(p.scenario, p.assignments) for p in points] == [
        (None, ("a=1",)),
        (None, ("a=2",)),
        ("busy", ("a=1",)),
        ("busy", ("a=2",)),
    ]


@given(st.integers(1, 400), st.integers(0, 2**32))
def test_every_stratum_of_a_latin_hypercube_is_used_once(samples, seed):
    column = hypercube_column(samples, np.random.default_rng(seed))

    edges = [k / samples for k in range(samples + 1)]
    ordered = sorted(column)
    assert all(0 <= u < 1 for u in column)
    assert all(edges[k] <= u < edges[k + 1] for k, u in enumerate(ordered))


@given(st.integers(1, 60), st.integers(1, 7), st.integers(0, 1000))
def test_listed_values_of_a_latin_hypercube_are_used_equally_often(samples, size, seed):
    values = ",".join(str(k) for k in range(size + 1))

    found = _swept("latin-hypercube", f"a={values}", samples=samples, seed=seed)

    count = Counter(values["a"] for values in found)
    assert sum(count.values()) == samples
    assert max(count.values()) <= math.ceil(samples / (size + 1)) + 1
    assert samples < 2 * (size + 1) or len(count) == size + 1


def test_columns_of_a_latin_hypercube_are_in_different_orders():
    found = _swept("latin-hypercube", "a=0.0..1.0", "b=0.0..1.0", ranges=True, samples=50)

    a, b = (np.array([float(values[name]) for values in found]) for name in "ab")
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.5


def test_a_seed_gives_the_same_samples_and_another_gives_others():
    ask = ("latin-hypercube", "a=0.0..1.0")

    assert _swept(*ask, ranges=True, seed=1) == _swept(*ask, ranges=True, seed=1)
    assert _swept(*ask, ranges=True, seed=1) != _swept(*ask, ranges=True, seed=2)


def test_a_grid_that_nobody_can_wait_for_is_refused():
    ten = ",".join(str(k) for k in range(10))
    variables = read_variables([f"{name}={ten}" for name in "abcdef"], ranges=False)

    with pytest.raises(InputError, match=r"1,000,000 runs; the most is 100,000"):
        points_of("grid", variables)
