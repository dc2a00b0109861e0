"""Rows of any content never break validation, and every figure is counted once."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.evaluate.measurements import COLUMNS
from planner.evaluate.observations import collect
from planner.evaluate.validate import as_records, validate
from tests.evaluate.rows import DEFAULTS, measured, write
from tests.options.world import catalog

NUMBERS = ["", "0", "-1", "1", "2", "3.5", "8", "1e-320", "1e300", "nan", "inf", "x"]
CELLS = {
    "engine": ["vLLM", "", "llama.cpp", "LMDeploy"],
    "model": ["model-a", "nobody"],
    "gpu": ["gpu-a", "GPU A", ""],
    "n_gpus": NUMBERS,
    "tp": NUMBERS,
    "pp": ["", "1", "2"],
    "weight_precision": ["", "bf16", "fp8", "w8a16", "int4", "("],
    "kv_precision": ["", "fp8", "odd"],
    "isl": [*NUMBERS, "1000", "100000"],
    "osl": [*NUMBERS, "100"],
    "concurrency_or_rate": [
        *(f"{k}={n}" for k in ("concurrency", "qps", "batch", "max_batch") for n in NUMBERS),
        "max_load",
        "",
    ],
    "metric": [
        "tpot_ms",
        "ttft_ms_p99",
        "itl_ms_mean",
        "e2e_latency_ms",
        "output_tokens_per_s_per_gpu",
        "total_tokens_per_s_in_plus_out",
        "gpu_memory_gb",
        "odd",
    ],
    "value": [*NUMBERS, "20"],
    "scenario_notes": ["", "mode=disagg", "SUSPECT", "attention_dp=2; moe_ep=2", "moe_ep=;=;x"],
}
ROWS = st.lists(st.fixed_dictionaries({k: st.sampled_from(v) for k, v in CELLS.items()}))


@pytest.mark.filterwarnings("error")
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS)
def test_any_rows_are_counted_and_summed_up(tmp_path, changes):
    rows = [measured(**change) for change in changes]
    write(tmp_path / "a.csv", rows)

    found = validate(catalog(), tmp_path)

    records = json.loads(json.dumps(as_records(found), allow_nan=False))
    observations = collect(rows).observations
    overall = sum(r["n"] + r["n_skipped"] for r in records if r["slice"] == "all")
    assert overall == sum(not o.parts for o in observations)
    assert len(found.data.rows) == len(rows)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("cell", ['"', "=", ";", "\u00e9", "a" * 10_000, "-1e999"])
def test_odd_cells_are_no_error(tmp_path, column, cell):
    write(tmp_path / "a.csv", [measured(**DEFAULTS | {column: cell})])

    validate(catalog(), tmp_path)
