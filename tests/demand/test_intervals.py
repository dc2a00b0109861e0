"""Files of recorded intervals: both columns, and every fault with its line."""

from __future__ import annotations

import numpy as np
import pytest

from planner.demand.intervals import read_intervals
from planner.errors import InputError


@pytest.fixture
def read(tmp_path):
    def build(text):
        path = tmp_path / "a.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_intervals(path, "a.csv")

    return build


def faults(read, text):
    with pytest.raises(InputError) as caught:
        read(text)
    return [(f.line, f.message) for f in caught.value.faults]


def column(name, values):
    return "\n".join([name, *map(str, values)]) + "\n"


def test_intervals_are_scaled_to_mean_one(read):
    found = read(column("interval_s", [0.5, 1.5] * 60))

    np.testing.assert_allclose(found, [0.5, 1.5] * 60)
    np.testing.assert_allclose(read(column("interval_s", [5, 15] * 60)), found)


def test_times_of_arrival_become_intervals(read):
    # 121 times: the intervals are 3, 1, 3, 1, ... with mean 2.
    times = np.cumsum([1, 3] * 60 + [1])

    np.testing.assert_allclose(read(column("arrival_s", times)), [1.5, 0.5] * 60)


def test_every_bad_line_is_told(read):
    text = column("interval_s", [1.0, "x", -2, "nan", 1.0])

    assert faults(read, text) == [
        (3, "`x` is no number of seconds"),
        (4, "-2 s; accepted: 0 to 1e+11"),
        (5, "nan s; accepted: 0 to 1e+11"),
    ]


def test_times_beyond_any_clock_are_told(read):
    assert faults(read, column("interval_s", [1.0, "1e308"])) == [
        (3, "1e308 s; accepted: 0 to 1e+11")
    ]


def test_times_out_of_order_are_told(read):
    assert faults(read, column("arrival_s", [1, 3, 2])) == [
        (4, "2 s comes after 3 s; sort times of arrival")
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty; give a column interval_s or arrival_s"),
        ("gap\n1\n", "exactly one of interval_s, arrival_s is needed"),
        (column("interval_s", [1.0] * 99), "has 99 intervals; 100 or more are needed"),
        (column("interval_s", [0] * 200), "has only intervals of 0 s"),
        (b"interval_s\n\xff\n", "is not UTF-8"),
    ],
)
def test_unusable_files_say_what_is_needed(read, text, says):
    ((_, message),) = faults(read, text)

    assert says in message
