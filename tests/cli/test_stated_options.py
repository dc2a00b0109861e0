"""Options with values that are refused: all of them at once, with the faults of the files."""

from __future__ import annotations

import sys

import pytest

from planner.cli.main import EXIT_INVALID
from tests.cli.test_bad_input import VALID, write

OUT = ["--gap", "5", "--time-limit", "0"]


def faults(text):
    """Return what is wrong, line by line, without what is next."""
    lines = text.splitlines()
    return list(zip(lines[:-1:2], lines[1:-1:2], strict=True))


@pytest.fixture
def wrong(tmp_path):
    return write(tmp_path, VALID.replace("limit: 2000", "limit: 2 s").replace("vllm", "vlm"))


def test_refused_options_of_a_solve_come_with_the_faults_of_its_file(planner, wrong):
    done = planner("solve", wrong, *OUT, "--solver", "gurobi", "--seed", "-1")

    assert (done.code, done.out) == (EXIT_INVALID, "")
    assert [head.partition("  ")[::2] for head, _ in faults(done.err)] == [
        ("--gap", ""), ("--time-limit", ""), ("--solver", ""), ("--seed", ""),
        (f"{wrong}:12:43", "workloads.chat.slo.0.limit"),
        (f"{wrong}:21:13", "candidates.engines.0"),
    ]  # fmt: skip
    assert [text.strip() for _, text in faults(done.err)][:4] == [
        "`5` is out of range; it must be at least 0 and at most 1",
        "`0` is out of range; it must be at least 0.001 and at most 604800",
        "`gurobi` is not a solver; use highs or cbc",
        "`-1` is out of range; it must be at least 0",
    ]
    assert done.err.splitlines()[-1].startswith("6 errors, nothing was solved.")


def test_what_is_no_number_is_told_with_everything_else_that_is_refused(planner, wrong):
    options = ["--gap", "abc", "--jobs", "1.5", "--design", "abc", "--samples", "0", "--seed", "x"]

    done = planner("sweep", wrong, "--set", "policy.spare_replicas=0,1", *options)

    assert (done.code, done.out) == (EXIT_INVALID, "")
    assert [(head, text.strip()) for head, text in faults(done.err)][:5] == [
        ("--gap", "`abc` is not a number; write one of at least 0 and at most 1"),
        ("--jobs", "`1.5` is not a whole number; write one of at least 1"),
        ("--design", "`abc` is not a design; use one-at-a-time or grid or latin-hypercube"),
        ("--samples", "`0` is out of range; it must be at least 1"),
        ("--seed", "`x` is not a whole number; write one of at least 0"),
    ]
    assert any("workloads.chat.slo.0.limit" in head for head, _ in faults(done.err))


def test_faulty_values_of_a_sweep_come_with_the_options_that_are_refused(
    planner, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "distributed", None)
    problem = write(tmp_path, VALID)

    done = planner(
        *("sweep", problem, "--jobs", "x", "--gap", "abc", "-o", "out.txt"),
        *("--dask", "tcp://127.0.0.1:1", "--set", "policy.spare_replicas=0,0"),
        *("--set", "policy.spare_nodes=0,-1", "--set", "x.y=1,2"),
        *("--scale", "offers accelerator=none price_usd_per_hour*=1,2"),
    )

    assert (done.code, done.out) == (EXIT_INVALID, "")
    told = [(head, text.strip()) for head, text in faults(done.err)]
    assert {head for head, _ in told[:4]} == {
        "--jobs", "--gap", "out.txt  --output", "--dask tcp://127.0.0.1:1",
    }  # fmt: skip
    assert (
        "--dask tcp://127.0.0.1:1",
        "needs an extra: pip install 'inference-planner[dask]'",
    ) in (told)
    heads = [head.partition("  ")[0] for head, _ in told[4:]]
    assert heads[0] == "--set policy.spare_replicas=0,0"
    assert {"--set policy.spare_nodes=-1", "--set x.y=1", "--set x.y=2"} <= set(heads)
    assert any(head.startswith("--scale offers accelerator=none") for head in heads)


@pytest.mark.parametrize("design", ["random", "grid"])
def test_ranges_are_refused_for_a_design_only_where_it_is_one(planner, tmp_path, design):
    done = planner(
        *("sweep", write(tmp_path, VALID), "--set", "policy.spare_replicas=0..2"),
        *("--jobs", "x", "--design", design),
    )

    assert done.code == EXIT_INVALID
    assert ("only --design latin-hypercube samples" in done.err) == (design == "grid")
    assert ("is not a design" in done.err) == (design == "random")


