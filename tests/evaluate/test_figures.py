import pytest

from planner.evaluate.figures import figure_of


@pytest.mark.parametrize(
    ("metric", "quantity", "percentile"),
    [
        ("tpot_ms", "tpot_ms", None),
        ("TTFT_ms_mean", "ttft_ms", None),
        ("itl_ms_avg", "itl_ms", None),
        ("ttft_ms_median", "ttft_ms", 50),
        ("ttft_ms_p50", "ttft_ms", 50),
        ("tpot_ms_p99", "tpot_ms", 99),
        ("tpot_ms_p99.9", "tpot_ms", 99.9),
    ],
)
def test_latencies_end_in_their_statistic(metric, quantity, percentile):
    figure = figure_of(metric, "12.5")

    assert (figure.quantity, figure.value, figure.percentile) == (quantity, 12.5, percentile)
    assert figure.is_typical == (percentile in {None, 50})


@pytest.mark.parametrize(
    ("metric", "quantity", "per_gpu"),
    [
        ("output_tokens_per_s", "output_tokens_per_s", False),
        ("output_tokens_per_s_total", "output_tokens_per_s", False),
        ("output_tokens_per_s_per_gpu", "output_tokens_per_s", True),
        ("total_tokens_per_s_in_plus_out", "total_tokens_per_s", False),
        ("e2e_latency_ms", "e2e_ms", False),
        ("e2e_latency_ms_mean", "e2e_ms", False),
    ],
)
def test_rates_and_whole_latencies_are_known(metric, quantity, per_gpu):
    figure = figure_of(metric, "7")

    assert (figure.quantity, figure.value, figure.per_gpu) == (quantity, 7, per_gpu)


@pytest.mark.parametrize(
    ("metric", "held_bytes"),
    [
        ("gpu_memory_gb", 2**31),
        ("gpu_memory_gib", 2**31),
        ("gpu_memory_mb", 2**21),
        ("gpu_memory_bytes", 2),
        ("gpu_memory_peak_gb", 2**31),
    ],
)
def test_memory_is_read_in_binary_units(metric, held_bytes):
    assert figure_of(metric, "2").value == held_bytes


@pytest.mark.parametrize(
    "metric",
    [
        "requests_per_s",
        "tokens_per_s_reported",
        "tokens_per_s_bs1_reported",
        "prefill_tokens_per_s",
        "achieved_mem_bandwidth_gb_s",
        "tpot_ms_max",
        "e2e_latency_ms_p99",
        "",
    ],
)
def test_other_metrics_are_not_compared(metric):
    assert figure_of(metric, "1") is None


def test_a_cell_without_a_number_has_no_value():
    assert figure_of("tpot_ms", "fast").value is None


@pytest.mark.parametrize(
    ("metric", "per_gpu"),
    [("power_w", False), ("power_w_per_gpu", True), ("power_w_mean_per_gpu", True)],
)
def test_power_may_be_of_one_accelerator(metric, per_gpu):
    figure = figure_of(metric, "480.5")

    assert (figure.quantity, figure.value, figure.per_gpu) == ("power_w", 480.5, per_gpu)
    assert figure.is_typical


def test_peak_power_is_not_compared():
    assert figure_of("power_w_p99", "700") is None
