"""The shipped drafts: what they state, and the gain of the model against published ones."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from statistics import stdev

import numpy as np
import pytest

from planner.options.candidates import Candidate
from planner.options.drafts import Drafter, _mean_tokens
from planner.options.specs import replica_spec
from planner.perf.step import step_model
from planner.perf.uncertainty import DRAFT_SPREAD
from tests.options.world import shipped

# Tokens/s without and with an EAGLE-3 head that drafts two tokens, and tokens a step: one request
# at a time in bf16 on one H20, means of four benchmarks as the catalogue's source states them.
PUBLISHED = {
    "qwen3-1.7b": (381.05, 642.93, 2.17),
    "qwen3-4b": (233.26, 386.94, 2.08),
    "qwen3-8b": (151.81, 257.52, 1.99),
    "qwen3-14b": (93.26, 145.33, 1.79),
    "qwen3-32b": (43.32, 74.1, 1.91),
    "qwen3-30b-a3b": (320.87, 438.07, 2.04),
}


def gain(model, tokens):
    facts = shipped()
    rows = facts.drafts_of(model)["eagle3-angelslim-2"]
    plain = Candidate(
        facts.model(model),
        facts.quantization("bf16"),
        facts.engine("vllm"),
        facts.accelerator("h20-96gb"),
        1,
        "bf16",
    )
    drafted = replace(plain, draft=Drafter(rows))
    times_s = [
        step_model([replica_spec(c, facts)]).time_s(1.0, 500.0, 0.0, 1.0)[0]
        for c in (plain, drafted)
    ]
    return tokens * times_s[0] / times_s[1]


@pytest.mark.parametrize("model", PUBLISHED)
def test_gain_of_one_request_agrees_with_the_published_one(model):
    without, with_draft, tokens = PUBLISHED[model]

    assert gain(model, tokens) == pytest.approx(with_draft / without, rel=0.15)


def test_published_gains_are_met_on_average():
    ratios = [gain(m, t) * before / after for m, (before, after, t) in PUBLISHED.items()]

    assert np.exp(np.mean(np.log(ratios))) == pytest.approx(0.95, abs=0.05)


def test_spread_covers_the_kinds_of_text():
    lengths = defaultdict(list)
    for row in shipped().drafts:
        lengths[row.model, row.id].append(np.log(_mean_tokens(row)))
    spreads = [stdev(values) for values in lengths.values() if len(values) > 1]

    assert len(spreads) >= 10
    assert np.median(spreads) < DRAFT_SPREAD < max(spreads) < 0.18


def test_longer_drafts_of_one_head_make_more_tokens():
    """The rows of one checkpoint and text: more draft tokens, but fewer of them accepted."""
    by_head = defaultdict(list)
    for row in shipped().drafts:
        if row.benchmark.startswith("speed-bench"):
            by_head[row.model].append((row.draft_tokens, _mean_tokens(row)))

    assert set(by_head) == {"kimi-k2.5", "qwen3.5-397b-a17b"}
    for points in by_head.values():
        drafted, made = np.array(sorted(points)).T
        steps = np.diff(np.concatenate([[1.0], made]))
        assert (np.diff(drafted) == 1).all()
        assert (steps > 0).all()
        assert (np.diff(steps) < 0).all()