def test_too_many_runs_come_with_what_is_no_assignment(planner, tmp_path):
    listed = ",".join(map(str, range(400)))
    many = [f"--set=policy.spare_{name}={listed}" for name in ("replicas", "nodes")]

    done = planner("sweep", write(tmp_path, VALID), *many, "--set", "a", "--design", "grid")

    assert done.code == EXIT_INVALID
    assert "160,000 runs" in done.err
    assert "`a` is not an assignment" in done.err


def test_what_verify_is_told_wrong_comes_in_one_round(planner, tmp_path):
    done = planner(
        *("verify", "none.json", "--seed", "abc", "--seeds", "0", "--recorded-rates", "--stress"),
        *("--stress-demand", "no", "--stress-outputs", "99"),
    )

    assert (done.code, done.out) == (EXIT_INVALID, "")
    told = [(head, text.strip()) for head, text in faults(done.err)]
    assert told[:5] == [
        ("--seed", "`abc` is not a whole number; write one of at least 0"),
        ("--seeds", "`0` is out of range; it must be at least 1 and at most 1000"),
        ("--recorded-rates", "has a meaning with --trace only; add it, or leave the option out"),
        ("--stress-demand no", "is not a number; write a factor, as in 1.5"),
        ("--stress-outputs 99", "is no factor that can be replayed; use 0.1 to 10"),
    ]
    assert told[5][0].startswith("none.json")
    assert "6 errors, nothing was verified" in done.err


def test_policies_of_a_replay_come_with_the_faults_of_its_problem_and_actuals(planner, wrong):
    came = wrong.with_name("came.csv")
    came.write_text("period,workload\n0,chat\n", encoding="utf-8")
    policies = ["--policy", "bold", "--policy", "rolling", "--policy", "shy"]

    done = planner("roll", wrong, "--actuals", came, *policies, "--paths", "0", "--forecast", "no")

    assert done.code == EXIT_INVALID
    texts = [text.strip() for _, text in faults(done.err)]
    assert texts[0].startswith("`bold` is not a policy; use perfect_foresight or rolling or ")
    assert texts[1].startswith("`shy` is not a policy")
    assert texts[2] == "`0` is out of range; it must be at least 1 and at most 1000"
    assert texts[3] == "`no` is not a kind of forecast; use last-seen or as-stated"
    heads = [head for head, _ in faults(done.err)[4:]]
    assert heads[0].startswith(f"{wrong}:12:43")
    assert any(head.startswith(str(came)) for head in heads)


@pytest.mark.parametrize(
    "command",
    [
        "solve",
        "explain",
        "hedge",
        "sweep --set policy.spare_replicas=0,1",
        "roll --actuals came.csv",
        "claims",
    ],
)
def test_no_command_goes_on_with_an_option_out_of_range(planner, command, tmp_path):
    name, *more = command.split()
    named = [] if name == "claims" else [write(tmp_path, VALID)]

    done = planner(name, *named, *more, *OUT)

    assert (done.code, done.out) == (EXIT_INVALID, "")
    assert done.err.startswith("--gap\n    `5` is out of range")
    assert "\n--time-limit\n    `0` is out of range" in done.err
    assert f"Next: planner {name} --help" in done.err or more


def test_a_number_that_is_none_is_out_of_range(planner, tmp_path):
    done = planner("solve", write(tmp_path, VALID), "--gap", "nan")

    assert done.code == EXIT_INVALID
    assert "`nan` is out of range" in done.err


@pytest.mark.parametrize("wrong_set", ["performance=none.csv", "workloads.nobody.pool=x"])
def test_faults_of_an_overlay_come_with_those_of_the_problem(planner, tmp_path, wrong_set):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("offerz: []\n", encoding="utf-8")
    problem = write(tmp_path, VALID)

    done = planner("solve", problem, "--set", wrong_set, "--catalog", overlay)

    assert (done.code, done.out) == (EXIT_INVALID, "")
    first, second = faults(done.err)
    assert first[0].startswith(f"--set {wrong_set}")
    assert second[0].startswith(f"{overlay}:1")
    assert "no table `offerz`" in second[1]
