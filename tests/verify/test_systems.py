"""Plans on measured systems pass the audit, and wrong ones do not."""

from __future__ import annotations

import pytest

from planner.verify.audit import audit
from planner.verify.replay.engines import Unknown, engine_of
from planner.verify.replay.run import ReplaySettings, replay_plan
from tests.options.test_systems import FIGURES, NODE, systems
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.changes import changed
from tests.verify.conftest import solved

PLACE = "period 0 block 0 model-a/bf16/vendor/wafer-a/tp2"


def facts(**figures):
    return catalog(
        systems=systems(figures=figures.get("figures", {})), offers=[row("offers", **NODE)]
    )


@pytest.fixture(scope="module")
def fast():
    """Return a plan on a system, which two workloads share with limits."""
    slo = [{"metric": "tpot_ms", "percentile": "mean", "limit": 4}]
    asked = problem(
        workload(slo=slo, arrival={"mean_rate_rps": 30.0}),
        candidates={"hardware": ["wafer-a"]},
        supply={"tenures": ["on_demand"]},
    )
    return solved(asked, facts())


def test_a_plan_on_a_system_is_sound_and_says_what_it_rests_on(fast):
    assert fast.plan.status == "optimal"
    assert {r.engine for r in fast.plan.allocations} == {"vendor"}
    assert {r.chunk_tokens for r in fast.plan.allocations} == {None}
    assert audit(fast.plan, fast.problem, fast.catalog) == []
    assert any("rests on readings that others published" in w for w in fast.plan.warnings)
    assert not any("class defaults" in w for w in fast.plan.warnings)


def test_a_replica_of_other_size_is_found(fast):
    other = facts(figures={("chips", "model-a"): 17})

    assert f"{PLACE}: 2 systems of 8 chips for a replica of 17" in audit(
        fast.plan, fast.problem, other
    )


def test_a_replica_whose_chips_nobody_states_is_found(fast):
    other = facts(figures={("chips", "model-a"): None})

    assert f"{PLACE}: nobody states how many chips model-a takes" in audit(
        fast.plan, fast.problem, other
    )


def test_more_tokens_than_are_published_are_found(fast):
    more = changed(fast.plan, "allocations", capacity_nominal_rps=60.0)

    texts = audit(more, fast.problem, fast.catalog)

    assert f"{PLACE}: 5940 tokens/s at the nominal capacity, 4000 are published" in texts


def test_a_throughput_that_nobody_states_is_found(fast):
    key = ("decode_tokens_per_s_per_system", "model-a/bf16")
    assert key in FIGURES

    texts = audit(fast.plan, fast.problem, facts(figures={key: None}))

    assert f"{PLACE}: no throughput of model-a/bf16 is stated" in texts


def test_another_engine_on_a_system_is_found(fast):
    other = changed(fast.plan, "allocations", engine="vllm")

    assert any(
        "vllm is not among the candidates" in t for t in audit(other, fast.problem, fast.catalog)
    )


def test_requests_on_a_system_are_replayed_one_prompt_after_the_other(fast):
    found = replay_plan(fast.plan, loaded(fast.problem), fast.catalog, ReplaySettings(seeds=2))

    (one,) = found.workloads
    assert found.not_replayed == ()
    assert one.kept is True
    (block,) = one.blocks
    # 2 ms per token, slowed down by what is not certain, and prompts hold decodes up.
    assert 2 < block.tpot.mean_ms <= 4


def test_step_times_in_the_replay_are_those_of_the_published_points(fast):
    engine = engine_of(fast.plan.allocations[0], fast.catalog, confidence=0.5)

    # Two systems: 2 ms per token of a request alone, and of 8 at once, which then make the 4,000
    # tokens/s; 1,000 tokens of a prompt take 25 ms at 40,000/s, and a step like any other.
    alone_s = engine.step.decode_s(1)
    assert engine.max_requests == 8
    assert engine.step.decode_s(8) == pytest.approx(alone_s)
    assert engine.step.time_s(1_000, 0.0, 5e5, 0) == pytest.approx((12.5 + 1) * alone_s)
    assert not engine.is_chunked


def test_a_system_without_its_figures_is_not_replayed(fast):
    other = facts(figures={("prefill_tokens_per_s_per_system", "model-a/bf16"): None})

    found = engine_of(fast.plan.allocations[0], other, confidence=0.5)

    assert found == Unknown(
        "figures of wafer-a are not in the catalogue: "
        "(id=wafer-a, quantity=prefill_tokens_per_s_per_system, case=model-a/bf16)"
    )
