"""One CSV file: what is read, and the position and words of everything that is wrong."""

import pytest

from planner.catalog.schema import Alias, LengthCell, Model, Offer
from planner.catalog.table import read_table, scan_table
from planner.errors import InputError

OFFERS = (
    "provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,"
    "valid_from,source,as_of\n"
)
GOOD = "aws,p5.48xlarge,us-east-1,on_demand,h100-sxm-80gb,8,55.04,2026,a page,2026\n"


@pytest.fixture
def read(tmp_path):
    """Return a function that scans a table of offers from text or bytes."""

    def scan(content, model=Offer, name="offers.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return scan_table(path, name, model)

    return scan


def only(read):
    """Return the one fault of a read, as (line, column, path, message)."""
    (fault,) = read.faults
    return fault.line, fault.column, fault.path, fault.message


def test_a_good_row_is_read_with_its_line(read):
    result = read(OFFERS + GOOD)

    assert result.faults == ()
    assert result.rows[0].row.price_usd_per_hour == 55.04
    assert (result.rows[0].file, result.rows[0].line) == ("offers.csv", 2)


def test_a_blank_cell_is_unknown(read):
    text = OFFERS.replace(",source", ",startup_minutes,source")
    result = read(text + GOOD.replace("2026,a page", "2026,,a page"))

    assert result.rows[0].row.startup_minutes is None


def test_columns_may_stand_in_any_order(read):
    header, cells = OFFERS.strip().split(","), GOOD.strip().split(",")
    text = ",".join(reversed(header)) + "\n" + ",".join(reversed(cells)) + "\n"

    assert read(text).rows[0].row == read(OFFERS + GOOD).rows[0].row


def test_space_around_cells_is_no_part_of_them(read):
    spaced = GOOD.replace("aws,", " aws , ").replace(",8,", ", 8 ,")

    assert read(OFFERS + spaced).rows[0].row == read(OFFERS + GOOD).rows[0].row


def test_a_byte_order_mark_is_tolerated(read):
    result = read(b"\xef\xbb\xbf" + (OFFERS + GOOD).encode())

    assert result.faults == ()
    assert len(result.rows) == 1


def test_windows_line_ends_change_nothing(read):
    result = read((OFFERS + GOOD).replace("\n", "\r\n"))

    assert result.faults == ()
    assert result.rows[0].line == 2


def test_blank_lines_are_skipped_and_counted(read):
    result = read(OFFERS + "\n,,,,,,,,,\n" + GOOD)

    assert result.faults == ()
    assert result.rows[0].line == 4


def test_a_quoted_cell_may_hold_commas_and_lines(read):
    two = GOOD.replace("a page", '"a page,\nsecond line"') + GOOD.replace("us-east-1", "us-west-2")
    result = read(OFFERS + two)

    assert result.rows[0].row.source == "a page,\nsecond line"
    assert [located.line for located in result.rows] == [2, 4]


def test_another_encoding_names_the_line(read):
    latin = OFFERS.encode() + GOOD.encode() + GOOD.replace("aws", "été").encode("latin-1")

    assert only(read(latin)) == (3, None, "offers", "is not UTF-8; save the table as CSV UTF-8")


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path):
    (fault,) = scan_table(tmp_path / "offers.csv", "offers.csv", Offer).faults

    assert fault.message == "cannot be read: No such file or directory"


def test_an_empty_file_lists_the_columns(read):
    line, _, _, message = only(read(""))

    assert line == 1
    assert message.startswith("is empty; the first line names the columns source, as_of")


def test_an_unclosed_quote_is_a_fault_of_its_line(read):
    line, _, _, message = only(read(OFFERS + GOOD.replace("a page", '"a page')))

    assert line == 2
    assert "is not valid CSV from this line on" in message


def test_an_unknown_column_is_named_with_its_cell_and_a_near_miss(read):
    result = read(OFFERS.replace("valid_from", "valid_from,start_minutes"))

    assert only(result) == (
        1,
        9,
        "offers.start_minutes",
        "unknown column `start_minutes`; did you mean `startup_minutes`?",
    )


def test_an_unknown_column_without_near_miss_lists_the_columns(read):
    _, _, _, message = only(read(OFFERS.replace("\n", ",zzz\n")))

    assert message.startswith("unknown column `zzz`; columns are source, as_of, notes, provider")


def test_a_missing_mandatory_column_is_named_once_and_not_per_row(read):
    text = "\n".join(
        ",".join(line.split(",")[1:]) for line in (OFFERS + GOOD + GOOD).strip().split("\n")
    )

    assert only(read(text)) == (
        1,
        None,
        "offers.provider",
        "column `provider` is required and missing",
    )


def test_a_column_that_appears_twice_is_a_fault(read):
    text = OFFERS.replace("\n", ",region\n") + GOOD.replace("\n", ",x\n")

    assert only(read(text))[:3] == (1, 11, "offers.region")


def test_a_row_with_too_few_cells_is_a_fault(read):
    line, _, _, message = only(read(OFFERS + "aws,p5\n"))

    assert line == 2
    assert message == "has 2 cells where the header names 10 columns"


