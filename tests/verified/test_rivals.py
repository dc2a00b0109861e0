"""Replicas or another option: what makes up for a miss at the least cost."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from planner.pipeline import solve_prepared
from planner.problem.headroom import option_headroom
from planner.verified import rivals, solve_verified
from planner.verified.rivals import rivals_at, rivals_tried
from planner.verify.audit import audit
from planner.verify.replay.run import replay_plan
from tests.options.world import workload
from tests.verified.world import QUICK, loop, prepared, steady

PLACE = ("chat", 0, 0)
SLO = [{"metric": "ttft_ms", "percentile": 99, "limit": 450}]
LENGTHS = {"isl_tokens": {"mean": 1000.0}, "osl_tokens": {"mean": 20.0}}
SLOW, FAST = (f"model-a/bf16/vllm/{name}/tp1" for name in ("gpu-a", "gpu-b"))


def asked_for(folder, rate_rps, fast_usd):
    """Return a problem with a slow accelerator at 2 USD an hour, and one three times as fast."""
    chat = workload(slo=SLO, lengths=LENGTHS, arrival={"mean_rate_rps": rate_rps})
    return prepared(folder, chat, fast_usd=fast_usd, policy={"spare_replicas": 0})


@pytest.fixture(scope="module")
def verified(tmp_path_factory):
    """Return what gives the problem, how it is replayed and the verified plan, each once."""

    @cache
    def found(rate_rps, isl, fast_usd):
        asked = asked_for(tmp_path_factory.mktemp("asked"), rate_rps, fast_usd)
        settings = loop(chat=steady(isl=isl, osl=20.0))
        return asked, settings, solve_verified(asked, QUICK, settings)

    return found


def fewest(asked, settings, most=5):
    """Return by option the fewest replicas that keep the limit in the replay, one by one."""
    plan = solve_prepared(asked, QUICK)
    found = {}
    for rival in rivals_at(plan, asked, PLACE):
        for count in range(1, most + 1):
            rows = tuple(replace(row, replicas=count) for row in rival.rows)
            alone = replace(plan, allocations=rows)
            if replay_plan(alone, asked.loaded, asked.catalog, settings.replay).kept:
                found[rival.option_id] = count
                break
    return found


def used(plan):
    return {row.option_id: row.replicas for row in plan.allocations}


@pytest.mark.parametrize(
    ("rate_rps", "isl", "fast_usd", "first", "needed", "cheapest"),
    [
        # Four slow ones do it, for 8 USD an hour; a fast one does it for 5, or for 10.
        (3.0, 8_000.0, 5.0, {SLOW: 1}, {SLOW: 4, FAST: 1}, {FAST: 1}),
        (3.0, 8_000.0, 10.0, {SLOW: 1}, {SLOW: 4, FAST: 1}, {SLOW: 4}),
        # No number of slow ones does it, and of the fast ones it takes one more than planned.
        (2.0, 12_000.0, 5.0, {SLOW: 1}, {FAST: 2}, {FAST: 2}),
    ],
)
def test_the_loop_ends_with_the_cheaper_of_more_replicas_and_another_option(
    verified, rate_rps, isl, fast_usd, first, needed, cheapest
):
    asked, settings, found = verified(rate_rps, isl, fast_usd)

    assert used(solve_prepared(asked, QUICK)) == first
    assert fewest(asked, settings) == needed
    assert used(found.plan) == cheapest
    assert found.kept is True
    assert found.rounds == 2
    hours = sum(row.hours for row in found.plan.fleet)
    price = {SLOW: 2.0, FAST: fast_usd}
    assert found.plan.tco_usd == pytest.approx(
        hours * min(price[option] * count for option, count in needed.items())
    )
    assert audit(found.plan, found.prepared.loaded.problem, asked.catalog) == []


def test_an_option_that_costs_more_anyway_is_not_simulated(tmp_path, monkeypatch):
    asked = asked_for(tmp_path, 3.0, 10.0)
    settings = loop(chat=steady(isl=8_000.0, osl=20.0)).replay
    plan = solve_prepared(asked, QUICK)
    monkeypatch.setattr(rivals, "replay_plan", None)

    assert rivals_tried(plan, asked, {PLACE: 9.99}, {(PLACE, SLOW)}, settings) == []


@pytest.mark.parametrize(("known_usd", "replicas", "lacking"), [(9.9, [1], 4), (10.1, [1, 2], 1)])
def test_no_more_replicas_are_tried_than_cost_less(
    tmp_path, monkeypatch, known_usd, replicas, lacking
):
    """Of the fast ones it takes two, for 10 USD an hour; what is not tried stays out of plans."""
    asked = asked_for(tmp_path, 2.0, 5.0)
    settings = loop(chat=steady(isl=12_000.0, osl=20.0)).replay
    plan, tried = solve_prepared(asked, QUICK), []

    def recorded(plan, *given):
        tried.append(plan.allocations[0].replicas)
        return replay_plan(plan, *given)

    monkeypatch.setattr(rivals, "replay_plan", recorded)
    (trial,) = rivals_tried(plan, asked, {PLACE: known_usd}, {(PLACE, SLOW)}, settings)

    assert tried == replicas
    assert trial.rival.option_id == FAST
    assert (trial.lacking, trial.missed) == (lacking, frozenset())


def test_what_an_option_was_found_to_need_stays_with_it(verified):
    asked, _, found = verified(3.0, 8_000.0, 5.0)

    (chat,) = found.prepared.loaded.problem.workloads
    rate_rps = solve_prepared(asked, QUICK).allocations[0].planned_rate_rps
    capacity = {c.option_id: c for c in found.prepared.options.capacities}
    # Three slow ones are too few by the formulas now, and four are enough.
    (three,) = [p for p in capacity[SLOW].points_in(0, 0) if p.min_replicas == 2]
    (four,) = [p for p in capacity[SLOW].points_in(0, 0) if p.min_replicas == 4]
    assert option_headroom(chat, SLOW, 0, 0) > 1
    assert 3 * three.planned_rps < rate_rps <= 4 * four.planned_rps
    assert option_headroom(chat, FAST, 0, 0) == 1
    assert chat.headroom[0].option == SLOW
