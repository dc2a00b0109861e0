"""Commands that are refused: exit code 2, nothing written, and a way out."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from planner.cli.main import EXIT_INVALID, app, run
from planner.errors import InputError
from tests.cli.test_bad_input import VALID, write


def run_command(monkeypatch, capsys, *arguments):
    """Run the command as its entry point does; return exit code, stdout and stderr."""
    monkeypatch.setattr("sys.argv", ["planner", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        run()
    shown = capsys.readouterr()
    return stopped.value.code, shown.out, shown.err


@pytest.mark.parametrize("command", ["check", "solve", "options"])
def test_command_ends_with_code_2_and_no_traceback(command, tmp_path, monkeypatch, capsys):
    path = write(tmp_path, VALID.replace("limit: 2000", "limit: 2 s"))

    code, out, err = run_command(monkeypatch, capsys, command, path)

    assert code == EXIT_INVALID
    assert out == ""
    assert err.startswith(f"{path}:12:43  workloads.chat.slo.0.limit\n")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "text",
    [
        VALID.replace("limit: 2000", "limit: 2 s"),
        VALID.replace("engines: [vllm]", "engines: [vlm]"),
        VALID.replace("limit: 2000", "limit: 1"),
    ],
    ids=["schema", "names", "impossible"],
)
def test_nothing_is_written_when_the_problem_is_wrong(text, tmp_path, monkeypatch, capsys):
    path, plan = write(tmp_path, text), tmp_path / "plan.json"
    program = tmp_path / "program.lp"

    code, _, _ = run_command(monkeypatch, capsys, "solve", path, "-o", plan, "--write-lp", program)

    assert code == EXIT_INVALID
    assert sorted(p.name for p in tmp_path.iterdir()) == ["problem.yaml"]


def test_an_existing_plan_is_kept_when_the_problem_is_wrong(tmp_path, monkeypatch, capsys):
    plan = tmp_path / "plan.json"
    plan.write_text("kept", encoding="utf-8")

    run_command(monkeypatch, capsys, "solve", write(tmp_path, "a: 1\n"), "-o", plan)

    assert plan.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("solve", "{problem}", "--scenario", "laen"), "did you mean `lean`?"),
        (("solve", "{problem}", "--scenario", "x"), "Scenarios of this file: `lean`"),
        (("solve", "{problem}", "--solver", "gurobi"), "`gurobi` is not a solver; use highs"),
        (("solve", "{problem}", "-o", "{folder}/absent/plan.json"), "does not exist"),
        (("solve", "{problem}", "--set", "policy.spare_replicas=-1"), "`-1` is out of range"),
        (("solve", "chatbot_1n"), "did you mean `chatbot_1m`"),
        (("solve", "{folder}/absent.yaml"), "Shipped problems: accelerator_choice"),
        (("solve", "{folder}"), "is a folder, not a problem file"),
        (("check", "x" * 300), "does not exist"),
        (("check", "a\0b"), "does not exist"),
    ],
)
def test_bad_argument_ends_with_code_2_and_a_way_out(
    arguments, says, tmp_path, monkeypatch, capsys
):
    problem = write(tmp_path, VALID)
    filled = [a.format(problem=problem, folder=tmp_path) for a in arguments]

    code, out, err = run_command(monkeypatch, capsys, *filled)

    assert code == EXIT_INVALID
    assert out == ""
    assert says in err
    assert "Traceback" not in err


@pytest.mark.parametrize("option", ["--gap", "--no"])
def test_bad_option_of_the_command_ends_with_code_2(option, tmp_path):
    result = CliRunner().invoke(app, ["solve", str(write(tmp_path, VALID)), option])

    assert result.exit_code == EXIT_INVALID
    assert not isinstance(result.exception, InputError)
