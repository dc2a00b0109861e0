"""Plans on measured systems pass the audit, and wrong ones do not."""

from __future__ import annotations

import pytest

from planner.verify.audit import audit
from tests.options.test_systems import FIGURES, NODE, systems
from tests.options.world import catalog, problem, row, workload
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
