"""Every measured row of the development data."""

from pathlib import Path

import pytest

from planner.catalog.load import load_catalog
from planner.evaluate import compare
from planner.evaluate.validate import as_records, validate

MEASURED = Path(__file__).parents[3] / "shared" / "measured"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not MEASURED.is_dir(), reason="the development data are not beside it"),
]


@pytest.fixture(scope="module")
def found():
    return validate(load_catalog(), MEASURED)


def test_every_row_is_accounted_for(found):
    """Of 11,600 rows: compared, dropped by rule, or of a metric that is not compared."""
    assert len(found.data.rows) == 11_600
    assert {item.file for item in found.data.ignored} == {
        "microbench_gpu_primitives.csv",
        "quality.csv",
    }
    collected = found.collected
    dropped, unscored = sum(collected.dropped.values()), sum(collected.unscored.values())
    single = {"tpot_ms", "itl_ms", "ttft_ms", "memory_bytes"}
    compared = sum(o.metric in single for o in collected.observations)
    # The rest are rates and whole latencies, of which a configuration counts once.
    rates = 11_600 - compared - dropped - unscored
    derived = sum(o.metric == "throughput_closed_loop" for o in collected.observations)
    assert sum(o.metric.startswith("through") for o in collected.observations) - derived < rates
    assert dropped > 1_000


@pytest.mark.parametrize(
    ("metric", "share"),
    [
        ("tpot_ms", 0.3),
        ("ttft_ms", 0.35),
        ("throughput_closed_loop", 0.3),
        ("throughput_max_load", 0.1),
        ("throughput_static", 0.3),
    ],
)
def test_few_rows_are_skipped(found, metric, share):
    (overall,) = (s for s in found.slices if (s.name, s.metric) == ("all", metric))

    assert overall.n_skipped <= share * (overall.n_skipped + overall.errors.n)


def test_disaggregated_runs_whose_instances_are_stated_are_predicted(found):
    """Ten units of two models on three accelerators; no parameter was fitted to them."""
    own = {s.metric: s for s in found.slices if s.name == "disaggregated"}

    assert {m: own[m].errors.n for m in ("tpot_ms", "ttft_ms")} == {"tpot_ms": 10, "ttft_ms": 10}
    assert own["tpot_ms"].errors.median_ape < 0.2
    assert own["ttft_ms"].errors.median_ape < 0.5
    assert own["throughput_closed_loop"].errors.median_ape < 0.2
    assert {r for r, m in found.skipped if m == "tpot_ms"} >= {"workers"}


def test_every_reason_is_documented(found):
    reasons = {reason for reason, _ in found.skipped}

    assert all(f"``{reason}``" in compare.__doc__ for reason in reasons)


def test_decisions_are_found(found):
    total = found.choices[0]

    assert total.picks > 100
    assert total.kept > 0.8


def test_machine_form_is_complete(found):
    records = as_records(found)

    assert len({(r["slice"], r["metric"]) for r in records}) == len(records)
