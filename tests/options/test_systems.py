"""Options on systems that are planned from their own measured figures."""

from __future__ import annotations

import pytest

from planner.demand.build import build_demand
from planner.options.build import build_options
from planner.options.systems import buildable_systems
from tests.options.world import catalog, fp8, loaded, problem, row, workload

FIGURES = {
    ("chips", ""): 8,
    ("memory_gb", ""): 2.0,
    ("chips", "model-a"): 16,
    ("decode_tokens_per_s_per_user", "model-a/bf16"): 500,
    ("decode_tokens_per_s_per_system", "model-a/bf16"): 2_000,
    ("prefill_tokens_per_s_per_system", "model-a/bf16"): 20_000,
}
NODE = {
    "instance": "wafers",
    "accelerator": "wafer-a",
    "accelerators": 2,
    "price_usd_per_hour": 90,
}
WAY = "model-a/bf16/vendor/wafer-a/tp2"


def systems(**changes):
    figures = FIGURES | {
        (quantity, case): value for (quantity, case), value in changes.get("figures", {}).items()
    }
    return [
        row("systems", id="wafer-a", quantity=quantity, case=case, value=value)
        for (quantity, case), value in figures.items()
        if value is not None
    ]


def build(asked=None, figures=None, offers=(NODE,)):
    facts = catalog(
        systems=systems(figures=figures or {}),
        offers=[row("offers", **changes) for changes in offers],
    )
    whole = loaded(asked or problem(workload(), candidates={"hardware": ["wafer-a"]}))
    return build_options(whole, facts, build_demand(whole, facts))


def rejection(found, subject):
    (one,) = [r for r in found.rejections if r.subject == subject]
    return one


def test_complete_figures_and_a_price_make_an_option():
    found = build()

    (option,) = found.options
    assert (option.id, option.hardware, option.engine) == (WAY, "wafer-a", "vendor")
    assert option.accelerators == 2
    # 16 chips of 2 GB less two bytes per parameter, for a cache of 131,072 bytes per token.
    free = 32e9 - 2 * 8.03e9
    assert option.kv_capacity_tokens == pytest.approx(free / 131_072, rel=0.01)
    (capacity,) = found.capacities
    assert capacity.setting is None
    assert capacity.origin == "class_default"
    assert found.offers[0].hardware == "wafer-a"


def test_the_replica_has_the_figures_of_all_its_systems():
    facts = catalog(systems=systems())
    node = build().offers

    (candidate,), _, considered = buildable_systems(
        problem(candidates={"hardware": ["wafer-a"], "models": ["model-a"]}).candidates,
        facts,
        node,
    )

    replica = candidate.replica
    assert considered == 2
    assert replica.systems == 2
    assert replica.alone_tokens_per_s == 500
    assert replica.total_tokens_per_s == 4_000
    assert replica.requests == 8
    assert replica.prefill_tokens_per_s == 40_000
    assert replica.memory_bytes == 32e9


def test_nominal_capacity_stays_within_the_published_throughput():
    (capacity,) = build().capacities

    point = capacity.points[-1]
    assert point.planned_rps < point.nominal_rps
    assert point.nominal_rps * 99 <= 4_000
    assert point.tpot_mean_s >= 1 / 500


def test_requests_at_once_stand_in_for_the_throughput():
    instead = {
        ("decode_tokens_per_s_per_system", "model-a/bf16"): None,
        ("concurrent_requests_per_system", "model-a/bf16"): 4,
    }

    assert build(figures=instead).capacities == build().capacities


def test_a_speed_that_falls_under_load_carries_less():
    loaded_point = {
        ("decode_tokens_per_s_per_system", "model-a/bf16"): 1_000,
        ("concurrent_requests_per_system", "model-a/bf16"): 4,
    }

    slower, pipeline = (
        build(figures=figures).capacities[0].points[-1].nominal_rps
        for figures in (loaded_point, {})
    )

    assert slower < 0.7 * pipeline


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (("chips", "model-a"), "(id=wafer-a, quantity=chips, case=model-a)"),
        (("memory_gb", ""), "(id=wafer-a, quantity=memory_gb)"),
        (
            ("decode_tokens_per_s_per_system", "model-a/bf16"),
            "(id=wafer-a, quantity=decode_tokens_per_s_per_system or "
            "concurrent_requests_per_system, case=model-a/bf16)",
        ),
        (
            ("prefill_tokens_per_s_per_system", "model-a/bf16"),
            "(id=wafer-a, quantity=prefill_tokens_per_s_per_system, case=model-a/bf16)",
        ),
    ],
)
def test_a_missing_figure_is_named_with_its_row(missing, named):
    found = build(figures={missing: None})

    one = rejection(found, "model-a/bf16/vendor/wafer-a")
    assert found.options == ()
    assert one.reason == "no_figure"
    assert f"add {named} to systems.csv of an overlay" in one.detail


