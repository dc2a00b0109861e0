"""Measured runs whose prompts and decodes ran apart, beside what the model says of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.evaluate.cases import CaseBuilder, UnitCase
from planner.evaluate.compare import compare
from planner.evaluate.names import names_of
from planner.evaluate.observations import collect
from planner.evaluate.runs import run_of
from planner.evaluate.units import unit_predictions
from tests.evaluate.rows import measured
from tests.options.world import catalog, row

NOTES = {
    "mode": "disagg",
    "prefill_tp_size": 1,
    "prefill_num_workers": 1,
    "decode_tp_size": 2,
    "decode_num_workers": 2,
}
BLANK = {"n_gpus": "", "tp": "", "pp": ""}


def apart(notes=(), **changes):
    """Return a row of a disaggregated run, with changes of notes and cells."""
    stated = {key: value for key, value in (NOTES | dict(notes)).items() if value != ""}
    text = "; ".join(f"{key}={value}" for key, value in stated.items())
    return measured(**BLANK | {"scenario_notes": text} | changes)


def compared(*rows, world=None):
    return compare(collect(rows).observations, world or catalog())


def predicted(notes=(), **changes):
    (found,) = compared(apart(notes, **changes))
    assert found.reason == ""
    return found.predicted


def test_figures_of_a_unit_are_predicted_and_form_a_slice_of_their_own():
    found = compared(apart(), apart(metric="ttft_ms"), apart(metric="itl_ms_p50"))

    by_metric = {c.observation.metric: c for c in found}
    assert set(by_metric) == {"tpot_ms", "ttft_ms", "itl_ms", "throughput_closed_loop"}
    assert all(c.predicted > 0 for c in found)
    assert {c.observation.parts for c in found} == {("disaggregated",)}
    assert by_metric["itl_ms"].predicted == by_metric["tpot_ms"].predicted


def test_throughput_latencies_and_clients_agree():
    found = compared(apart(), apart(metric="ttft_ms", value=500))

    value = {c.observation.metric: c.predicted for c in found}
    cycle_s = (value["ttft_ms"] + 199 * value["tpot_ms"]) / 1000
    assert value["throughput_closed_loop"] == pytest.approx(16 * 200 / cycle_s)


@pytest.mark.parametrize(
    ("notes", "reason"),
    [
        ({"prefill_num_workers": ""}, "workers"),
        ({"decode_num_workers": ""}, "workers"),
        ({"prefill_tp_size": ""}, "parallelism"),
        ({"decode_tp_size": 3}, "parallelism"),
        ({"decode_moe_ep_size": 4}, "parallelism"),
        ({"mtp": 1}, "speculative"),
    ],
)
def test_what_is_not_stated_is_no_guess(notes, reason):
    (found,) = compared(apart(notes))

    assert (found.predicted, found.reason) == (None, reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "nobody-7b"}, "unknown_model"),
        ({"engine": "HF Transformers"}, "engine"),
        ({"isl": 10_000_000}, "does_not_fit"),
        ({"concurrency_or_rate": "qps=1"}, "load"),
        ({"metric": "tpot_ms_p99"}, "percentile"),
        ({"value": "fast"}, "bad_value"),
    ],
)
def test_other_reasons_are_those_of_replicas(changes, reason):
    (found,) = compared(apart(**changes))

    assert (found.predicted, found.reason) == (None, reason)


def test_caches_need_a_link():
    alone = catalog(accelerators=[row("accelerators", link="none", link_gb_per_s=None)])

    (found,) = compared(apart({"decode_tp_size": 1}), world=alone)

    assert found.reason == "no_interconnect"


def test_decode_instances_share_the_clients():
    one, four = (predicted({"decode_num_workers": n}) for n in (1, 4))

    assert four < one


def test_prefill_instances_shorten_the_first_token_only():
    few, many = (predicted({"prefill_num_workers": n}, metric="ttft_ms") for n in (1, 4))

    assert many < few


def test_attention_ranks_of_an_instance_share_its_requests():
    notes = {"decode_tp_size": 1, "decode_attention_dp_size": 2}
    run = run_of(apart(notes))

    case = CaseBuilder(catalog(), names_of(catalog())).of(run)

    assert isinstance(case, UnitCase)
    assert (case.decode.spec.data_parallel, case.decode.replicas) == (2, 2)
    assert case.prefill.spec.devices == 1


def test_times_are_divided_by_what_a_class_reaches():
    run = run_of(apart())
    case = CaseBuilder(catalog(), names_of(catalog())).of(run)
    half = replace(case.decode.trust, throughput_factor=case.trust.throughput_factor / 2)
    slow = UnitCase(*(replace(side, trust=half) for side in (case.prefill, case.decode)))

    quick, slower = unit_predictions([(run, case), (run, slow)])

    for key in (("ttft_ms", None), ("tpot_ms", None)):
        assert slower.figures[key] == pytest.approx(2 * quick.figures[key], rel=1e-6)


def test_predictions_do_not_depend_on_what_else_is_predicted():
    alone = predicted(concurrency_or_rate="concurrency=32")

    found = compared(
        apart(), measured(), apart(concurrency_or_rate="concurrency=32"),
        apart({"decode_tp_size": 4}),
    )  # fmt: skip

    values = [c.predicted for c in found if c.observation.run.load.amount == 32]
    assert np.allclose(values, alone, rtol=1e-9)
