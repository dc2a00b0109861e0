"""Options that a workload excludes, in some blocks or in all."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from planner.problem.exclusion import barred_slots, excluded_ids
from planner.problem.semantics import semantic_faults
from tests.options.world import problem, workload

SLOTS = [(t, b) for t in range(2) for b in range(4)]


def asked(*excluded):
    return problem(
        workload(excluded_options=list(excluded)),
        time_blocks=4,
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
    )


def test_blocks_by_hand():
    (chat,) = asked(
        "everywhere",
        {"option": "noon", "blocks": [2]},
        {"option": "later", "periods": [1]},
        {"option": "once", "periods": [0], "blocks": [1, 3]},
        {"option": "noon", "periods": [1], "blocks": [0]},
    ).workloads

    assert list(excluded_ids(chat)) == ["everywhere", "noon", "later", "once", "noon"]
    assert barred_slots(chat, SLOTS) == {
        "everywhere": set(SLOTS),
        "noon": {(0, 2), (1, 2), (1, 0)},
        "later": {(1, 0), (1, 1), (1, 2), (1, 3)},
        "once": {(0, 1), (0, 3)},
    }


@pytest.mark.parametrize(
    ("item", "path", "text"),
    [
        ({"blocks": [1, 4]}, ("blocks", 1), "there is no block 4; accepted: 0 to 3"),
        ({"periods": [2]}, ("periods", 0), "there is no period 2; accepted: 0 to 1"),
    ],
)
def test_places_that_there_are_not_are_refused(item, path, text):
    found = semantic_faults(asked("whole", {"option": "o"} | item))

    assert found == [(("workloads", 0, "excluded_options", 1, *path), text)]


def test_blocks_are_counted_through_the_types_of_day():
    days = {"workday": {"days_per_year": 261.0}, "weekend": {"days_per_year": 104.0}}
    later = {"option": "o", "blocks": [7]}
    chat = workload(arrival={"mean_rate_rps": 1.0, "day_types": days}, excluded_options=[later])

    assert semantic_faults(problem(chat, time_blocks=4)) == []


@pytest.mark.parametrize(
    "item",
    [3, ["o"], {}, {"blocks": [1]}, {"option": "o", "blocks": []}, {"option": "o", "block": [1]}],
)
def test_other_shapes_are_refused(item):
    with pytest.raises(ValidationError):
        asked(item)
