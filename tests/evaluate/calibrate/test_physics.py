"""Bounds by hand, for one accelerator of 3,350 GB/s and 989 TFLOPS."""

import pytest

from planner.evaluate.calibration.physics import bounds, memory_bound
from planner.evaluate.cases import CaseBuilder
from planner.evaluate.names import names_of
from planner.evaluate.runs import run_of
from planner.perf.arch import body_params, head_params, kv_bytes_per_token
from tests.evaluate.calibrate.toy import calibrated, clients, rows, world
from tests.evaluate.rows import measured
from tests.options.world import catalog, row

BANDWIDTH = 3350e9
PEAK = 989e12


def limits(measured_figures, **cells):
    run = run_of(measured(**cells))
    case = CaseBuilder(world(), names_of(world())).case(run)
    found = {}
    for bound in bounds(run, case, measured_figures):
        found.setdefault(bound.metric, []).append(bound.limit)
    return case.spec.architecture, found


def weights(arch):
    return 2 * (body_params(arch) + head_params(arch))


def test_decodes_read_weights_and_the_cache_of_one_request():
    arch, found = limits({})

    cache = kv_bytes_per_token(arch, 2.0, 1) * (1000 + 100)
    assert found["tpot_ms"] == [pytest.approx((weights(arch) + cache) / BANDWIDTH * 1e3)]
    assert found["itl_ms"] == found["tpot_ms"]


def test_decodes_in_flight_follow_from_both_latencies():
    """16 clients decode for 199 x 20 of 199 x 20 + 1,000 ms; half of those are sure."""
    arch, found = limits({"tpot_ms": 20, "ttft_ms": 1000})

    decodes = 16 * 3980 / 4980 / 2
    cache = kv_bytes_per_token(arch, 2.0, 1) * 1100 * decodes
    assert found["tpot_ms"] == [pytest.approx((weights(arch) + cache) / BANDWIDTH * 1e3)]


def test_prompts_are_computed_and_weights_read_once():
    arch, found = limits({})

    flop = 2 * 1000 * body_params(arch) + 2 * head_params(arch)
    attention = 4 * arch.layers * arch.heads * arch.head_dim * 1000**2 / 2
    assert found["ttft_ms"] == [
        pytest.approx((flop + attention) / PEAK * 1e3),
        pytest.approx(weights(arch) / BANDWIDTH * 1e3),
    ]


def test_output_is_bound_by_the_peak_the_steps_and_the_clients():
    arch, found = limits({"tpot_ms": 20})

    flop = 2 * 1199 * body_params(arch) + 200 * 2 * head_params(arch)
    flop += 4 * arch.layers * arch.heads * arch.head_dim * 1000**2 / 2
    cache = kv_bytes_per_token(arch, 2.0, 1) * 1100
    step_s = (weights(arch) + cache) / BANDWIDTH
    assert found["throughput_closed_loop"] == [
        pytest.approx(200 * PEAK / flop),
        pytest.approx(16 * 200 / (199 * step_s)),
        pytest.approx(16 * 200 / (199 * 0.020)),
    ]


def test_full_load_has_no_clients():
    _, found = limits({}, concurrency_or_rate="max_load")

    assert len(found["throughput_max_load"]) == 1


def test_outputs_of_one_token_have_no_gaps():
    _, found = limits({"tpot_ms": 20}, osl="1")

    assert len(found["throughput_closed_loop"]) == 1


def test_replicas_share_the_clients():
    _, alone = limits({"tpot_ms": 20})
    _, four = limits({"tpot_ms": 20}, n_gpus="4", tp="1")

    assert four["tpot_ms"] == alone["tpot_ms"]
    assert four["throughput_closed_loop"][0] == pytest.approx(
        4 * alone["throughput_closed_loop"][0]
    )
    assert four["throughput_closed_loop"][1:] == pytest.approx(alone["throughput_closed_loop"][1:])


def test_memory_holds_weights_and_one_request():
    run = run_of(measured(isl=1000, osl=200))
    case = CaseBuilder(world(), names_of(world())).case(run)

    held_gb, memory_gb = memory_bound(run, case)

    assert memory_gb == pytest.approx(81_559 * 1024**2 / 1e9)
    arch = case.spec.architecture
    cache = kv_bytes_per_token(arch, 2.0, 1) * 1200
    assert held_gb == pytest.approx((weights(arch) + cache) / 1e9, rel=0.1)


@pytest.mark.parametrize(
    ("metric", "factor", "law"),
    [
        ("tpot_ms", 0.1, "reading weights and cache once per step"),
        ("ttft_ms", 0.005, "computing the prompt at the peak rate"),
        ("output_tokens_per_s_total", 1.3, "clients x output"),
        ("output_tokens_per_s_total", 100, "computing prompts and outputs"),
    ],
)
def test_a_figure_beyond_its_bound_is_refused_with_its_run(tmp_path, metric, factor, law):
    good = rows(clients(1, 8, 256))
    bad = [
        measured(**{n: getattr(r, n) for n in r.__slots__} | {"value": float(r.value) * factor})
        if (r.metric, r.concurrency_or_rate) == (metric, "concurrency=256")
        else r
        for r in good
    ]

    found = calibrated(tmp_path, bad)

    refused = found.refused[0]
    line = next(i for i, r in enumerate(bad, 2) if r is not good[i - 2])
    assert (refused.line, len(found.refused)) == (line, 1)
    assert refused.law.startswith(law)
    assert refused.measured == pytest.approx(float(bad[line - 2].value))
    assert {u.line for u in found.unused if u.reason == "same_run"} == {8, 9, 10} - {line}
    assert len(found.combinations[0].combination.points) == 2


def test_a_run_that_no_memory_holds_is_refused(tmp_path):
    small = catalog(accelerators=[row("accelerators", memory_mib=10_000)])

    found = calibrated(tmp_path, rows(clients(1, 8)), small)

    assert found.combinations == ()
    assert {(r.metric, r.unit) for r in found.refused} == {("memory", "GB")}
    assert found.refused[0].measured > found.refused[0].bound == pytest.approx(10.48576)


def test_a_run_that_fits_the_accelerator_but_not_the_engine_is_no_contradiction(tmp_path):
    tight = catalog(accelerators=[row("accelerators", memory_mib=16_500)])

    found = calibrated(tmp_path, rows(clients(1, 8)), tight)

    assert found.refused == ()
    assert {u.reason for u in found.unused} == {"does_not_fit"}