def test_everything_that_is_missing_is_named_at_once():
    found = build(
        figures={
            ("chips", "model-a"): None,
            ("prefill_tokens_per_s_per_system", "model-a/bf16"): None,
        },
        offers=[{}],
    )

    detail = rejection(found, "model-a/bf16/vendor/wafer-a").detail
    for part in ("quantity=chips", "quantity=prefill", "(accelerator=wafer-a) to offers.csv"):
        assert part in detail


def test_a_model_without_a_speed_is_one_rejection_for_all_formats():
    one = rejection(
        build(figures={("decode_tokens_per_s_per_user", "model-a/bf16"): None}), "wafer-a"
    )

    assert (one.reason, one.count) == ("no_figure", 2)
    assert "quantity=decode_tokens_per_s_per_user, case=MODEL/FORMAT" in one.detail


def test_a_speed_in_another_format_is_none_of_this_one():
    found = build(
        problem(workload(), candidates={"hardware": ["wafer-a"], "quantizations": ["fp8"]})
    )

    assert rejection(found, "wafer-a").reason == "no_figure"


def test_without_a_price_the_offer_is_asked_for():
    one = rejection(build(offers=[{}]), WAY)

    assert one.reason == "no_price"
    assert "accelerator=wafer-a" in one.detail


@pytest.mark.parametrize(
    ("candidates", "subject", "reason"),
    [
        ({"engines": ["vllm"]}, "wafer-a", "candidate"),
        ({"tensor_parallel": [1, 4]}, WAY, "parallelism"),
    ],
)
def test_candidates_that_leave_a_system_out_say_so(candidates, subject, reason):
    asked = problem(workload(), candidates={"hardware": ["wafer-a"]} | candidates)

    assert rejection(build(asked), subject).reason == reason


def test_the_engine_of_the_vendor_may_be_asked_for():
    asked = problem(workload(), candidates={"hardware": ["wafer-a"], "engines": ["vendor"]})

    assert [o.id for o in build(asked).options] == [WAY]


def test_a_node_that_does_not_divide_by_the_replica_is_none():
    found = build(offers=[NODE | {"accelerators": 3}])

    assert rejection(found, WAY).reason == "no_node"


def test_weights_beyond_the_memory_are_rejected():
    one = rejection(build(figures={("memory_gb", ""): 1.0}), WAY)

    assert one.reason == "memory"
    assert one.shortfall > 1


def test_a_request_beyond_the_memory_is_rejected():
    long = workload("long", lengths={"isl_tokens": {"mean": 1e5}, "osl_tokens": {"mean": 10}})
    asked = problem(long, candidates={"hardware": ["wafer-a"]})

    assert rejection(build(asked, figures={("memory_gb", ""): 1.1}), WAY).reason == "memory"


def test_a_limit_below_the_measured_speed_is_missed_without_load():
    slo = [{"metric": "tpot_ms", "percentile": "mean", "limit": 1.5}]
    asked = problem(workload(slo=slo), candidates={"hardware": ["wafer-a"]})

    assert rejection(build(asked), WAY).reason == "tpot_ms"


def test_classes_of_a_pool_probe_each_other():
    slo = [{"metric": "ttft_ms", "percentile": 99, "limit": 150}]
    quick = workload("quick", pool="p", slo=slo)
    slow = workload("slow", pool="p")
    alone = build(problem(slow, candidates={"hardware": ["wafer-a"]})).capacities
    both = build(problem(quick, slow, candidates={"hardware": ["wafer-a"]})).capacities

    rate = {c.workload: c.points[0].planned_rps for c in both}
    assert rate["slow"] < alone[0].points[0].planned_rps


def test_quality_and_residency_hold_for_systems_too():
    floor = [{"benchmark": "mmlu", "min_score": 0.9}]
    asked = problem(workload(quality=floor), candidates={"hardware": ["wafer-a"]})

    assert rejection(build(asked), WAY).reason == "quality"


def test_every_considered_option_is_feasible_or_rejected():
    found = build(problem(workload()))

    feasible = len(found.options) + len(found.dominated)
    rejected = sum(r.count for r in found.rejections if r.kind == "option")
    assert feasible + rejected == found.considered


def test_systems_are_considered_beside_accelerators():
    found = build(problem(workload()), offers=[NODE, {}])

    assert {o.hardware for o in (*found.options, *found.dominated)} == {"gpu-a", "wafer-a"}


def test_formats_weigh_what_they_store():
    narrow = {(q, c.replace("bf16", "fp8")): v for (q, c), v in FIGURES.items() if "bf16" in c}
    facts = catalog(systems=systems(figures=narrow), quantizations=[row("quantizations"), fp8()])
    asked = problem(candidates={"hardware": ["wafer-a"]}).candidates

    found, _, _ = buildable_systems(asked, facts, build().offers)

    wide, half = (c.replica.weight_bytes for c in found)
    # Llama 3.1 8B: embedding and head, 128,256 x 4,096 weights each, stay in 16 bits.
    kept = 2 * 2 * 128_256 * 4096
    assert wide - kept == 2 * (half - kept)
