import pytest

from planner.evaluate.compare import Compared
from planner.evaluate.observations import METRICS, collect
from planner.evaluate.slices import slice_errors, slices_of
from tests.evaluate.rows import measured


def item(predicted=20.0, seen=(True, False), **changes):
    (observation,) = collect([measured(**changes)]).observations
    reason = "" if predicted is not None else "engine"
    return Compared(observation, predicted, reason, 0.2, *seen)


def names(**changes):
    return [part.name for part in slices_of(item(**changes))]


def test_a_figure_is_in_one_slice_of_every_kind():
    assert names(n_gpus=4, tp=4, weight_precision="fp8") == [
        "all",
        "source:a bench",
        "model:seen",
        "accelerator:unseen",
        "precision:fp8",
        "engine:vllm",
        "tp:4",
        "batch:9-32",
        "isl:513-2048",
    ]


@pytest.mark.parametrize(
    ("load", "metric", "name"),
    [
        ("concurrency=1", "tpot_ms", "batch:1"),
        ("concurrency=8", "tpot_ms", "batch:2-8"),
        ("concurrency=128", "tpot_ms", "batch:33-128"),
        ("concurrency=129", "tpot_ms", "batch:>128"),
        ("batch=1", "output_tokens_per_s_total", "batch:1"),
        ("max_load", "output_tokens_per_s_total", "batch:max_load"),
        ("", "gpu_memory_gb", "batch:none"),
        ("concurrency=few", "tpot_ms", "batch:unstated"),
    ],
)
def test_batches_are_grouped_by_size(load, metric, name):
    assert names(concurrency_or_rate=load, metric=metric)[7] == name


@pytest.mark.parametrize(
    ("isl", "name"),
    [(1, "isl:1-512"), (512, "isl:1-512"), (512.5, "isl:513-2048"), (9000, "isl:>8192")],
)
def test_prompts_are_grouped_by_length(isl, name):
    assert names(isl=isl)[8] == name


def test_blank_parallelism_is_that_of_all_accelerators():
    assert "tp:2" in names(tp="", n_gpus=2)
    assert "tp:unstated" in names(tp="", n_gpus="")


def test_blank_cells_are_unstated():
    found = names(source="", weight_precision="", engine="llama.cpp")

    assert found[1] == "source:unstated"
    assert found[4:6] == ["precision:unstated", "engine:not_serving"]


def test_other_parts_are_in_no_further_slice():
    assert names(metric="tpot_ms_p99", concurrency_or_rate="qps=1") == ["percentile", "open_loop"]


def test_all_has_every_metric_even_without_figures():
    found = slice_errors([])

    assert [(s.name, s.metric, s.errors.n, s.n_skipped) for s in found] == [
        ("all", metric, 0, 0) for metric in METRICS
    ]


def test_predictions_and_what_was_skipped_are_counted():
    found = slice_errors([item(), item(predicted=None), item(predicted=10.0, tp=2, n_gpus=2)])

    counts = {(s.name, s.metric): (s.errors.n, s.n_skipped) for s in found}
    assert counts["all", "tpot_ms"] == (2, 1)
    assert counts["tp:1", "tpot_ms"] == (1, 1)
    assert counts["tp:2", "tpot_ms"] == (1, 0)
    assert ("tp:2", "ttft_ms") not in counts


def test_slices_are_ordered_by_kind_and_size():
    items = [
        item(concurrency_or_rate=f"concurrency={c}", tp=t, n_gpus=t)
        for c, t in ((200, 8), (1, 1), (20, 2), (4, 4))
    ]

    ordered = [s.name for s in slice_errors(items) if s.name.startswith(("tp:", "batch:"))]

    assert ordered == [
        *("tp:1", "tp:2", "tp:4", "tp:8"),
        *("batch:1", "batch:2-8", "batch:9-32", "batch:>128"),
    ]
