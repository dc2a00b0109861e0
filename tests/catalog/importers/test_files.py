"""Sources as text and JSON, and what is shown of them."""

from __future__ import annotations

import os

import pytest

from planner.catalog.importers.files import (
    MOST_BYTES,
    json_object,
    json_of,
    number,
    shortened,
    text_of,
)
from planner.errors import Fault, InputError


@pytest.fixture
def file(tmp_path):
    """Return a function that writes bytes into a file."""

    def write(data: bytes):
        path = tmp_path / "source.json"
        path.write_bytes(data)
        return path

    return write


def fault(read, *arguments) -> Fault:
    with pytest.raises(InputError) as caught:
        read(*arguments)
    (only,) = caught.value.faults
    return only


def test_mark_at_the_start_is_no_part_of_the_text(file):
    assert text_of(file(b"\xef\xbb\xbfa\r\nb"), "text") == "a\r\nb"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_that_is_not_utf8_is_reported_with_its_line(file, mark):
    found = fault(text_of, file(mark + b"a\nb\n\xff"), "a text")

    assert found.line == 3
    assert found.message == "is not UTF-8; save it as UTF-8; accepted: a text"


def test_file_that_is_too_large_is_refused_unread(file):
    path = file(b"")
    os.truncate(path, MOST_BYTES + 1)

    assert "268,435,457 bytes" in fault(text_of, path, "a text").message


def test_what_cannot_be_opened_is_refused_with_its_name(tmp_path):
    assert fault(text_of, tmp_path / "none", "a text").file == str(tmp_path / "none")
    assert "cannot be read" in fault(text_of, tmp_path, "a text").message
    assert "cannot be read" in fault(text_of, tmp_path / "\0", "a text").message


def test_bad_json_is_reported_with_line_and_column(file):
    found = fault(json_of, file(b'{\n  "a": 1,\n  b\n}'), "JSON")

    assert (found.line, found.column) == (3, 3)


def test_keys_that_stand_twice_are_returned(file):
    value, repeated = json_object(file(b'{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}'), "JSON")

    assert value == {"a": 3, "b": {"c": 2}}
    assert repeated == ["c", "a"]


@pytest.mark.parametrize("data", [b"3", b'"a"', b"null"])
def test_json_that_is_no_container_is_refused(file, data):
    assert "neither an object nor an array" in fault(json_of, file(data), "JSON").message


def test_array_is_no_object(file):
    assert json_of(file(b"[1]"), "JSON") == ([1], [])
    assert "is JSON but not an object" in fault(json_object, file(b"[1]"), "JSON").message


def test_long_and_unprintable_values_are_shown_short_and_printable():
    assert shortened("a\nb\ud800") == "a?b?"
    assert shortened("x" * 61) == "x" * 59 + "…"
    assert shortened(10**5000) == "a int too long to show"


@pytest.mark.parametrize("value", [True, "1", None, float("inf"), 10**400])
def test_what_is_no_finite_number_is_none(value):
    assert number(value) is None
