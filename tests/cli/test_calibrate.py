"""``planner calibrate`` through the real command, and its overlay in the others."""

import json
import os

import pytest

from planner.yaml_io import parse_yaml
from tests.catalog.importers.benchmarks.results import serving
from tests.evaluate.calibrate.toy import METRICS, clients, rows
from tests.evaluate.rows import measured, write
from tests.options.world import shipped

CELLS = {"model": "llama-3.1-8b", "gpu": "H100-SXM-80GB"}
KEY = "llama-3.1-8b-instruct/bf16/vllm/h100-sxm-80gb"
PROBLEM = """\
schema_version: 1
name: mine
horizon: {start: 2027-01}
time_blocks: 1
workloads:
  - name: chat
    arrival: {mean_rate_rps: 20}
    lengths: {isl_tokens: {mean: 1000}, osl_tokens: {mean: 200}}
candidates: {models: [llama-3.1-8b-instruct], quantizations: [bf16], hardware: [h100-sxm-80gb]}
supply: {tenures: [on_demand]}
"""


@pytest.fixture(scope="module")
def points():
    """Return rows of two runs that take 1.3 times as long as predicted."""
    return rows(clients(1, 64), METRICS, shipped(), CELLS, time=1.3)


@pytest.fixture
def measurements(tmp_path, points):
    return write(tmp_path / "measurements.csv", points)


def test_calibration_goes_into_a_plan(planner, tmp_path, measurements):
    (tmp_path / "p.yaml").write_text(PROBLEM, encoding="utf-8")
    (tmp_path / "named.yaml").write_text(f"{PROBLEM}catalog: [mine.yaml]\n", encoding="utf-8")
    done = planner("calibrate", measurements, "-o", "mine.yaml")

    plans = [
        planner("solve", problem, "--json", *extra).json
        for problem, extra in (
            ("p.yaml", ()),
            ("p.yaml", ("--catalog", "mine.yaml")),
            ("named.yaml", ()),
        )
    ]

    assert done.code == 0
    assert done.out.endswith("Next: planner solve PROBLEM --catalog mine.yaml\n")
    before, after, named = (plan["allocations"][0] for plan in plans)
    assert before["coefficient_origin"] != "two_point"
    assert after["coefficient_origin"] == named["coefficient_origin"] == "two_point"
    ratio = before["capacity_nominal_rps"] / after["capacity_nominal_rps"]
    assert ratio == pytest.approx(1.3, rel=2e-3)
    assert after["capacity_rps"] == named["capacity_rps"]


def test_results_of_a_benchmark_tool_are_measurements(planner, tmp_path):
    for clients_, slower in ((1, 0.5), (16, 1.0)):
        result = serving(max_concurrency=clients_)
        result |= {k: v * slower for k, v in result.items() if str(k).endswith("_ms")}
        if clients_ == 1:
            result |= {"output_throughput": 30.0, "request_throughput": 0.15, "duration": 667.0}
            result |= {"total_token_throughput": 180.0}
        (tmp_path / f"{clients_}.json").write_text(json.dumps(result), encoding="utf-8")
    stated = ("hardware=h100-sxm-80gb", "tensor_parallel=1", "quantization=bf16")
    options = [word for text in stated for word in ("--option", text)]
    imported = planner("catalog", "import", "vllm", tmp_path, "-o", "bench", *options)

    done = planner("calibrate", "bench/measurements.csv", "-o", "mine.yaml", "--json")

    assert (imported.code, done.code) == (0, 0)
    (item,) = done.json["combinations"]
    assert (item["key"], item["n_points"]) == (KEY, 2)
    assert {"percentile", "metric"} >= {u["reason"] for u in done.json["unused"]}


def test_report_shows_errors_moves_and_figures(planner, measurements):
    out = planner("calibrate", measurements, "-o", "mine.yaml").out

    assert out.startswith(f"{measurements}: 6 figures of 6 rows used in 1 combination\n")
    assert f"{KEY}\t2\ttwo_point\t0.12\ttpot_ms\t2\t23.1%\t0.0%\t-\n" in out
    assert f"{KEY}\tthroughput_factor\t1\t0.769" in out
    assert "\t-23.1%\n" in out
    assert f"2\t{KEY}\t1000/200\tconcurrency=1\ttpot_ms\t" in out


def test_machine_form(planner, measurements):
    record = planner("calibrate", measurements, "-o", "mine.yaml", "--json").json

    assert (record["output"], record["rows"]) == ("mine.yaml", 6)
    assert record["combinations"][0]["sigma_ln_time"] == pytest.approx(0.12)
    assert (record["refused"], record["unused"]) == ([], [])


def test_catalogue_commands_read_the_overlay(planner, measurements):
    planner("calibrate", measurements, "-o", "mine.yaml")

    shown = planner(
        "catalog",
        "show",
        "calibration",
        f"sigma_ln_time:combination:{KEY}",
        "--catalog",
        "mine.yaml",
    )
    checked = planner("catalog", "check", "--catalog", "mine.yaml")

    assert "provenance   two_point" in shown.out
    assert "row          mine.yaml:" in shown.out
    assert checked.code == 0


def test_validate_with_the_overlay_has_no_error_left(planner, tmp_path, measurements):
    planner("calibrate", measurements, "-o", "mine.yaml")

    records = planner("validate", "--data", measurements, "--catalog", "mine.yaml", "--json").json

    assert records[0]["median_ape"] < 1e-3


def test_same_measurements_give_the_same_bytes(planner, tmp_path, measurements):
    for name in ("a.yaml", "b.yaml", "a.yaml"):
        assert planner("calibrate", measurements, "-o", name).code == 0

    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()