def test_a_row_with_one_cell_is_counted_in_the_singular(read):
    _, _, _, message = only(read(OFFERS + "aws\n"))

    assert message == "has 1 cell where the header names 10 columns"


@pytest.mark.parametrize(
    ("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars"), ('";"', "semicolons")]
)
def test_another_separator_is_the_one_fault_of_the_file(read, mark, name):
    text = (OFFERS + GOOD + GOOD.replace("55.04", "55_04")).replace(",", mark)
    if '"' in mark:
        text = "".join(f'"{line}"\n' for line in text.splitlines())

    assert only(read(text.replace("_", ",") if mark == ";" else text)) == (
        1,
        None,
        "offers",
        f"cells are separated by {name}; save the table with commas, as CSV",
    )


@pytest.mark.parametrize("header", ["one; two; three\n", "id\n", ";;;\n"])
def test_a_file_of_something_else_is_not_taken_for_another_separator(read, header):
    assert all("separated" not in fault.message for fault in read(header).faults)


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        (("55.04", "free"), (7, "price_usd_per_hour"), "`free` is not a finite number"),
        (("55.04", "0"), (7, "price_usd_per_hour"), "`0` is out of range; it must be above 0"),
        (("55.04", "nan"), (7, "price_usd_per_hour"), "`nan` is not a finite number"),
        (("55.04", "inf"), (7, "price_usd_per_hour"), "`inf` is not a finite number"),
        (("55.04", ""), (7, "price_usd_per_hour"), "is blank, and a value is required"),
        ((",8,", ",8.5,"), (6, "accelerators"), "`8.5` is not a whole number"),
        ((",8,", ",eight,"), (6, "accelerators"), "`eight` is not a whole number"),
        ((",8,", ",0,"), (6, "accelerators"), "`0` is out of range; it must be at least 1"),
        (("on_demand", "on-demand"), (4, "tenure"), "did you mean `on_demand`?"),
        (("on_demand", "lease"), (4, "tenure"), "use 'on_demand', 'spot', 'reserved_1y',"),
        (("p5.48xlarge", "p5 large"), (2, "instance"), "no spaces"),
        ((",2026,a", ",2026-13,a"), (8, "valid_from"), "`2026-13` names no day of the calendar"),
        ((",2026,a", ",May 2026,a"), (8, "valid_from"), "YYYY, YYYY-MM or YYYY-MM-DD"),
        (("a page", ""), (9, "source"), "is blank, and a value is required"),
        (("a page", "  "), (9, "source"), "is blank, and a value is required"),
    ],
)
def test_a_bad_cell_is_named_with_position_value_and_what_is_accepted(
    read, change, place, message
):
    column, field = place

    result = read(OFFERS + GOOD + GOOD.replace("aws", "gcp").replace(*change, 1))

    (fault,) = result.faults
    assert (fault.line, fault.column, fault.path) == (3, column, f"offers.{field}")
    assert message in fault.message


def test_a_decimal_comma_shows_as_one_cell_too_many(read):
    _, _, path, message = only(read(OFFERS + GOOD.replace("55.04", "55,04")))

    assert path == "offers"
    assert message == "has 11 cells where the header names 10 columns"


def test_a_flag_is_true_or_false(tmp_path):
    path = tmp_path / "models.csv"
    path.write_text(
        "id,family,attention,layers,hidden,heads,vocab,context_tokens,tied_embeddings,source,as_of\n"
        "m,f,mha,1,1,1,1,1,maybe,s,2026\n"
    )
    (fault,) = scan_table(path, "models.csv", Model).faults

    assert fault.message == "`maybe` is neither true nor false"
    assert fault.column == 9


def test_every_fault_of_a_file_is_reported(read):
    bad = GOOD.replace("55.04", "x").replace(",8,", ",y,") + GOOD.replace("aws", "a b")
    result = read(OFFERS + bad)

    assert [(f.line, f.column) for f in result.faults] == [(2, 6), (2, 7), (3, 1)]


def test_good_rows_beside_bad_ones_are_still_read(read):
    result = read(OFFERS + GOOD.replace("55.04", "x") + GOOD)

    assert len(result.rows) == len(result.faults) == 1


def test_a_repeated_key_names_both_lines(read):
    line, _, _, message = only(read(OFFERS + GOOD + GOOD.replace("55.04", "60")))

    assert line == 3
    assert message == (
        "repeats the key (aws, p5.48xlarge, us-east-1, on_demand, 2026) of line 2; "
        "keep one of the two"
    )


def test_reading_one_table_raises_with_all_its_faults(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "lengths,cell,isl_tokens,osl_tokens,probability,source,as_of\na,x,1,1,2,s,2026\n"
    )

    with pytest.raises(InputError, match=r"mine\.csv:2:2 +mine\.cell\n.*`x`") as caught:
        read_table(path, "mine.csv", LengthCell)

    assert [f.column for f in caught.value.faults] == [2, 5]


def test_reading_one_table_returns_its_rows_in_order(tmp_path):
    path = tmp_path / "aliases.csv"
    path.write_text("alias,accelerator,source,as_of\nB 2,b,s,2026\nA 1,a,s,2026\n")

    assert [a.alias for a in read_table(path, "aliases.csv", Alias)] == ["B 2", "A 1"]
