"""Groups that compute in common steps: small schedules by hand, and the same step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.perf.one_step import OneStep
from planner.verify.replay.groups import Groups
from planner.verify.replay.replica import Engine
from planner.verify.replay.requests import Log, Window
from planner.verify.replay.router import simulate
from tests.perf import fleet
from tests.verify.replay.world import (
    EACH_S,
    drawn,
    engine,
    requests,
    serve_all,
    step_model,
)


def grouped(groups=2, **settings):
    return replace(engine(**settings), groups=groups)


def test_a_prompt_alone_lets_the_other_group_wait():
    seen = simulate(grouped(), 1, requests([1.0], 60, 3))

    # 60 tokens of one group, for which the other waits as long: 0.01 + 0.120 s.
    assert seen.ttft_s == pytest.approx([0.13])
    assert seen.e2e_s == pytest.approx([0.13 + 2 * EACH_S])


def test_prompts_of_two_groups_share_a_step():
    # Both arrive while a third is computed; the longer one decides: 0.01 + 0.001 x 2 x 60 s.
    asked = requests([1.0, 1.01, 1.02], [50, 60, 40], 1)

    seen = simulate(grouped(), 1, asked)

    assert seen.ttft_s == pytest.approx([0.11, 0.10 + 0.13, 0.09 + 0.13])


def test_a_group_has_its_own_budget_and_cache():
    # Three prompts of 60 on two groups with a budget of 100: 60 and 40 + 60, then the last 20.
    asked = requests([1.0, 1.01, 1.011, 1.012], [10, 60, 60, 60], 1)

    seen = simulate(grouped(), 1, asked)

    first_s = 0.01 + 0.02
    second_s = first_s + 0.01 + 0.2
    assert seen.ttft_s[0] == pytest.approx(first_s)
    assert sorted(seen.ttft_s[1:] + np.array([0.01, 0.011, 0.012])) == pytest.approx(
        [second_s, second_s, second_s + 0.01 + 0.04]
    )


def test_a_request_longer_than_the_cache_of_a_group_is_refused():
    with pytest.raises(ValueError, match="cache"):
        simulate(grouped(cache=100), 1, requests([0.0], 120, 5))


@pytest.mark.parametrize(("groups", "chunked"), [(2, True), (8, True), (4, False)])
def test_same_numbers_as_groups_that_form_every_step(groups, chunked):
    columns = {
        "dense_read_s": 0.006, "dense_token_s": 4e-5, "head_request_s": 2e-6, "overlap": 1.3,
        "kv_token_s": 4e-8, "pair_s": 2e-9, "fixed_s": 0.003, "request_s": 1e-5,
        "groups": groups,
    }  # fmt: skip
    model = step_model(**columns)
    asked = drawn(3, 1500, 5.0, isl=900, osl=120, kinds=2)
    # The other simulation cuts prompts with priority too, so that nothing may reach the budget.
    budget = 512 if chunked else 50_000

    seen = simulate(
        Engine(OneStep(model), chunked, budget, 200, 1e7, groups=groups), 1, asked,
        window=Window(0.0, asked.arrival_s[-1]),
    )  # fmt: skip
    old = fleet.simulate(
        fleet.Engine(fleet.step_time(model), chunked, budget, 200, 1e7 * groups),
        1,
        fleet.Arrivals(asked.arrival_s, asked.isl_tokens, asked.osl_tokens, asked.kind),
        warm_up=0.0,
        groups=groups,
    )

    for kind in (0, 1):
        picked = asked.kind == kind
        assert seen.ttft_s[picked] == pytest.approx(old.ttft_s[kind], rel=1e-6)
        assert seen.e2e_s[picked] == pytest.approx(old.e2e_s[kind], rel=1e-6)


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("cache", [3_000, 1e7])
def test_groups_are_empty_when_all_is_done(chunked, cache):
    asked = drawn(7, 800, 30.0, isl=400, osl=60)
    log = Log(asked, Window())
    settings = {"dense_token_s": 1e-4, "request_s": -1e-4}
    replica = Groups(
        grouped(4, chunked=chunked, budget=256, seats=40, cache=cache, **settings), log
    )
    serve_all(replica, asked)

    assert replica.is_empty
    assert replica.prompt_tokens == 0
    assert replica.outstanding == 0
    assert np.isfinite(log.done_s).all()
    assert log.token_steps + len(asked) + log.preempted == asked.osl_tokens.sum()
