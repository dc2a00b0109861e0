import pytest

from planner.evaluate.observations import collect
from tests.evaluate.rows import measured


def figures(*rows):
    found = collect(rows).observations
    return [(o.metric, o.measured, o.parts) for o in found]


def test_latencies_under_clients_count():
    assert figures(measured(metric="tpot_ms_p50", value=21)) == [("tpot_ms", 21, ())]


def test_high_percentiles_form_a_slice_of_their_own():
    assert figures(measured(metric="itl_ms_p99")) == [("itl_ms", 20, ("percentile",))]


def test_open_arrivals_form_a_slice_of_their_own():
    row = measured(metric="ttft_ms_mean", concurrency_or_rate="qps=2")

    assert figures(row) == [("ttft_ms", 20, ("open_loop",))]


def test_high_percentiles_of_open_arrivals_are_in_both():
    row = measured(metric="ttft_ms_p99", concurrency_or_rate="request_rate=2")

    assert figures(row) == [("ttft_ms", 20, ("percentile", "open_loop"))]


def test_disaggregated_runs_form_a_slice_of_their_own():
    notes = "mode=disagg"
    rows = [measured(metric=m, scenario_notes=notes) for m in ("tpot_ms", "ttft_ms_p99")]

    assert figures(*rows) == [
        ("tpot_ms", 20, ("disaggregated",)),
        ("ttft_ms", 20, ("disaggregated",)),
    ]


def test_throughput_of_clients_is_derived_from_both_latencies():
    rows = [measured(metric="ttft_ms", value=500), measured(metric="tpot_ms", value=20)]

    # 16 clients, 200 tokens each, in 0.5 s and 199 gaps of 20 ms.
    assert figures(*rows)[-1] == (
        "throughput_closed_loop",
        pytest.approx(16 * 200 / (0.5 + 199 * 0.02)),
        (),
    )


def test_stated_throughput_goes_before_the_derived_one():
    rows = [
        measured(metric="ttft_ms", value=500),
        measured(metric="tpot_ms", value=20),
        measured(metric="output_tokens_per_s_total", value=700),
    ]

    assert figures(*rows)[-1] == ("throughput_closed_loop", 700, ())
    assert len(figures(*rows)) == 3


def test_nothing_is_derived_from_high_percentiles():
    rows = [measured(metric="ttft_ms_p99", value=500), measured(metric="tpot_ms", value=20)]

    assert [metric for metric, _, _ in figures(*rows)] == ["ttft_ms", "tpot_ms"]


def test_nothing_is_derived_across_configurations():
    rows = [measured(metric="ttft_ms", value=500), measured(metric="tpot_ms", tp=2, n_gpus=2)]

    assert [metric for metric, _, _ in figures(*rows)] == ["ttft_ms", "tpot_ms"]


def test_rates_of_one_accelerator_are_multiplied():
    row = measured(metric="output_tokens_per_s_per_gpu", value=100, n_gpus=4, tp=4)

    assert figures(row) == [("throughput_closed_loop", 400, ())]


def test_offline_rates_are_maximum_load():
    row = measured(
        metric="output_tokens_per_s_total", value=9, concurrency_or_rate="scenario=Offline"
    )

    assert figures(row) == [("throughput_max_load", 9, ())]


@pytest.mark.parametrize(
    ("metric", "value", "rate"),
    [
        ("output_tokens_per_s_total", 80, 80),
        ("total_tokens_per_s_in_plus_out", 600, 100),
        ("e2e_latency_ms", 4000, 400),
    ],
)
def test_static_batches_are_compared_as_output_rate(metric, value, rate):
    row = measured(metric=metric, value=value, concurrency_or_rate="batch=8")

    assert figures(row) == [("throughput_static", pytest.approx(rate), ())]


def test_a_static_configuration_counts_once_by_its_most_direct_figure():
    rows = [
        measured(metric=metric, value=value, concurrency_or_rate="batch=8")
        for metric, value in (("e2e_latency_ms", 1), ("output_tokens_per_s_total", 80))
    ]

    assert figures(*rows) == [("throughput_static", 80, ())]


def test_repeated_measurements_count_once_by_their_median():
    rows = [
        measured(metric="output_tokens_per_s_total", value=value, concurrency_or_rate="batch=8")
        for value in (10, 70, 20)
    ]

    assert figures(*rows) == [("throughput_static", 20, ())]


def test_repeated_latencies_all_count():
    assert len(figures(measured(value=1), measured(value=2))) == 2


def test_a_figure_that_is_no_number_has_no_value():
    assert figures(measured(value="n/a")) == [("tpot_ms", None, ())]
    row = measured(metric="e2e_latency_ms", value="-", concurrency_or_rate="batch=8")
    assert figures(row) == [("throughput_static", None, ())]


def test_a_good_figure_stands_in_for_a_bad_one():
    rows = [
        measured(metric=metric, value=value, concurrency_or_rate="batch=8")
        for metric, value in (("output_tokens_per_s_total", "-"), ("e2e_latency_ms", 4000))
    ]

    assert figures(*rows) == [("throughput_static", 400, ())]


def test_memory_counts_under_any_load():
    row = measured(metric="gpu_memory_gb", value=1, concurrency_or_rate="")

    assert figures(row) == [("memory_bytes", 2**30, ())]


def test_other_metrics_are_counted_by_name():
    rows = [
        measured(metric="requests_per_s"),
        measured(metric="output_tokens_per_s_total", concurrency_or_rate="qps=1"),
        measured(metric="total_tokens_per_s_in_plus_out"),
        measured(metric="e2e_latency_ms"),
    ]

    found = collect(rows)

    assert found.observations == ()
    assert found.unscored == {row.metric: 1 for row in rows}


def test_dropped_rows_are_counted_by_rule_and_never_compared():
    rows = [
        measured(metric="ttft_ms", value=1e9),
        measured(metric="tpot_ms", value=1),
        measured(isl=""),
        measured(n_gpus=16),
        measured(metric="requests_per_s", osl=""),
    ]

    found = collect(rows)

    assert found.observations == ()
    assert found.dropped == {"overloaded": 2, "blank_lengths": 1, "gpus": 1}
    assert found.unscored == {"requests_per_s": 1}


def test_power_of_one_accelerator_counts_for_all():
    row = measured(metric="power_w_per_gpu", value=450, n_gpus=4, tp=4)

    assert figures(row) == [("power_w", 1_800, ())]


def test_power_is_compared_under_clients_only():
    rows = [
        measured(metric="power_w", concurrency_or_rate=load)
        for load in ("qps=2", "max_load", "batch=8")
    ]

    assert figures(*rows) == []
    assert collect(rows).unscored == {"power_w": 3}
