"""Prompt steps that fall due while groups compute in common steps, against their own balance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.perf.lockstep import Prompts, common_steps, due_at_rate, due_with_batch
from planner.perf.step import step_model

DECODE_S = np.array([[0.02, 0.03, 0.05]])


@pytest.fixture(scope="module")
def step(world):
    return step_model([replace(world.spec, data_parallel=8)])


def prompts_of(riding):
    """Return prompts of 3,000 tokens in two steps each, for 8 groups beside some decodes."""
    one = np.ones_like(riding)
    return Prompts(
        tokens=1500 * one,
        pairs=2e6 * one,
        steps=2 * one,
        room=2048 - riding / 8,
        groups=8 * one,
        riding=riding,
        cached=riding * 1000,
        decode_s=DECODE_S,
        longest=np.linspace(1.0, 2.0, 14),
    )


def test_steps_due_are_the_rate_times_the_time_of_a_step(step):
    prompts = prompts_of(np.array([[4.0, 64.0, 256.0]]))
    rate_rps = np.array([[0.1, 5.0, 20.0]])

    due = due_at_rate(step, prompts, rate_rps)

    step_s = common_steps(step, prompts, due).step_s
    np.testing.assert_allclose(due, rate_rps * 2 * step_s, rtol=1e-8)


def test_without_arrivals_none_is_due_and_with_too_many_all_that_steps_have_room_for(step):
    prompts = prompts_of(np.array([[4.0, 4.0, 4.0]]))

    due = due_at_rate(step, prompts, np.array([[0.0, 1e6, 0.1]]))

    np.testing.assert_allclose(due[0, :2], [1e-6, prompts.most[0, 1]])


@pytest.mark.parametrize("chunked", [True, False])
def test_a_batch_in_balance_gets_as_many_gaps_as_its_requests_need(step, chunked):
    batch, gaps = np.array([[4.0, 64.0, 256.0]]), 200.0
    prompts = prompts_of(batch)

    due = due_with_batch(step, prompts, batch, DECODE_S, gaps, np.array([[chunked]]))

    common = common_steps(step, prompts, due)
    busy = due / common.prompts
    gaps_per_s = chunked * busy / common.step_s + (1 - busy) / DECODE_S
    rate_rps = due / (2 * common.step_s)
    np.testing.assert_allclose(rate_rps * gaps, batch * gaps_per_s, rtol=1e-8)


def test_where_no_gap_follows_the_first_token_prompts_take_all_the_time(step):
    batch = np.array([[4.0, 64.0, 256.0]])
    prompts = prompts_of(batch)

    due = due_with_batch(step, prompts, batch, DECODE_S, 0.0, np.array([[False]]))

    np.testing.assert_allclose(common_steps(step, prompts, due).prompts, due, rtol=1e-8)
