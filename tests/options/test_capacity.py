"""Capacities from the performance model: pools, brackets, confidence, caches, tokens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from planner.options.candidates import Candidate
from planner.options.capacity import modelled_capacities
from planner.options.model_run import REPLICAS, traffic_class
from planner.problem.schema import Workload
from tests.options.world import catalog, demand, fp8, lengths, problem, row, workload

FACTS = catalog()
TTFT = {"metric": "ttft_ms", "percentile": 99, "limit": 1000}
TPOT = {"metric": "tpot_ms", "percentile": "mean", "limit": 40}
MIXED = lengths(isl=(200.0, 800.0, 3000.0), osl=(150.0, 300.0, 100.0))


def candidate(degree=1, quantization=None, **accelerator):
    number_format = quantization or row("quantizations")
    return Candidate(
        row("models"),
        number_format,
        row("engines"),
        row("accelerators", **accelerator),
        degree,
        number_format.compute,
    )


def model(*workloads, candidates=None, usable=None, distributions=None, **policy):
    asked = problem(*workloads, policy=policy)
    ways = candidates or [candidate()]
    offered = usable or {w.name: ways for w in asked.workloads}
    rates = demand(asked, **(distributions or {w.name: MIXED for w in asked.workloads}))
    return modelled_capacities(asked, FACTS, rates, offered)


def planned(result, name="chat"):
    return {
        c.option_id: [p.planned_rps for p in c.points]
        for c in result.capacities
        if c.workload == name
    }


def only(result, name="chat"):
    (rates,) = planned(result, name).values()
    return rates


@pytest.fixture(scope="module")
def chat():
    return model(workload(slo=[TTFT, TPOT]))


def test_capacity_never_exceeds_the_nominal_one(chat):
    points = chat.capacities[0].points

    assert all(0 < p.planned_rps <= p.nominal_rps for p in points)


def test_planned_capacity_is_below_the_nominal_one_above_the_median(chat):
    assert chat.capacities[0].points[0].planned_rps < chat.capacities[0].points[0].nominal_rps


def test_at_the_median_planned_and_nominal_are_equal():
    result = model(workload(slo=[TTFT, TPOT]), confidence=0.5)

    assert all(p.planned_rps == p.nominal_rps for p in result.capacities[0].points)


def test_more_confidence_never_raises_capacity(chat):
    sure = only(model(workload(slo=[TTFT, TPOT]), confidence=0.95))

    assert sure[0] < only(chat)[0]


def test_brackets_start_at_one_and_rise_by_at_least_two_percent(chat):
    points = chat.capacities[0].points
    rates = [p.planned_rps for p in points]

    assert points[0].min_replicas == 1
    assert {p.min_replicas for p in points} <= set(REPLICAS)
    assert all(b > a * 1.02 for a, b in pairwise(rates))


def test_tight_limits_need_more_brackets_than_none():
    tight = only(model(workload(slo=[TTFT | {"limit": 250}])))
    free = only(model(workload()))

    assert len(free) == 1
    assert len(tight) > 1


def test_reported_latencies_keep_the_limits(chat):
    for point in chat.capacities[0].points:
        assert point.ttft_p99_s <= 1.0 * 1.001
        assert point.tpot_mean_s <= 0.04 * 1.001


def test_limit_that_no_option_meets_without_load_is_told_by_how_much():
    result = model(workload(slo=[TTFT | {"limit": 1}]))

    assert result.options == ()
    assert result.rejections[0].reason == "ttft_ms"
    assert result.rejections[0].shortfall > 1
    assert "without any load at confidence 0.8, limit 1 ms" in result.rejections[0].detail


def test_weights_that_do_not_fit_are_rejected_for_memory():
    result = model(workload(), candidates=[candidate(memory_mib=16_000)])

    assert result.rejections[0].reason == "memory"
    assert "one request of 3100 tokens must fit" in result.rejections[0].detail


def test_pool_capacity_is_never_above_that_of_the_workload_alone():
    strict = workload("strict", pool="all", slo=[TTFT | {"limit": 200}])
    loose = workload("loose", pool="all")
    alone = only(model(workload("loose")), "loose")

    together = only(model(strict, loose), "loose")

    assert together[0] < alone[0]


def test_workloads_of_other_pools_do_not_matter():
    strict = workload("strict", slo=[TTFT | {"limit": 200}])

    together = only(model(strict, workload("loose")), "loose")

    assert together == only(model(workload("loose")), "loose")


def test_class_that_misses_its_limits_unloaded_neither_uses_nor_restricts_the_option():
    impossible = workload("impossible", pool="all", slo=[TTFT | {"limit": 1}])

    result = model(impossible, workload("loose", pool="all"))

    assert "impossible" not in {c.workload for c in result.capacities}
    assert only(result, "loose") == only(model(workload("loose")), "loose")
    assert [r.workload for r in result.rejections] == ["impossible"]


def test_class_that_may_not_use_the_option_is_not_probed_there():
    strict = workload("strict", pool="all", slo=[TTFT | {"limit": 200}])
    usable = {"strict": [], "loose": [candidate()]}

    result = model(strict, workload("loose", pool="all"), usable=usable)

    assert only(result, "loose") == only(model(workload("loose")), "loose")


def test_class_that_does_not_fit_the_memory_leaves_the_option_to_the_others():
    # 12 GB are left for the cache: 131,072 B a token make about 90,000 tokens.
    small = candidate(memory_mib=36_000)
    asked = [workload("long", pool="all"), workload("short", pool="all")]
    distributions = {"long": lengths(isl=(120_000.0,)), "short": MIXED}

    result = model(*asked, candidates=[small], distributions=distributions)

    assert [r.workload for r in result.rejections if r.reason == "memory"] == ["long"]
    assert only(result, "short")[0] > 0


@pytest.mark.parametrize("limits", [[], [TTFT, TPOT]])
def test_more_prefix_hits_never_lower_capacity(limits):
    rates = [
        only(model(workload(slo=limits, prefix_cache={"hit_rate": hits})))[0]
        for hits in (0.0, 0.3, 0.6, 0.9)
    ]

    assert rates == sorted(rates)
    assert rates[-1] > rates[0]


@pytest.mark.parametrize("factor", [{"isl": 1.5}, {"osl": 1.5}])
def test_more_tokens_of_the_model_lower_capacity(factor, chat):
    result = model(workload(slo=[TTFT, TPOT], token_factors={"model-a": factor}))

    assert only(result)[0] < only(chat)[0]


def test_token_factors_of_another_model_do_not_matter(chat):
    result = model(workload(slo=[TTFT, TPOT], token_factors={"other": {"isl": 9.0}}))

    assert only(result) == only(chat)


def test_lower_utilization_cap_lowers_capacity_without_limits_in_proportion():
    full = only(model(workload(), max_utilization=1.0))[0]
    half = only(model(workload(), max_utilization=0.5))[0]

    assert half == pytest.approx(full / 2, rel=0.01)


def test_fp8_carries_more_than_bf16():
    ways = [candidate(), candidate(quantization=fp8())]

    rates = planned(model(workload(slo=[TTFT, TPOT]), candidates=ways))

    assert rates["model-a/fp8/vllm/gpu-a/tp1"][0] > rates["model-a/bf16/vllm/gpu-a/tp1"][0]


def test_option_reports_its_memory(chat):
    # 8.03e9 parameters of 2 bytes.
    assert chat.options[0].weight_bytes == pytest.approx(16.06e9, rel=0.001)
    assert chat.options[0].kv_capacity_tokens > 100_000


def test_capacity_carries_the_origin_of_its_coefficient(chat):
    assert chat.capacities[0].origin in {"calibrated", "class_default"}


def test_batches_do_not_change_the_answer(chat):
    ways = [candidate(), candidate(degree=2), candidate(quantization=fp8())]

    rates = planned(model(workload(slo=[TTFT, TPOT]), candidates=ways))

    assert rates["model-a/bf16/vllm/gpu-a/tp1"] == pytest.approx(only(chat), rel=1e-6)


def test_traffic_class_scales_lengths_and_keeps_one_token():
    factors = {"model-a": {"isl": 2.0, "osl": 0.001}}
    asked = problem(workload(token_factors=factors, slo=[TTFT, TPOT]))

    load = traffic_class(asked.workloads[0], demand(asked), "model-a", 0.4)

    assert np.array_equal(load.isl_tokens, [2000.0])
    assert np.array_equal(load.osl_tokens, [1.0])
    assert [(x.metric, x.percentile, x.limit_s) for x in load.limits] == [
        ("ttft", 99.0, 1.0),
        ("tpot", None, 0.04),
    ]


def test_workload_without_lengths_cannot_be_modelled():
    asked = problem(workload())
    without = demand(asked, chat=None)

    with pytest.raises(ValueError, match="chat has no lengths"):
        traffic_class(Workload.model_validate(workload()), without, "model-a", 0.0)


def candidate_of(engine):
    return Candidate(
        row("models"), row("quantizations"), engine, row("accelerators"), 1, "bf16"
    )  # fmt: skip


def test_the_token_budget_with_which_an_option_carries_most_is_chosen():
    tight = [TTFT | {"limit": 3000}, {"metric": "itl_ms", "percentile": 99, "limit": 40}]
    asked = workload(slo=tight)

    def carried(engine):
        (found,) = model(asked, candidates=[candidate_of(engine)]).capacities
        return found

    alone = {budget: carried(row("engines", chunk_tokens=budget)) for budget in (512, 2048, 8192)}
    chosen = carried(row("engines", chunk_tokens_choices="512 2048 8192"))

    rates = {budget: found.points[-1].planned_rps for budget, found in alone.items()}
    best = max(rates, key=rates.get)
    assert chosen.setting.chunk_tokens == best
    assert chosen.points == alone[best].points
    assert rates[best] > rates[8192]


@pytest.mark.parametrize("budgets", [(2040, 2048), (15_000, 16_384)])
def test_of_budgets_that_carry_as_much_that_with_the_earliest_first_tokens_is_chosen(budgets):
    asked = workload(slo=[TPOT])

    def carried(engine):
        (found,) = model(asked, candidates=[candidate_of(engine)]).capacities
        return found

    alone = {budget: carried(row("engines", chunk_tokens=budget)) for budget in budgets}
    chosen = carried(row("engines", chunk_tokens_choices=" ".join(map(str, budgets))))

    rates = [found.points[-1].planned_rps for found in alone.values()]
    assert min(rates) == pytest.approx(max(rates), rel=1e-3)
    earliest = min(alone, key=lambda budget: alone[budget].points[-1].ttft_p99_s)
    assert chosen.setting.chunk_tokens == earliest
    assert chosen.points == alone[earliest].points


def test_an_engine_without_choices_runs_as_it_ships(chat):
    assert chat.capacities[0].setting.chunk_tokens == 8192


def test_what_no_budget_can_serve_is_explained_by_the_one_that_misses_least():
    impossible = [TTFT | {"limit": 25}]

    found = model(
        workload(slo=impossible),
        candidates=[candidate_of(row("engines", chunk_tokens_choices="256 8192"))],
    )
    (alone,) = model(
        workload(slo=impossible), candidates=[candidate_of(row("engines"))]
    ).rejections

    (rejection,) = found.rejections
    assert rejection.reason == "ttft_ms"
    assert rejection.shortfall <= alone.shortfall
