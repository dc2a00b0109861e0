"""`planner catalog import`: what is printed, what is written, and when nothing is."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from planner.catalog.importers import FORMATS
from planner.catalog.load import load_catalog
from planner.cli.catalog_import import import_source
from planner.cli.written import write_files
from planner.errors import InputError

PRICES = {
    "groq/qwen/qwen3-32b": {
        "litellm_provider": "groq",
        "mode": "chat",
        "input_cost_per_token": 2.9e-07,
        "output_cost_per_token": 5.9e-07,
    },
    "groq/whisper": {"litellm_provider": "groq", "mode": "audio_transcription"},
    **{f"acme/model-{i}": {"litellm_provider": "acme", "mode": "chat"} for i in range(5)},
}


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    error: BaseException | None

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder; refusals are kept as the error they are."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command("import")(import_source)

    def call(*arguments: str) -> Done:
        done = CliRunner().invoke(app, list(arguments))
        return Done(done.exit_code, done.stdout, done.exception)

    return call


@pytest.fixture
def prices(tmp_path) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(PRICES), encoding="utf-8")
    os.utime(path, (1_767_225_600, 1_767_225_600))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_overlay_is_written_and_the_catalogue_takes_it(run, prices, tmp_path):
    done = run("litellm", "prices.json", "-o", "mine/prices", "--as-of", "2026-06")

    assert done.code == 0
    assert list(tree(tmp_path / "mine/prices")) == ["api_offers.csv"]
    rows = load_catalog([tmp_path / "mine/prices"]).api_offers
    imported = [row for row in rows if row.valid_from == "2026-06"]
    assert [(row.offer_id, row.input_usd_per_mtok) for row in imported] == [
        ("groq:qwen/qwen3-32b:standard", 0.29)
    ]


def test_rows_rejections_by_reason_with_examples_and_notes_are_printed(run, prices):
    out = run("litellm", "prices.json", "-o", "mine").out

    assert "1 row in mine/api_offers.csv\n" in out
    assert "6 rejected:\n  5 x unknown_model\n" in out
    assert out.count("prices.json:acme/model-") == 3
    assert "  1 x mode\n      prices.json:groq/whisper: `audio_transcription` only" in out
    assert "note: litellm states no dates" in out
    assert out.endswith("Next: planner catalog check --catalog mine\n")


def test_undated_figures_get_the_date_of_the_file_and_a_note(run, prices, tmp_path):
    out = run("litellm", "prices.json", "-o", "mine").out

    assert "taken to hold on 2026-01-01, the date of the source file" in out
    assert b",2026-01-01," in tree(tmp_path / "mine")["api_offers.csv"]


def scored(tmp_path, **facts):
    result = {"results": {"winogrande": {"acc,none": 0.7}}, "model_name": "qwen3-32b-fp8"}
    (tmp_path / "results.json").write_text(json.dumps(result | facts), encoding="utf-8")
    os.utime(tmp_path / "results.json", (1_767_225_600, 1_767_225_600))


def test_nothing_is_said_of_undated_figures_when_the_source_dates_them_all(run, tmp_path):
    scored(tmp_path, date=1_767_225_600)

    out = run("lm-eval", "results.json", "-o", "mine").out

    assert "undated" not in out
    assert b",2026-01-01," in tree(tmp_path / "mine")["quality.csv"]


def test_one_row_without_a_date_is_enough_to_say_which_it_got(run, tmp_path):
    scored(tmp_path)

    out = run("lm-eval", "results.json", "-o", "mine").out

    assert "undated figures are taken to hold on 2026-01-01, the date of the source file" in out


def test_nothing_is_said_of_undated_figures_when_no_row_is_made(run, tmp_path):
    (tmp_path / "prices.json").write_text("{}")

    assert "undated" not in run("litellm", "prices.json", "-o", "mine").out


def test_machine_form_has_every_rejection(run, prices):
    found = run("litellm", "prices.json", "-o", "mine", "--as-of", "2026", "--json").json

    assert found["rows"] == {"api_offers": 1}
    assert found["files"] == ["mine/api_offers.csv"]
    assert (found["format"], found["source"], found["as_of"]) == ("litellm", "prices.json", "2026")
    assert found["rejected_by_reason"] == {"unknown_model": 5, "mode": 1}
    assert len(found["rejected"]) == 6
    assert set(found["rejected"][0]) == {"place", "value", "reason", "detail"}
    assert len(found["notes"]) == 1


def test_importing_again_writes_the_same_bytes_without_force(run, prices, tmp_path):
    run("litellm", "prices.json", "-o", "mine")
    first = tree(tmp_path / "mine")

    done = run("litellm", "prices.json", "-o", "mine")

    assert done.code == 0
    assert tree(tmp_path / "mine") == first


def test_table_with_other_rows_is_kept(run, prices, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/api_offers.csv").write_text("my own rows")

    done = run("litellm", "prices.json", "-o", "mine")

    assert isinstance(done.error, InputError)
    assert "mine/api_offers.csv  --output\n    holds something else" in str(done.error)
    assert "--force" in str(done.error)
    assert tree(tmp_path / "mine") == {"api_offers.csv": b"my own rows"}


def test_force_replaces_a_table_and_leaves_the_others(run, prices, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/api_offers.csv").write_text("my own rows")
    (tmp_path / "mine/models.csv").write_text("others")

    done = run("litellm", "prices.json", "-o", "mine", "--force")

    assert done.code == 0
    written = tree(tmp_path / "mine")
    assert b"qwen/qwen3-32b" in written["api_offers.csv"]
    assert written["models.csv"] == b"others"


def test_source_without_a_usable_row_is_refused_and_nothing_is_written(run, tmp_path):
    (tmp_path / "prices.json").write_text(json.dumps({"acme/x": PRICES["groq/whisper"]}))

    done = run("litellm", "prices.json", "-o", "mine")

    assert isinstance(done.error, InputError)
    assert "nothing could be imported and nothing was written; rejected: 1 mode" in str(done.error)
    assert "1 rejected:\n  1 x mode\n" in done.out
    assert not (tmp_path / "mine").exists()


def test_machine_form_is_printed_even_when_nothing_is_usable(run, tmp_path):
    (tmp_path / "prices.json").write_text("{}")

    done = run("litellm", "prices.json", "-o", "mine", "--json")

    assert isinstance(done.error, InputError)
    assert (done.json["rows"], done.json["files"]) == ({}, [])


def test_options_reach_the_format(run, tmp_path):
    result = {"results": {"winogrande": {"acc,none": 0.7}}, "model_name": "mine"}
    (tmp_path / "results.json").write_text(json.dumps(result))
    options = ("--option", "model=qwen3-32b", "--option", "quantization=fp8")

    found = run("lm-eval", "results.json", "-o", "mine", "--json", *options).json

    assert found["rows"] == {"quality": 1}
    assert (
        b"qwen3-32b,fp8,winogrande,0.7,lm-eval/winogrande"
        in tree(tmp_path / "mine")["quality.csv"]
    )


def test_help_names_the_option_keys_of_every_format(run):
    shown = set(run("--help").out.replace(".", " ").replace(",", " ").split())

    for module in FORMATS.values():
        assert set(import_module(module).OPTIONS) <= shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("litellm", "prices.json", "--option", "x=y"), "option x\n    is no option of litellm\n"),
        (
            ("lm-eval", "prices.json", "--option", "quantisation=bf16"),
            "did you mean `quantization`.\n    lm-eval reads:\n      model: .*\n      quantiz",
        ),
        (("litelm", "prices.json"), "no format `litelm`.*did you mean `litellm`"),
        (("litellm", "none.json"), "none.json\n.*cannot be read: No such file"),
        (("litellm", "prices.json", "--option", "cloud"), "`cloud` is not KEY=VALUE"),
        (("litellm", "prices.json", "--option", "=x"), "`=x` is not KEY=VALUE"),
        (("litellm", "prices.json", "--as-of", "2026-02-30"), "names no day of the calendar"),
        (("litellm", "prices.json", "--as-of", "today"), "write YYYY, YYYY-MM or YYYY-MM-DD"),
    ],
)
def test_wrong_call_is_refused_before_anything_is_written(
    run, prices, tmp_path, arguments, message
):
    done = run(*arguments, "-o", "mine")

    assert isinstance(done.error, InputError)
    with pytest.raises(InputError, match=message):
        raise done.error
    assert not (tmp_path / "mine").exists()


def test_output_that_is_a_file_is_refused(run, prices, tmp_path):
    (tmp_path / "mine").write_text("a file")

    done = run("litellm", "prices.json", "-o", "mine")

    assert isinstance(done.error, InputError)
    assert "cannot be written" in str(done.error)
    assert (tmp_path / "mine").read_text() == "a file"


def test_no_table_is_written_when_one_of_them_cannot_be(tmp_path):
    folder = tmp_path / "mine"
    (folder / "offers.csv").mkdir(parents=True)
    files = {folder / "models.csv": "a\n", folder / "offers.csv": "b\n"}

    with pytest.raises(InputError, match=r"offers\.csv  --output\n    is not a file"):
        write_files(files, force=True, folder=folder)

    assert [path.name for path in folder.iterdir()] == ["offers.csv"]


def test_folder_is_as_before_when_the_last_table_cannot_be_written(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "models.csv").write_text("old")
    names = ("models.csv", "quality.csv", "none/offers.csv")

    with pytest.raises(InputError, match="cannot be written"):
        write_files({folder / name: "new\n" for name in names}, force=True)

    assert tree(folder) == {"models.csv": b"old"}
