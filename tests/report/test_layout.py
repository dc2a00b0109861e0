"""Which columns stand, and how wide: worked out by hand for small tables."""

from __future__ import annotations

import pytest

from planner.report.layout import fit
from planner.report.tables import NUMBER, Column

WORDS = "one two three four five six seven eight nine ten"


def places(layout):
    return [(p.column, p.heading, p.width) for p in layout.places]


def test_columns_with_room_stand_three_cells_apart_under_whole_headings():
    layout = fit([Column("id"), Column("usd_per_hour", NUMBER)], [["abcde", "1"]], 20)

    assert places(layout) == [(0, "id", 5), (1, "usd_per_hour", 12)]
    assert (layout.gap, layout.width) == (3, 20)


def test_headings_break_after_underscores_before_a_column_is_left_out():
    columns = [Column("id", whole=True), Column("usd_per_hour", NUMBER), Column("n", NUMBER)]

    layout = fit(columns, [["abcde", "1.25", "7"]], 14)

    assert places(layout) == [(0, "id", 5), (1, "usd_\nper_\nhour", 4), (2, "n", 1)]
    assert (layout.gap, layout.width) == (2, 14)


@pytest.mark.parametrize(
    ("title", "lines"),
    [("USD/Mtok", "USD/\nMtok"), ("TTFT p99 ms", "TTFT\np99\nms"), ("id", "id")],
)
def test_headings_break_at_spaces_and_slashes(title, lines):
    layout = fit([Column("x", whole=True), Column(title, NUMBER)], [["x" * 10, "1"]], 17)

    assert layout.places[1].heading == lines


def test_text_is_narrowed_before_a_heading_is_broken():
    layout = fit([Column("why"), Column("usd_per_hour", NUMBER)], [[WORDS, "1"]], 40)

    assert places(layout) == [(0, "why", 25), (1, "usd_per_hour", 12)]


def test_text_is_never_narrower_than_its_longest_word():
    columns = [Column("where"), Column("n", NUMBER)]

    layout = fit(columns, [["a place with " + "i" * 31, "1"]], 34)

    assert places(layout) == [(0, "where", 31), (1, "n", 1)]


def test_the_columns_that_give_way_first_are_left_out():
    columns = [
        Column("a", whole=True, gives_way=1),
        Column("b", whole=True, gives_way=-1),
        Column("c", whole=True),
        Column("d", whole=True),
    ]

    kept = [
        [p.column for p in fit(columns, [["x" * 8] * 4], width).places]
        for width in (38, 28, 18, 8, 1)
    ]

    assert kept == [[0, 1, 2, 3], [1, 2, 3], [1, 2], [1], [1]]


def test_a_small_column_uses_the_room_that_a_wide_one_cannot():
    columns = [Column("a", whole=True), Column("b", whole=True), Column("c", whole=True)]

    layout = fit(columns, [["x" * 8, "y" * 20, "z" * 4]], 16)

    assert [p.column for p in layout.places] == [0, 2]


def test_several_lines_of_a_cell_count_by_the_longest():
    layout = fit([Column("a", whole=True), Column("b")], [["x", "ab\nabcdef"]], 80)

    assert layout.places[1].width == 6


def test_wide_letters_take_two_cells():
    layout = fit([Column("a", whole=True)], [["計画"]], 80)

    assert layout.places[0].width == 4


def test_a_table_without_rows_has_its_headings():
    layout = fit([Column("a"), Column("bcd", NUMBER)], [], 80)

    assert places(layout) == [(0, "a", 1), (1, "bcd", 3)]
