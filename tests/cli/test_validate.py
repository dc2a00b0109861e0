"""``planner validate`` through the real command."""

from planner.evaluate.observations import METRICS
from tests.evaluate.rows import measured, write

ROW = {"model": "llama-3.1-8b", "gpu": "H100-SXM-80GB"}


def test_folder_is_shown_as_tables(planner, tmp_path):
    write(tmp_path / "a.csv", [measured(**ROW)])

    done = planner("validate", "--data", tmp_path)

    assert done.code == 0
    assert done.out.startswith(f"{tmp_path}: 1 row in 1 file\n")
    assert "Error by metric" in done.out
    assert "accelerator:seen\ttpot_ms\t1\t0\t" in done.out


def test_machine_form_is_a_list_of_slices(planner, tmp_path):
    write(tmp_path / "a.csv", [measured(**ROW), measured(model="nobody-7b")])

    records = planner("validate", "--data", tmp_path, "--json").json

    first = records[0]
    assert (first["slice"], first["metric"], first["n"], first["n_skipped"]) == (
        "all",
        "tpot_ms",
        1,
        1,
    )
    assert [r["metric"] for r in records[:8]] == list(METRICS)
    assert records[1]["median_ape"] is None


def test_shipped_sample_is_used_without_a_folder(planner):
    done = planner("validate")

    assert done.code == 0
    assert done.out.startswith("catalogs/measured_sample.csv: ")


def test_overlay_rows_are_used(planner, tmp_path):
    data, overlay = tmp_path / "data", tmp_path / "overlay"
    data.mkdir()
    overlay.mkdir()
    write(data / "a.csv", [measured(model="llama-3.1-8b", gpu="House GPU")])
    (overlay / "aliases.csv").write_text(
        "alias,accelerator,source,as_of\nHouse GPU,h100-sxm-80gb,a test,2026\n"
    )

    without, with_it = (
        planner("validate", "--data", data, "--json", *extra).json[0]["n"]
        for extra in ((), ("--catalog", overlay))
    )

    assert (without, with_it) == (0, 1)


def test_absent_folder_is_invalid_input(planner, tmp_path):
    done = planner("validate", "--data", tmp_path / "nowhere")

    assert (done.code, done.out) == (2, "")
    assert "does not exist; give a folder with CSV files that have the columns" in done.err
    assert done.err.endswith("1 error, nothing was compared.\n")


def test_folder_without_measurements_is_invalid_input(planner, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")

    done = planner("validate", "--data", tmp_path)

    assert (done.code, done.out) == (2, "")
    assert "holds no measurements (a.csv has no column" in done.err
