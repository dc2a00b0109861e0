"""Limits and floors of the answers of a chain, and contradictions of its section."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.problem.escalation import answer_of, chain_streams, first_slo, then_slo
from planner.problem.schema import Slo, Workload
from planner.problem.semantics import semantic_faults

SLO = [
    {"metric": "ttft_ms", "percentile": 99, "limit": 2000},
    {"metric": "tpot_ms", "percentile": 95, "limit": 50},
]
CHAIN = {"first": ["small"], "then": ["large"], "share": 0.2, "first_answer_ms": 1500}


def chat(limits=SLO, **escalation):
    return Workload.model_validate(
        {
            "name": "chat",
            "arrival": {"mean_rate_rps": 1.0},
            "slo": limits,
            "quality": [
                {"benchmark": "a", "min_score": 0.5},
                {"benchmark": "b", "min_score": 0.6, "over": "average"},
            ],
            "escalation": CHAIN | escalation,
        }
    )


def limits(slo):
    return {
        (s.metric, s.percentile if s.percentile == "mean" else round(s.percentile, 9)): s.limit
        for s in slo
    }


def test_both_answers_share_the_late_requests_of_the_workload():
    # 1 % may be late in all: half of it for each answer; 2,000 ms less 1,500 ms are left.
    assert limits(first_slo(chat())) == {
        ("ttft_ms", 99.5): 2000, ("tpot_ms", 97.5): 50, ("e2e_ms", 99.5): 1500,
    }  # fmt: skip
    assert limits(then_slo(chat())) == {("ttft_ms", 99.5): 500, ("tpot_ms", 97.5): 50}


def test_limits_of_their_own_are_kept_among_the_escalated_requests():
    # The late ones may all be escalated: a fifth of half of 5 % of all first answers is 0.5 %.
    own = chat(SLO[:1], slo=[{"metric": "e2e_ms", "percentile": 95, "limit": 9000}])

    assert limits(first_slo(own)) == {("ttft_ms", 99.2): 2000, ("e2e_ms", 99.5): 1500}
    assert limits(then_slo(own)) == {("e2e_ms", 97.5): 7500}


def test_a_mean_leaves_what_the_mean_first_answer_takes():
    mean = chat([{"metric": "ttft_ms", "percentile": "mean", "limit": 2000}])

    assert limits(first_slo(mean)) == {("ttft_ms", "mean"): 2000, ("e2e_ms", "mean"): 1500}
    assert limits(then_slo(mean)) == {("ttft_ms", "mean"): 500}


def test_without_limits_from_arrival_no_time_has_to_be_set_aside():
    slow = chat(SLO[1:], first_answer_ms=None)

    assert limits(first_slo(slow)) == {("tpot_ms", 97.5): 50}
    assert limits(then_slo(slow)) == {("tpot_ms", 97.5): 50}


@given(
    share=st.floats(0.05, 0.95),
    late=st.floats(0.02, 0.5),
    seed=st.integers(0, 10_000),
    own=st.booleans(),
)
def test_requests_are_in_time_whichever_of_them_are_escalated(share, late, seed, own):
    """Escalate the slowest requests, with answers exactly as late as their limits allow."""
    percentile = 100 * (1 - late)
    asked = [{"metric": "ttft_ms", "percentile": percentile, "limit": 2000}]
    workload = chat(asked, share=share, slo=asked if own else None)
    first, then = first_slo(workload), then_slo(workload)
    count = 20_000
    escalated = round(share * count)

    def late_count(slo, metric, requests):
        tail = max(s.percentile for s in slo if s.metric == metric)
        return int(requests * (1 - tail / 100))

    rng = np.random.default_rng(seed)
    late_first = np.arange(count) < late_count(first, "e2e_ms", count)
    late_token = np.arange(count) < late_count(first, "ttft_ms", count)
    chosen = np.arange(count) < escalated  # the slow ones
    late_then = np.zeros(count, dtype=bool)
    on_time = np.flatnonzero(chosen & ~late_first)
    picked = rng.permutation(on_time)[: late_count(then, "ttft_ms", escalated)]
    late_then[picked] = True
    missed = np.where(chosen, late_first | late_then, False)

    if own:
        assert missed[chosen].mean() <= late + 1e-3
        # The other way round: none of the slow ones is escalated.
        assert late_token[: count - escalated].mean() <= late + 1e-3
    else:
        assert missed.mean() <= late + 1e-3


def test_streams_are_named_by_answer_and_hold_floors_as_averages():
    first, then = chain_streams(chat())

    assert [(s.name, s.pool_name, answer_of(s.name)) for s in (first, then)] == [
        ("chat/first", "chat/first", "first"), ("chat/then", "chat/then", "then"),
    ]  # fmt: skip
    assert [(f.benchmark, f.over) for f in first.quality] == [("b", "average"), ("a", "average")]


def faults(make_problem, *, policy=None, candidates=None, **workload):
    asked = {"escalation": CHAIN, "slo": SLO} | workload
    more = {"policy": policy} if policy else {}
    more |= {"candidates": candidates} if candidates else {}
    problem = make_problem(asked, **more)
    return [(".".join(map(str, path[2:])), message) for path, message in semantic_faults(problem)]


def test_a_consistent_chain_has_no_contradiction(make_problem):
    assert faults(make_problem) == []


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"escalation": CHAIN | {"then": ["small"]}}, "escalation.then.0", "is in `first` too"),
        (
            {"candidates": {"models": ["small"]}},
            "escalation.then.0",
            "`large` is not among `candidates.models`",
        ),
        (
            {"escalation": {k: v for k, v in CHAIN.items() if k != "first_answer_ms"}},
            "escalation",
            "`first_answer_ms` is missing",
        ),
        (
            {"escalation": CHAIN | {"first_answer_ms": 2500}},
            "escalation.first_answer_ms",
            "2500 ms leave nothing of the limit of 2000 ms on ttft_ms",
        ),
        (
            {"deferrable": {"window_h": 5, "share": 0.5}},
            "escalation",
            "not planned together with `deferrable`",
        ),
        (
            {"policy": {"survive_loss_of": "provider"}},
            "escalation",
            "not planned together with `policy.survive_loss_of`",
        ),
        (
            {"escalation": CHAIN | {"quality_scores": [{"benchmark": "x", "score": 0.5}]}},
            "escalation.quality_scores.0.benchmark",
            "no floor of `quality` is on `x`",
        ),
        (
            {
                "escalation": CHAIN | {"quality_scores": [{"benchmark": "a", "score": 0.5}]},
                "quality": [{"benchmark": "a", "min_relative": 0.9, "reference": "large"}],
            },
            "escalation.quality_scores.0.score",
            "relative to large: bring its bf16 score",
        ),
        (
            {
                "escalation": CHAIN | {"quality_scores": [{"benchmark": "a", "score": 0.5}]},
                "quality": [{"benchmark": "a", "min_score": 0.5}],
                "policy": {"quality_evidence": "measured"},
            },
            "escalation.quality_scores.0",
            "`policy.quality_evidence: measured` refuses such scores",
        ),
    ],
)  # fmt: skip
def test_contradictions_name_the_value_and_the_way_out(make_problem, changes, place, message):
    found = faults(make_problem, **changes)

    assert [where for where, _ in found] == [place], found
    assert message in found[0][1]


def test_repeated_limits_of_escalated_requests_are_reported(make_problem):
    twice = [{"metric": "ttft_ms", "percentile": 99, "limit": limit} for limit in (5000, 6000)]

    found = faults(make_problem, escalation=CHAIN | {"slo": twice})

    assert [where for where, _ in found] == ["escalation.slo.1"]


def test_limits_are_those_of_the_section():
    assert all(isinstance(s, Slo) for s in (*first_slo(chat()), *then_slo(chat())))
