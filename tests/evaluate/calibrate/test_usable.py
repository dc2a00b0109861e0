"""Why rows are not used, and what to do about it."""

import re
from pathlib import Path

import pytest

import planner.evaluate.calibration as package
from planner.evaluate.calibration.reasons import WAYS_OUT
from tests.evaluate.calibrate.toy import calibrated, clients, rows, world
from tests.evaluate.rows import measured
from tests.options.world import catalog, fp8, row

CELLS = {
    "unknown_model": {"model": "nobody-7b"},
    "unknown_accelerator": {"gpu": "nothing"},
    "unknown_precision": {"weight_precision": "int3"},
    "unknown_engine": {"engine": "LMDeploy"},
    "engine": {"engine": "llama.cpp"},
    "parallelism": {"n_gpus": "3", "tp": "3"},
    "gpus_unstated": {"n_gpus": "", "tp": ""},
    "precision_unstated": {"weight_precision": ""},
    "speculative": {"scenario_notes": "speculative=eagle"},
    "disaggregated": {"scenario_notes": "mode=disagg"},
    "suspect": {"scenario_notes": "SUSPECT"},
    "pipeline": {"pp": "2", "n_gpus": "2"},
    "gpus": {"n_gpus": "16"},
    "blank_lengths": {"isl": ""},
    "open_loop": {"concurrency_or_rate": "request_rate=4"},
    "load": {"concurrency_or_rate": "sometimes"},
    "percentile": {"metric": "tpot_ms_p99"},
    "metric": {"metric": "power_w"},
    "bad_value": {"value": ""},
    "implausible": {"value": "300"},
    "no_pace": {"metric": "ttft_ms", "value": "60"},
    "one_point": {"value": "8"},
}


def reasons(tmp_path, measurements, in_world=None):
    return {u.reason for u in calibrated(tmp_path, measurements, in_world).unused}


@pytest.mark.parametrize(("reason", "cells"), CELLS.items())
def test_reason(tmp_path, reason, cells):
    base = {"concurrency_or_rate": "concurrency=4", "value": "8"}

    assert reasons(tmp_path, [measured(**base | cells)]) == {reason}


def test_prompts_that_wait_for_minutes_are_from_before_the_measurement(tmp_path):
    both = [measured(metric="ttft_ms", value=1e6), measured(value=20)]

    assert reasons(tmp_path, both) == {"overloaded"}


def test_weights_of_8_bits_alone_are_no_format_of_a_plan(tmp_path):
    formats = [row("quantizations"), fp8(id="int8", compute="int8")]
    found = reasons(tmp_path, [measured(weight_precision="w8a16")], catalog(quantizations=formats))

    assert found == {"weights_only"}


def test_accelerators_without_a_known_link_cannot_be_split(tmp_path):
    alone = catalog(accelerators=[row("accelerators", link="none", link_gb_per_s=None)])

    assert reasons(tmp_path, [measured(n_gpus=2, tp=2)], alone) == {"no_interconnect"}


def test_an_accelerator_without_a_16_bit_rate_has_no_prediction(tmp_path):
    unknown = catalog(accelerators=[row("accelerators", bf16_tflops=None)])

    assert reasons(tmp_path, [measured()], unknown) == {"no_rate"}


def test_a_name_with_a_slash_is_no_part_of_a_combination(tmp_path):
    named = catalog(models=[row("models", id="model/a")])

    assert reasons(tmp_path, [measured(model="model/a")], named) == {"slash"}


def test_lengths_beyond_any_memory_do_not_fit(tmp_path):
    found = calibrated(tmp_path, [measured(isl="1e300", osl="1e300")])

    assert found.combinations == ()
    assert len(found.refused) + len(found.unused) == 1


def test_latencies_of_a_batch_are_not_modelled(tmp_path):
    assert reasons(tmp_path, [measured(concurrency_or_rate="batch=4")]) == {"load"}


def test_usable_rows_beside_useless_ones_are_used(tmp_path):
    found = calibrated(tmp_path, [*rows(clients(1, 64)), *(measured(**c) for c in CELLS.values())])

    assert len(found.combinations) == 1
    # Beside good points a single one of another load is a point too.
    assert {u.reason for u in found.unused} == set(CELLS) - {"no_pace", "one_point"}
    lines = [u.line for u in found.unused]
    assert lines == sorted(lines)


def test_every_combination_stands_alone(tmp_path):
    wide = catalog(models=[row("models"), row("models", id="model-b", layers=16)])
    both = [
        *rows(clients(1, 64), time=1.3),
        *rows(
            clients(1, 64), {"tpot_ms": "tpot_ms"}, wide, changes={"model": "model-b"}, time=0.9
        ),
    ]

    found = calibrated(tmp_path, both, wide)

    speeds = {
        c.combination.model: next(p for p in c.parameters if p.parameter == "throughput_factor")
        for c in found.combinations
    }
    assert speeds["model-a"].factor == pytest.approx(1 / 1.3, rel=0.01)
    assert speeds["model-b"].factor == pytest.approx(1 / 0.9, rel=0.01)


def test_splits_of_a_replica_are_points_of_one_combination(tmp_path):
    split = {"n_gpus": 2, "tp": 2}

    found = calibrated(tmp_path, [*rows(clients(8)), *rows(clients(8), changes=split)])

    assert len(found.combinations[0].combination.points) == 2


def test_every_reason_has_a_way_out_and_is_given_somewhere():
    folder = Path(package.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in folder.parent.rglob("*.py"))

    assert all(re.search(rf'"{reason}"', source) for reason in WAYS_OUT)
    assert set(CELLS) <= set(WAYS_OUT)


def test_world_of_the_toy_has_no_combination():
    assert {row.scope for row in world().calibration}.isdisjoint({"combination"})