def test_rows_carry_the_date_of_the_file_or_the_stated_one(planner, tmp_path, measurements):
    os.utime(measurements, (1_770_000_000, 1_770_000_000))

    planner("calibrate", measurements, "-o", "a.yaml")
    planner("calibrate", measurements, "-o", "b.yaml", "--as-of", "2027-02")

    dates = [
        {row["as_of"] for row in parse_yaml((tmp_path / n).read_text(), n).data["calibration"]}
        for n in ("a.yaml", "b.yaml")
    ]
    assert dates == [{"2026-02-02"}, {"2027-02"}]


def test_nothing_usable_is_invalid_input_and_writes_nothing(planner, tmp_path):
    write(tmp_path / "m.csv", [measured(model="nobody-7b"), measured(metric="tpot_ms_p99")])

    done = planner("calibrate", "m.csv", "-o", "mine.yaml")

    assert done.code == 2
    assert "1 x unknown_model: no model has this name" in done.out
    assert "no combination has two points that can be used" in done.err
    assert done.err.endswith("nothing was calibrated and nothing was written.\n")
    assert not (tmp_path / "mine.yaml").exists()


def test_nothing_usable_still_prints_the_machine_form(planner, tmp_path):
    write(tmp_path / "m.csv", [measured(model="nobody-7b")])

    done = planner("calibrate", "m.csv", "-o", "mine.yaml", "--json")

    assert done.code == 2
    assert done.json["unused"][0]["reason"] == "unknown_model"


def test_contradictions_are_named_with_file_line_value_and_bound(planner, tmp_path, measurements):
    text = measurements.read_text(encoding="utf-8").rstrip("\n").splitlines()
    extra = text[1].split(",")
    extra[-2], extra[-4 + 0] = "0.5", "concurrency=2"
    measurements.write_text("\n".join([*text, ",".join(extra)]) + "\n", encoding="utf-8")

    done = planner("calibrate", measurements, "-o", "mine.yaml")

    assert done.code == 0
    assert f"{measurements}:8  tpot_ms 0.5 ms, at least " in done.out


def test_bad_cells_are_reported_together(planner, tmp_path, measurements):
    text = measurements.read_text(encoding="utf-8")
    measurements.write_text(text.replace(",1000,", ",many,"), encoding="utf-8")

    done = planner("calibrate", measurements, "-o", "mine.yaml")

    assert (done.code, done.out) == (2, "")
    assert f"{measurements}:2:13  isl\n    `many` is no number above 0" in done.err
    assert "6 errors, nothing was calibrated and nothing was written." in done.err


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("mine.csv", "`mine.csv` is not accepted; name a file that ends in .yaml"),
        ("folder.yaml", "`folder.yaml` is a folder; name a file in it"),
        ("nowhere/mine.yaml", "cannot be written: No such file or directory"),
    ],
)
def test_places_that_cannot_be_written(planner, tmp_path, measurements, output, message):
    (tmp_path / "folder.yaml").mkdir()

    done = planner("calibrate", measurements, "-o", output)

    assert done.code == 2
    assert message in done.err


def test_measurements_are_never_overwritten(planner, tmp_path, measurements):
    named = tmp_path / "m.yaml"
    measurements.rename(named)
    (tmp_path / "link.yaml").symlink_to(named)
    before = named.read_bytes()

    for output in ("m.yaml", "link.yaml"):
        done = planner("calibrate", "m.yaml", "-o", output, "--force")
        assert done.code == 2
        assert "is the file of measurements; name another one" in done.err
    assert named.read_bytes() == before


def test_another_file_is_kept_without_force(planner, tmp_path, measurements):
    place = tmp_path / "mine.yaml"
    place.write_text("mine: 1\n", encoding="utf-8")

    kept = planner("calibrate", measurements, "-o", "mine.yaml")
    assert (kept.code, place.read_text()) == (2, "mine: 1\n")
    assert "holds something else" in kept.err
    assert "nothing was calibrated and nothing was written" in kept.err

    assert planner("calibrate", measurements, "-o", "mine.yaml", "--force").code == 0
    assert place.read_text().startswith("# planner calibrate measurements.csv")


def test_an_accelerator_of_an_overlay_needs_that_overlay_too(planner, tmp_path):
    overlay = tmp_path / "mine"
    overlay.mkdir()
    (overlay / "accelerators.csv").write_text(
        "id,name,vendor,kind,architecture,memory_mib,memory_basis,bandwidth_gb_per_s,bf16_tflops,"
        "link,source,as_of\nbox-1,Box 1,us,gpu,hopper,80000,driver,3000,900,none,us,2026\n"
    )
    points = rows(clients(1, 64), METRICS, shipped(), CELLS)
    write(tmp_path / "m.csv", [measured(**row_cells(r) | {"gpu": "box-1"}) for r in points])

    alone = planner("calibrate", "m.csv", "-o", "c.yaml")
    done = planner("calibrate", "m.csv", "-o", "c.yaml", "--catalog", overlay)
    without = planner("catalog", "check", "--catalog", "c.yaml")
    both = planner("catalog", "check", "--catalog", overlay, "--catalog", "c.yaml")

    assert (alone.code, done.code) == (2, 0)
    assert "note: box-1: known from an overlay only; give --catalog both to planner" in done.out
    assert without.code == 2
    assert "c.yaml:3" in without.err
    assert "`box-1` is in no table" in without.err
    assert both.code == 0


def row_cells(row):
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
