import pytest

from planner.evaluate.compare import DEFAULT_TTFT_SIGMA_LN, compare
from planner.evaluate.observations import collect
from tests.evaluate.rows import measured
from tests.options.world import catalog, row, shipped

OFFLINE = {"metric": "output_tokens_per_s_total", "concurrency_or_rate": "max_load"}


def compared(*rows, world=None):
    return compare(collect(rows).observations, world or catalog())


def reason_of(world=None, **changes):
    (found,) = compared(measured(**changes), world=world)
    assert (found.predicted is None) == (found.reason != "")
    return found.reason


def test_a_plain_figure_is_predicted():
    assert reason_of() == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "nobody-7b"}, "unknown_model"),
        ({"gpu": "gpu-z"}, "unknown_accelerator"),
        ({"weight_precision": "fp32"}, "unknown_precision"),
        ({"engine": "HF Transformers"}, "engine"),
        ({"engine": "llama.cpp", "gpu": "gpu-z"}, "engine"),
        ({"n_gpus": 3, "tp": 3}, "parallelism"),
        ({"isl": 10_000_000}, "does_not_fit"),
        ({"scenario_notes": "mtp=1"}, "speculative"),
        ({"scenario_notes": "mode=disagg"}, "parallelism"),
        ({"metric": "tpot_ms_p99"}, "percentile"),
        ({"metric": "tpot_ms_p80", "concurrency_or_rate": "qps=1"}, "percentile"),
        ({"concurrency_or_rate": "qps=1000"}, "unstable"),
        ({"concurrency_or_rate": "batch=8"}, "load"),
        ({"concurrency_or_rate": ""}, "load"),
        ({"concurrency_or_rate": "concurrency=few"}, "load"),
        ({"value": "fast"}, "bad_value"),
        (OFFLINE | {"model": "nobody-7b"}, "unknown_model"),
    ],
)
def test_every_figure_without_a_prediction_has_a_reason(changes, reason):
    assert reason_of(**changes) == reason


def test_parts_without_a_rate_or_a_link_have_reasons():
    blank = catalog(accelerators=[row("accelerators", bf16_tflops=None)])
    alone = catalog(accelerators=[row("accelerators", link="none", link_gb_per_s=None)])

    assert reason_of(blank) == "no_rate"
    assert reason_of(alone, n_gpus=2, tp=2) == "no_interconnect"


def test_memory_is_compared_whoever_runs():
    row = {"metric": "gpu_memory_gb", "concurrency_or_rate": "batch=1"}

    assert reason_of(engine="HF Transformers", **row) == ""
    assert reason_of(engine="HF Transformers", isl=10_000_000, **row) == ""
    assert reason_of(isl=10_000_000, **row) == "does_not_fit"


def test_open_arrivals_are_predicted_with_their_percentiles():
    load = {"concurrency_or_rate": "qps=1"}

    found = compared(*(measured(metric=f"ttft_ms{s}", **load) for s in ("_p50", "_p99")))

    assert found[0].predicted < found[1].predicted


def test_spread_follows_the_accelerator_and_the_metric():
    common = {"model": "llama-3.1-8b", "gpu": "H100"}
    rows = [
        measured(metric="tpot_ms", **common),
        measured(metric="ttft_ms", **common),
        measured(metric="gpu_memory_gb", **common),
        measured(metric="tpot_ms", model="llama-3.1-8b", gpu="L40S"),
    ]

    found = {
        (c.observation.metric, c.observation.run.row.gpu): c.sigma_ln
        for c in compared(*rows, world=shipped())
    }

    sigma = shipped().calibration_row
    known = sigma("sigma_ln_time", "accelerator", "h100-sxm-80gb").value
    assert found["tpot_ms", "H100"] == found["throughput_closed_loop", "H100"] == known
    assert found["tpot_ms", "L40S"] == sigma("sigma_ln_time", "accelerator", "l40s-48gb").value
    assert found["memory_bytes", "H100"] is None
    if sigma("sigma_ln_ttft", "default", "all") is None:
        assert found["ttft_ms", "H100"] == DEFAULT_TTFT_SIGMA_LN


def test_a_stated_spread_of_ttft_replaces_the_default():
    stated = row(
        "calibration",
        parameter="sigma_ln_ttft",
        scope="default",
        key_id="all",
        kind="value",
        value=0.7,
        unit="ln",
        provenance="calibrated",
    )
    world = catalog(calibration=[*shipped().calibration, stated])

    (found,) = compared(measured(metric="ttft_ms"), world=world)

    assert found.sigma_ln == 0.7


def test_nothing_gives_nothing():
    assert compared() == ()


def test_power_needs_the_rating_of_the_accelerator():
    rated = catalog(accelerators=[row("accelerators", tdp_w=700)])
    power = {"metric": "power_w_per_gpu", "value": 450}

    assert reason_of(**power) == "no_tdp"
    (found,) = compared(measured(**power), world=rated)
    assert 0.2 * 700 < found.predicted < 700
    assert found.sigma_ln == shipped().calibration_row("sigma_ln_power", "default", "all").value


def test_power_has_no_interval_when_none_is_stated():
    rows = [r for r in shipped().calibration if r.parameter != "sigma_ln_power"]
    rated = catalog(accelerators=[row("accelerators", tdp_w=700)], calibration=rows)

    (found,) = compared(measured(metric="power_w", value=450), world=rated)

    assert found.sigma_ln is None
