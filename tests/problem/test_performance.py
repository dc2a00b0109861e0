"""Measured capacities: what a good table gives, in SI units."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.problem.performance import read_performance

HEADER = "workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps"


@pytest.fixture
def read(tmp_path):
    def rows(text, workloads=("chat",)):
        path = tmp_path / "m.csv"
        path.write_text(text, encoding="utf-8")
        return read_performance(path, "m.csv", workloads)

    return rows


def test_a_row_is_read_with_its_optional_columns(read):
    (row,) = read(f"{HEADER},ttft_ms,tpot_ms,source\nchat,m,bf16,gpu,2,vllm,1.5,450,25,bench\n")

    assert row.capacity_rps == 1.5
    assert row.tensor_parallel == 2
    assert (row.ttft_s, row.tpot_s) == (0.45, 0.025)


def test_latencies_that_were_not_measured_are_unknown(read):
    (row,) = read(f"{HEADER},ttft_ms\nchat,m,bf16,gpu,1,vllm,1.5,\n")

    assert (row.ttft_s, row.tpot_s) == (None, None)


def test_columns_may_stand_in_any_order(read):
    (row,) = read("capacity_rps,engine,workload,model,quantization,hardware,tensor_parallel\n"
                  "3,vllm,chat,m,bf16,gpu,1\n")  # fmt: skip

    assert (row.capacity_rps, row.engine) == (3.0, "vllm")


def test_rows_of_different_workloads_may_share_an_option(read):
    text = f"{HEADER}\nchat,m,bf16,gpu,1,vllm,1\ncode,m,bf16,gpu,1,vllm,2\n"

    assert [r.workload for r in read(text, ("chat", "code"))] == ["chat", "code"]


def test_any_workload_passes_while_the_names_of_the_problem_are_in_doubt(read):
    assert len(read(f"{HEADER}\nwhat,m,bf16,gpu,1,vllm,1\n", None)) == 1


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "-1", "0", "1,5", "1.5 rps", "true"])
def test_capacity_must_be_a_positive_finite_number(read, value):
    quoted = f'"{value}"'

    with pytest.raises(InputError, match=r"m\.csv:2:7  m\.capacity_rps"):
        read(f"{HEADER}\nchat,m,bf16,gpu,1,vllm,{quoted}\n")


def test_every_faulty_row_is_reported(read):
    text = f"{HEADER}\nchta,m,bf16,gpu,1,vllm,1\nchat,m,bf16,gpu,5,vllm,1\nchat,m,b,g,1,v,x\n"

    with pytest.raises(InputError) as caught:
        read(text)

    assert sorted(f.line for f in caught.value.faults) == [2, 3, 4]
