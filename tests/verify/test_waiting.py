"""Plans with work that waits: sound as they come, and caught when a figure is changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.plan.waiting import longest_wait_h
from planner.verify.audit import audit
from planner.verify.audit.waiting import _longest_wait_h


def test_the_plan_is_sound_and_uses_every_way_of_waiting(night):
    assert audit(night.plan, night.problem, night.catalog) == []
    used = {d.workload: (d.own_share, d.joined_share, d.token_share) for d in night.plan.deferred}
    assert used["chat"] == pytest.approx((0.0, 1.0, 0.0))
    assert used["docs"] == pytest.approx((1.0, 0.0, 0.0))
    assert any(d.token_share > 0 for d in night.plan.deferred)
    assert {d.day_type for d in night.plan.deferred} == {"weekday", "weekend"}
    assert all(d.longest_wait_h <= d.window_h + 1e-5 for d in night.plan.deferred)


def test_all_requests_are_served_by_their_own_workload(night):
    hours = {t.block: t.hours_per_period for t in night.plan.time_blocks}
    docs = [a for a in night.plan.allocations if a.workload == "docs" and a.period == 0]

    served = sum(a.rate_rps * hours[a.block] for a in docs)

    assert served == pytest.approx(6.0 * sum(hours.values()))
    assert all(a.is_deferred and a.pool == "docs/deferred" for a in docs)
    assert [u.workload for u in night.plan.unit_costs] == ["chat", "code", "docs", "mail"]
    assert {c.workload for c in night.plan.cost_lines} == {"chat", "code", "docs", "mail"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"longest_wait_h": 1.0}, "longest wait 1.000 h, recomputed"),
        ({"window_h": 30.0}, "window_h 30, recomputed"),
        ({"requests_per_day": 1.0}, "requests_per_day 1, recomputed"),
        ({"own_share": 0.5}, "own_share 0.5, recomputed"),
        ({"joined_share": 0.5}, "joined_share 0.5, recomputed"),
        ({"token_share": 0.5}, "token_share 0.5, recomputed"),
        ({"day_type": "holiday"}, "requests wait that may not"),
        ({"workload": "code"}, "requests wait that may not"),
        ({"period": 1}, "listed twice"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_audit_sees_a_changed_figure(night, change, expected):
    rows = list(night.plan.deferred)
    place = next(i for i, d in enumerate(rows) if d.workload == "docs" and d.period == 0)
    rows[place] = replace(rows[place], **change)

    found = audit(replace(night.plan, deferred=tuple(rows)), night.problem, night.catalog)

    assert any(expected in text for text in found), found


def moved(plan, workload, hours):
    """Return a plan in which the waiting work of a workload is served some blocks later."""
    return replace(
        plan,
        allocations=tuple(
            replace(a, block=a.block // 6 * 6 + (a.block + hours) % 6)
            if a.workload == workload and a.is_deferred
            else a
            for a in plan.allocations
        ),
    )


def test_the_audit_sees_work_that_is_late(night):
    found = audit(moved(night.plan, "docs", 3), night.problem, night.catalog)

    assert any("docs" in text and "its window is 10 h" in text for text in found), found


def test_the_audit_sees_work_that_is_lost(night):
    kept = tuple(a for a in night.plan.allocations if not (a.workload == "docs" and a.block == 5))

    found = audit(replace(night.plan, allocations=kept), night.problem, night.catalog)

    assert any("docs period 0 weekday" in t and "arrive" in t for t in found), found


def test_the_audit_sees_work_that_may_not_wait(night):
    rows = tuple(
        replace(a, is_deferred=True) if a.workload == "code" else a for a in night.plan.allocations
    )

    found = audit(replace(night.plan, allocations=rows), night.problem, night.catalog)

    assert any(text.startswith("code") and "wait that may not" in text for text in found)


def test_the_audit_counts_what_change_overs_cost(night):
    strict = night.problem.policy.model_copy(update={"changeover_minutes": 200.0})
    asked = night.problem.model_copy(update={"policy": strict})

    assert any("planned load" in text for text in audit(night.plan, asked, night.catalog))


@pytest.mark.parametrize("seed", range(60))
def test_both_ways_to_find_the_longest_wait_agree(seed):
    rng = np.random.default_rng(seed)
    blocks = int(rng.choice([1, 4, 6, 8, 12, 24]))
    release = None if seed % 2 else float(rng.integers(0, 24))
    arrivals = np.where(rng.random(blocks) < 0.3, 0.0, rng.uniform(0.1, 1.0, blocks))
    arrivals[int(rng.integers(blocks))] = 1.0
    served = np.where(rng.random(blocks) < 0.4, 0.0, rng.uniform(0.1, 1.0, blocks))
    served[int(rng.integers(blocks))] = 1.0
    arrivals, served = arrivals / arrivals.sum(), served / served.sum()
    length_h = 24.0 / blocks

    of_plan = longest_wait_h(arrivals, served, release)
    of_audit = _longest_wait_h(
        list(arrivals / length_h), list(served / length_h), release, length_h
    )

    assert of_plan == pytest.approx(of_audit, abs=1e-3)
