"""``planner demand import``: files whole or not at all, and every row that was not used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from planner.cli.demand import app
from planner.demand.importers.prometheus.series import NAMES
from planner.errors import InputError
from planner.yaml_io import read_yaml

ROWS = "timestamp_s,input_tokens,output_tokens\n0,100,10\n30,-5,10\n60,300,30\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in a folder that holds a trace."""
    monkeypatch.chdir(tmp_path)
    Path("trace.csv").write_text(ROWS, encoding="utf-8")
    return lambda *arguments: CliRunner().invoke(app, ["import", *arguments])


def written():
    return sorted(p.name for p in Path().iterdir())


def test_import_writes_a_workload_and_its_histogram(run):
    done = run("csv", "trace.csv", "-o", "chat.yaml", "--name", "chat")

    assert done.exit_code == 0
    assert written() == ["chat.yaml", "chat_lengths.csv", "trace.csv"]
    data = read_yaml(Path("chat.yaml")).data
    assert data["name"] == "chat"
    assert data["lengths"]["ref"] == "chat_lengths.csv"


def test_rejected_rows_are_counted_and_listed(run):
    done = run("csv", "trace.csv", "-o", "chat.yaml")

    assert "2 requests used, 1 row rejected: 1 negative" in done.stdout
    assert "rejected trace.csv:3: `-5` (negative): input_tokens is negative" in done.stderr
    assert "Next: put the mapping into `workloads`" in done.stdout


def test_many_rejected_rows_are_counted_beyond_those_shown(run):
    Path("trace.csv").write_text(ROWS + "90,0,1\n" * 30, encoding="utf-8")

    done = run("csv", "trace.csv", "-o", "chat.yaml")

    assert "and 11 more; --json lists them all" in done.stderr


def test_json_lists_everything(run):
    done = run("csv", "trace.csv", "-o", "chat.yaml", "--json")

    report = json.loads(done.stdout)
    assert set(report) == {"files", "workload", "requests", "rejected", "notes"}
    assert report["files"] == ["chat_lengths.csv", "chat.yaml"]
    assert report["rejected"] == [
        {
            "place": "trace.csv:3",
            "value": "-5",
            "reason": "negative",
            "detail": "input_tokens is negative",
        }
    ]


def test_the_name_comes_from_the_source(run):
    done = run("csv", "trace.csv", "-o", "chat.yaml", "--json")

    assert json.loads(done.stdout)["workload"]["name"] == "trace"


def test_the_stated_date_stands_in_the_histogram(run):
    run("csv", "trace.csv", "-o", "chat.yaml", "--as-of", "2026-05")

    assert ",2026-05," in Path("chat_lengths.csv").read_text(encoding="utf-8")


def test_importing_again_gives_the_same_bytes(run):
    run("csv", "trace.csv", "-o", "chat.yaml")
    first = [Path(n).read_bytes() for n in ("chat.yaml", "chat_lengths.csv")]
    run("csv", "trace.csv", "-o", "chat.yaml")

    assert [Path(n).read_bytes() for n in ("chat.yaml", "chat_lengths.csv")] == first


@pytest.mark.parametrize("kept", ["chat.yaml", "chat_lengths.csv"])
def test_file_that_holds_something_else_is_kept(run, kept):
    Path(kept).write_text("mine\n", encoding="utf-8")

    done = run("csv", "trace.csv", "-o", "chat.yaml")

    assert isinstance(done.exception, InputError)
    with pytest.raises(InputError, match=f"{kept}  --output\n    holds something else; .*--force"):
        raise done.exception
    assert written() == sorted([kept, "trace.csv"])
    assert Path(kept).read_text(encoding="utf-8") == "mine\n"


def test_force_replaces_what_is_there(run):
    Path("chat.yaml").write_text("mine\n", encoding="utf-8")

    done = run("csv", "trace.csv", "-o", "chat.yaml", "--name", "chat", "--force")

    assert done.exit_code == 0
    assert read_yaml(Path("chat.yaml")).data["name"] == "chat"


def test_force_never_replaces_the_source(run):
    done = run("csv", "trace.csv", "-o", "trace.csv", "--force")

    with pytest.raises(InputError, match="is the source, which is never overwritten"):
        raise done.exception
    assert Path("trace.csv").read_text(encoding="utf-8") == ROWS


def test_help_names_what_every_format_reads(run):
    shown = set(
        run("--help").stdout.replace(",", " ").replace(";", " ").replace(". ", " ").split()
    )

    assert set(NAMES) <= shown
    assert {"TIMESTAMP", "hash_ids", "timestamp_s"} <= shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("csw", "trace.csv", "-o", "chat.yaml"), "no format `csw`; did you mean `csv`"),
        (("csv", "absent.csv", "-o", "chat.yaml"), "absent.csv\n.*No such file"),
        (("azure", "trace.csv", "-o", "chat.yaml"), "no column TIMESTAMP"),
        (
            ("csv", "trace.csv", "-o", "none/chat.yaml"),
            "none/chat_lengths.csv .*\n.*be written: No",
        ),
        (("csv", "trace.csv", "-o", "."), "is a folder; name a file"),
        (("csv", "trace.csv", "-o", "trace.csv"), "is the source, which is never overwritten"),
        (("csv", "trace.csv", "-o", "chat.yaml", "--name", "a b"), "`a b` is no name"),
        (("csv", "trace.csv", "-o", "chat.yaml", "--as-of", "May"), "`May` is not a date"),
    ],
)
def test_invalid_input_writes_nothing(run, arguments, message):
    done = run(*arguments)

    assert isinstance(done.exception, InputError)
    with pytest.raises(InputError, match=message):
        raise done.exception
    assert written() == ["trace.csv"]
    assert Path("trace.csv").read_text(encoding="utf-8") == ROWS
