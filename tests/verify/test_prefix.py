"""Prefix hits that a plan counts on are those that the problem gives, at the size set aside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.options.world import catalog, problem, workload
from tests.verify.changes import changed, report
from tests.verify.conftest import solved

SLO = [{"metric": "ttft_ms", "percentile": 99, "limit": 2000}]
CURVE = [[2_000, 0.3], [20_000, 0.6]]


@pytest.fixture(scope="module")
def cached():
    """Return two workloads of one pool with curves, one with a stated rate, and one without."""
    asked = problem(
        workload("docs", pool="talk", slo=SLO, prefix_cache={"curve": CURVE}),
        workload(
            "mail", pool="talk", slo=SLO, prefix_cache={"curve": [[4_000, 0.5]]},
            arrival={"mean_rate_rps": 2.0},
        ),
        workload("chat", slo=SLO, prefix_cache={"hit_rate": 0.2}),
        workload("code", slo=SLO),
        time_blocks=1,
        supply={"tenures": ["on_demand"]},
    )  # fmt: skip
    return solved(asked, catalog())


def rows(world, name):
    return [row for row in world.plan.allocations if row.workload == name]


def test_hits_of_a_plan_are_stated_and_pass_the_audit(cached):
    assert report(cached, cached.plan) == []
    assert {row.prefix_hit_rate for row in rows(cached, "chat")} == {0.2}
    assert {row.prefix_hit_rate for row in rows(cached, "code")} == {0.0}
    docs, mail = rows(cached, "docs")[0], rows(cached, "mail")[0]
    assert docs.prefix_tokens == mail.prefix_tokens > 0
    assert docs.prefix_hit_rate > 0


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("docs", {"prefix_hit_rate": 0.61}, "prefix hits of docs are 0.61, recomputed"),
        ("docs", {"prefix_tokens": 10.0}, "set different tokens aside for prefixes"),
        ("chat", {"prefix_hit_rate": 0.21}, "prefix hits of chat are 0.21, recomputed 0.2"),
        ("chat", {"prefix_tokens": 10.0}, "10 tokens set aside for prefixes without a curve"),
        ("code", {"prefix_hit_rate": 0.1}, "prefix hits of code are 0.1, recomputed 0"),
    ],
)
def test_changed_hits_are_reported(cached, name, change, text):
    place = cached.plan.allocations.index(rows(cached, name)[0])
    altered = list(cached.plan.allocations)
    altered[place] = replace(altered[place], **change)

    found = report(cached, replace(cached.plan, allocations=tuple(altered)))

    assert any(text in line for line in found), found


def test_more_set_aside_by_all_rows_is_reported(cached):
    more = changed(cached.plan, "allocations", prefix_tokens=lambda tokens: tokens * 0.9)

    assert any("prefix hits of docs" in line for line in report(cached, more))
