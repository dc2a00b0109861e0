"""Files of measured rows: lines, tolerated forms, and every fault at once."""

import pytest

from planner.errors import InputError
from planner.evaluate.calibration.points import read_points
from tests.evaluate.rows import measured, write

HEADER = "model,gpu,isl,osl,concurrency_or_rate,metric,value\n"
ROW = "model-a,gpu-a,1000,200,concurrency=4,tpot_ms,9\n"


def faults(tmp_path, content):
    path = tmp_path / "m.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        read_points(path)
    assert str(caught.value).rstrip().endswith("writes such a file")
    assert "nothing was calibrated" in str(caught.value)
    return [(f.line, f.column, f.path, f.message) for f in caught.value.faults]


def test_rows_know_their_lines(tmp_path):
    path = write(tmp_path / "m.csv", [measured(), measured(value=21)])

    rows = read_points(path)

    assert [(r.line, r.value) for r in rows] == [(2, "20"), (3, "21")]


def test_blank_lines_and_cells_over_several_lines_count(tmp_path):
    path = tmp_path / "m.csv"
    header = HEADER.replace("model,", "scenario_notes,model,")
    path.write_text(f'{header}\n"a\nb",{ROW},{ROW}')

    assert [r.line for r in read_points(path)] == [3, 5]


def test_columns_stand_in_any_order_and_further_ones_are_left_alone(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(
        "﻿Value,metric, concurrency_or_rate ,osl,isl,gpu,model,mood\n"
        " 9 ,tpot_ms,concurrency=4,200,1000,gpu-a,model-a,good\n",
        encoding="utf-8",
    )

    (row,) = read_points(path)

    assert (row.value, row.model, row.concurrency_or_rate) == ("9", "model-a", "concurrency=4")
    assert row.source == ""


def test_every_cell_that_is_no_number_is_named(tmp_path):
    bad = ROW.replace(",9", ",fast").replace("1000", "-1")

    assert faults(tmp_path, HEADER + ROW + bad + ROW.replace(",200,", ",nan,")) == [
        (3, 3, "isl", "`-1` is no number above 0"),
        (3, 7, "value", "`fast` is no number above 0"),
        (4, 4, "osl", "`nan` is no number above 0"),
    ]


def test_a_blank_number_is_not_stated(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(HEADER + ROW.replace(",9", ","))

    assert read_points(path)[0].value == ""


def test_rows_of_another_length_are_named(tmp_path):
    (fault,) = faults(tmp_path, HEADER + "a,b\n" + ROW)

    assert fault == (2, None, "", "has 2 cells where the header names 7 columns")


def test_missing_columns_are_named_with_what_may_be_meant(tmp_path):
    found = faults(tmp_path, HEADER.replace("metric", "metrics").replace("gpu,", "") + ROW)

    assert [f[2] for f in found] == ["gpu", "metric"]
    assert "is required and missing; is it `metrics`?" in found[1][3]


def test_a_column_that_stands_twice_is_named(tmp_path):
    (fault,) = faults(tmp_path, HEADER.replace("osl", "isl,osl").replace("\n", ",osl\n"))[:1]

    assert fault[1:3] == (4, "isl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (HEADER + 'model-a,"open\n', "is not valid CSV from this line on"),
        (HEADER, "holds no rows"),
        ("\n\n", "is required and missing"),
    ],
)
def test_files_that_are_no_table(tmp_path, content, message):
    assert message in faults(tmp_path, content)[0][3]


def test_a_folder_is_answered_with_the_file_in_it(tmp_path):
    with pytest.raises(InputError, match=r"is a folder; name the file in it .*measurements\.csv"):
        read_points(tmp_path)


def test_an_absent_file_is_a_fault(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_points(tmp_path / "nowhere.csv")
