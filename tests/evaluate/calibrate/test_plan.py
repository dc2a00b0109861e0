"""Plans with a calibration: capacities by the factor, and an audit that knows its origin."""

import pytest

from planner.evaluate.calibration.rows import overlay_text
from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import prepare
from planner.verify.audit import audit
from tests.evaluate.calibrate.toy import METRICS, calibrated, clients, rows
from tests.options.world import shipped
from tests.verify.changes import changed

CELLS = {"model": "llama-3.1-8b", "gpu": "H100-SXM-80GB"}
OPTION = "llama-3.1-8b-instruct/bf16/vllm/h100-sxm-80gb/tp1"
PROBLEM = """\
schema_version: 1
name: calibrated
horizon: {start: 2027-01}
time_blocks: 1
workloads:
  - name: chat
    arrival: {mean_rate_rps: 2, interarrival_cv: 1}
    lengths: {isl_tokens: {mean: 1000}, osl_tokens: {mean: 200}}
candidates:
  models: [llama-3.1-8b-instruct]
  quantizations: [bf16]
  engines: [vllm]
  hardware: [h100-sxm-80gb]
  tensor_parallel: [1]
supply: {tenures: [on_demand]}
"""


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    path = tmp_path_factory.mktemp("problem") / "p.yaml"
    path.write_text(PROBLEM, encoding="utf-8")
    return path


def overlay(tmp_path, loads, **moved):
    found = calibrated(tmp_path, rows(loads, METRICS, shipped(), CELLS, **moved), shipped())
    path = tmp_path / "calibration.yaml"
    path.write_text(overlay_text(found.table, "a test"), encoding="utf-8")
    return path


def point(prepared):
    (capacity,) = prepared.options.capacities
    return capacity.points[-1]


def test_capacity_changes_by_the_factor(tmp_path, problem):
    path = overlay(tmp_path, clients(1, 64), time=1.3)

    before, after = prepare(problem), prepare(problem, overlays=[path])

    assert point(before).nominal_rps / point(after).nominal_rps == pytest.approx(1.3, rel=2e-3)


def test_plan_says_how_the_coefficient_is_known(tmp_path, problem):
    two = overlay(tmp_path, clients(1, 64), time=1.1)
    plan = solve_prepared(prepare(problem, overlays=[two]), SolveSettings(compare=False))
    more = overlay(tmp_path, clients(1, 8, 32, 64), time=1.1)
    other = solve_prepared(prepare(problem, overlays=[more]), SolveSettings(compare=False))

    assert {row.coefficient_origin for row in plan.allocations} == {"two_point"}
    assert {row.coefficient_origin for row in other.allocations} == {"calibrated"}


def test_audit_accepts_exactly_that_origin(tmp_path, problem):
    prepared = prepare(problem, overlays=[overlay(tmp_path, clients(1, 64), time=1.1)])
    plan = solve_prepared(prepared, SolveSettings(compare=False))
    wrong = changed(plan, "allocations", coefficient_origin="calibrated")

    assert audit(plan, prepared.loaded.problem, prepared.catalog) == []
    assert audit(wrong, prepared.loaded.problem, prepared.catalog) == [
        f"period 0 block 0 {OPTION}: coefficient is calibrated, the catalogue says two_point"
    ]


def test_a_problem_names_its_calibration(tmp_path, problem):
    path = overlay(tmp_path, clients(1, 64), time=1.3)
    named = tmp_path / "named.yaml"
    named.write_text(f"{PROBLEM}catalog: [{path.name}]\n", encoding="utf-8")

    assert prepare(named).catalog.sha256 == prepare(problem, overlays=[path]).catalog.sha256


def test_the_spread_narrows_what_is_planned(tmp_path, problem):
    """Nominal over planned time is exp(-0.8416 sigma) at confidence 0.8, here with 0.12."""
    path = overlay(tmp_path, clients(1, 64), time=1.0)

    before, after = point(prepare(problem)), point(prepare(problem, overlays=[path]))

    assert after.nominal_rps == pytest.approx(before.nominal_rps, rel=2e-3)
    assert after.planned_rps / after.nominal_rps == pytest.approx(0.9040, abs=5e-3)
    assert before.planned_rps / before.nominal_rps < 0.89


def test_other_combinations_keep_what_is_shipped(tmp_path, problem):
    path = overlay(tmp_path, clients(1, 64), time=1.3)
    wide = tmp_path / "wide.yaml"
    wide.write_text(PROBLEM.replace("[bf16]", "[fp8]"), encoding="utf-8")

    before, after = prepare(wide), prepare(wide, overlays=[path])

    assert before.options.capacities == after.options.capacities
