"""Step times in plain numbers are those of the arrays, for every kind of option."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.options.candidates import Candidate
from planner.options.formats import how_it_runs
from planner.options.specs import replica_spec
from planner.perf.one_step import OneStep
from planner.perf.step import step_model


@pytest.fixture(scope="module")
def shipped():
    """Return the step model of shipped models on two accelerators, and its options one by one."""
    catalog = load_catalog()
    engine = catalog.engine("vllm")
    specs = []
    for model in catalog.models:
        for name, degree in (("h100-sxm-80gb", 1), ("h100-sxm-80gb", 8), ("mi300x-192gb", 2)):
            device, fmt = catalog.accelerator(name), catalog.quantizations[0]
            running = how_it_runs(engine, fmt, device, catalog)
            if isinstance(running, str) and model.heads % degree == 0:
                specs.append(
                    replica_spec(Candidate(model, fmt, engine, device, degree, running), catalog)
                )
    specs += [
        replace(s, tensor_parallel=1, data_parallel=8, expert_parallel=8)
        for s in specs
        if s.tensor_parallel == 8 and not (s.architecture.experts_routed or 1) % 8
    ]
    whole = step_model(specs)
    assert whole.expert_read_s.any()
    assert whole.kv_window_token_s.any()
    return whole, [OneStep(whole, i) for i in range(whole.options)]


@settings(max_examples=60, deadline=None)
@given(
    prompts=st.integers(0, 20_000),
    decodes=st.integers(0, 600),
    context=st.integers(1, 40_000),
    attended=st.integers(1, 30_000),
    idle=st.integers(0, 60_000),
)
def test_step_time_is_that_of_the_arrays(shipped, prompts, decodes, context, attended, idle):
    whole, each = shipped
    tokens, cached = prompts + decodes, decodes * context
    if not tokens:
        return

    expected = whole.time_s(tokens, cached, prompts * attended, decodes, idle)

    found = [one.time_s(tokens, cached, prompts * attended, decodes, idle) for one in each]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(batch=st.integers(1, 300), context=st.integers(1, 9_000), steps=st.integers(0, 400))
def test_steps_in_a_row_take_the_sum_of_their_times(shipped, batch, context, steps):
    _, each = shipped

    for one in each[:: max(1, len(each) // 12)]:
        cached = float(batch * context)
        times = [one.time_s(batch, cached + k * batch, 0, batch) for k in range(steps)]

        assert one.decodes_s(batch, cached, steps) == pytest.approx(sum(times), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 300), context=st.integers(1, 9_000), most=st.integers(1, 400),
    share=st.floats(0, 1.2),
)  # fmt: skip
def test_steps_that_fill_a_time_are_the_fewest(shipped, batch, context, most, share):
    _, each = shipped

    for one in each[:: max(1, len(each) // 12)]:
        cached = float(batch * context)
        time_s = share * one.decodes_s(batch, cached, most)
        steps = one.decode_steps(batch, cached, time_s, most)

        assert steps == most or one.decodes_s(batch, cached, steps) >= time_s
        assert steps == 1 or one.decodes_s(batch, cached, steps - 1) < time_s


def test_drafted_steps_are_refused(shipped):
    catalog = load_catalog()
    from planner.options.drafts import Drafter

    rows = catalog.drafts[:1]
    model = catalog.model(rows[0].model)
    engine, device = catalog.engine("vllm"), catalog.accelerator("h100-sxm-80gb")
    candidate = Candidate(
        model, catalog.quantizations[0], engine, device, 8, "bf16", Drafter(tuple(rows))
    )

    with pytest.raises(ValueError, match="drafts tokens"):
        OneStep(step_model([replica_spec(candidate, catalog)]))


def test_a_step_that_was_asked_before_is_the_same_question(shipped):
    """Answers that are kept by what was asked would else be computed again."""
    for step in shipped[1]:
        before = pickle.dumps(step)
        asked = step.decodes_s(600, 3_000.0, 5)

        assert pickle.dumps(step) == before
        assert pickle.loads(before).decodes_s(600, 3_000.0, 5) == asked
