import pytest

from planner.catalog.schema.measurements import Measurement
from planner.errors import InputError
from planner.evaluate.measurements import COLUMNS, number, read_folder
from tests.evaluate.rows import measured, write


def test_columns_are_those_of_the_published_format():
    assert tuple(Measurement.model_fields) == COLUMNS


def test_every_csv_of_a_folder_is_read(tmp_path):
    write(tmp_path / "a.csv", [measured(value=1), measured(value=2)])
    write(tmp_path / "b.CSV", [measured(value=3)])
    (tmp_path / "README.md").write_text("not a table")

    data = read_folder(tmp_path)

    assert [row.value for row in data.rows] == ["1", "2", "3"]
    assert (data.files, data.ignored, data.malformed) == (2, (), ())


def test_one_file_may_stand_for_a_folder(tmp_path):
    path = write(tmp_path / "a.csv", [measured()])

    assert read_folder(path).rows == (measured(),)


def test_further_columns_and_another_order_change_nothing(tmp_path):
    write(tmp_path / "a.csv", [measured()], tuple(reversed(COLUMNS)), ("as_of", "licence"))

    assert read_folder(tmp_path).rows == (measured(),)


def test_absent_columns_are_blank(tmp_path):
    (tmp_path / "a.csv").write_text(
        "Model, GPU ,isl,osl,concurrency_or_rate,metric,value\nm,g,1,2,concurrency=1,tpot_ms,3\n"
    )

    (row,) = read_folder(tmp_path).rows

    assert (row.model, row.gpu, row.value, row.tp, row.source) == ("m", "g", "3", "", "")


def test_tables_of_another_kind_are_set_aside(tmp_path):
    write(tmp_path / "a.csv", [measured()])
    (tmp_path / "quality.csv").write_text("model,benchmark,score,metric\nm,mmlu,0.5,acc\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "latin.csv").write_bytes(b"model\xe9\n")
    (tmp_path / "quotes.csv").write_text('model,gpu\n"a"b,c\n')

    data = read_folder(tmp_path)

    assert data.files == 1
    assert [item.file for item in data.ignored] == [
        "empty.csv",
        "latin.csv",
        "quality.csv",
        "quotes.csv",
    ]
    assert data.ignored[1].reason == "cannot be read as UTF-8"
    assert data.ignored[2].reason.startswith("has no column gpu, isl, osl")
    assert data.ignored[3].reason.startswith("is not valid CSV")


def test_rows_that_do_not_match_their_header_are_named(tmp_path):
    path = write(tmp_path / "a.csv", [measured()])
    path.write_text(path.read_text() + "only,three,cells\n\n")

    data = read_folder(tmp_path)

    assert data.rows == (measured(),)
    (broken,) = data.malformed
    assert (broken.file, broken.reason) == ("a.csv", "record 3 has 3 cells, the header 18")


def test_byte_order_mark_is_tolerated(tmp_path):
    path = write(tmp_path / "a.csv", [measured()])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert read_folder(tmp_path).rows == (measured(),)


def test_absent_folder_is_named_with_what_is_accepted(tmp_path):
    with pytest.raises(InputError, match=r"nowhere  --data\n.*does not exist; give a folder with"):
        read_folder(tmp_path / "nowhere")


def test_folder_without_measurements_says_why(tmp_path):
    (tmp_path / "prices.csv").write_text("a,b\n1,2\n")

    with pytest.raises(InputError, match=r"holds no measurements \(prices.csv has no column"):
        read_folder(tmp_path)


def test_folder_without_csv_says_so(tmp_path):
    with pytest.raises(InputError, match=r"holds no measurements \(no CSV\)"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2.5", 2.5),
        ("", None),
        ("n/a", None),
        ("nan", None),
        ("inf", None),
        ("0", None),
        ("-1", None),
    ],
)
def test_only_positive_numbers_are_numbers(cell, value):
    assert number(cell) == value
