"""Options of workloads whose lengths grow: each period against a problem with its lengths."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.demand.build import build_demand
from planner.diagnosis import unservable
from planner.options.build import build_options
from tests.options.world import catalog, loaded, problem, row, workload

GROWTH = {"isl": 1.21, "osl": 0.81}
TTFT = {"metric": "ttft_ms", "percentile": 99, "limit": 1000}
HORIZON = {"start": "2027-01", "periods": 2, "months_per_period": 6}
ONE_GPU = {"quantizations": ["bf16"], "tensor_parallel": [1]}


def built(*workloads, facts=None, periods=2, **sections):
    asked = problem(
        *workloads,
        **{"horizon": HORIZON | {"periods": periods}, "candidates": ONE_GPU} | sections,
    )
    facts = facts or catalog()
    demand = build_demand(loaded(asked), facts)
    return build_options(loaded(asked), facts, demand)


def lengths_of(isl, osl):
    return {"isl_tokens": {"mean": isl}, "osl_tokens": {"mean": osl}}


def points_of(options, name="chat"):
    return {c.option_id: c.points for c in options.capacities if c.workload == name}


def test_each_period_is_planned_with_the_lengths_of_its_dearer_end():
    rated = catalog(accelerators=[row("accelerators", tdp_w=700)])
    grown = built(workload(slo=[TTFT], length_growth_per_period=GROWTH), facts=rated)

    (capacity,) = grown.capacities
    for period, (isl, osl) in enumerate([(1_210.0, 100.0), (1_464.1, 81.0)]):
        alone = built(workload(slo=[TTFT], lengths=lengths_of(isl, osl)), facts=rated, periods=1)
        (own,) = alone.capacities
        assert capacity.points_at(period) == own.points
        assert capacity.power_at(period) == own.power is not None


def test_a_pool_is_planned_with_the_lengths_of_all_its_classes():
    still = workload("code", pool="p", slo=[TTFT], lengths=lengths_of(3_000.0, 50.0))
    grown = built(workload(pool="p", slo=[TTFT], length_growth_per_period={"isl": 2.0}), still)

    alone = built(workload(pool="p", slo=[TTFT], lengths=lengths_of(4_000.0, 100.0)), still)
    for name in ("chat", "code"):
        found = next(c for c in grown.capacities if c.workload == name)
        assert found.points_at(1) == points_of(alone, name)[found.option_id]
    code = next(c for c in grown.capacities if c.workload == "code")
    assert code.points_at(0) != code.points_at(1)


def test_factors_of_one_change_nothing():
    plain, grown = (
        built(workload(slo=[TTFT], **growth))
        for growth in ({}, {"length_growth_per_period": {"isl": 1.0, "osl": [1.0, 1.0]}})
    )

    assert grown == plain


def test_periods_with_the_same_lengths_are_not_told_apart():
    # 1.5 at the end of the first period, and nothing after it.
    grown = built(workload(slo=[TTFT], length_growth_per_period={"isl": [1.5, 1.0]}))

    (capacity,) = grown.capacities
    assert capacity.by_period == ()
    assert {capacity.option_id: capacity.points} == points_of(
        built(workload(slo=[TTFT], lengths=lengths_of(1_500.0, 100.0)))
    )


def test_an_option_that_keeps_its_limits_at_first_only_serves_at_first():
    tight = [TTFT | {"limit": 150}]
    grown = built(workload(slo=tight, length_growth_per_period={"isl": [1.0, 20.0]}))

    (capacity,) = grown.capacities
    (missed,) = (r for r in grown.rejections if r.kind == "option" and r.workload == "chat")
    assert capacity.points_at(0)
    assert capacity.points_at(1) == ()
    assert capacity.points == capacity.points_at(0)
    assert missed.reason == "ttft_ms"
    assert missed.detail.startswith("with the lengths of 1 of 2 periods: ttft p99 is ")


def test_a_period_without_any_option_is_named_with_the_nearest_miss():
    tight = [TTFT | {"limit": 150}]
    growing = {"length_growth_per_period": {"isl": [1.0, 20.0]}}
    asked = problem(workload(slo=tight, **growing), horizon=HORIZON, candidates=ONE_GPU)
    whole, facts = loaded(asked), catalog()
    demand = build_demand(whole, facts)

    lines = unservable(build_options(whole, facts, demand), demand, asked)

    assert lines[0] == (
        "chat: none of 1 option can serve it with the lengths of 1 of 2 periods, first in period 1"
    )
    assert any("with the lengths of 1 of 2 periods: ttft p99 is" in line for line in lines)
    still = problem(workload(slo=tight), horizon=HORIZON, candidates=ONE_GPU)
    rates = build_demand(loaded(still), facts)
    assert unservable(build_options(loaded(still), facts, rates), rates, still) == ()


def test_an_option_that_never_keeps_its_limits_is_rejected_once():
    hopeless = [TTFT | {"limit": 1}]
    grown = built(workload(slo=hopeless, length_growth_per_period={"isl": 2.0}))

    (missed,) = (r for r in grown.rejections if r.kind == "option" and r.workload == "chat")
    assert grown.capacities == ()
    assert missed.detail.startswith("ttft p99 is ")


def test_memory_holds_the_longest_request_of_all_periods():
    small = catalog(accelerators=[row("accelerators", memory_mib=21_200)])
    plain = built(workload(), facts=small)
    grown = built(workload(length_growth_per_period={"osl": [1.0, 100.0]}), facts=small)

    (missed,) = (r for r in grown.rejections if r.kind == "option" and r.workload == "chat")
    assert plain.capacities
    assert grown.capacities == ()
    assert missed.reason == "memory"
    assert "one request of 11000 tokens must fit" in missed.detail


def test_context_holds_the_longest_prompt_and_output():
    short = catalog(models=[row("models", context_tokens=1_500)])

    kept = built(workload(length_growth_per_period={"isl": [1.0, 1.4]}), facts=short)
    grown = built(workload(length_growth_per_period={"isl": [1.0, 1.41]}), facts=short)

    assert kept.capacities
    assert [r.detail for r in grown.rejections if r.reason == "context"] == [
        "context of 1500 tokens, needs 1510"
    ]


def test_an_option_that_another_beats_in_one_period_only_is_kept():
    facts = catalog(
        interconnects=[row("interconnects", allreduce_latency_us=5, bus_bandwidth_gb_per_s=200)],
        offers=[row("offers", accelerators=2, instance="two")],
    )
    grown = built(
        workload(slo=[TTFT | {"limit": 250}], length_growth_per_period={"isl": [1.0, 6.0]}),
        facts=facts,
        candidates={"quantizations": ["bf16"], "tensor_parallel": [1, 2]},
    )

    # Without load one accelerator takes 97 ms, then 294 ms; two together take 206 ms.
    serves = {c.option_id[-3:]: [bool(p) for p in c.by_period] for c in grown.capacities}
    assert serves == {"tp1": [True, False], "tp2": [True, True]}
    assert {o.id[-3:] for o in grown.options} == {"tp1", "tp2"}


def test_the_longest_job_is_that_of_the_period_with_the_longest_output():
    night = {"window_h": 8}
    plain = built(workload(deferrable=night))
    grown = built(workload(deferrable=night, length_growth_per_period={"osl": [1.0, 3.0]}))

    first, then = ({c.option_id: c for c in found.capacities} for found in (plain, grown))
    for name, capacity in then.items():
        slowest_s = [max(p.tpot_mean_s for p in capacity.points_at(t)) for t in (0, 1)]
        assert first[name].job_h == pytest.approx(100 * slowest_s[0] / 3_600)
        assert capacity.job_h == pytest.approx(300 * slowest_s[1] / 3_600)


def test_tokens_are_paid_with_the_lengths_in_the_middle_of_the_period():
    grown = built(workload(length_growth_per_period=GROWTH))

    (api,) = grown.api
    # 1,100 x 0.5 + 90 x 1.5 = 685, then 1,331 x 0.5 + 72.9 x 1.5 = 774.85 USD per million.
    assert [usd for (usd,) in api.usd_per_request] == pytest.approx([685e-6, 774.85e-6])
    assert [tuple(api.usage_tokens_at(t))[:2] for t in (0, 1)] == [
        pytest.approx((1_100, 90)),
        pytest.approx((1_331, 72.9)),
    ]
    assert [tuple(api.planned_tokens_at(t))[:2] for t in (0, 1)] == [
        pytest.approx((1_210, 100)),
        pytest.approx((1_464.1, 81)),
    ]


def test_prompts_grow_into_the_price_of_long_ones():
    dear = {"prompt_from_tokens": 1_200, "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 3.0}
    facts = catalog(api_offers=[row("api_offers"), row("api_offers", **dear)])

    grown = built(workload(length_growth_per_period={"isl": 1.21}), facts=facts)

    (api,) = grown.api
    # 1,100 tokens are short; the 1,331 of the second period are not.
    assert [usd for (usd,) in api.usd_per_request] == pytest.approx([700e-6, 1_631e-6])
    assert "up to 100.000% of the requests pay the price of prompts from 1,200 on" in api.note


def test_units_count_the_lengths_of_the_dearer_end():
    stated = {
        "name": "ptu", "provider": "tokens", "model": "model-a", "usd_per_unit_hour": 2.0,
        "tokens_per_minute_per_unit": 60_000.0, "output_weight": 4.0, "cached_input_weight": 0.5,
    }  # fmt: skip
    grown = built(
        workload(prefix_cache={"hit_rate": 0.2}, length_growth_per_period=GROWTH),
        supply={"provisioned": [stated]},
    )

    units = next(a for a in grown.api if a.units_id)
    # A fifth of the prompt counts half.
    assert [units.planned_tokens_at(t).counted for t in (0, 1)] == pytest.approx(
        [1_210 * 0.9 + 400, 1_464.1 * 0.9 + 324]
    )
    assert replace(units, planned_tokens=()).planned_tokens_at(1).counted == pytest.approx(1_300)
