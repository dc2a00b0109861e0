"""Lengths that grow: where they cannot, because there are none or a figure holds for others."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.problem.load import load_problem

HEADER = "workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps\n"
TABLE = ("name: base\n", "name: base\nperformance: m.csv\n")
LENGTHS = "    lengths: {isl_tokens: {mean: 100}, osl_tokens: {mean: 10}}\n"


def growing(growth, lengths=LENGTHS):
    return LENGTHS, f"{lengths}    length_growth_per_period: {growth}\n"


def faults(path):
    with pytest.raises(InputError) as caught:
        load_problem(path)
    return caught.value.faults


def measured(tmp_path, workload):
    rows = f"{HEADER}{workload},m,bf16,gpu,1,vllm,1.5\n"
    (tmp_path / "m.csv").write_text(rows, encoding="utf-8")


def test_a_measured_capacity_does_not_grow_with_the_lengths(problem_file, tmp_path):
    measured(tmp_path, "chat")

    (fault,) = faults(problem_file(TABLE, growing("{isl: 1.1}")))

    assert fault.path == "workloads.chat.length_growth_per_period"
    assert fault.line == 9
    assert "the rows of `chat` out of m.csv" in fault.message


def test_lengths_of_a_workload_without_measured_rows_may_grow(problem_file, tmp_path):
    measured(tmp_path, "code")

    loaded = load_problem(problem_file(TABLE, growing("{isl: 1.1}")))

    assert loaded.problem.workload("chat").length_growth_per_period.isl == 1.1


def test_factors_of_one_are_no_growth(problem_file, tmp_path):
    measured(tmp_path, "chat")

    loaded = load_problem(problem_file(TABLE, growing("{isl: 1.0, osl: [1, 1]}")))

    assert loaded.problem.workload("chat").length_growth_per_period.is_none


def test_lengths_that_are_not_there_do_not_grow(problem_file, tmp_path):
    measured(tmp_path, "chat")

    (fault,) = faults(problem_file(TABLE, growing("{osl: 2}", lengths="")))

    assert fault.path == "workloads.chat.lengths"
    assert "`length_growth_per_period` has nothing to grow" in fault.message
