"""YAML to plain data, positions, and faults that point at the right character."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import InputError
from planner.yaml_io import MOST_VALUES, parse_value, parse_yaml, read_yaml, yaml_text


def fault(text):
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "p.yaml")
    (only,) = caught.value.faults
    return only


def test_what_is_done_to_the_data_of_a_text_is_not_seen_by_its_next_reader():
    text = "a: {b: [1, 2]}\n"
    first = parse_yaml(text, "p.yaml")
    first.data["a"]["b"].append(3)
    del first.positions["a",]
    parse_value("{c: 1}")["c"] = 2

    again = parse_yaml(text, "q.yaml")

    assert (again.file, again.data) == ("q.yaml", {"a": {"b": [1, 2]}})
    assert again.positions["a",] == (1, 1)
    assert parse_value("{c: 1}") == {"c": 1}


def test_scalars_become_plain_python_values():
    data = parse_yaml("a: 1_000\nb: 2.5\nc: true\nd: text\ne:\nf: 1e3\n", "p.yaml").data

    assert data == {"a": 1000, "b": 2.5, "c": True, "d": "text", "e": None, "f": 1000.0}
    assert [type(v) for v in data.values()] == [int, float, bool, str, type(None), float]


def test_yes_and_no_are_text_as_in_yaml_1_2():
    assert parse_yaml("a: yes\nb: off\n", "p").data == {"a": "yes", "b": "off"}


def test_a_date_becomes_its_text():
    assert parse_yaml("a: 2027-01-01\n", "p").data == {"a": "2027-01-01"}


@pytest.mark.parametrize("text", ["2027-02-30", "2027-13-01", "2027-01-01 25:00:00"])
def test_a_date_that_no_calendar_has_stays_its_text(text):
    """Whoever reads the value refuses it at its place, among all other faults of the file."""
    document = parse_yaml(f"a: 1\nb: {{c: {text}}}\n", "p")

    assert document.data == {"a": 1, "b": {"c": text}}
    assert document.positions["b", "c"] == (2, 5)
    assert parse_value(text) == text


def test_a_month_is_text():
    assert parse_yaml("a: 2027-01\n", "p").data == {"a": "2027-01"}


def test_an_anchored_boolean_stays_a_boolean():
    data = parse_yaml("a: &flag true\nb: *flag\n", "p").data

    assert data["a"] is True
    assert data["b"] is True


def test_positions_count_lines_and_columns_from_one():
    document = parse_yaml("a:\n  b: [10, 20]\n  c: {d: 1}\n", "p")

    assert document.positions[()] == (1, 1)
    assert document.positions["a",] == (1, 1)
    assert document.positions["a", "b"] == (2, 3)
    assert document.positions["a", "b", 1] == (2, 11)
    assert document.positions["a", "c", "d"] == (3, 7)


def test_merge_keys_are_taken_over_with_the_position_of_their_parent():
    document = parse_yaml("x: &x {a: 1}\ny:\n  <<: *x\n  b: 2\n", "p")

    assert document.data["y"] == {"a": 1, "b": 2}
    assert document.positions["y", "a"] == document.positions["y",]


def test_keys_that_are_numbers_become_text():
    assert parse_yaml("1: a\n", "p").data == {"1": "a"}


def test_byte_order_mark_is_skipped(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")

    assert read_yaml(path).data == {"a": 1}


def test_windows_line_ends_keep_positions(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_bytes(b"a: 1\r\nb: 2\r\n")

    assert read_yaml(path).positions["b",] == (2, 1)


def test_a_byte_that_is_not_utf8_is_placed_by_line_and_column(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_bytes(b"a: 1\nname: caf\xe9\n")

    with pytest.raises(InputError, match=r"p\.yaml:2:10\n    byte 0xe9 is not UTF-8") as caught:
        read_yaml(path, "p.yaml")

    assert "save the file as UTF-8" in str(caught.value)


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "absent.yaml")


def test_a_folder_instead_of_a_file_says_so(tmp_path):
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)


def test_every_repeated_key_is_told_and_the_first_value_kept_for_those_who_ask():
    text = "a: 1\nb:\n  c: [{d: 1, d: 2}]\na: 3\na: 4\n"

    with pytest.raises(InputError) as caught:
        parse_yaml(text, "p.yaml")
    kept = parse_yaml(text, "p.yaml", keep_repeated=True)

    places = [(f.line, f.column, f.message.split()[0]) for f in caught.value.faults]
    assert places == [(3, 14, "`d`"), (4, 1, "`a`"), (5, 1, "`a`")]
    assert kept.repeated == caught.value.faults
    assert kept.data == {"a": 1, "b": {"c": [{"d": 1}]}}
    assert kept.positions["a",] == (1, 1)
    assert parse_yaml("a: 1\n", "p.yaml").repeated == ()


def test_a_value_with_a_repeated_key_is_refused():
    with pytest.raises(
        ValueError, match="`a` stands twice in the same place, first with `1`, then"
    ):
        parse_value("{a: 1, a: 2}")


@pytest.mark.parametrize(
    ("text", "first", "then"),
    [
        ("a: 1\nb: 2\na: 3\n", "1:1 with `1`", "3:1 with `3`"),
        ("a: 5\na: '5'\n", "1:1 with `5`", "2:1 with `'5'`"),
        ("a:\na: ''\n", "1:1 with `null`", "2:1 with `''`"),
        ("b: {a: [1, x],  a: {c: 2}}\n", "1:5 with `[1, x]`", "1:17 with `{c: 2}`"),
        ("a:\n  - b: c # why\na: |\n  one\n  two\n", "1:1 with `[{b: c}]`", "3:1 with `one two`"),
        ("1: x\n0x1: y\n", "1:1 with `x`", "2:1 with `y`"),
        ("a: &a [*a, 1]\na: 0\n", "1:1 with `[[[..., 1], 1], 1]`", "2:1 with `0`"),
        (f"a: {'x' * 80}\na: 1\n", f"1:1 with `{'x' * 57}...`", "2:1 with `1`"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  a: 2\n  a: 3\n", "4:3 with `2`", "5:3 with `3`"),
    ],
)
def test_a_repeated_key_has_both_places_and_both_values(text, first, then):
    message = fault(text).message

    assert f"stands twice in the same place, first at {first}, then at {then}; keep" in message


def test_every_later_one_of_a_key_is_held_against_the_first():
    with pytest.raises(InputError) as caught:
        parse_yaml("a: 1\na: 2\na: 3\n", "p.yaml")

    told = [(f.line, f.message.partition("place, ")[2][:47]) for f in caught.value.faults]
    assert told == [
        (2, "first at 1:1 with `1`, then at 2:1 with `2`; ke"),
        (3, "first at 1:1 with `1`, then at 3:1 with `3`; ke"),
    ]


def test_a_repeated_key_is_placed_at_the_second_one():
    found = fault("a:\n  b: 1\n  b: 2\n")

    assert (found.line, found.column) == (3, 3)
    assert "`b` stands twice" in found.message


def test_a_tab_is_placed_and_spaces_are_advised():
    found = fault("a:\n\tb: 1\n")

    assert (found.line, found.column) == (2, 1)
    assert "spaces, not tabs" in found.message


def test_an_open_bracket_is_placed_where_the_reader_gave_up():
    found = fault("a: {b: 1\nc: 2\n")

    assert found.line == 2
    assert "is not valid YAML" in found.message


def test_a_second_document_is_refused():
    assert "one document per file" in fault("a: 1\n---\nb: 2\n").message


def test_an_unknown_alias_is_explained():
    assert "define the anchor" in fault("a: *missing\n").message


def test_a_control_character_is_placed_and_described_in_one_line():
    found = fault("a: 1\nb: \x00\n")

    assert (found.line, found.column) == (2, 4)
    assert "\n" not in found.message


def test_text_nested_beyond_reason_is_refused():
    assert "nested too deeply" in fault("a: " + "[" * 600).message


def test_aliases_of_aliases_are_refused_before_they_fill_the_memory():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]

    assert f"more than {MOST_VALUES} values" in fault("\n".join(lines)).message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("450", 450),
        ("0.5", 0.5),
        ("true", True),
        ("[a, b]", ["a", "b"]),
        ("{a: 1}", {"a": 1}),
        ("", None),
        ("null", None),
        ("chat", "chat"),
    ],
)
def test_a_value_from_the_command_line_reads_like_one_in_a_file(text, value):
    assert parse_value(text) == value


def test_an_unreadable_value_is_an_error_in_one_line():
    with pytest.raises(ValueError, match=r"^is not valid YAML: [^\n]*$"):
        parse_value("[1,")


@given(st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_survives(number):
    text = repr(number)

    found = parse_yaml(f"a: {text}\n", "p").data["a"]

    # YAML reads `1e16` without a dot or sign as it likes; the value must not change.
    assert math.isclose(float(found), float(number), rel_tol=1e-15)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers(), min_size=1))
def test_every_key_has_a_position_on_its_own_line(mapping):
    text = "".join(f"{key}: {value}\n" for key, value in mapping.items())

    positions = parse_yaml(text, "p").positions

    assert [positions[key,] for key in mapping] == [(i + 1, 1) for i in range(len(mapping))]


def test_data_are_written_in_block_style_and_in_the_given_order():
    data = {"name": "chat", "arrival": {"requests_per_day": 5.5, "profile": [1, 2]}, "empty": None}

    text = yaml_text(data)

    assert text == (
        "name: chat\narrival:\n  requests_per_day: 5.5\n  profile:\n  - 1\n  - 2\nempty:\n"
    )


def test_long_text_stays_on_one_line():
    assert len(yaml_text({"a": "word " * 100 + "end"}).splitlines()) == 1


@given(
    data=st.dictionaries(
        st.text("ab-: #'\"1", min_size=1, max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(10**9), 10**9)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.sampled_from(
                ["yes", "1e3", "2027-01-01", "null", "", " a: #b", "- x", "~", "0o7"]
            ),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy"), inner),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_reading_what_was_written_gives_the_same_data(data):
    assert parse_yaml(yaml_text(data), "p.yaml").data == data
