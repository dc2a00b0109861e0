"""Headroom: a factor on the planned rate of some blocks, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from planner.demand.build import build_demand
from planner.problem.headroom import headroom_at, option_headroom
from planner.problem.semantics import semantic_faults
from tests.options.world import catalog, loaded, problem, workload

DAY = [0.5] * 12 + [1.5] * 12


def asked(headroom, **changes):
    chat = workload(arrival={"mean_rate_rps": 10.0, "profile": DAY}, headroom=headroom, **changes)
    return problem(
        chat, time_blocks=4, horizon={"start": "2027-01", "periods": 2, "months_per_period": 3}
    )


def rates(headroom, stream="chat", **changes):
    found = build_demand(loaded(asked(headroom, **changes)), catalog()).of(stream)
    return found.mean_rps, found.planned_rps


def test_headroom_by_hand():
    usage, plain = rates([])

    mean, planned = rates(
        [
            {"factor": 1.1},
            {"factor": 1.5, "periods": [1], "blocks": [2, 3]},
            {"factor": 1.2, "blocks": [3]},
        ]
    )

    assert mean == pytest.approx(usage)
    assert planned / plain == pytest.approx(
        np.array([[1.1, 1.1, 1.1, 1.2], [1.1, 1.1, 1.5, 1.5]])  # the largest counts
    )


def test_requests_that_can_wait_get_none():
    half = {"window_h": 12.0, "share": 0.5}
    plain, more = (rates(h, "chat/deferred", deferrable=half) for h in ([], [{"factor": 2.0}]))
    first, second = (rates(h, deferrable=half) for h in ([], [{"factor": 2.0}]))

    assert more[1] == pytest.approx(plain[1])
    assert second[1] == pytest.approx(2 * first[1])


def test_without_headroom_the_factor_is_one():
    (chat,) = asked([{"factor": 3.0, "blocks": [1]}]).workloads

    assert [headroom_at(chat, 0, block) for block in range(4)] == [1.0, 3.0, 1.0, 1.0]


def test_headroom_of_an_option_by_hand():
    (chat,) = asked(
        [
            {"factor": 1.2},
            {"factor": 1.8, "option": "one", "blocks": [1, 2]},
            {"factor": 1.1, "option": "one", "blocks": [3]},
            {"factor": 3.0, "option": "one", "periods": [1], "blocks": [2]},
        ]
    ).workloads

    def factors(option, period):
        return [option_headroom(chat, option, period, block) for block in range(4)]

    # Beyond the 1.2 of all options, of which less than that is no more.
    assert factors("one", 0) == pytest.approx([1.0, 1.5, 1.5, 1.0])
    assert factors("one", 1) == pytest.approx([1.0, 1.5, 2.5, 1.0])
    assert factors("other", 1) == [1.0] * 4
    assert [headroom_at(chat, 1, block) for block in range(4)] == [1.2] * 4


def test_headroom_of_an_option_moves_no_rate():
    plain, more = rates([]), rates([{"factor": 2.0, "option": "one"}])

    assert all((a == b).all() for a, b in zip(plain, more, strict=True))


@pytest.mark.parametrize(
    ("headroom", "path", "text"),
    [
        ([{"factor": 1.2, "blocks": [0, 4]}], ("blocks", 1), "no block 4; accepted: 0 to 3"),
        ([{"factor": 1.2, "periods": [2]}], ("periods", 0), "no period 2; accepted: 0 to 1"),
    ],
)
def test_places_that_there_are_not_are_refused(headroom, path, text):
    ((place, message),) = semantic_faults(asked(headroom))

    assert place == ("workloads", 0, "headroom", 0, *path)
    assert text in message


def test_headroom_of_requests_that_can_all_wait_is_refused():
    ((place, message),) = semantic_faults(asked([{"factor": 1.2}], deferrable={"window_h": 12.0}))

    assert place == ("workloads", 0, "headroom")
    assert "every request can wait" in message
    assert "arrival.forecast_cv with policy.forecast_confidence" in message
