"""Rows of any content: all faults at once, or every row used, refused or listed, once each."""

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.errors import InputError
from planner.evaluate.calibration.points import NUMBERS as POSITIVE
from planner.evaluate.calibration.records import as_record
from tests.evaluate.calibrate.toy import calibrated
from tests.evaluate.rows import DEFAULTS, measured
from tests.evaluate.test_fuzz import CELLS

NUMBERS = ["", "1", "2", "3.5", "8", "1e-320", "1e300"]
KNOWN = {
    **CELLS,
    **dict.fromkeys(("n_gpus", "tp", "isl", "osl", "value"), NUMBERS),
    "concurrency_or_rate": ["concurrency=1", "concurrency=64", "batch=4", "max_load", "qps=1"],
    "pp": ["", "1", "2"],
}
ROWS = st.lists(
    st.fixed_dictionaries({k: st.sampled_from(v) for k, v in KNOWN.items()}), min_size=1
)
LIKELY = st.lists(
    st.fixed_dictionaries(
        {
            "concurrency_or_rate": st.sampled_from([f"concurrency={n}" for n in (1, 4, 64, 900)]),
            "isl": st.sampled_from(["10", "1000", "9000"]),
            "osl": st.sampled_from(["1", "2", "300"]),
            "n_gpus": st.sampled_from(["1", "2", "4"]),
            "metric": st.sampled_from(["tpot_ms", "ttft_ms", "itl_ms_mean"]),
            "value": st.floats(3, 90).map(str),
        }
    ),
    min_size=1,
    max_size=12,
)
SLOW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def check(tmp_path, changes):
    found = calibrated(tmp_path, [measured(**change) for change in changes])

    record = json.loads(json.dumps(as_record(found, "m.csv", "c.yaml"), allow_nan=False))
    lines = Counter(f["line"] for c in record["combinations"] for f in c["figures"])
    lines.update(r["line"] for r in record["refused"])
    lines.update(line for u in record["unused"] for line in u["lines"])
    assert lines == Counter(range(2, 2 + len(changes)))
    assert all(r.value > 0 for r in found.table)


@pytest.mark.filterwarnings("error")
@SLOW
@given(ROWS)
def test_any_rows_are_accounted_for(tmp_path, changes):
    check(tmp_path, changes)


@pytest.mark.filterwarnings("error")
@settings(SLOW, max_examples=12)
@given(LIKELY)
def test_any_figures_are_accounted_for(tmp_path, changes):
    check(tmp_path, [{"tp": change["n_gpus"], **change} for change in changes])


@pytest.mark.parametrize("column", DEFAULTS)
@pytest.mark.parametrize("cell", ['"', "=", ";", "\u00e9", "a" * 10_000, "-1e999"])
def test_odd_cells_are_faults_or_reasons(tmp_path, column, cell):
    if column in POSITIVE:
        with pytest.raises(InputError) as caught:
            calibrated(tmp_path, [measured(**{column: cell})])
        assert [f.line for f in caught.value.faults] == [2]
        return

    assert len(calibrated(tmp_path, [measured(**{column: cell})]).unused) == 1
