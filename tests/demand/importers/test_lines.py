"""Reading text that may be broken, and the list of what was not used."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.importers.lines import (
    MOST_TOKENS,
    Rejections,
    UnusableError,
    number,
    read_lines,
    read_text,
    tokens,
)
from planner.errors import InputError


def unusable(value="x"):
    return UnusableError(value=value, reason="odd", detail="is odd")


def test_lines_keep_their_number_when_blank_ones_are_left_out(tmp_path):
    source = tmp_path / "a.csv"
    source.write_bytes(b"one\r\n\r\n  \ntwo")

    assert list(read_lines(source)) == [(1, "one"), (4, "two")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_kind_of_line_end_is_accepted(tmp_path, end):
    source = tmp_path / "a.csv"
    source.write_bytes(end.join([b"one", b"two"]))

    assert [text for _, text in read_lines(source)] == ["one", "two"]


def test_a_wrong_byte_stays_in_its_cell(tmp_path):
    source = tmp_path / "a.csv"
    source.write_bytes(b"caf\xe9,1\nb,2\n")

    assert [text for _, text in read_lines(source)] == ["caf\ufffd,1", "b,2"]


def test_a_damaged_gzip_block_is_an_error(tmp_path):
    packed = bytearray(gzip.compress(b"0,10,10\n" * 400))
    packed[20:40] = bytes(20)
    source = tmp_path / "a.csv.gz"
    source.write_bytes(bytes(packed))

    with pytest.raises(InputError, match=r"a\.csv\.gz.*\n.*cannot be read"):
        list(read_lines(source))


def test_whole_text_is_read_through_gzip(tmp_path):
    source = tmp_path / "a.json"
    source.write_bytes(gzip.compress(b"{}"))

    assert read_text(source) == "{}"


def test_whole_text_of_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_text(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1.0), (" 1.50 ", 1.5), (".5", 0.5), ("-2", -2.0), ("1e3", 1000.0)]
)
def test_numbers_are_read(text, value):
    assert number(text, "a") == value


@pytest.mark.parametrize("text", ["one", "1_000", "0x10", "nan", "inf", "1,5", "\u0661", "1e999"])
def test_what_is_no_finite_number_is_refused(text):
    with pytest.raises(UnusableError, match="a is not a finite number"):
        number(text, "a")


@given(text=st.text())
def test_any_text_is_a_number_or_unusable(text):
    try:
        value = number(text, "a")
    except UnusableError as error:
        value = None
        reason = error.reason

    assert value is not None or reason in {"missing", "not_a_number"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-1", "negative"),
        ("0", "no_tokens"),
        ("1.5", "not_whole"),
        (str(MOST_TOKENS + 1), "absurd"),
    ],
)
def test_a_length_outside_its_range_has_a_reason(text, reason):
    with pytest.raises(UnusableError, match="a is") as caught:
        tokens(text, "a")

    assert caught.value.reason == reason


def test_the_ends_of_the_range_of_lengths_are_accepted():
    assert [tokens(str(n), "a") for n in (1, MOST_TOKENS)] == [1, MOST_TOKENS]
    assert tokens("0", "a", least=0) == 0


def test_rejections_are_listed_by_line():
    rejections = Rejections("a.csv")
    for line in (30, 4, 11):
        rejections.add(line, unusable())

    assert [r.place for r in rejections.in_order()] == ["a.csv:4", "a.csv:11", "a.csv:30"]


def test_the_value_of_a_rejection_is_shortened():
    rejections = Rejections("a.csv")
    rejections.add(2, unusable("9" * 5000))

    assert len(rejections.in_order()[0].value) == 60


def test_a_file_of_another_format_ends_early():
    rejections = Rejections("a.csv")
    error = unusable()
    for line in range(100_000):
        rejections.add(line, error)

    with pytest.raises(InputError, match=r"more than 100,000 rows.*; a\.csv:0: `x`, is odd"):
        rejections.add(100_000, error)
