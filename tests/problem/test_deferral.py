"""Work that can wait in a problem file, and the streams it becomes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from planner.problem.deferral import owner, stream_name, with_streams
from planner.problem.semantics import semantic_faults
from tests.options.world import loaded, problem, workload

LIMIT = [{"metric": "ttft_ms", "percentile": 99, "limit": 1000}]


def streams(*workloads):
    whole = with_streams(loaded(problem(*workloads)))
    return {w.name: w for w in whole.problem.workloads}


def test_nothing_waits_by_default():
    whole = loaded(problem(workload("chat")))

    assert with_streams(whole) is whole


def test_a_share_that_waits_splits_the_requests():
    found = streams(
        workload(
            "chat",
            slo=LIMIT,
            arrival={"mean_rate_rps": 10.0},
            deferrable={"window_h": 24.0, "share": 0.3},
        )
    )

    assert list(found) == ["chat", "chat/deferred", "chat/joined"]
    assert found["chat"].arrival.mean_rate_rps == pytest.approx(7.0)
    assert found["chat/deferred"].arrival.mean_rate_rps == pytest.approx(3.0)
    assert [w.pool_name for w in found.values()] == ["chat", "chat/deferred", "chat"]
    assert [len(w.slo) for w in found.values()] == [1, 0, 0]


def test_work_that_waits_in_a_pool_of_others_may_join_them():
    found = streams(
        workload("chat", pool="all"),
        workload("docs", pool="all", deferrable={"window_h": 10.0}),
    )

    assert [w.pool_name for w in found.values()] == ["all", "all/deferred", "all"]


def test_pools_in_which_everything_waits_have_batch_replicas_in_common():
    found = streams(
        workload("a", pool="all", deferrable={"window_h": 10.0}),
        workload("b", pool="all", deferrable={"window_h": 24.0}),
    )

    assert {name: w.pool_name for name, w in found.items()} == {
        "a/deferred": "all/deferred",
        "b/deferred": "all/deferred",
    }


@pytest.mark.parametrize(
    ("pool", "deferred", "stream"),
    [("all", False, "a"), ("all", True, "a/joined"), ("all/deferred", True, "a/deferred")],
)
def test_a_stream_is_named_by_where_it_runs(pool, deferred, stream):
    assert stream_name("a", pool, deferred=deferred) == stream
    assert owner(stream) == "a"


def test_limits_need_requests_that_do_not_wait():
    whole = problem(workload("chat", slo=LIMIT, deferrable={"window_h": 24.0}))

    [(path, text)] = semantic_faults(whole)

    assert path == ("workloads", 0, "deferrable")
    assert text.startswith("every request can wait, so no limit of `slo` applies")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"window_h": 0.5},
        {"window_h": 200.0},
        {"window_h": 5.0, "share": 0.0},
        {"window_h": 5.0, "share": 1.1},
        {"window_h": 5.0, "release_hour": 24.0},
        {"window_h": 5.0, "start": 3},
    ],
)
def test_other_values_are_refused(wrong):
    with pytest.raises(ValidationError, match="deferrable"):
        problem(workload("chat", deferrable=wrong))
