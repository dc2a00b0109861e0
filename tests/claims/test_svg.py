"""Charts: round ticks, every point, the claimed values, and no markup from names."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.claims.records import Chart, Series
from planner.claims.svg import svg_of, ticks


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (-3.0, 7.0, (-2.0, 0.0, 2.0, 4.0, 6.0)),
        (5.0, 5.0, (5.0,)),
    ],
)
def test_ticks_are_round_numbers_within_the_ends(low, high, found):
    assert ticks(low, high) == pytest.approx(found)


def test_a_chart_is_well_formed_and_shows_points_and_claims():
    series = Series("<b>", ((1.0, 0.5), (100.0, 0.7)))

    root = ET.fromstring(svg_of(Chart("x & y", "share", (series,), (0.6,), is_log_x=True)))

    assert len(root.findall("circle")) == 2
    assert [line.get("class") for line in root.findall("line")].count("claimed") == 1
    assert {c.get("cx") for c in root.findall("circle")} == {"70.0", "620.0"}


def test_ends_that_only_rounding_tells_apart_have_one_tick():
    assert ticks(0.0, 5e-324) == (0.0,)
    assert ticks(1.0, 1.0) == (1.0,)


def test_a_chart_without_points_is_nothing():
    assert svg_of(Chart("x", "y", (Series("s", ()),))) == ""


figures = st.floats(-1e6, 1e6, allow_nan=False)
places = st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=6, unique=True).map(sorted)


@given(places, st.data(), st.booleans())
def test_everything_lies_on_the_canvas_and_equal_figures_at_equal_heights(xs, data, is_log):
    ys = data.draw(st.lists(figures, min_size=len(xs), max_size=len(xs)))
    series = Series("s", tuple(zip(xs, ys, strict=True)))

    root = ET.fromstring(svg_of(Chart("x", "y", (series,), (ys[0],), is_log_x=is_log)))

    _, _, width, height = map(float, root.get("viewBox").split())
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in root.findall("circle")]
    (claimed,) = (line for line in root.findall("line") if line.get("class") == "claimed")
    assert all(70.0 <= x <= width - 20.0 and 16.0 <= y <= height - 46.0 for x, y in circles)
    assert float(claimed.get("y1")) == circles[0][1]
    # Later places lie farther right, and higher figures higher up.
    assert [x for x, _ in circles] == sorted(x for x, _ in circles)
    by_figure = [y for _, (_, y) in sorted(zip(ys, circles, strict=True), key=lambda p: p[0])]
    assert by_figure == sorted(by_figure, reverse=True)


def test_a_long_label_takes_more_lines_and_the_canvas_grows():
    label = "; ".join(f"{n} a name of some length" for n in range(8))

    root = ET.fromstring(svg_of(Chart(label, "y", (Series("s", ((0.0, 1.0),)),))))

    lines = [text for text in root.findall("text") if "name" in (text.text or "")]
    height = float(root.get("viewBox").split()[3])
    assert " ".join(text.text for text in lines) == label
    assert len(lines) == 3
    assert all(len(text.text) <= 80 and float(text.get("y")) < height for text in lines)
